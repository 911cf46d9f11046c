//! Streams of every kind through the real binary: floats, PNM, PNG, .npy, what is refused, and cuts.

use png::BitDepth::{Eight, Sixteen};
use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};

use crate::support::folder::Folder;
use crate::support::posted::{Posted, images, judged, post};
use crate::support::program::{Running, command, run};
use crate::support::server::{Server, ok};
use crate::support::{Image, decode, noise};

/// PNG's color types by the number of their channels, less one.
const COLORS: [png::ColorType; 4] = [Grayscale, GrayscaleAlpha, Rgb, Rgba];

fn image_8(width: u32, height: u32, channels: usize, pixels: impl Into<Vec<u8>>) -> Image {
    let (color_type, pixels) = (COLORS[channels - 1], pixels.into());
    Image { width, height, color_type, bit_depth: Eight, pixels }
}

fn image_16(width: u32, height: u32, channels: usize, samples: &[u16]) -> Image {
    let pixels = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    Image { width, height, color_type: COLORS[channels - 1], bit_depth: Sixteen, pixels }
}

fn pgm(width: u32, height: u32, samples: &[u8]) -> Vec<u8> {
    [format!("P5\n{width} {height}\n255\n").as_bytes(), samples].concat()
}

fn pam(width: u32, height: u32, depth: usize, maxval: u32, samples: &[u8]) -> Vec<u8> {
    let sizes = format!("WIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maxval}\n");
    [format!("P7\n{sizes}ENDHDR\n").as_bytes(), samples].concat()
}

