//! A frame into PNG bytes, in memory.
//!
//! No channel is added or dropped: grey stays grey, alpha stays alpha. Samples of 8 and 16 bits keep their
//! values; only channels and bytes are put into PNG's order. PNG holds neither floats nor samples up to any
//! maxval: those are scaled to the next bit depth.

mod samples;

use std::fmt;

use anyhow::{Context, Result};

use crate::frame::{Color, Content, Frame, SampleRange};

use samples::Bad;

/// How hard to compress: the png crate's levels, by its names.
#[derive(Clone, Copy)]
pub struct Level {
    pub name: &'static str,
    compression: png::Compression,
}

impl Level {
    pub const FAST: Level = Level { name: "fast", compression: png::Compression::Fast };

    pub const ALL: [Level; 5] = [
        Level { name: "none", compression: png::Compression::NoCompression },
        Level { name: "fastest", compression: png::Compression::Fastest },
        Level::FAST,
        Level { name: "balanced", compression: png::Compression::Balanced },
        Level { name: "high", compression: png::Compression::High },
    ];
}

/// A sample that no PNG can hold, and its place: the input is bad, not the encoding.
#[derive(Debug)]
pub struct BadSample(String);

impl fmt::Display for BadSample {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSample {}

/// An upper bound of the size of a frame's PNG, in bytes: its samples uncompressed, a filter byte for each
/// row, and the framing of deflate and PNG. No compression level exceeds it.
pub fn max_png_bytes(frame: &Frame) -> usize {
    let Content::Pixels(layout) = frame.content else { return frame.bytes.len() };
    let samples = frame.bytes.len() / layout.samples.bytes() * layout.samples.png_bytes();
    let stored = samples + frame.size.height() as usize;
    stored + stored / 1000 + 1024
}

/// Makes PNGs.
#[derive(Clone, Copy)]
pub struct Encoder {
    pub level: Level,
    /// The floats that become 0 and 255, if the user has given them.
    pub range: Option<SampleRange>,
}

impl Encoder {
    pub const DEFAULT: Encoder = Encoder { level: Level::FAST, range: None };

    /// Appends the frame's PNG to `out`. If the frame is to blame, the error is a `BadSample`. The frame's
    /// bytes are garbage afterwards.
    pub fn append_png(&self, frame: &mut Frame, out: &mut Vec<u8>) -> Result<()> {
        let Content::Pixels(layout) = frame.content else {
            out.extend_from_slice(&frame.bytes);
            return Ok(());
        };
        let samples =
            samples::for_png(layout, self.range.unwrap_or(SampleRange::DEFAULT), &mut frame.bytes);
        let samples = samples.map_err(|Bad { at, what }| {
            BadSample(format!("{}: {what}", frame.size.place(at / layout.color.channels())))
        })?;
        let mut encoder = png::Encoder::new(out, frame.size.width(), frame.size.height());
        encoder.set_color(color_type(layout.color));
        encoder.set_depth(match layout.samples.png_bytes() {
            2 => png::BitDepth::Sixteen,
            _ => png::BitDepth::Eight,
        });
        encoder.set_compression(self.level.compression);
        encoder.validate_sequence(true);
        let mut writer = encoder.write_header().context("encode")?;
        writer.write_image_data(samples).context("encode")?;
        writer.finish().context("encode")
    }
}

fn color_type(color: Color) -> png::ColorType {
    match color {
        Color::Gray => png::ColorType::Grayscale,
        Color::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Color::Rgb => png::ColorType::Rgb,
        Color::Rgba => png::ColorType::Rgba,
    }
}

#[cfg(test)]
mod tests;
