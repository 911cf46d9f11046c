//! The first frame's samples: what they tell of a mistaken layout or range, before anything is posted.
//!
//! Each of these mistakes makes wrong pictures of any input, and no error. The first frame stands for the whole input;
//! later ones are not looked into.

use byteorder::{BigEndian, ByteOrder as _, LittleEndian};

use crate::frame::ByteOrder::{Big, Little};
use crate::frame::{ChannelOrder, Color, Content, Frame, Layout, PixelFormat, Samples};
use crate::messages::say;

/// No picture holds as much. The lower halves of doubles do, if they are read as singles.
const HUGE: f64 = 1e30;

pub struct First {
    /// The layout of headerless frames.
    pub format: Option<PixelFormat>,
    /// Whether the user has given the floats that become 0 and 255.
    pub has_range: bool,
    /// Whether the values of each channel are told.
    pub is_told: bool,
}

impl First {
    /// The error says what to write. A PNG is not unpacked.
    pub fn check(&self, frame: &Frame) -> Result<(), String> {
        let Content::Pixels(layout) = frame.content else { return Ok(()) };
        if self.is_told {
            say(format!("frame {}: {}", frame.number, told(layout, &frame.bytes)));
        }
        if let Some(format) = self.format {
            check_alpha(format, &frame.bytes)?;
            self.check_singles(format, frame)?;
        }
        let all = || values(layout.samples, &frame.bytes);
        let are_parts = || all().all(|it| it.abs() <= 1.0) && all().any(|it| it.fract() != 0.0);
        if layout.samples.are_floats() && !self.has_range && are_parts() {
            let least = if all().any(|it| it < 0.0) { -1 } else { 0 };
            return Err(format!(
                "all samples are from {least} to 1, and would be black; write --range {least}:1, \
                 or --range 0:255 if they are meant so"
            ));
        }
        Ok(())
    }

    /// Doubles that are read as singles have NaN or huge values among them. Infinities may be meant: they are clipped.
    fn check_singles(&self, format: PixelFormat, frame: &Frame) -> Result<(), String> {
        let Layout { samples: samples @ Samples::F32(_), color, .. } = format.layout else {
            return Ok(());
        };
        let is_bad = |value: f64| value.is_nan() || (value.abs() > HUGE && !self.has_range);
        let bad = values(samples, &frame.bytes).enumerate().find(|bad| is_bad(bad.1));
        let Some((at, value)) = bad else { return Ok(()) };
        let place = frame.size.place(at / color.channels());
        let doubles = format.name.replace("f32", "f64");
        let meant = if value.is_nan() { "" } else { "; if it is meant so, write --range 0:255" };
        Err(format!(
            "{place}: sample is {}; doubles, numpy's default, are -p {doubles}{meant}",
            number(value)
        ))
    }
}

/// An empty overlay has neither alpha nor color. The place of `a` in a name is that of alpha in a pixel.
fn check_alpha(format: PixelFormat, bytes: &[u8]) -> Result<(), String> {
    let Layout { color, samples, .. } = format.layout;
    let alpha = format.name.find('a').filter(|_| (color, samples) == (Color::Rgba, Samples::U8));
    let is_transparent = |at: usize| bytes.iter().skip(at).step_by(4).all(|&alpha| alpha == 0);
    if alpha.is_some_and(is_transparent) && bytes.iter().any(|&byte| byte != 0) {
        let (name, meant) = (format.name, format.name.replace('a', "0"));
        let screens = if name == "rgba" { "; a grab of a screen is bgr0, mostly" } else { "" };
        return Err(format!(
            "as {name} it would be transparent everywhere: each alpha is 0, and not each color; \
             write -p {meant}, where that byte means nothing{screens}"
        ));
    }
    Ok(())
}

/// The least, the greatest and the mean value of each channel, in the order in which they lie.
fn told(layout: Layout, bytes: &[u8]) -> String {
    let names = match layout.order {
        _ if layout.color.channels() < 3 => ["grey", "alpha", "", ""],
        ChannelOrder::Png => ["red", "green", "blue", "alpha"],
        ChannelOrder::BlueFirst => ["blue", "green", "red", "alpha"],
        ChannelOrder::AlphaFirst => ["alpha", "red", "green", "blue"],
        ChannelOrder::Reversed => ["alpha", "blue", "green", "red"],
        ChannelOrder::PlanarGbr => ["green", "blue", "red", ""],
        ChannelOrder::Padded([red, green, blue]) => {
            let mut names = ["unused"; 4];
            (names[red], names[green], names[blue]) = ("red", "green", "blue");
            names
        }
    };
    let pixels = bytes.len() / layout.pixel_bytes();
    let count = layout.pixel_bytes() / layout.samples.bytes();
    let is_planar = layout.order == ChannelOrder::PlanarGbr;
    let channel = |channel: usize| {
        let (start, step) = if is_planar { (channel * pixels, 1) } else { (channel, count) };
        let all = || values(layout.samples, bytes).skip(start).step_by(step).take(pixels);
        let least = number(all().fold(f64::INFINITY, f64::min));
        let greatest = number(all().fold(f64::NEG_INFINITY, f64::max));
        let mean = number(all().sum::<f64>() / pixels as f64);
        format!("{} {least} to {greatest}, mean {mean}", names[channel])
    };
    (0..count).map(channel).collect::<Vec<_>>().join("; ")
}

/// Three decimals, or three digits behind the first one if it is very small or large.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 0.001..1e9 => ((value * 1000.0).round() / 1000.0).to_string(),
        _ => format!("{value:.3e}"),
    }
}

fn values(samples: Samples, bytes: &[u8]) -> impl Iterator<Item = f64> {
    bytes.chunks_exact(samples.bytes()).map(move |sample| match samples {
        Samples::U8 | Samples::Maxval(..=255) => sample[0].into(),
        Samples::U16(Little) => LittleEndian::read_u16(sample).into(),
        Samples::U16(Big) | Samples::Maxval(_) => BigEndian::read_u16(sample).into(),
        Samples::F32(Little) => LittleEndian::read_f32(sample).into(),
        Samples::F32(Big) => BigEndian::read_f32(sample).into(),
        Samples::F64(Little) => LittleEndian::read_f64(sample),
        Samples::F64(Big) => BigEndian::read_f64(sample),
    })
}