/// A .npy as numpy writes it: version 1.0, the header padded to 64 bytes.
fn npy(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_of(1, &format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

fn npy_of(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let before = if version == 1 { 10 } else { 12 };
    let length = (before + header.len() + 1).next_multiple_of(64) - before;
    let header = format!("{header:0$}\n", length - 1);
    let mut bytes = [&b"\x93NUMPY"[..], &[version, 0]].concat();
    match version {
        1 => bytes.extend((length as u16).to_le_bytes()),
        _ => bytes.extend((length as u32).to_le_bytes()),
    }
    [&bytes, header.as_bytes(), data].concat()
}

fn png_of(width: u32, height: u32, color_type: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color_type);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

// Floats.

/// toimage's numbers, in double precision.
fn level(sample: f64, min: f64, max: f64) -> u8 {
    (((sample - min) * 255.0 / (max - min)).clamp(0.0, 255.0) + 0.5) as u8
}

/// Floats a little beyond both ends of the range, every fourth on the edge between two levels.
fn floats(count: usize, min: f64, max: f64) -> Vec<f64> {
    let place = |(at, bytes): (usize, &[u8])| {
        let part = f64::from(u16::from_be_bytes([bytes[0], bytes[1]])) / 65535.0;
        let part = if at % 4 == 0 { ((part * 255.0).floor() + 0.5) / 255.0 } else { part };
        min + (max - min) * (part * 1.1 - 0.05 * f64::from(u8::from(at % 4 != 0)))
    };
    noise(3, 2 * count).chunks_exact(2).enumerate().map(place).collect()
}

#[test]
fn floats_of_every_layout_and_size_fill_their_range() {
    for (name, channels, is_double) in
        [("grayf32le", 1, false), ("rgbf32le", 3, false), ("rgbf64le", 3, true)]
    {
        for (width, height) in [(1, 1), (1, 7), (7, 1), (64, 64), (131, 97)] {
            for (min, max) in [(0.0, 255.0), (-1.0, 1.0), (1000.0, 1000.5)] {
                let samples = floats((width * height) as usize * channels, min, max);
                let (mut stream, mut levels) = (Vec::new(), Vec::new());
                for sample in samples {
                    if is_double {
                        stream.extend(sample.to_le_bytes());
                        levels.push(level(sample, min, max));
                    } else {
                        let sample = sample as f32;
                        stream.extend(sample.to_le_bytes());
                        levels.push(level(sample.into(), min, max));
                    }
                }
                let (size, range) = (format!("{width}x{height}"), format!("--range={min}:{max}"));
                let images = images(&["-s", &size, "-p", name, &range], &stream);
                let expected = image_8(width, height, channels, levels);
                assert!(images == [expected], "{name} {size} {range}");
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
        for keep_going in [&[][..], &["--keep-going"]] {
            let options = [&["-j", jobs], keep_going].concat();
            let raw = post(&[&options[..], &["-s", "4x3", "-p", "rgbf64le"]].concat(), &stream);
            assert_eq!(raw.pngs.len(), 17, "{options:?}");
            raw.run.fails(3, message);
            let npy = post(&options, &array);
            assert_eq!(npy.pngs.len(), 17, "{options:?}");
            npy.run.fails(3, message);
        }
    }
    // Dropped frames are not looked into.
    let after = post(&["-s", "4x3", "-p", "rgbf64le", "--skip", "19"], &stream);
    assert_eq!(after.pngs.len(), 21);
    after.run.ok();
}

// PGM, PPM, PAM.

/// Samples of a maxval, in the bytes of PNM.
fn pnm_bytes(samples: &[u16], maxval: u32) -> Vec<u8> {
    match maxval {
        ..=255 => samples.iter().map(|&sample| sample as u8).collect(),
        _ => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
    }
}

/// What PNG holds of them: maxval becomes full white, and what is between the nearest.
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
fn pnm_of_every_size_arrives_pixel_for_pixel() {
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    for (width, height) in [(1, 1), (1, 7), (7, 1), (64, 64), (131, 97)] {
        for channels in 1..=4 {
            let count = (width * height) as usize * channels;
            let pixels = noise(11, 2 * count);
            stream.extend(pam(width, height, channels, 255, &pixels[..count]));
            expected.push(image_8(width, height, channels, &pixels[..count]));
            stream.extend(pam(width, height, channels, 65535, &pixels));
            let image = image_8(width, height, channels, pixels);
            expected.push(Image { bit_depth: Sixteen, ..image });
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

// PNG.

/// PNGs as pngpost itself never writes them.
fn foreign_pngs() -> Vec<Vec<u8>> {
    let mut pngs = vec![
        png_of(1, 1, Rgb, &[1, 2, 3]),
        png_of(31, 17, Rgba, &noise(1, 31 * 17 * 4)),
        png_of(640, 480, Rgb, &noise(2, 640 * 480 * 3)),
    ];
    let mut indexed = Vec::new();
    let mut encoder = png::Encoder::new(&mut indexed, 9, 2);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(&[1, 2, 3, 4, 5, 6, 7, 8, 9][..]);
    encoder.set_trns(&[0, 128][..]);
    encoder.set_source_gamma(png::ScaledFloat::new(1.0 / 2.2));
    encoder.add_itxt_chunk("Title".into(), "caf\u{e9}".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0b0001_1000; 6]).unwrap();
    writer.finish().unwrap();
    pngs.push(indexed);
    pngs
}

#[test]
fn png_is_passed_on_byte_for_byte() {
    let pngs = foreign_pngs();
    for jobs in ["1", "4"] {
        let posted = post(&["-j", jobs], &pngs.concat());
        let (mut seen, mut sent) = (posted.pngs, pngs.clone());
        if jobs != "1" {
            seen.sort();
            sent.sort();
        }
        assert!(seen == sent, "{jobs} jobs");
        posted.run.ok();
    }
}

// .npy.

#[test]
fn npy_of_every_dtype_and_shape_arrives_sample_for_sample() {
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    let (width, height) = (13, 5);
    let count = 2 * (width * height) as usize;
    for channels in 1..=4 {
        let samples: Vec<u16> = noise(5, 2 * count * channels)
            .chunks_exact(2)
            .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
            .collect();
        let bytes = |encode: &dyn Fn(u16) -> Vec<u8>| -> Vec<u8> {
            samples.iter().flat_map(|&sample| encode(sample)).collect()
        };
        let levels: Vec<u8> = samples.iter().map(|&sample| sample as u8).collect();
        // As floats, the same levels: whole numbers of the default range.
        let arrays = [
            ("|u1", levels.clone()),
            ("<u2", bytes(&|sample| sample.to_le_bytes().to_vec())),
            (">u2", bytes(&|sample| sample.to_be_bytes().to_vec())),
            ("<f4", bytes(&|sample| f32::from(sample as u8).to_le_bytes().to_vec())),
            (">f4", bytes(&|sample| f32::from(sample as u8).to_be_bytes().to_vec())),
            ("<f8", bytes(&|sample| f64::from(sample as u8).to_le_bytes().to_vec())),
            (">f8", bytes(&|sample| f64::from(sample as u8).to_be_bytes().to_vec())),
        ];
        for (dtype, data) in &arrays {
            let image = |half: usize| match dtype.ends_with("u2") {
                true => image_16(
                    width,
                    height,
                    channels,
                    samples.chunks_exact(samples.len() / 2).nth(half).unwrap(),
                ),
                false => image_8(
                    width,
                    height,
                    channels,
                    levels.chunks_exact(levels.len() / 2).nth(half).unwrap(),
                ),
            };
            stream.extend(npy(dtype, &format!("(2, {height}, {width}, {channels})"), data));
            expected.extend([image(0), image(1)]);
            let one = &data[data.len() / 2..];
            stream.extend(npy(dtype, &format!("({height}, {width}, {channels})"), one));
            expected.push(image(1));
            if channels == 1 {
                stream.extend(npy(dtype, &format!("({height}, {width})"), one));
                expected.push(image(1));
            }
        }
    }
    assert!(images(&[], &stream) == expected);
}

#[test]
fn npy_of_every_version_and_of_no_images_is_read() {
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 3), }";
    let mut stream = Vec::new();
    for version in 1..=3 {
        stream.extend(npy("|u1", "(0, 4, 4, 3)", b""));
        stream.extend(npy_of(version, header, b"abc"));
    }
    stream.extend(npy("<f8", "(0, 4, 4, 3)", b""));
    let image = || image_8(3, 1, 1, *b"abc");
    assert_eq!(images(&[], &stream), [image(), image(), image()]);
    assert!(images(&[], &npy("<f8", "(0, 4, 4, 3)", b"")).is_empty());
}

// All kinds together.

/// Images of every kind and many sizes, each with the PNG pixels that it is.
fn every_kind() -> Vec<(Vec<u8>, Vec<Image>)> {
    let png = png_of(3, 2, Rgb, &[7; 18]);
    let decoded = decode(&png);
    let floats: Vec<u8> = [0.0_f32, 1.0, 0.5].iter().flat_map(|f| f.to_be_bytes()).collect();
    vec![
        (pgm(2, 2, b"abcd"), vec![image_8(2, 2, 1, *b"abcd")]),
        (png, vec![decoded]),
        (b"P6 1 1 255 rgb".to_vec(), vec![image_8(1, 1, 3, *b"rgb")]),
        (npy(">f4", "(3, 1)", &floats), vec![image_8(1, 3, 1, [0, 255, 128])]),
        (pam(1, 1, 4, 65535, b"rRgGbBaA"), {
            let pixels = b"rRgGbBaA".to_vec();
            vec![Image { bit_depth: Sixteen, ..image_8(1, 1, 4, pixels) }]
        }),
        (
            npy("|u1", "(3, 1, 2, 2)", b"abcdefghijkl"),
            [b"abcd", b"efgh", b"ijkl"].map(|pixels| image_8(2, 1, 2, *pixels)).into(),
        ),
        (pgm(300, 1, &[9; 300]), vec![image_8(300, 1, 1, [9; 300])]),
    ]
}

#[test]
fn images_of_all_kinds_and_sizes_follow_each_other_and_can_be_skipped() {
    let kinds = every_kind();
    let stream: Vec<u8> = kinds.iter().flat_map(|kind| kind.0.clone()).collect();
    let expected: Vec<&Image> = kinds.iter().flat_map(|kind| &kind.1).collect();
    for skip in 0..=expected.len() {
        let range = ["--range", "0:1", "--skip", &skip.to_string()];
        let images = images(&range, &stream);
        let kept = &expected[skip..];
        assert!(images.iter().eq(kept.iter().copied()), "--skip {skip}");
    }
    // Skipped images are checked like others, and numbering goes on.
    let mut broken = stream.clone();
    let place = kinds[0].0.len() + 45;
    broken[place] ^= 1;
    let posted = post(&["--skip", "5"], &broken);
    assert!(posted.pngs.is_empty());
    posted.run.fails(3, "frame 1: PNG chunk IDAT at byte 33: its CRC is wrong");
    let posted = post(&["--skip", "8"], &[&stream[..], b"P4 1 1 0"].concat());
    assert_eq!(posted.pngs.len(), 1);
    posted.run.fails(3, "frame 9: PBM is not read; 'pamdepth 255' turns it into PGM");
}

/// One image written, one line read, a hundred times: what was read ahead would be waited for.
#[test]
fn each_image_is_answered_before_the_next_one_is_written() {
    let tag = |number: u8| [number, number ^ 1, 100 - number];
    let png = |number| png_of(1, 1, Rgb, &tag(number));
    let ppm = |number| [b"P6\n1 1\n255\n".as_slice(), &tag(number)].concat();
    let pam = |number| pam(1, 1, 3, 255, &tag(number));
    let array = |number| npy("|u1", "(1, 1, 3)", &tag(number));
    let part = |number| match number {
        0 => npy("|u1", "(100, 1, 1, 3)", &tag(0)),
        _ => tag(number).to_vec(),
    };
    let any = |number: u8| match number % 4 {
        0 => png(number),
        1 => ppm(number),
        2 => pam(number),
        _ => array(number),
    };
    let kinds: [&dyn Fn(u8) -> Vec<u8>; 6] = [&png, &ppm, &pam, &array, &part, &any];
    let server = Server::answering(|_, request| ok(format!("{:?}", decode(&request.body).pixels)));
    for kind in kinds {
        for jobs in ["1", "4"] {
            let arguments = ["--raw", "-j", jobs, &server.url()];
            let mut dialogue = Running::start(command(&arguments));
            for number in 0..100 {
                dialogue.write(&kind(number));
                assert_eq!(dialogue.line(), format!("{:?}", tag(number)));
            }
            assert_eq!(dialogue.finish().ok().stdout, b"");
        }
    }
}

/// Where the file stands afterwards tells what was read: whoever reads it next begins there.
#[test]
fn nothing_is_read_beyond_the_image_that_ends_the_run() {
    let whole: Vec<u8> = every_kind().into_iter().flat_map(|kind| kind.0).collect();
    let folder = Folder::new("offset");
    let server = Server::answering(|_, _| ok("taken"));
    // How much of a refused image it takes to refuse it.
    for (refused, taken) in [(&b"P4"[..], 2), (b"P5 1 x", 6), (b"\xff\xd8", 2)] {
        let stream = [&whole, refused, &[b'5'; 100_000]].concat();
        let file = std::fs::File::open(folder.file("stream", stream)).unwrap();
        let mut program = command(&["--raw", &server.url()]);
        program.stdin(file.try_clone().unwrap());
        let run = Running::start(program).finish();
        assert_eq!((run.status, run.lines().len()), (Some(3), 9), "{}", run.stderr);
        let place = std::io::Seek::stream_position(&mut &file).unwrap();
        assert_eq!(place, (whole.len() + taken) as u64);
    }
}

// What is refused.

#[test]
fn what_is_not_read_is_refused_by_name_after_the_images_before_it() {
    let pbm = "PBM is not read; 'pamdepth 255' turns it into PGM";
    let plain = "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary";
    let numpy = |dtype: &str| npy(dtype, "(1, 1)", b"");
    let fortran = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 3), }";
    let integers = |dtype: &str| {
        let cast = "save a.astype(np.uint8), np.uint16 or np.float32 instead";
        format!(".npy dtype {dtype} is not read; {cast}")
    };
    let shape = |shape: &str| npy("|u1", shape, b"");
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
            npy_of(1, fortran, b""),
            ".npy is in Fortran order; save np.ascontiguousarray(a) instead".into(),
        ),
        (numpy("|b1"), ".npy dtype |b1 is not read; save a.astype(np.uint8) * 255 instead".into()),
        (numpy("<f2"), ".npy dtype <f2 is not read; save a.astype(np.float32) instead".into()),
        (numpy("|i1"), integers("|i1")),
        (numpy("<i8"), integers("<i8")),
        (numpy("<u4"), integers("<u4")),
        (numpy("<c16"), integers("<c16")),
        (
            shape("(3, 64, 65)"),
            ".npy shape (3, 64, 65) is no image; channels are the last axis: \
             save a.transpose(1, 2, 0)"
                .into(),
        ),
        (
            shape("(9, 3, 64, 65)"),
            ".npy shape (9, 3, 64, 65) is no image; channels are the last axis: \
             save a.transpose(0, 2, 3, 1)"
                .into(),
        ),
        (
            shape("(9, 64, 65)"),
            ".npy shape (9, 64, 65) is no image; 1 to 4 channels are the last axis; \
             N grey frames: save a[..., np.newaxis]"
                .into(),
        ),
        (shape("(5,)"), ".npy shape (5,) is no image; save a.reshape(height, width)".into()),
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

#[test]
fn a_stream_that_fits_another_layout_says_so() {
    let hint =
        |size, format, bytes: usize| post(&["-s", size, "-p", format], &vec![0; bytes]).run.stderr;
    let cases = [
        (
            hint("64x64", "rgb24", 64 * 64 * 4),
            "frame 1: input ends after 4096 of 12288 bytes; \
             all 16384 bytes would be whole 64x64 frames: 1 of rgba or 2 of ya8 or 4 of gray",
        ),
        (
            hint("64x48", "rgb48le", 64 * 48 * 3),
            "frame 0: input ends after 9216 of 18432 bytes; \
             all 9216 bytes would be whole 64x48 frames: 1 of rgb24 or 3 of gray",
        ),
        (hint("64x48", "rgb24", 10_000), "frame 1: input ends after 784 of 9216 bytes"),
    ];
    for (stderr, message) in cases {
        assert_eq!(stderr, format!("pngpost: {message}\n"));
    }
}
