//! Against numbers computed another way, and against what the png crate decodes.

use std::time::Instant;

use super::*;
use crate::frame::{ByteOrder, ChannelOrder, FrameSize, Layout, PixelFormat, Samples};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Encodes a frame and decodes its PNG.
fn through(
    size: (u32, u32),
    layout: Layout,
    range: SampleRange,
    bytes: &[u8],
) -> Result<(png::ColorType, png::BitDepth, Vec<u8>)> {
    let size = FrameSize::new(size.0, size.1).unwrap();
    assert_eq!(layout.frame_bytes(size), Some(bytes.len()));
    let (content, bytes_of_frame) = (Content::Pixels(layout), bytes.to_vec());
    let mut frame =
        Frame { number: 0, size, content, bytes: bytes_of_frame, read_at: Instant::now() };
    let mut out = b"before".to_vec();
    let most = max_png_bytes(&frame);
    Encoder { level: Level::FAST, range: Some(range) }.append_png(&mut frame, &mut out)?;
    assert!(frame.bytes.len() >= bytes.len(), "the allocation would be cleared again");
    assert!(out.len() - 6 <= most, "{} of {most}", out.len());
    let decoder = png::Decoder::new(std::io::Cursor::new(&out[6..]));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (size.width(), size.height()));
    Ok((info.color_type, info.bit_depth, pixels))
}

fn named(name: &str) -> Layout {
    PixelFormat::ALL.into_iter().find(|format| format.name == name).unwrap().layout
}

/// A color type, and for each byte of a PNG pixel its place in a pixel of the frame.
type Places = (&'static str, png::ColorType, png::BitDepth, &'static [usize]);

const PLACES: [Places; 20] = {
    use png::BitDepth::{Eight, Sixteen};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    [
        ("rgb24", Rgb, Eight, &[0, 1, 2]),
        ("bgr24", Rgb, Eight, &[2, 1, 0]),
        ("rgba", Rgba, Eight, &[0, 1, 2, 3]),
        ("bgra", Rgba, Eight, &[2, 1, 0, 3]),
        ("argb", Rgba, Eight, &[1, 2, 3, 0]),
        ("abgr", Rgba, Eight, &[3, 2, 1, 0]),
        ("rgb0", Rgb, Eight, &[0, 1, 2]),
        ("bgr0", Rgb, Eight, &[2, 1, 0]),
        ("0rgb", Rgb, Eight, &[1, 2, 3]),
        ("0bgr", Rgb, Eight, &[3, 2, 1]),
        ("gray", Grayscale, Eight, &[0]),
        ("ya8", GrayscaleAlpha, Eight, &[0, 1]),
        ("rgb48le", Rgb, Sixteen, &[1, 0, 3, 2, 5, 4]),
        ("rgb48be", Rgb, Sixteen, &[0, 1, 2, 3, 4, 5]),
        ("rgba64le", Rgba, Sixteen, &[1, 0, 3, 2, 5, 4, 7, 6]),
        ("rgba64be", Rgba, Sixteen, &[0, 1, 2, 3, 4, 5, 6, 7]),
        ("gray16le", Grayscale, Sixteen, &[1, 0]),
        ("gray16be", Grayscale, Sixteen, &[0, 1]),
        ("ya16le", GrayscaleAlpha, Sixteen, &[1, 0, 3, 2]),
        ("ya16be", GrayscaleAlpha, Sixteen, &[0, 1, 2, 3]),
    ]
};

#[test]
fn integers_keep_their_value_and_channels_come_into_order() {
    for (name, color_type, bit_depth, places) in PLACES {
        for size in [(1, 1), (1, 7), (7, 1), (37, 29)] {
            let pixel_bytes = named(name).pixel_bytes();
            let pixels = (size.0 * size.1) as usize;
            let bytes: Vec<u8> = (0..pixels * pixel_bytes).map(|i| (i * 73 % 251) as u8).collect();
            let expected: Vec<u8> = bytes
                .chunks(pixel_bytes)
                .flat_map(|pixel| places.iter().map(|&place| pixel[place]))
                .collect();
            let png = through(size, named(name), SampleRange::DEFAULT, &bytes).unwrap();
            assert!(png == (color_type, bit_depth, expected), "{name} {size:?}");
        }
    }
}

