//! Against tools that we did not write: their real output goes in, and they read what comes out.
//!
//! Where a tool is missing its tests are skipped, and say so; with CI set they fail. python3 is taken
//! from the virtual environment that PNGPOST_TEST_VENV names, or from the PATH.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed::{find, needed};
use crate::support::folder::Folder;
use crate::support::foreign::{output, output_of, script};
use crate::support::posted::{images, judged, post};
use crate::support::program::run;
use crate::support::{Image, noise};

const URL: &str = "http://127.0.0.1:1/";

/// The samples of all images, in a row.
fn joined(images: &[Image]) -> Vec<u8> {
    images.iter().flat_map(|image| image.pixels.clone()).collect()
}

const WIDTH: u32 = 37;
const HEIGHT: u32 = 29;
const PIXELS: usize = (WIDTH * HEIGHT) as usize;

/// PNG's own layouts by ffmpeg's names, and the bytes of a pixel.
const NATIVE: [(&str, usize); 8] = [
    ("gray", 1),
    ("ya8", 2),
    ("rgb24", 3),
    ("rgba", 4),
    ("gray16be", 2),
    ("ya16be", 4),
    ("rgb48be", 6),
    ("rgba64be", 8),
];

/// Three frames of one of them.
fn native_frames(name: &str) -> Vec<u8> {
    let (_, bytes) = NATIVE.into_iter().find(|native| native.0 == name).expect("PNG's layout");
    noise(bytes as u64, 3 * PIXELS * bytes)
}

/// The images are those frames: sizes, color type, bit depth and each sample.
#[track_caller]
fn assert_native(images: &[Image], name: &str, frames: &[u8], what: &str) {
    let color_type = match name {
        _ if name.starts_with("gray") => png::ColorType::Grayscale,
        _ if name.starts_with("ya") => png::ColorType::GrayscaleAlpha,
        _ if name.starts_with("rgba") => png::ColorType::Rgba,
        _ => png::ColorType::Rgb,
    };
    let bit_depth = match name.ends_with("be") {
        true => png::BitDepth::Sixteen,
        false => png::BitDepth::Eight,
    };
    assert!(joined(images) == frames, "{what}: other samples");
    for image in images {
        assert_eq!((image.width, image.height), (WIDTH, HEIGHT), "{what}");
        assert_eq!((image.color_type, image.bit_depth), (color_type, bit_depth), "{what}");
    }
}

/// The layouts of `--pix-fmt`, as its own message lists them.
fn pixel_formats() -> Vec<String> {
    let stderr = run(&["-s", "1x1", "-p", "none", URL], b"").stderr;
    let list = stderr.split_once("takes one of ").expect("a list").1;
    list.split_whitespace().map(str::to_owned).collect()
}

// ffmpeg.

#[test]
fn ffmpeg_rawvideo_of_every_layout_that_it_writes() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let known = String::from_utf8(output(&ffmpeg, "-v error -pix_fmts", b"")).unwrap();
    // "IO... rgb24 3 24": read and written.
    let is_written = |name: &str| {
        let mut lines = known.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.any(|words| words.get(1) == Some(&name) && words[0].starts_with("IO"))
    };
    let mut held = 0;
    for name in pixel_formats() {
        let native = match name.as_str() {
            "bgr24" | "gbrp" => "rgb24".to_owned(),
            "bgra" | "argb" | "abgr" => "rgba".to_owned(),
            "grayf32le" => "gray".to_owned(),
            "rgbf32le" | "rgbf64le" => "rgb24".to_owned(),
            other => other.replace("le", "be"),
        };
        if !is_written(&name) {
            eprintln!("skipped: ffmpeg writes no {name}");
            continue;
        }
        let frames = native_frames(&native);
        let from = format!("-v error -f rawvideo -pix_fmt {native} -s {WIDTH}x{HEIGHT} -i -");
        let stream = output(&ffmpeg, &format!("{from} -f rawvideo -pix_fmt {name} -"), &frames);
        let size = format!("{WIDTH}x{HEIGHT}");
        let range = if name.contains('f') { &["--range", "0:1"][..] } else { &[] };
        let options = [&["-s", &size, "-p", &name], range].concat();
        assert_native(&images(&options, &stream), &native, &frames, &name);
        held += 1;
    }
    // Each version of ffmpeg has the integer ones.
    assert!(held >= 17, "{held} layouts");
}

