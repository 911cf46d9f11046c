//! ffmpeg's output goes in: rawvideo of every layout, and images of every codec.

use crate::installed::needed;
use crate::support::foreign::output;
use crate::support::native::{HEIGHT, NATIVE, WIDTH, assert_native, native_frames};
use crate::support::posted::{images, post};
use crate::support::program::run;

const URL: &str = "http://127.0.0.1:1/";

/// The layouts of `--pix-fmt`, as its own message lists them.
fn pixel_formats() -> Vec<String> {
    let stderr = run(&["-s", "1x1", "-p", "none", URL], b"").stderr;
    let list = stderr.split_once("takes one of ").expect("a list").1;
    list.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn ffmpeg_rawvideo_of_every_layout_that_it_writes() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let known = String::from_utf8(output(&ffmpeg, "-v error -pix_fmts", b"")).unwrap();
    // "IO... rgb24 3 24": read and written.
    let is_written = |name: &str| {
        let mut lines = known.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.any(|words| words.get(1) == Some(&name) && words[0].starts_with("IO"))
    };
    let mut held = 0;
    for name in pixel_formats() {
        let native = match name.as_str() {
            "bgr24" | "gbrp" | "rgb0" | "bgr0" | "0rgb" | "0bgr" => "rgb24".to_owned(),
            "bgra" | "argb" | "abgr" => "rgba".to_owned(),
            "grayf32le" | "grayf64le" => "gray".to_owned(),
            "rgbf32le" | "rgbf64le" => "rgb24".to_owned(),
            other => other.replace("le", "be"),
        };
        if !is_written(&name) {
            eprintln!("skipped: ffmpeg writes no {name}");
            continue;
        }
        let frames = native_frames(&native);
        let from = format!("-v error -f rawvideo -pix_fmt {native} -s {WIDTH}x{HEIGHT} -i -");
        let stream = output(&ffmpeg, &format!("{from} -f rawvideo -pix_fmt {name} -"), &frames);
        let size = format!("{WIDTH}x{HEIGHT}");
        let range = if name.contains('f') { &["--range", "0:1"][..] } else { &[] };
        let options = [&["-s", &size, "-p", &name], range].concat();
        assert_native(&images(&options, &stream), &native, &frames, &name);
        held += 1;
    }
    // Each version of ffmpeg has the integer ones.
    assert!(held >= 21, "{held} layouts");
}

#[test]
fn ffmpeg_image2pipe_of_every_codec_and_layout() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let codecs = [
        ("pgm", &["gray", "gray16be"][..]),
        ("ppm", &["rgb24", "rgb48be"]),
        ("pam", &NATIVE.map(|native| native.0)),
        ("png", &NATIVE.map(|native| native.0)),
    ];
    for (codec, natives) in codecs {
        for native in natives {
            let frames = native_frames(native);
            let from = format!("-v error -f rawvideo -pix_fmt {native} -s {WIDTH}x{HEIGHT} -i -");
            let to = format!("-f image2pipe -c:v {codec} -pix_fmt {native} -");
            let stream = output(&ffmpeg, &format!("{from} {to}"), &frames);
            let what = format!("{codec} {native}");
            assert_native(&images(&[], &stream), native, &frames, &what);
            if codec == "png" {
                assert!(post(&[], &stream).pngs.concat() == stream, "{what}: other bytes");
            }
        }
    }
}

/// What the message about a JPEG advises.
#[test]
fn jpegs_become_ppm_by_the_commands_of_the_message() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let from = format!("-v error -f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -i -");
    let to = "-f image2pipe -c:v mjpeg -pix_fmt yuvj420p -";
    let jpegs = output(&ffmpeg, &format!("{from} {to}"), &native_frames("rgb24"));
    let stderr = post(&[], &jpegs).run.stderr;
    let commands: Vec<&str> = stderr.split('\'').skip(1).step_by(2).collect();
    let [one, stream] = commands[..] else { panic!("{stderr}") };
    assert_eq!(post(&["-s", &format!("{WIDTH}x{HEIGHT}")], &jpegs).pngs.len(), 0);
    let arguments = stream.strip_prefix("ffmpeg ").unwrap();
    let ppms = output(&ffmpeg, &format!("-v error {arguments}"), &jpegs);
    assert_eq!(images(&[], &ppms).len(), 3);
    let Some(convert) = needed("convert") else { return };
    let arguments = one.strip_prefix("convert ").unwrap();
    let images = |jpeg| images(&[], &output(&convert, arguments, jpeg));
    let upright = &images(&jpegs)[0];
    assert_eq!((upright.width, upright.height), (WIDTH, HEIGHT));
    // Exif with one field, the orientation: the row 0 of the JPEG is the right side.
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = &images(&[&jpegs[..2], exif, &jpegs[2..]].concat())[0];
    assert_eq!((turned.width, turned.height), (HEIGHT, WIDTH));
}