#[test]
fn planes_are_green_blue_red() {
    // More pixels than one block.
    let plane = |base: usize| (0..50 * 50).map(move |i| ((i + base) % 256) as u8);
    let bytes: Vec<u8> = plane(1).chain(plane(101)).chain(plane(201)).collect();
    let expected: Vec<u8> =
        plane(201).zip(plane(1)).zip(plane(101)).flat_map(|((r, g), b)| [r, g, b]).collect();
    let png = through((50, 50), named("gbrp"), SampleRange::DEFAULT, &bytes).unwrap();
    assert_eq!(png, (png::ColorType::Rgb, png::BitDepth::Eight, expected));
}

fn gray(samples: Samples) -> Layout {
    Layout { color: Color::Gray, order: ChannelOrder::Png, samples }
}

#[test]
fn every_sample_of_every_maxval_becomes_the_nearest() {
    for maxval in (1..255_u16).chain([256, 257, 1023, 4095, 32767, 32768, 65533, 65534]) {
        let layout = gray(Samples::Maxval(maxval));
        let mut bytes: Vec<u8> = match layout.samples.bytes() {
            1 => (0..=maxval as u8).collect(),
            _ => (0..=maxval).flat_map(u16::to_be_bytes).collect(),
        };
        let full = if maxval < 256 { 255.0 } else { 65535.0 };
        let samples = for_png(layout, &mut bytes).unwrap();
        let value = |index: usize| match layout.samples.png_bytes() {
            1 => f64::from(samples[index]),
            _ => f64::from(u16::from_be_bytes([samples[2 * index], samples[2 * index + 1]])),
        };
        for sample in 0..=usize::from(maxval) {
            let expected = sample as f64 * full / f64::from(maxval);
            assert!((value(sample) - expected).abs() <= 0.5, "{sample} of {maxval}");
        }
        assert_eq!((value(0), value(maxval.into())), (0.0, full));
    }
}

fn for_png(layout: Layout, bytes: &mut Vec<u8>) -> Result<Vec<u8>, String> {
    let samples = samples::for_png(layout, SampleRange::DEFAULT, bytes);
    samples.map(<[u8]>::to_vec).map_err(|Bad { at, what }| format!("{at}: {what}"))
}

#[test]
fn a_sample_over_maxval_is_bad_input_and_named() {
    let error =
        through((2, 3), gray(Samples::Maxval(99)), SampleRange::DEFAULT, &[0, 99, 5, 100, 200, 0]);
    let error = error.unwrap_err().downcast::<BadSample>().unwrap();
    assert_eq!(error.to_string(), "row 1, column 1: sample 100 is over maxval 99");
    let wide = Layout { color: Color::Rgb, ..gray(Samples::Maxval(300)) };
    let bytes: Vec<u8> = [1, 2, 3, 4, 5, 301_u16].iter().flat_map(|s| s.to_be_bytes()).collect();
    let error = through((2, 1), wide, SampleRange::DEFAULT, &bytes).unwrap_err();
    assert_eq!(error.to_string(), "row 0, column 1: sample 301 is over maxval 300");
}

