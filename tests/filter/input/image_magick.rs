//! ImageMagick's output goes in: raw samples, PPM, PAM and PNG.

use std::process::Command;

use crate::installed::needed;
use crate::support::foreign::{output, output_of};
use crate::support::native::{HEIGHT, NATIVE, PIXELS, WIDTH, assert_native, native_frames, ppm};
use crate::support::posted::{images, judged, post};

fn pam_rgba(maxval: u32, samples: &[u8]) -> Vec<u8> {
    let sizes = format!("WIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 4\nMAXVAL {maxval}\n");
    [format!("P7\n{sizes}TUPLTYPE RGB_ALPHA\nENDHDR\n").as_bytes(), samples].concat()
}

#[test]
fn image_magick_rgb_and_its_kin_at_8_and_16_bits() {
    let Some(convert) = needed("ImageMagick") else { return };
    let size = format!("{WIDTH}x{HEIGHT}");
    let cases = [
        ("-depth 8 rgb:-", "rgb24", "rgb24"),
        ("-depth 8 bgr:-", "bgr24", "rgb24"),
        ("-depth 8 rgba:-", "rgba", "rgba"),
        ("-depth 8 bgra:-", "bgra", "rgba"),
        ("-depth 16 -endian MSB rgb:-", "rgb48be", "rgb48be"),
        ("-depth 16 -endian LSB rgb:-", "rgb48le", "rgb48be"),
        // As it comes on a little-endian machine.
        ("rgb:-", "rgb48le", "rgb48be"),
        ("-depth 16 -endian MSB rgba:-", "rgba64be", "rgba64be"),
    ];
    for (to, format, native) in cases {
        let bytes = NATIVE.iter().find(|known| known.0 == native).unwrap().1;
        let frame = &native_frames(native)[..PIXELS * bytes];
        let maxval = if native.ends_with("be") { 65535 } else { 255 };
        let (kind, image) = match native.starts_with("rgba") {
            true => ("pam", pam_rgba(maxval, frame)),
            false => ("ppm", ppm(maxval, frame)),
        };
        let stream = output(&convert, &format!("{kind}:- {to}"), &image);
        assert_native(&images(&["-s", &size, "-p", format], &stream), native, frame, to);
    }
}

#[test]
fn image_magick_ppm_pam_and_png() {
    let Some(convert) = needed("ImageMagick") else { return };
    for (native, maxval) in [("rgb24", 255), ("rgb48be", 65535)] {
        let frames = native_frames(native);
        let several: Vec<u8> =
            frames.chunks(frames.len() / 3).flat_map(|f| ppm(maxval, f)).collect();
        for to in ["ppm:-", "-comment a\nb ppm:-", "pam:-"] {
            let arguments = ["ppm:-"].into_iter().chain(to.split(' '));
            let stream = output_of(Command::new(&convert).args(arguments), &several);
            assert_native(&images(&[], &stream), native, &frames, to);
        }
        for to in ["png:-", "-interlace PNG png:-"] {
            let one = ppm(maxval, &frames[..frames.len() / 3]);
            let stream = output(&convert, &format!("ppm:- {to}"), &one);
            let posted = post(&[], &[&stream[..], &stream].concat());
            assert!(posted.pngs == [&stream[..], &stream], "{to}: other bytes");
            assert_native(&[judged(&stream)], native, &frames[..frames.len() / 3], to);
        }
    }
}

#[test]
fn image_magick_at_5_bits_is_read_as_netpbm_reads_it() {
    let (Some(convert), Some(pamdepth)) = (needed("ImageMagick"), needed("pamdepth")) else {
        return;
    };
    let frame = &native_frames("rgb24")[..3 * PIXELS];
    let stream = output(&convert, "ppm:- -depth 5 ppm:-", &ppm(255, frame));
    assert!(memchr::memmem::find(&stream, b"\n31\n").is_some());
    let own = output(&pamdepth, "255", &stream);
    assert_native(&images(&[], &stream), "rgb24", &own[own.len() - 3 * PIXELS..], "5 bits");
}
