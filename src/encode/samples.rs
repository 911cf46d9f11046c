//! A frame's bytes into PNG's samples: channels in order, 16 bits with the high byte first.
//!
//! We work in place if the samples don't grow, so that a frame takes no second buffer. Every loop is plain
//! enough for the compiler to do many samples at a time.

use byteorder::{BE, ByteOrder as _, LE};

use crate::frame::{ByteOrder, ChannelOrder, Layout, SampleRange, Samples};

/// The first sample that no PNG can hold, and the reason.
pub struct Bad {
    /// Its index in the frame's bytes, row by row. (No planar layout has bad samples.)
    pub at: usize,
    pub what: String,
}

/// Puts PNG's samples somewhere into `bytes` and says where. `bytes` may grow, and never shrinks.
pub fn for_png(layout: Layout, range: SampleRange, bytes: &mut Vec<u8>) -> Result<&[u8], Bad> {
    match layout.samples {
        Samples::U8 if layout.order == ChannelOrder::PlanarGbr => return Ok(interleaved(bytes)),
        Samples::U8 => order_channels(layout, bytes),
        Samples::U16(ByteOrder::Big) => {}
        Samples::U16(ByteOrder::Little) => {
            bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.swap(0, 1));
        }
        Samples::Maxval(maxval @ ..=255) => scale_to_8_bits(bytes, maxval)?,
        Samples::Maxval(maxval) => scale_to_16_bits(bytes, maxval)?,
        Samples::F32(ByteOrder::Little) => {
            return quantized::<4>(bytes, range, |sample| LE::read_f32(sample).into());
        }
        Samples::F32(ByteOrder::Big) => {
            return quantized::<4>(bytes, range, |sample| BE::read_f32(sample).into());
        }
        Samples::F64(ByteOrder::Little) => {
            return quantized::<8>(bytes, range, |sample| LE::read_f64(sample));
        }
        Samples::F64(ByteOrder::Big) => {
            return quantized::<8>(bytes, range, |sample| BE::read_f64(sample));
        }
    }
    Ok(bytes)
}

fn order_channels(layout: Layout, bytes: &mut [u8]) {
    match (layout.order, layout.color.channels()) {
        (ChannelOrder::Png | ChannelOrder::PlanarGbr, _) => {}
        (ChannelOrder::BlueFirst, 3) => {
            bytes.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
        }
        (ChannelOrder::BlueFirst, _) => {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
        }
        (ChannelOrder::AlphaFirst, _) => {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel.rotate_left(1));
        }
        (ChannelOrder::Reversed, _) => {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel.reverse());
        }
    }
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

/// PNM samples of one byte: 0 to `maxval` becomes 0 to 255.
fn scale_to_8_bits(bytes: &mut [u8], maxval: u16) -> Result<(), Bad> {
    let scaled: Vec<u8> = scaled(maxval, 255).map(|value| value as u8).collect();
    for (at, sample) in bytes.iter_mut().enumerate() {
        match scaled.get(usize::from(*sample)) {
            Some(&value) => *sample = value,
            None => return Err(over_maxval(at, u16::from(*sample), maxval)),
        }
    }
    Ok(())
}

/// PNM samples of two bytes: 0 to `maxval` becomes 0 to 65535.
fn scale_to_16_bits(bytes: &mut [u8], maxval: u16) -> Result<(), Bad> {
    // A table: a frame that takes time has more samples than the table has entries, so it needs fewer
    // divisions.
    let scaled: Vec<[u8; 2]> =
        scaled(maxval, 65535).map(|value| (value as u16).to_be_bytes()).collect();
    for (at, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let value = u16::from_be_bytes(*sample);
        match scaled.get(usize::from(value)) {
            Some(&value) => *sample = value,
            None => return Err(over_maxval(at, value, maxval)),
        }
    }
    Ok(())
}

/// The nearest value for each of 0 to `maxval`, if `maxval` becomes `full`.
fn scaled(maxval: u16, full: u32) -> impl Iterator<Item = u32> {
    let maxval = u32::from(maxval);
    (0..=maxval).map(move |sample| (sample * full + maxval / 2) / maxval)
}

