//! A frame into PNG bytes, in memory.
//!
//! No sample is lost, added or changed: grey stays grey, alpha stays alpha. Only the order of the
//! channels becomes PNG's own: R G B A, or grey and alpha.

use anyhow::{Context, Result};

use crate::frame::{Frame, PixelFormat};

/// How hard to compress: the png crate's levels, by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    None,
    Fastest,
    Fast,
    Balanced,
    High,
}

impl Level {
    pub const ALL: [Level; 5] =
        [Level::None, Level::Fastest, Level::Fast, Level::Balanced, Level::High];

    pub fn name(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Fastest => "fastest",
            Level::Fast => "fast",
            Level::Balanced => "balanced",
            Level::High => "high",
        }
    }

    fn compression(self) -> png::Compression {
        match self {
            Level::None => png::Compression::NoCompression,
            Level::Fastest => png::Compression::Fastest,
            Level::Fast => png::Compression::Fast,
            Level::Balanced => png::Compression::Balanced,
            Level::High => png::Compression::High,
        }
    }
}

/// Appends the frame's PNG to `out`. The frame's bytes are left in PNG's channel order.
pub fn append_png(frame: &mut Frame, level: Level, out: &mut Vec<u8>) -> Result<()> {
    order_channels(frame.format, &mut frame.bytes);
    write_png(frame, level, out).context("encode")
}

/// What the frame's PNG is at most: its samples, stored, with a filter byte for each row, and the
/// framing of deflate and PNG round them. No level gives more.
pub fn max_png_bytes(frame: &Frame) -> usize {
    let stored = frame.bytes.len() + frame.size.height() as usize;
    stored + stored / 1000 + 1024
}

fn write_png(frame: &Frame, level: Level, out: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, frame.size.width(), frame.size.height());
    encoder.set_color(color_type(frame.format));
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(level.compression());
    encoder.validate_sequence(true);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&frame.bytes)?;
    writer.finish()
}

fn color_type(format: PixelFormat) -> png::ColorType {
    match format.channels() {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    }
}

fn order_channels(format: PixelFormat, bytes: &mut [u8]) {
    match format {
        PixelFormat::Rgb24 | PixelFormat::Rgba | PixelFormat::Gray | PixelFormat::Ya8 => {}
        PixelFormat::Bgr24 => bytes.as_chunks_mut::<3>().0.iter_mut().for_each(|p| p.swap(0, 2)),
        PixelFormat::Bgra => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|p| p.swap(0, 2)),
        PixelFormat::Argb => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|p| p.rotate_left(1)),
        PixelFormat::Abgr => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|p| p.reverse()),
    }
}
