//! A frame's bytes into PNG's samples: channels in order, 16 bits with the high byte first.
//!
//! The samples stay in the frame's buffer, and all but planes are changed where they lie. Every loop is plain
//! enough for the compiler to do many samples at a time.

use crate::frame::ByteOrder::{Big, Little};
use crate::frame::{ChannelOrder, Layout, SampleRange, Samples};

/// The first sample that no PNG can hold. Its index is that in the frame's bytes, row by row. (No planar layout
/// has bad samples.)
pub struct Bad {
    pub at: usize,
    pub what: String,
}

/// Puts PNG's samples somewhere into `bytes` and says where. `bytes` may grow, and never shrinks.
pub fn for_png(layout: Layout, range: SampleRange, bytes: &mut Vec<u8>) -> Result<&[u8], Bad> {
    match layout.samples {
        Samples::U8 => return Ok(in_order(layout, bytes)),
        Samples::U16(Big) => {}
        Samples::U16(Little) => each::<2>(bytes, |sample| sample.swap(0, 1)),
        Samples::Maxval(maxval @ ..=255) => scale::<1>(bytes, maxval.into(), 255)?,
        Samples::Maxval(maxval) => scale::<2>(bytes, maxval.into(), 65535)?,
        Samples::F32(Little) => return quantized_singles(bytes, range, f32::from_le_bytes),
        Samples::F32(Big) => return quantized_singles(bytes, range, f32::from_be_bytes),
        Samples::F64(Little) => return quantized_doubles(bytes, range, f64::from_le_bytes),
        Samples::F64(Big) => return quantized_doubles(bytes, range, f64::from_be_bytes),
    }
    Ok(bytes)
}

fn in_order(layout: Layout, bytes: &mut Vec<u8>) -> &[u8] {
    match (layout.order, layout.color.channels()) {
        (ChannelOrder::Png, _) => {}
        (ChannelOrder::BlueFirst, 3) => each::<3>(bytes, |pixel| pixel.swap(0, 2)),
        (ChannelOrder::BlueFirst, _) => each::<4>(bytes, |pixel| pixel.swap(0, 2)),
        (ChannelOrder::AlphaFirst, _) => each::<4>(bytes, |pixel| pixel.rotate_left(1)),
        (ChannelOrder::Reversed, _) => each::<4>(bytes, |pixel| pixel.reverse()),
        (ChannelOrder::PlanarGbr, _) => return interleaved(bytes),
        (ChannelOrder::Padded(places), _) => return three_of_four(bytes, places),
    }
    bytes
}

/// Changes each pixel or sample, of N bytes.
fn each<const N: usize>(bytes: &mut [u8], change: impl Fn(&mut [u8; N])) {
    bytes.as_chunks_mut::<N>().0.iter_mut().for_each(change);
}

/// Pixels of four bytes into those of `places`, in the same buffer: a pixel is read before it is written over.
fn three_of_four(bytes: &mut [u8], places: [usize; 3]) -> &[u8] {
    let count = bytes.len() / 4;
    for at in 0..count {
        let color = places.map(|place| bytes[4 * at + place]);
        bytes[3 * at..3 * at + 3].copy_from_slice(&color);
    }
    &bytes[..3 * count]
}

/// Three planes into pixels, which are appended: interleaving needs a second buffer.
fn interleaved(bytes: &mut Vec<u8>) -> &[u8] {
    let planes = bytes.len();
    let plane = planes / 3;
    bytes.reserve_exact(planes);
    let mut pixels = [[0; 3]; 1024];
    for start in (0..plane).step_by(pixels.len()) {
        let end = plane.min(start + pixels.len());
        let pixels = &mut pixels[..end - start];
        let (green, blue) = (&bytes[start..end], &bytes[plane + start..plane + end]);
        let red = &bytes[2 * plane + start..2 * plane + end];
        for (((pixel, &red), &green), &blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [red, green, blue];
        }
        bytes.extend_from_slice(pixels.as_flattened());
    }
    &bytes[planes..]
}

