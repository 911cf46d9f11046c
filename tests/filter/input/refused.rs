//! Bad input: images that are not read, and images that are cut. Those before them are posted.

use png::ColorType::Rgb;

use crate::support::images::{image_8, npy, pam, pgm, png_of};
use crate::support::posted::{Posted, judged, post};
use crate::support::program::run;
use crate::support::server::{Server, ok};

/// `numpy` has the arrays that are refused.
#[test]
fn an_image_of_another_kind_is_refused_by_name_after_the_images_before_it() {
    let pbm = "PBM is not read; 'pamdepth 255' turns it into PGM";
    let plain = "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary";
    let png = png_of(3, 2, Rgb, &[7; 18]);
    let without_data = [&png[..33], &png[png.len() - 12..]].concat();
    let mut broken_signature = png.clone();
    broken_signature[4] = b'\n';
    let cases: Vec<(Vec<u8>, String)> = vec![
        (b"P1 1 1 0".into(), pbm.into()),
        (b"P4 1 1 \0".into(), pbm.into()),
        (b"P2 1 1 255 0".into(), plain.into()),
        (b"P3 1 1 255 0 0 0".into(), plain.into()),
        (b"P5 1 1 65536 ab".into(), "maxval 65536 is over 65535".into()),
        (b"P6 1 1 0 abc".into(), "maxval is 0; it must be from 1 to 65535".into()),
        (b"P5 1 1 100 e".into(), "row 0, column 0: sample 101 is over maxval 100".into()),
        (
            b"P6 2 1 1023 \0\0\0\0\0\0\0\0\x04\0\0\0".into(),
            "row 0, column 1: sample 1024 is over maxval 1023".into(),
        ),
        (
            b"P5 40000 40000 255 ".into(),
            "40000x40000 with 1 byte a pixel is over the limit of 1073741824 bytes for a frame"
                .into(),
        ),
        (b"P5 0 1 255 ".into(), "size 0x1: width and height must be from 1 to 2147483647".into()),
        (b"P5 1 x".into(), "PNM header: height is not a number".into()),
        (pam(1, 1, 5, 255, b"abcde"), "PAM header: DEPTH is 5; it must be from 1 to 4".into()),
        (
            b"P7\nTUPLTYPE CMYK\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\nabcd".into(),
            "PAM tuple type CMYK is not read; BLACKANDWHITE GRAYSCALE RGB are, and _ALPHA".into(),
        ),
        (without_data, "PNG chunk IEND at byte 33: no IDAT before it".into()),
        (broken_signature, "begins like PNG, but its signature is broken".into()),
        (
            npy("b1", "(1, 1)", b""),
            ".npy dtype b1 is not read; save a.astype(np.uint8) * 255 instead".into(),
        ),
        (
            b"\xff\xd8\xff\xe0".into(),
            "is a JPEG, which is not read; 'djpeg' turns it into PPM, and \
             'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them"
                .into(),
        ),
        (
            b"farbfeld\0\0\0\x01\0\0\0\x01".into(),
            "is farbfeld, which is not read; 'ff2png' turns it into PNG".into(),
        ),
        (
            b"fa".into(),
            "begins with 'fa', which is no magic number of PGM, PPM, PAM, PNG or .npy; \
             headerless frames need --size"
                .into(),
        ),
        (
            b"GIF89a".into(),
            "begins with 'GI', which is no magic number of PGM, PPM, PAM, PNG or .npy; \
             headerless frames need --size"
                .into(),
        ),
    ];
    let before = pgm(1, 1, b"a");
    for (image, message) in cases {
        let Posted { run, pngs } = post(&["-j", "4"], &[&before[..], &before, &image].concat());
        run.fails(3, &format!("frame 2: {message}"));
        assert_eq!(pngs.len(), 2, "{message}");
        for png in pngs {
            assert_eq!(judged(&png), image_8(1, 1, 1, *b"a"), "{message}");
        }
    }
}

#[test]
fn an_image_cut_anywhere_is_bad_input_after_the_images_before_it() {
    let before = pgm(1, 1, b"a");
    // An image, and the bytes of samples at its end: where they begin, its length is known. A PNG's
    // never is.
    let cases = [
        (pgm(2, 2, b"abcd"), 4),
        (pam(1, 1, 2, 65535, b"abcd"), 4),
        (npy("<u2", "(1, 2)", b"abcd"), 4),
        (png_of(2, 1, Rgb, b"abcdef"), 0),
    ];
    let server = Server::answering(|_, _| ok("taken"));
    for (image, samples) in cases {
        let (whole, known) = (image.len(), image.len() - samples);
        // Inside a long header one place is like another.
        for cut in (1..whole).filter(|cut| cut % 3 == 1 || cut + 5 > known) {
            let stream = [&before[..], &image[..cut]].concat();
            let run = run(&["--raw", &server.url()], &stream);
            let bytes = match cut >= known {
                true => format!("{cut} of {whole} bytes; its header has {known} of them"),
                false if cut == 1 => "1 byte, inside it".to_owned(),
                false => format!("{cut} bytes, inside it"),
            };
            let run = run.fails(3, &format!("frame 1: input ends after {bytes}"));
            assert_eq!(run.lines(), ["taken"]);
        }
    }
    let array = npy("|u1", "(3, 1, 2, 1)", b"abcdef");
    let Posted { run, pngs } = post(&[], &array[..array.len() - 3]);
    run.fails(3, "frame 1: input ends after 1 of 2 bytes");
    assert_eq!(pngs.len(), 1);
    let Posted { run, pngs } = post(&[], &array[..array.len() - 2]);
    run.fails(3, "frame 2: input ends after 0 of 2 bytes");
    assert_eq!(pngs.len(), 2);
}