/// The bytes stand here one by one, so the machine's own order has no part in it: 0x1234, and 1.0 of 0 to 1.
#[test]
fn a_byte_order_is_the_one_that_its_format_names() {
    let unit = SampleRange::new(0.0, 1.0).unwrap();
    let wide: [(&str, [u8; 2]); 2] = [("gray16le", [0x34, 0x12]), ("gray16be", [0x12, 0x34])];
    for (name, bytes) in wide {
        let pixels = through((1, 1), named(name), unit, &bytes).unwrap().2;
        assert_eq!(pixels, [0x12, 0x34], "{name}");
    }
    let one = [0x3f, 0x80, 0, 0];
    let reversed = [0, 0, 0x80, 0x3f];
    let gray = |order| Layout { samples: Samples::F32(order), ..named("grayf32le") };
    for (order, bytes) in [(ByteOrder::Little, reversed), (ByteOrder::Big, one)] {
        assert_eq!(through((1, 1), gray(order), unit, &bytes).unwrap().2, [255], "{order:?}");
    }
    let double = |order| Layout { samples: Samples::F64(order), ..gray(order) };
    let one = [0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
    let reversed = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    for (order, bytes) in [(ByteOrder::Little, reversed), (ByteOrder::Big, one)] {
        assert_eq!(through((1, 1), double(order), unit, &bytes).unwrap().2, [255], "{order:?}");
    }
}

/// Samples, each with its result.
type Pairs = &'static [(f64, u8)];

/// The results are those of `bytescale` in tests/tools/arrays.py, by numpy.
#[test]
fn floats_become_what_scipy_computes() {
    let doubles: [(f64, f64, Pairs); 7] = [
        (0.0, 255.0, &[(0.0, 0), (0.49, 0), (0.5, 1), (1.5, 2), (2.5, 3), (254.49, 254)]),
        (0.0, 255.0, &[(254.5, 255), (255.0, 255), (1e300, 255), (-1e300, 0), (-0.6, 0)]),
        (-1.0, 1.0, &[(-1.0, 0), (0.0, 128), (1.0, 255), (-0.5, 64), (0.25, 159)]),
        (10.0, 10.5, &[(10.0, 0), (10.1, 51), (10.25, 128), (10.5, 255), (9.0, 0), (11.0, 255)]),
        (0.0, 100.0, &[(50.0, 127), (10.0, 26), (30.0, 77), (90.0, 229)]),
        (0.0, 3.0, &[(0.7, 59), (0.1, 9), (2.9, 247)]),
        (0.0, 1e307, &[(0.0, 0), (5e306, 127), (9e306, 229), (1e307, 255), (1e308, 255)]),
    ];
    let singles: [(f64, f64, Pairs); 3] = [
        (0.0, 100.0, &[(50.0, 128), (10.0, 26), (30.0, 77), (90.0, 230)]),
        (0.0, 3.0, &[(0.7, 60), (0.1, 9), (2.9, 247)]),
        (0.0, 1e40, &[(0.0, 0), (3e38, 8), (f64::INFINITY, 255)]),
    ];
    for (are_doubles, cases) in [(true, &doubles[..]), (false, &singles[..])] {
        for &(min, max, pairs) in cases {
            let range = SampleRange::new(min, max).unwrap();
            // Enough for whole blocks and a rest.
            let pairs: Vec<_> = pairs.iter().cycle().take(150).collect();
            let expected: Vec<u8> = pairs.iter().map(|pair| pair.1).collect();
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let bytes = pairs.iter().flat_map(|pair| match are_doubles {
                    true => f64_bytes(order, pair.0).to_vec(),
                    false => f32_bytes(order, pair.0 as f32).to_vec(),
                });
                let samples = if are_doubles { Samples::F64(order) } else { Samples::F32(order) };
                let bytes: Vec<u8> = bytes.collect();
                let png = through((15, 10), gray(samples), range, &bytes).unwrap();
                assert_eq!(png.2, expected, "{min}:{max} {samples:?}");
            }
        }
    }
}

#[test]
fn a_range_whose_scale_is_no_finite_number_is_none() {
    let (wide, narrow) = ((-1e308, 1e308), (0.0, 1e-307));
    for (min, max) in [wide, narrow, (1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)]
    {
        assert_eq!(SampleRange::new(min, max), None, "{min}:{max}");
    }
    assert!(SampleRange::new(-8e307, 8e307).is_some() && SampleRange::new(0.0, 1e-305).is_some());
}

fn f32_bytes(order: ByteOrder, sample: f32) -> [u8; 4] {
    match order {
        ByteOrder::Little => sample.to_le_bytes(),
        ByteOrder::Big => sample.to_be_bytes(),
    }
}

fn f64_bytes(order: ByteOrder, sample: f64) -> [u8; 8] {
    match order {
        ByteOrder::Little => sample.to_le_bytes(),
        ByteOrder::Big => sample.to_be_bytes(),
    }
}

#[test]
fn infinities_clip_and_nan_is_named() {
    let layout = named("rgbf32le");
    let bytes =
        |samples: &[f32]| -> Vec<u8> { samples.iter().flat_map(|s| s.to_le_bytes()).collect() };
    let mut samples = [7.0; 3 * 200];
    (samples[0], samples[1]) = (f32::INFINITY, f32::NEG_INFINITY);
    let png = through((20, 10), layout, SampleRange::DEFAULT, &bytes(&samples)).unwrap();
    assert_eq!(png.2[..3], [255, 0, 7]);
    samples[3 * 131 + 2] = f32::NAN;
    samples[3 * 199] = f32::NAN;
    let error = through((20, 10), layout, SampleRange::DEFAULT, &bytes(&samples)).unwrap_err();
    assert_eq!(
        error.downcast::<BadSample>().unwrap().to_string(),
        "row 6, column 11: sample is NaN"
    );
}

