//! Bad input: images that are not read. Those before them are posted.

use png::ColorType::Rgb;

use crate::support::images::{image_8, npy, pgm, png_of};
use crate::support::posted::{Posted, judged, post};

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
