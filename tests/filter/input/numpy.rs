//! numpy's arrays go in, and come out as the samples that numpy says they are.

use std::path::Path;

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::foreign::script;
use crate::support::native::joined;
use crate::support::posted::{images, post};

/// A stream that arrays.py has written: all its images have the samples that numpy says.
fn assert_as_numpy_says(folder: &Folder, name: &str) -> usize {
    let text = String::from_utf8(folder.read(&format!("{name}.txt"))).unwrap();
    let (range, lines) = text.split_once('\n').unwrap();
    let range = format!("--range={range}");
    let images = images(&[&range], &folder.read(&format!("{name}.npy")));
    let seen: Vec<String> = images
        .iter()
        .map(|image| {
            let (channels, depth) = (image.color_type.samples(), image.bit_depth as u8);
            format!("{} {} {channels} {depth}", image.width, image.height)
        })
        .collect();
    assert_eq!(seen, lines.lines().collect::<Vec<_>>(), "{name}");
    assert!(joined(&images) == folder.read(&format!("{name}.samples")), "{name} {range}");
    images.len()
}

#[test]
fn float_arrays_become_the_bytes_of_scipys_toimage() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("toimage");
    script(&python, "arrays.py", &[Path::new("toimage"), folder.path()], b"");
    let counts = (0..16).map(|number| assert_as_numpy_says(&folder, &format!("toimage-{number}")));
    assert_eq!(counts.sum::<usize>(), 1600);
}

#[test]
fn numpy_arrays_that_are_refused_are_taken_once_the_advice_is_followed() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("refused");
    let arguments = [Path::new("refused"), folder.path()];
    script(&python, "arrays.py", &arguments, b"");
    let whole_numbers = "save a.astype(np.uint8), np.uint16 or np.float32 instead";
    let cases = [
        ("bool", "dtype |b1 is not read; save a.astype(np.uint8) * 255 instead"),
        ("int8", &format!("dtype |i1 is not read; {whole_numbers}")),
        ("int16", &format!("dtype <i2 is not read; {whole_numbers}")),
        ("int64", &format!("dtype <i8 is not read; {whole_numbers}")),
        ("uint32", &format!("dtype >u4 is not read; {whole_numbers}")),
        ("uint64", &format!("dtype <u8 is not read; {whole_numbers}")),
        ("half", "dtype <f2 is not read; save a.astype(np.float32) instead"),
        ("long_double", "dtype <f16 is not read; save a.astype(np.float32) instead"),
        ("complex", &format!("dtype <c16 is not read; {whole_numbers}")),
        ("text", &format!("dtype <U1 is not read; {whole_numbers}")),
        ("structured", "dtype is structured; save one field of it, a['name'], instead"),
        ("fortran", "is in Fortran order; save np.ascontiguousarray(a) instead"),
        (
            "planes",
            "shape (3, 4, 6) is no image; channels are the last axis: save a.transpose(1, 2, 0)",
        ),
        (
            "many_planes",
            "shape (9, 3, 8, 6) is no image; \
             channels are the last axis: save a.transpose(0, 2, 3, 1)",
        ),
        (
            "gray_frames",
            "shape (9, 4, 6) is no image; \
             1 to 4 channels are the last axis; N grey frames: save a[..., np.newaxis]",
        ),
        ("flat", "shape (24,) is no image; save a.reshape(height, width)"),
        ("scalar", "shape () is no image; it is a single number, without rows and columns"),
        (
            "five_axes",
            "shape (2, 2, 4, 6, 3) is no image; save a.reshape(-1, height, width, channels)",
        ),
    ];
    let mut advice = String::new();
    for (name, message) in &cases {
        let posted = post(&[], &folder.read(&format!("{name}.npy")));
        posted.run.fails(3, &format!("frame 0: .npy {message}"));
        // A scalar has no height and width to be given.
        if *name != "scalar" {
            advice += &format!("{name}\t{}\n", expression(message));
        }
    }
    script(&python, "arrays.py", &arguments, advice.as_bytes());
    for (name, _) in cases.iter().filter(|case| case.0 != "scalar") {
        let count = images(&[], &folder.read(&format!("{name}.npy"))).len();
        let expected = match *name {
            "many_planes" | "gray_frames" => 9,
            "five_axes" => 4,
            _ => 1,
        };
        assert_eq!(count, expected, "{name}");
    }
}

/// The Python in a message: it follows "save"; of several expressions the first.
fn expression(message: &str) -> &str {
    let advice = message.split_once("save ").expect("advice").1;
    let advice = advice.strip_suffix(" instead").unwrap_or(advice);
    let advice = advice.strip_prefix("one field of it, ").unwrap_or(advice);
    let advice = advice.strip_suffix(", np.uint16 or np.float32").unwrap_or(advice);
    advice.trim_end_matches(',')
}
