//! The first frame is looked into: a mistaken layout or range is refused before anything is posted.

use crate::support::images::npy;
use crate::support::posted::{Posted, images, post};
use crate::support::program::run;

const HEADERLESS: [&str; 3] = ["-s", "2x1", "-p"];

#[track_caller]
fn refused(options: &[&str], stream: &[u8], message: &str) {
    for more in [&[][..], &["--keep-going", "-j", "4"]] {
        let Posted { run, pngs } = post(&[options, more].concat(), &stream.repeat(3));
        assert_eq!(pngs.len(), 0, "{message}");
        run.fails(3, message);
    }
}

#[test]
fn four_bytes_of_which_one_means_nothing_are_refused_as_transparent() {
    for (name, meant, pixels) in [
        ("rgba", "rgb0", [1, 2, 3, 0, 4, 5, 6, 0]),
        ("bgra", "bgr0", [3, 2, 1, 0, 6, 5, 4, 0]),
        ("argb", "0rgb", [0, 1, 2, 3, 0, 4, 5, 6]),
        ("abgr", "0bgr", [0, 3, 2, 1, 0, 6, 5, 4]),
    ] {
        let layout = |name| [&HEADERLESS[..], &[name]].concat();
        let screens = if name == "rgba" { "; a grab of a screen is bgr0, mostly" } else { "" };
        let message = format!(
            "frame 0: as {name} it would be transparent everywhere: each alpha is 0, and not each \
             color; write -p {meant}, where that byte means nothing{screens}"
        );
        refused(&layout(name), &pixels, &message);
        // The advice is right, in a frame that is not the first it may be meant, and an empty overlay is.
        assert_eq!(images(&layout(meant), &pixels)[0].pixels, [1, 2, 3, 4, 5, 6], "{name}");
        for opaque in [[0; 8], [9; 8]] {
            let stream = [opaque, pixels].concat();
            assert_eq!(images(&layout(name), &stream).len(), 2, "{name}");
        }
        let one_of_two = [&[9; 4], &pixels[4..]].concat();
        assert_eq!(images(&layout(name), &one_of_two).len(), 1, "{name}");
    }
}

fn singles(samples: [f32; 2]) -> Vec<u8> {
    samples.map(f32::to_le_bytes).concat()
}

fn doubles(samples: [f64; 2]) -> Vec<u8> {
    samples.map(f64::to_le_bytes).concat()
}

#[test]
fn floats_from_0_or_minus_1_to_1_need_a_range() {
    let message = "frame 0: all samples are from 0 to 1, and would be black; write --range 0:1, \
                   or --range 0:255 if they are meant so";
    let raw = |name| [&HEADERLESS[..], &[name]].concat();
    let arrays = [("<f4", singles([0.0, 0.5])), ("<f8", doubles([1.0, 0.5]))]
        .map(|(dtype, samples)| (vec![], npy(dtype, "(1, 2)", &samples)));
    let headerless =
        [(raw("grayf32le"), singles([0.0, 0.5])), (raw("grayf64le"), doubles([1.0, 0.5]))];
    for (options, stream) in arrays.into_iter().chain(headerless) {
        refused(&options, &stream, message);
        for (range, level) in [("0:1", 128), ("0:255", 1)] {
            let given = [&options[..], &["--range", range]].concat();
            assert_eq!(images(&given, &stream)[0].pixels[1], level, "{range}");
        }
    }
    let message = message.replace("0 to 1", "-1 to 1").replace("0:1", "-1:1");
    refused(&raw("grayf32le"), &singles([-0.5, 0.5]), &message);
    // Masks, what is beyond, and a later frame.
    for stream in [[0.0, 1.0], [0.5, 1.5], [-1.5, 0.5]].map(singles) {
        assert_eq!(images(&raw("grayf32le"), &[stream, singles([0.0, 0.5])].concat()).len(), 2);
    }
}

#[test]
fn nan_or_what_no_picture_holds_in_singles_names_doubles() {
    let raw = |name| [&HEADERLESS[..], &[name]].concat();
    let message = "frame 0: row 0, column 1: sample is NaN; doubles, numpy's default, are \
                   -p grayf64le";
    refused(&raw("grayf32le"), &singles([9.0, f32::NAN]), message);
    refused(
        &[&raw("grayf32le")[..], &["--range", "0:1"]].concat(),
        &singles([9.0, f32::NAN]),
        message,
    );
    let rgb = [[9.0; 2], [9.0; 2], [f32::INFINITY, 9.0]].map(singles).concat();
    let message = "frame 0: row 0, column 1: sample is inf; doubles, numpy's default, are \
                   -p rgbf64le; if it is meant so, write --range 0:255";
    refused(&raw("rgbf32le"), &rgb, message);
    let given = [&raw("rgbf32le")[..], &["--range", "0:255"]].concat();
    assert_eq!(images(&given, &rgb)[0].pixels, [9, 9, 9, 9, 255, 9]);
    let of_bytes = (187.0 / 255.0_f64).to_le_bytes();
    let message = "frame 0: row 0, column 0: sample is 5.019e33; doubles, numpy's default, are \
                   -p grayf64le; if it is meant so, write --range 0:255";
    refused(&raw("grayf32le"), &of_bytes, message);
}

/// Of each layout, as its channels lie.
#[test]
fn a_dry_run_and_verbose_tell_the_values_of_the_first_frame() {
    let eight = [0, 10, 20, 40, 255, 11, 22, 41];
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "rgb24",
            eight[..6].into(),
            "red 0 to 40, mean 20; green 10 to 255, mean 132.5; blue 11 to 20, mean 15.5",
        ),
        (
            "bgra",
            eight.into(),
            "blue 0 to 255, mean 127.5; green 10 to 11, mean 10.5; red 20 to 22, mean 21; alpha 40 to 41, mean 40.5",
        ),
        (
            "0rgb",
            eight.into(),
            "unused 0 to 255, mean 127.5; red 10 to 11, mean 10.5; green 20 to 22, mean 21; blue 40 to 41, mean 40.5",
        ),
        (
            "gbrp",
            eight[..6].into(),
            "green 0 to 10, mean 5; blue 20 to 40, mean 30; red 11 to 255, mean 133",
        ),
        ("ya8", eight[..4].into(), "grey 0 to 20, mean 10; alpha 10 to 40, mean 25"),
        ("gray16be", eight[..4].into(), "grey 10 to 5160, mean 2585"),
        ("grayf32le", singles([-0.1, 1.25]), "grey -0.1 to 1.25, mean 0.575"),
        ("grayf64le", doubles([1e-5, 2e300]), "grey 1.000e-5 to 2.000e300, mean 1.000e300"),
    ];
    for (name, frame, values) in cases {
        let options = [&HEADERLESS[..], &[name]].concat();
        let line = format!("pngpost: frame 0: {values}");
        let dry = run(&[&options[..], &["-n", "http://h/"]].concat(), &frame.repeat(2));
        let verbose = post(&[&options[..], &["-v"]].concat(), &frame.repeat(2)).run;
        for run in [&dry, &verbose] {
            let told: Vec<_> = run.stderr.lines().filter(|line| line.contains("mean")).collect();
            assert_eq!((run.status, told), (Some(0), vec![&*line]), "{name}");
        }
        assert!(!post(&options, &frame).run.stderr.contains("mean"));
    }
    let pgm = run(&["-n", "http://h/"], b"P5 1 2 1000 \x01\x00\x02\x00");
    assert!(pgm.stderr.starts_with("pngpost: frame 0: grey 256 to 512, mean 384\n"));
}