/// PNM samples of N bytes: 0 to `maxval` becomes 0 to `full`, to the nearest value.
fn scale<const N: usize>(bytes: &mut [u8], maxval: u32, full: u32) -> Result<(), Bad> {
    // A table: a frame that takes time has more samples than the table has entries, so it needs fewer
    // divisions.
    let scaled = (0..=maxval).map(|sample| (sample * full + maxval / 2) / maxval);
    let scaled: Vec<[u8; 4]> = scaled.map(u32::to_be_bytes).collect();
    for (at, sample) in bytes.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let value = sample.iter().fold(0, |value, &byte| value << 8 | usize::from(byte));
        match scaled.get(value) {
            Some(scaled) => sample.copy_from_slice(&scaled[4 - N..]),
            None => {
                return Err(Bad { at, what: format!("sample {value} is over maxval {maxval}") });
            }
        }
    }
    Ok(())
}

/// Floats are quantized in blocks of this many.
const BLOCK: usize = 64;

/// scipy's formula for singles: numpy computes an array of singles in single precision. If the range is beyond
/// that, in double precision.
fn quantized_singles(
    bytes: &mut [u8],
    range: SampleRange,
    read: impl Fn([u8; 4]) -> f32 + Copy,
) -> Result<&[u8], Bad> {
    match range.in_single_precision() {
        Some((min, scale)) => quantized(bytes, |sample| level_of_single(read(sample), min, scale)),
        None => quantized_doubles(bytes, range, |sample| read(sample).into()),
    }
}

fn quantized_doubles<const N: usize>(
    bytes: &mut [u8],
    range: SampleRange,
    read: impl Fn([u8; N]) -> f64,
) -> Result<&[u8], Bad> {
    let (min, scale) = range.min_and_scale();
    quantized(bytes, |sample| level_of_double(read(sample), min, scale))
}

/// Floats into bytes, in the same buffer: a float is read before a level is written over it. `level` is `None`
/// for NaN.
fn quantized<const N: usize>(
    bytes: &mut [u8],
    level: impl Fn([u8; N]) -> Option<u8>,
) -> Result<&[u8], Bad> {
    let count = bytes.len() / N;
    for start in (0..count).step_by(BLOCK) {
        let end = count.min(start + BLOCK);
        let samples = bytes[start * N..end * N].as_chunks::<N>().0;
        let (mut levels, mut has_nan) = ([0; BLOCK], false);
        for (&sample, to) in samples.iter().zip(&mut levels) {
            let level = level(sample);
            has_nan |= level.is_none();
            *to = level.unwrap_or_default();
        }
        if has_nan {
            let first = samples.iter().take_while(|&&sample| level(sample).is_some()).count();
            return Err(Bad { at: start + first, what: "sample is NaN".to_owned() });
        }
        bytes[start..end].copy_from_slice(&levels[..end - start]);
    }
    Ok(&bytes[..count])
}

/// The formula of scipy's toimage (scipy 1.1, misc/pilutil.py, `bytescale`), operation by operation:
/// `(sample - min) * scale`, clipped to 0 and 255, plus 0.5, truncated.
///
/// A cast would truncate one sample at a time. The sum of a float and 2^52 has the nearest whole number in its
/// lowest bits; it is one too many if it was rounded up.
fn level_of_double(sample: f64, min: f64, scale: f64) -> Option<u8> {
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let scaled = (sample - min) * scale;
    // NaN stays NaN.
    let raised = scaled.clamp(0.0, 255.0) + 0.5;
    let whole = raised + WHOLE;
    let excess = u8::from(whole - WHOLE > raised);
    (!sample.is_nan()).then_some(whole.to_bits().to_le_bytes()[0].wrapping_sub(excess))
}

/// The same in single precision, with 2^23.
fn level_of_single(sample: f32, min: f32, scale: f32) -> Option<u8> {
    const WHOLE: f32 = 8_388_608.0;
    let scaled = (sample - min) * scale;
    let raised = scaled.clamp(0.0, 255.0) + 0.5;
    let whole = raised + WHOLE;
    let excess = u8::from(whole - WHOLE > raised);
    (!sample.is_nan()).then_some(whole.to_bits().to_le_bytes()[0].wrapping_sub(excess))
}