#[test]
fn a_png_goes_through_as_it_is() {
    let bytes = b"whatever it is".to_vec();
    let (size, content) = (FrameSize::new(1, 1).unwrap(), Content::Png);
    let mut frame = Frame { number: 0, size, content, bytes, read_at: Instant::now() };
    let mut out = b"before ".to_vec();
    Encoder::DEFAULT.append_png(&mut frame, &mut out).unwrap();
    assert_eq!(out, b"before whatever it is");
}

/// Ranges of all sorts.
fn ranges() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![
        Just((0.0, 255.0)),
        Just((0.0, 1.0)),
        Just((-1.0, 1.0)),
        Just((100.0, 100.7)),
        (-1e3..1e3, 1e-6..1e3).prop_map(|(min, width)| (min, min + width)),
        (any::<f64>(), any::<f64>()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ]
    .prop_filter("a range", |&(min, max)| SampleRange::new(min, max).is_some())
}

/// Floats in, round and beside the range, many close to the edge of two levels.
fn sample((min, max): (f64, f64)) -> impl Strategy<Value = f64> {
    let level = move |level: f64| min + level * ((max - min) / 255.0);
    prop_oneof![
        (-10.0..265.0).prop_map(level),
        (-2..257).prop_map(move |whole| level(f64::from(whole) + 0.5)),
        (-2..257, -3_i64..4).prop_map(move |(whole, ulps)| {
            let edge = level(f64::from(whole) + 0.5);
            f64::from_bits(edge.to_bits().wrapping_add_signed(ulps))
        }),
        (-2..257, -3e-4..3e-4).prop_map(move |(whole, off)| level(f64::from(whole) + 0.5 + off)),
        any::<f64>(),
    ]
    .prop_filter("NaN", |sample| !sample.is_nan())
}

fn range_and_samples() -> impl Strategy<Value = ((f64, f64), Vec<f64>)> {
    ranges().prop_flat_map(|range| (Just(range), prop::collection::vec(sample(range), 1..200)))
}

fn levels(samples: Samples, range: SampleRange, mut bytes: Vec<u8>) -> Vec<u8> {
    let levels = samples::for_png(gray(samples), range, &mut bytes);
    let Ok(levels) = levels else { panic!("bad samples") };
    levels.to_vec()
}

/// What has failed once is kept in tests.regressions beside this file, which is committed and comes first in each run.
fn kept(cases: u32) -> ProptestConfig {
    let beside = Box::new(FileFailurePersistence::WithSource("regressions"));
    ProptestConfig { failure_persistence: Some(beside), ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(kept(500))]

    #[test]
    fn the_level_of_a_sample_depends_on_no_other_sample_and_grows_with_it(
        ((min, max), mut doubles) in range_and_samples()
    ) {
        let range = SampleRange::new(min, max).unwrap();
        doubles.sort_by(f64::total_cmp);
        let big = |samples: &[f64]| {
            let bytes = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
            levels(Samples::F64(ByteOrder::Big), range, bytes)
        };
        let little = |samples: &[f64]| {
            let bytes = samples.iter().flat_map(|&sample| (sample as f32).to_le_bytes()).collect();
            levels(Samples::F32(ByteOrder::Little), range, bytes)
        };
        let apart: Vec<u8> = doubles.chunks(7).flat_map(big).collect();
        prop_assert_eq!(&big(&doubles), &apart);
        prop_assert!(apart.is_sorted());
        let apart: Vec<u8> = doubles.chunks(7).flat_map(little).collect();
        prop_assert_eq!(&little(&doubles), &apart);
        prop_assert!(apart.is_sorted());
    }
}

