//! Float samples: the range that becomes the whole of PNG, clipping, rounding, and NaN.

use crate::support::images::{image_8, npy};
use crate::support::noise;
use crate::support::posted::{images, post};

/// Floats a little beyond both ends of the range, every fourth on the edge between two levels.
fn floats(count: usize, min: f64, max: f64) -> Vec<f64> {
    let place = |(at, bytes): (usize, &[u8])| {
        let part = f64::from(u16::from_be_bytes([bytes[0], bytes[1]])) / 65535.0;
        let part = if at % 4 == 0 { ((part * 255.0).floor() + 0.5) / 255.0 } else { part };
        min + (max - min) * (part * 1.1 - 0.05 * f64::from(u8::from(at % 4 != 0)))
    };
    noise(3, 2 * count).chunks_exact(2).enumerate().map(place).collect()
}

/// The bytes of .npy are held against numpy elsewhere.
#[test]
fn floats_of_every_layout_and_size_become_what_they_become_in_npy() {
    for (name, channels, dtype) in
        [("grayf32le", 1, "<f4"), ("rgbf32le", 3, "<f4"), ("rgbf64le", 3, "<f8")]
    {
        for (width, height) in [(1, 1), (1, 7), (7, 1), (64, 64), (131, 97)] {
            for (min, max) in [(0.0, 255.0), (-1.0, 1.0), (1000.0, 1000.5)] {
                let samples = floats((width * height) as usize * channels, min, max);
                let stream: Vec<u8> = match dtype {
                    "<f4" => samples.iter().flat_map(|&it| (it as f32).to_le_bytes()).collect(),
                    _ => samples.iter().flat_map(|it| it.to_le_bytes()).collect(),
                };
                let (size, range) = (format!("{width}x{height}"), format!("--range={min}:{max}"));
                let raw = images(&["-s", &size, "-p", name, &range], &stream);
                let array = npy(dtype, &format!("({height}, {width}, {channels})"), &stream);
                assert!(raw == images(&[&range], &array), "{name} {size} {range}");
                assert_eq!(raw[0].pixels.len(), (width * height) as usize * channels);
            }
        }
    }
}

#[test]
fn floats_are_clipped_and_rounded_half_up() {
    let samples = [f32::NEG_INFINITY, f32::MIN, -0.0, 0.49, 0.5, 1.5, 254.49, 254.5, f32::INFINITY];
    let stream: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let levels = [0, 0, 0, 0, 1, 2, 254, 255, 255];
    let gray = ["-s", "9x1", "-p", "grayf32le"];
    assert_eq!(images(&gray, &stream), [image_8(9, 1, 1, levels)]);
    let doubles = samples.iter().flat_map(|&sample| f64::from(sample).to_le_bytes());
    let doubles: Vec<u8> = doubles.collect();
    let rgb = ["-s", "3x1", "-p", "rgbf64le"];
    assert_eq!(images(&rgb, &doubles), [image_8(3, 1, 3, levels)]);
    let array = npy("<f8", "(3, 3)", &doubles);
    assert_eq!(images(&[], &array), [image_8(3, 3, 1, levels)]);
}

#[test]
fn nan_is_bad_input_that_names_frame_row_and_column() {
    let mut samples = vec![1.0_f64; 40 * 4 * 3 * 3];
    // Frame 17, row 2, column 1, the last channel.
    samples[17 * 36 + 2 * 12 + 3 + 2] = f64::NAN;
    let stream: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let big: Vec<u8> = samples.iter().flat_map(|sample| (*sample as f32).to_be_bytes()).collect();
    let array = npy(">f4", "(40, 3, 4, 3)", &big);
    let message = "frame 17: row 2, column 1: sample is NaN";
    // Again and again with many jobs: each of them might run on.
    for jobs in ["1", "8", "8", "8", "8", "8"] {
        let raw = post(&["-j", jobs, "-s", "4x3", "-p", "rgbf64le"], &stream);
        assert_eq!(raw.pngs.len(), 17, "{jobs} jobs");
        raw.run.fails(3, message);
        let npy = post(&["-j", jobs], &array);
        assert_eq!(npy.pngs.len(), 17, "{jobs} jobs");
        npy.run.fails(3, message);
    }
    // Dropped frames are not looked into.
    let after = post(&["-s", "4x3", "-p", "rgbf64le", "--skip", "19"], &stream);
    assert_eq!(after.pngs.len(), 21);
    after.run.ok();
}
