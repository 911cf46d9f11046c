//! Every PNG of ours is read by programs that we did not write: ffmpeg and Pillow.

use std::fs;
use std::path::{Path, PathBuf};

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::foreign::{output, script};
use crate::support::native::{HEIGHT, NATIVE, WIDTH, native_frames, ppm};
use crate::support::noise;
use crate::support::posted::post;

#[test]
fn ffmpeg_reads_every_png_of_ours() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    for (native, _) in NATIVE {
        let frames = native_frames(native);
        for level in ["none", "fastest", "fast", "balanced", "high"] {
            let size = format!("{WIDTH}x{HEIGHT}");
            let posted = post(&["-s", &size, "-p", native, "-z", level], &frames);
            let to = format!("-f rawvideo -pix_fmt {native} -");
            let from = "-v error -f image2pipe -c:v png -i -";
            let read = output(&ffmpeg, &format!("{from} {to}"), &posted.pngs.concat());
            assert!(read == frames, "{native} {level}");
        }
    }
}

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

#[test]
fn pillow_reads_the_same_from_a_pnm_and_from_our_png_of_it() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("pnm");
    let count = (WIDTH * HEIGHT) as usize;
    let samples = |bytes| noise(4, count * bytes);
    let gray = |maxval: u32, samples: &[u8]| {
        [format!("P5\n#c\n{WIDTH} {HEIGHT}\n{maxval}\n").as_bytes(), samples].concat()
    };
    let below = |maxval: u8| samples(3).iter().map(|byte| byte % (maxval + 1)).collect::<Vec<_>>();
    // Odd ones only: then no sample lies half-way, where Pillow rounds to even but netpbm and we up.
    let pnms = [
        gray(255, &samples(1)),
        gray(65535, &samples(2)),
        gray(101, &below(101)[..count]),
        gray(1, &below(1)[..count]),
        ppm(255, &samples(3)),
        ppm(101, &below(101)),
        ppm(15, &below(15)),
    ];
    let (mut own, mut ours) = (Vec::new(), Vec::new());
    let pngs = post(&[], &pnms.concat()).pngs;
    assert_eq!(pngs.len(), pnms.len());
    for (number, (pnm, png)) in pnms.iter().zip(&pngs).enumerate() {
        own.push(folder.path().join(format!("{number}.pnm")));
        ours.push(folder.path().join(format!("{number}.png")));
        fs::write(&own[number], pnm).unwrap();
        fs::write(&ours[number], png).unwrap();
    }
    let read = |files: &[PathBuf]| {
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        script(&python, "samples.py", &files, b"")
    };
    let (own, ours) = (read(&own), read(&ours));
    assert!(own.len() > 9 * count);
    assert!(own == ours);
}