/// A photograph of 1920x1080 in any layout: 64x64 enlarged smoothly, with a sensor's noise.
fn photograph(layout: Layout) -> Vec<u8> {
    let small = include_bytes!("../../tests/data/astronaut-64x64.rgb");
    let channels = layout.color.channels();
    let level = |x: usize, y: usize, channel: usize| {
        let (u, v) = (x as f64 / 1920.0 * 63.0, y as f64 / 1080.0 * 63.0);
        let corner = |dx: usize, dy: usize| {
            let (column, row) = ((u as usize + dx).min(63), (v as usize + dy).min(63));
            f64::from(small[(row * 64 + column) * 3 + channel % 3])
        };
        let across = |dy| corner(0, dy) * (1.0 - u.fract()) + corner(1, dy) * u.fract();
        let noise = (x * 7919 + y * 104_729 + channel * 31) * 2_654_435_761 % 1000;
        across(0) * (1.0 - v.fract()) + across(1) * v.fract() + noise as f64 / 300.0
    };
    let mut bytes = Vec::new();
    for index in 0..1920 * 1080 * channels {
        let (pixel, channel) = (index / channels, index % channels);
        let part = level(pixel % 1920, pixel / 1920, channel).min(255.0) / 255.0;
        match layout.samples {
            Samples::U8 => bytes.push((part * 255.0) as u8),
            Samples::Maxval(maxval @ ..=255) => bytes.push((part * f64::from(maxval)) as u8),
            Samples::Maxval(maxval) => {
                bytes.extend(((part * f64::from(maxval)) as u16).to_be_bytes());
            }
            Samples::U16(ByteOrder::Little) => {
                bytes.extend(((part * 65535.0) as u16).to_le_bytes());
            }
            Samples::U16(ByteOrder::Big) => bytes.extend(((part * 65535.0) as u16).to_be_bytes()),
            Samples::F32(ByteOrder::Little) => {
                bytes.extend(((part * 255.0) as f32).to_le_bytes());
            }
            Samples::F32(ByteOrder::Big) => bytes.extend(((part * 255.0) as f32).to_be_bytes()),
            Samples::F64(order) => bytes.extend(f64_bytes(order, part * 255.0)),
        }
    }
    bytes
}

/// The shortest of several times, in milliseconds.
fn milliseconds(mut what: impl FnMut() -> std::time::Duration) -> f64 {
    let times = (0..7).map(|_| what().as_secs_f64());
    times.fold(f64::INFINITY, f64::min) * 1000.0
}

/// Prints the time of reading, of putting into PNG's order and of encoding. Run it alone, in release:
/// `cargo test --release costs -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn costs_of_every_layout() {
    use std::time::Instant;
    let size = FrameSize::new(1920, 1080).unwrap();
    let pnm = [("ppm 100", 100), ("ppm 1023", 1023)].map(|(name, maxval)| {
        let (color, order) = (Color::Rgb, ChannelOrder::Png);
        (name, Layout { color, order, samples: Samples::Maxval(maxval) })
    });
    let named = PixelFormat::ALL.map(|format| (format.name, format.layout));
    println!("ms         read  (pipe)  order  encode   (read + order) / encode");
    for (name, layout) in named.into_iter().chain(pnm) {
        let bytes = photograph(layout);
        let (content, read_at) = (Content::Pixels(layout), Instant::now());
        let mut frame = Frame { number: 0, size, content, bytes: bytes.clone(), read_at };
        let read = milliseconds(|| {
            let begin = Instant::now();
            frame.bytes.copy_from_slice(&bytes);
            begin.elapsed()
        });
        let (mut end, mut begin_of_pipe) = std::io::pipe().unwrap();
        let fed = bytes.clone();
        let feeder = std::thread::spawn(move || {
            while std::io::Write::write_all(&mut begin_of_pipe, &fed).is_ok() {}
        });
        let pipe = milliseconds(|| {
            let begin = Instant::now();
            std::io::Read::read_exact(&mut end, &mut frame.bytes).unwrap();
            begin.elapsed()
        });
        drop(end);
        feeder.join().unwrap();
        let mut work = bytes.clone();
        let order = milliseconds(|| {
            work.truncate(bytes.len());
            work.copy_from_slice(&bytes);
            let begin = Instant::now();
            assert!(samples::for_png(layout, SampleRange::DEFAULT, &mut work).is_ok());
            begin.elapsed()
        });
        let mut out = Vec::new();
        let whole = milliseconds(|| {
            frame.bytes.truncate(bytes.len());
            frame.bytes.copy_from_slice(&bytes);
            out.clear();
            let begin = Instant::now();
            Encoder::DEFAULT.append_png(&mut frame, &mut out).unwrap();
            begin.elapsed()
        });
        let (encode, share) = (whole - order, (read + order) / (whole - order));
        println!("{name:9} {read:5.2} ({pipe:6.2}) {order:6.2} {encode:7.2}   {share:.3}");
    }
}
