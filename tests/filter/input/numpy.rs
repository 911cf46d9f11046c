//! numpy's arrays go in, and come out as the samples that numpy says they are.

use std::path::Path;

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::foreign::script;
use crate::support::native::joined;
use crate::support::posted::{Posted, images, post};

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
    // The images that each of them becomes. src/input has the messages.
    #[rustfmt::skip]
    let cases = [
        ("bool", 1), ("int8", 1), ("int16", 1), ("int64", 1), ("uint32", 1), ("uint64", 1), ("half", 1),
        ("long_double", 1), ("complex", 1), ("text", 1), ("structured", 1), ("fortran", 1), ("planes", 1), ("flat", 1),
        ("many_planes", 9), ("gray_frames", 9), ("five_axes", 4),
    ];
    let mut advice = String::new();
    for (name, _) in cases {
        let Posted { run, pngs } = post(&[], &folder.read(&format!("{name}.npy")));
        assert_eq!((run.status, pngs.len()), (Some(3), 0), "{name}");
        advice += &format!("{name}\t{}\n", expression(&run.stderr));
    }
    script(&python, "arrays.py", &arguments, advice.as_bytes());
    for (name, count) in cases {
        assert_eq!(images(&[], &folder.read(&format!("{name}.npy"))).len(), count, "{name}");
    }
}

/// The Python in a message: it follows "save"; of several expressions the first.
fn expression(message: &str) -> &str {
    let advice = message.split_once("save ").expect("advice").1;
    let advice = advice.trim_end().trim_end_matches(" instead");
    let advice = advice.strip_prefix("one field of it, ").unwrap_or(advice);
    let advice = advice.strip_suffix(", np.uint16 or np.float32").unwrap_or(advice);
    advice.trim_end_matches(',')
}
