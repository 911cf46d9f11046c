//! PGM, PPM and PAM: every maxval, size and header.

use png::ColorType::Rgb;

use crate::support::Image;
use crate::support::images::{image_8, image_16, pam, png_of};
use crate::support::posted::{images, post};

/// Samples of a maxval, in the bytes of PNM.
fn pnm_bytes(samples: &[u16], maxval: u32) -> Vec<u8> {
    match maxval {
        ..=255 => samples.iter().map(|&sample| sample as u8).collect(),
        _ => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
    }
}

/// The image that PNG holds: maxval becomes full white, and each sample below it the nearest level.
fn scaled(samples: &[u16], size: (u32, u32), channels: usize, maxval: u32) -> Image {
    let full = if maxval > 255 { 65535.0 } else { 255.0 };
    let scale = |&sample| (f64::from(sample) * full / f64::from(maxval)).round();
    let scaled: Vec<f64> = samples.iter().map(scale).collect();
    if maxval > 255 {
        let samples: Vec<u16> = scaled.into_iter().map(|sample| sample as u16).collect();
        return image_16(size.0, size.1, channels, &samples);
    }
    let samples: Vec<u8> = scaled.into_iter().map(|sample| sample as u8).collect();
    image_8(size.0, size.1, channels, samples)
}

#[test]
fn every_sample_of_every_maxval_and_depth_is_scaled_to_the_whole_of_png() {
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    for maxval in [1, 2, 100, 254, 255, 256, 1023, 65534, 65535] {
        // Every value there is, in one row, and as many channels as fit into it.
        let samples: Vec<u16> = (0..=maxval).map(|sample| sample as u16).collect();
        for channels in 1..=4 {
            let width = samples.len() / channels;
            if width == 0 {
                continue;
            }
            let samples = &samples[samples.len() - width * channels..];
            let bytes = pnm_bytes(samples, maxval);
            stream.extend(pam(width as u32, 1, channels, maxval, &bytes));
            expected.push(scaled(samples, (width as u32, 1), channels, maxval));
            if channels % 2 == 1 {
                let kind = if channels == 1 { 5 } else { 6 };
                stream.extend(format!("P{kind} {width} 1 {maxval}\n").as_bytes());
                stream.extend(bytes);
                expected.push(scaled(samples, (width as u32, 1), channels, maxval));
            }
        }
    }
    assert!(images(&[], &stream) == expected);
}

#[test]
fn pnm_headers_may_hold_comments_and_blanks_and_tuple_types() {
    let headers = [
        "P5\n2 1\n255\n",
        "P5 2 1 255 ",
        "P5\t2\t1\t255\t",
        "P5\r\n2\r\n1 255\n",
        "P5\n# written by a tool\n2 1\n# another\n255\n",
        "P5#\n2#two\n1#one\n255\n",
        "P5\n00002 01\n000255\n",
        "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n",
        "P7\n# a comment\nMAXVAL 255\n\nDEPTH 1\n  HEIGHT   1\nWIDTH\t2\n#\nENDHDR\n",
    ];
    for header in headers {
        // Samples that look like blanks, a comment and digits.
        for samples in [b"\n#", b" 1", b"P5"] {
            let image = [header.as_bytes(), samples].concat();
            let images = images(&[], &[&image[..], &image].concat());
            assert_eq!(images, [image_8(2, 1, 1, *samples), image_8(2, 1, 1, *samples)]);
        }
    }
    for (tuple_type, channels, maxval, samples, levels) in [
        ("BLACKANDWHITE", 1, 1, &[1][..], &[255][..]),
        ("BLACKANDWHITE_ALPHA", 2, 1, &[0, 1], &[0, 255]),
        ("GRAYSCALE", 1, 5, &[2], &[102]),
        ("GRAYSCALE_ALPHA", 2, 255, &[1, 2], &[1, 2]),
        ("RGB", 3, 15, &[0, 1, 15], &[0, 17, 255]),
        ("RGB_ALPHA", 4, 3, &[0, 1, 2, 3], &[0, 85, 170, 255]),
    ] {
        let header = format!("WIDTH 1\nHEIGHT 1\nDEPTH {channels}\nMAXVAL {maxval}\n");
        let image = format!("P7\n{header}TUPLTYPE {tuple_type}\nENDHDR\n");
        let stream = [image.as_bytes(), samples].concat();
        assert_eq!(images(&[], &stream), [image_8(1, 1, channels, levels)], "{tuple_type}");
    }
}

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