fn over_maxval(at: usize, sample: u16, maxval: u16) -> Bad {
    Bad { at, what: format!("sample {sample} is over maxval {maxval}") }
}

/// Floats are quantized in blocks of this many.
const BLOCK: usize = 64;

/// Floats into bytes, in place: a float is read before its place is written.
fn quantized<const N: usize>(
    bytes: &mut [u8],
    range: SampleRange,
    read: impl Fn(&[u8; N]) -> f64 + Copy,
) -> Result<&[u8], Bad> {
    let quick = Quick::new(range);
    let count = bytes.len() / N;
    for start in (0..count).step_by(BLOCK) {
        let end = count.min(start + BLOCK);
        let samples = bytes[start * N..end * N].as_chunks::<N>().0;
        let quick = quick.as_ref().and_then(|quick| quick.levels(samples, read));
        let levels = match quick {
            Some(levels) => levels,
            None => exact_levels(samples, range, read)
                .map_err(|at| Bad { at: start + at, what: "sample is NaN".to_owned() })?,
        };
        bytes[start..end].copy_from_slice(&levels[..end - start]);
    }
    Ok(&bytes[..count])
}

/// toimage's formula, operation by operation. The error is the index of a NaN.
fn exact_levels<const N: usize>(
    samples: &[[u8; N]],
    range: SampleRange,
    read: impl Fn(&[u8; N]) -> f64,
) -> Result<[u8; BLOCK], usize> {
    let mut levels = [0; BLOCK];
    for (at, (sample, level)) in samples.iter().zip(&mut levels).enumerate() {
        let sample = read(sample);
        if sample.is_nan() {
            return Err(at);
        }
        let scaled = (sample - range.min()) * 255.0 / range.width();
        *level = (scaled.clamp(0.0, 255.0) + 0.5) as u8;
    }
    Ok(levels)
}

/// The formula in single precision, five times as fast. It decides only samples that it puts far from the
/// edge between two levels.
///
/// `min` is not larger than the width of the range. So all roundings together, 2^-24 of a value each, stay
/// under 0.0001 of a level; the edges lie at the halves.
struct Quick {
    min: f32,
    scale: f32,
}

impl Quick {
    const MAX_DISTANCE: f32 = 0.5 - 0.0002;

    /// 2^23: the sum of this and a float has the nearest whole number in its lowest bits.
    const WHOLE: f32 = 8_388_608.0;

    fn new(range: SampleRange) -> Option<Self> {
        let quick = Quick { min: range.min() as f32, scale: (255.0 / range.width()) as f32 };
        let is_precise = range.min().abs() <= range.width() && quick.scale.is_normal();
        // Within this, the formula clips every value that overflows single precision, too.
        let is_in_reach = range.width() < f64::from(f32::MAX / 4.0);
        (is_precise && is_in_reach).then_some(quick)
    }

    /// `None` if a sample is close to an edge, is NaN, or if the block is not whole.
    fn levels<const N: usize>(
        &self,
        samples: &[[u8; N]],
        read: impl Fn(&[u8; N]) -> f64,
    ) -> Option<[u8; BLOCK]> {
        let samples: &[[u8; N]; BLOCK] = samples.try_into().ok()?;
        let mut floats = [0.0; BLOCK];
        for (sample, float) in samples.iter().zip(&mut floats) {
            *float = read(sample) as f32;
        }
        let mut doubtful = 0;
        let mut bits = [0; BLOCK];
        for (float, bits) in floats.iter().zip(&mut bits) {
            // Both comparisons are false for NaN, so NaN stays NaN.
            let scaled = (float - self.min) * self.scale;
            let scaled = if scaled > 255.0 { 255.0 } else { scaled };
            let scaled = if scaled < 0.0 { 0.0 } else { scaled };
            let whole = scaled + Self::WHOLE;
            let distance = (scaled - (whole - Self::WHOLE)).abs();
            let is_clear = distance < Self::MAX_DISTANCE;
            doubtful |= u32::from(!is_clear);
            *bits = whole.to_bits();
        }
        let mut levels = [0; BLOCK];
        for (bits, level) in bits.iter().zip(&mut levels) {
            *level = *bits as u8;
        }
        (doubtful == 0).then_some(levels)
    }
}
