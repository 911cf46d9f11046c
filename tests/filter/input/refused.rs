//! Bad input: images that are not read. Those before them are posted.

use png::ColorType::Rgb;

use crate::support::folder::Folder;
use crate::support::images::{image_8, npy, pgm, png_of};
use crate::support::posted::{Posted, judged, post};
use crate::support::program::run;

/// `numpy` has the arrays that are refused, and src/input each message.
#[test]
fn an_image_of_another_kind_is_refused_by_name_after_the_images_before_it() {
    let png = png_of(3, 2, Rgb, &[7; 18]);
    let without_data = [&png[..33], &png[png.len() - 12..]].concat();
    let other = "which is no magic number of PGM, PPM, PAM, PNG or .npy";
    let cases: [(Vec<u8>, &str); 7] = [
        (b"P4 1 1 \0".into(), "PBM is not read; 'pamdepth 255' turns it into PGM"),
        (b"P5 1 x".into(), "PNM header: height is not a number"),
        (b"P5 1 1 100 e".into(), "row 0, column 0: sample 101 is over maxval 100"),
        (without_data, "PNG chunk IEND at byte 33: no IDAT before it"),
        (
            npy("b1", "(1, 1)", b""),
            ".npy dtype b1 is not read; save a.astype(np.uint8) * 255 instead",
        ),
        (
            b"GIF89a".into(),
            "begins as a GIF does, which is not read; 'convert - -coalesce png:-' turns it into PNG",
        ),
        (b"GI".into(), &format!("bytes behind frame 1's PNM begin with 'GI', {other}")),
    ];
    let before = pgm(1, 1, b"a");
    for (image, message) in cases {
        let Posted { run, pngs } = post(&["-j", "4"], &[&before[..], &before, &image].concat());
        run.fails(3, &format!("frame 2: {message}; 2 lines are out, go on with --skip 2"));
        assert_eq!(pngs.len(), 2, "{message}");
        for png in pngs {
            assert_eq!(judged(&png), image_8(1, 1, 1, *b"a"), "{message}");
        }
    }
}

/// Each run of these tests looks whether a message steers a terminal: here are streams and arguments that try.
#[test]
fn foreign_text_steers_no_terminal_and_leaves_the_message_its_end() {
    let name = "\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\u{61c}";
    let shown = r"\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\u{61c}";
    let (axes, few) = (format!("({})", "1,".repeat(30_000)), "1, ".repeat(40));
    let cast = "save a.astype(np.uint8), np.uint16 or np.float32 instead";
    for (stream, message) in [
        (
            npy("u1", &axes, b""),
            format!(".npy shape ({few}…) is no image; save a.reshape(-1, height, width, channels)"),
        ),
        (npy(name, "(1, 1)", b""), format!(".npy dtype {shown} is not read; {cast}")),
        (
            format!("P7\n\x1b[31m{name} 1\n").into(),
            format!("PAM header: \\u{{1b}}[31m{shown} is unknown"),
        ),
    ] {
        post(&[], &stream).run.fails(3, &format!("frame 0: {message}"));
    }
    let folder = Folder::new("foreign-text");
    let file = folder.file(name, "");
    let (at_file, far) = (format!("@{file}"), format!("@{}{file}", "/.".repeat(1500)));
    let no_header = format!("{shown}: holds no header");
    for (option, value, told) in
        [("-H", &*at_file, &*no_header), ("-H", &far, &no_header), ("-p", name, shown)]
    {
        let run = run(&["-s", "1x1", option, value, "http://127.0.0.1:9/"], b"");
        assert!(run.status == Some(2) && run.stderr.contains(told), "{}", run.stderr);
    }
}
