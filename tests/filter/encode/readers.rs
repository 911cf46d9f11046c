//! Every PNG of ours is read by programs that we did not write: ffmpeg and Pillow.

use std::fs;
use std::path::{Path, PathBuf};

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::foreign::script;
use crate::support::native::{HEIGHT, NATIVE, WIDTH};
use crate::support::noise;
use crate::support::posted::post;

#[test]
fn pillow_reads_every_png_of_ours() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("pillow");
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    for (native, bytes) in NATIVE {
        for (width, height) in [(1, 1), (1, 7), (7, 1), (WIDTH, HEIGHT)] {
            let size = format!("{width}x{height}");
            let frame = noise(9, (width * height) as usize * bytes);
            for png in post(&["-s", &size, "-p", native], &frame).pngs {
                files.push(folder.path().join(format!("{native}-{size}.png")));
                fs::write(files.last().unwrap(), png).unwrap();
            }
            let mode = match native {
                "gray" => "L",
                "gray16be" => "I;16",
                "ya8" => "LA",
                "rgb24" | "rgb48be" => "RGB",
                _ => "RGBA",
            };
            // Pillow keeps 16 bits of grey only: else the high byte of each sample, and for grey with
            // alpha as many channels as for color.
            let samples: Vec<u8> = match native {
                "rgb48be" | "rgba64be" => frame.iter().copied().step_by(2).collect(),
                "ya16be" => {
                    let pixels = frame.chunks_exact(4).map(|pixel| (pixel[0], pixel[2]));
                    pixels.flat_map(|(gray, alpha)| [gray, gray, gray, alpha]).collect()
                }
                _ => frame,
            };
            expected.extend(format!("{width} {height} {mode} {}\n", samples.len()).into_bytes());
            expected.extend(samples);
        }
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert!(script(&python, "samples.py", &files, b"") == expected);
}
