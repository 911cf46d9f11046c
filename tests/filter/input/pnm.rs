//! White space between PGM, PPM and PAM.

use png::ColorType::Rgb;

use crate::support::images::{image_8, png_of};
use crate::support::posted::{images, post};

/// netpbm's own rule: behind an image, before the next one and at the end.
#[test]
fn white_space_behind_a_pnm_image_is_passed_over() {
    let blanks = b" \t\n\x0b\x0c\r";
    let pam = b"P7\r\nWIDTH 1\r\nHEIGHT 1\r\nDEPTH 1\r\nMAXVAL 255\r\nENDHDR\nb";
    let png = png_of(1, 1, Rgb, &[1, 2, 3]);
    let stream = [&b"P5 1 1 255 a\n"[..], pam, blanks, &png, b"P6 1 1 255 rgb", blanks].concat();
    let expected = [
        image_8(1, 1, 1, *b"a"),
        image_8(1, 1, 1, *b"b"),
        image_8(1, 1, 3, [1, 2, 3]),
        image_8(1, 1, 3, *b"rgb"),
    ];
    assert_eq!(images(&[], &stream), expected);
    // It counts with no image.
    let cut = [&b"P5 1 1 255 a"[..], blanks, b"P5 2 1 255 b"].concat();
    let message = "frame 1: input ends after 12 of 13 bytes; its header has 11 of them";
    post(&[], &cut).run.fails(3, message);
    for stream in [&b"\nP5 1 1 255 a"[..], &[&png[..], b"\n"].concat()] {
        let run = post(&[], stream).run;
        assert_eq!(run.status, Some(3));
        assert!(run.stderr.contains(": begins with '\\n"), "{}", run.stderr);
    }
}