#[test]
fn ffmpeg_image2pipe_of_every_codec_and_layout() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let codecs = [
        ("pgm", &["gray", "gray16be"][..]),
        ("ppm", &["rgb24", "rgb48be"]),
        ("pam", &NATIVE.map(|native| native.0)),
        ("png", &NATIVE.map(|native| native.0)),
    ];
    for (codec, natives) in codecs {
        for native in natives {
            let frames = native_frames(native);
            let from = format!("-v error -f rawvideo -pix_fmt {native} -s {WIDTH}x{HEIGHT} -i -");
            let to = format!("-f image2pipe -c:v {codec} -pix_fmt {native} -");
            let stream = output(&ffmpeg, &format!("{from} {to}"), &frames);
            let what = format!("{codec} {native}");
            assert_native(&images(&[], &stream), native, &frames, &what);
            if codec == "png" {
                assert!(post(&[], &stream).pngs.concat() == stream, "{what}: other bytes");
            }
        }
    }
}

#[test]
fn ffmpeg_pam_of_one_bit_and_pgm_of_ten() {
    let Some(ffmpeg) = needed("ffmpeg") else { return };
    let from = |layout| format!("-v error -f rawvideo -pix_fmt {layout} -s {WIDTH}x{HEIGHT} -i -");
    let black_and_white: Vec<u8> =
        native_frames("gray").iter().map(|sample| if sample & 1 == 0 { 0 } else { 255 }).collect();
    let to = "-f image2pipe -c:v pam -pix_fmt monob -";
    let stream = output(&ffmpeg, &format!("{} {to}", from("gray")), &black_and_white);
    assert!(memchr::memmem::find(&stream, b"MAXVAL 1\n").is_some());
    assert_native(&images(&[], &stream), "gray", &black_and_white, "pam monob");
    let palette = "-f image2pipe -c:v png -pix_fmt pal8 -";
    let stream = output(&ffmpeg, &format!("{} {palette}", from("rgb24")), &native_frames("rgb24"));
    assert!(post(&[], &stream).pngs.concat() == stream);
}

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

// ImageMagick.

fn ppm(maxval: u32, samples: &[u8]) -> Vec<u8> {
    [format!("P6\n{WIDTH} {HEIGHT}\n{maxval}\n").as_bytes(), samples].concat()
}

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

// netpbm.

#[test]
fn netpbm_images_of_any_maxval_one_after_the_other() {
    let Some(pamdepth) = needed("pamdepth") else { return };
    let commands = [
        "ppmmake red 5 7",
        "ppmmake -maxval 1000 rgb:12/34/56 5 7",
        "pgmramp -lr 33 5",
        "pgmramp -lr -maxval 1 33 5",
        "pgmramp -tb -maxval 1000 33 65",
        "pgmramp -ellipse -maxval 65535 31 31",
        "pamgradient black red green blue 9 11",
        "pamseq 3 15",
        "pamseq 1 999",
        "pamseq 2 9 -tupletype=GRAYSCALE_ALPHA",
        "pamseq 4 2 -tupletype=RGB_ALPHA",
    ];
    let mut made: Vec<Vec<u8>> = Vec::new();
    for line in commands {
        let (name, arguments) = line.split_once(' ').unwrap();
        made.push(output(&find(name).expect("netpbm is whole"), arguments, b""));
    }
    let all = images(&[], &made.concat());
    assert_eq!(all.len(), made.len());
    for ((image, stream), line) in all.iter().zip(&made).zip(commands) {
        // netpbm's own scaling to what PNG holds.
        let maxval = if image.bit_depth == png::BitDepth::Sixteen { "65535" } else { "255" };
        let own = output(&pamdepth, maxval, stream);
        let (header, samples) = own.split_at(own.len() - image.pixels.len());
        assert!(samples == image.pixels, "{line}: other samples");
        let words = header.split(u8::is_ascii_whitespace).map(String::from_utf8_lossy);
        let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
        assert_eq!(numbers[..2], [image.width, image.height], "{line}");
    }
}

#[test]
fn netpbm_pamcat_and_what_the_messages_advise() {
    let Some(pamdepth) = needed("pamdepth") else { return };
    let netpbm = |name: &str, arguments: &str, input: &[u8]| {
        output(&find(name).expect("netpbm is whole"), arguments, input)
    };
    let folder = Folder::new("pamcat");
    let files = ["red", "blue"].map(|color| folder.path().join(color));
    for file in &files {
        let color = file.file_name().unwrap().to_str().unwrap();
        fs::write(file, netpbm("ppmmake", &format!("{color} 2 1"), b"")).unwrap();
    }
    let mut pamcat = Command::new(find("pamcat").expect("netpbm is whole"));
    let both = output_of(pamcat.arg("-leftright").args(&files), b"");
    let row = [255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255];
    assert_eq!(joined(&images(&[], &both)), row);

    let bitmap = netpbm("pbmmake", "-gray 4 2", b"");
    post(&[], &bitmap).run.fails(3, "frame 0: PBM is not read; 'pamdepth 255' turns it into PGM");
    let gray = images(&[], &output(&pamdepth, "255", &bitmap));
    // In a plain PBM, 1 is black.
    let bits = String::from_utf8(netpbm("pnmtoplainpnm", "", &bitmap)).unwrap();
    let bits = bits.lines().skip(2).flat_map(str::chars).filter(char::is_ascii_digit);
    let levels: Vec<u8> = bits.map(|bit| if bit == '1' { 0 } else { 255 }).collect();
    assert_eq!(levels.len(), 8);
    assert_eq!(joined(&gray), levels);
    let plain = netpbm("pnmtoplainpnm", "", &both);
    post(&[], &plain)
        .run
        .fails(3, "frame 0: plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary");
    assert_eq!(joined(&images(&[], &netpbm("pnmtopnm", "", &plain))), row);
}

// numpy and Pillow.

/// A stream that arrays.py has written: all its images are what numpy says.
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
fn a_thousand_float_arrays_become_toimage_s_bytes() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("toimage");
    script(&python, "arrays.py", &[Path::new("toimage"), folder.path()], b"");
    let counts = (0..10).map(|number| assert_as_numpy_says(&folder, &format!("toimage-{number}")));
    assert_eq!(counts.sum::<usize>(), 1000);
}

#[test]
fn numpy_arrays_of_every_dtype_shape_and_version() {
    let Some(python) = needed("python numpy, PIL") else { return };
    let folder = Folder::new("dtypes");
    script(&python, "arrays.py", &[Path::new("dtypes"), folder.path()], b"");
    // 9 shapes of one image, 2 of four, 1 of none, in 3 versions and 7 dtypes; and 2 more.
    assert_eq!(assert_as_numpy_says(&folder, "dtypes"), (9 + 2 * 4) * 3 * 7 + 2);
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

/// The Python in a message: what comes after "save", the first of several.
fn expression(message: &str) -> &str {
    let advice = message.split_once("save ").expect("advice").1;
    let advice = advice.strip_suffix(" instead").unwrap_or(advice);
    let advice = advice.strip_prefix("one field of it, ").unwrap_or(advice);
    let advice = advice.strip_suffix(", np.uint16 or np.float32").unwrap_or(advice);
    advice.trim_end_matches(',')
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
