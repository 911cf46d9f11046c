//! The first frame's samples: what they tell of a mistaken layout or range, before anything is posted.
//!
//! Each of these mistakes makes wrong pictures of any input, and no error. The first frame stands for the whole input;
//! later ones are not looked into.

use byteorder::{BigEndian, ByteOrder as _, LittleEndian};

use crate::frame::ByteOrder::{Big, Little};
use crate::frame::{ChannelOrder, Color, Content, Frame, Layout, PixelFormat, Samples};
use crate::messages::say;

/// Layouts with alpha, the place of that byte in a pixel, and the layout in which it means nothing.
const WITHOUT_ALPHA: [(&str, usize, &str); 4] =
    [("rgba", 3, "rgb0"), ("bgra", 3, "bgr0"), ("argb", 0, "0rgb"), ("abgr", 0, "0bgr")];

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
            say(format!("frame {}: {}", frame.number, told(layout, frame)));
        }
        if let Some(format) = self.format {
            check_alpha(format, &frame.bytes)?;
            self.check_singles(format, frame)?;
        }
        if layout.samples.are_floats() && !self.has_range && are_of_unit(layout, &frame.bytes) {
            return Err("all samples are from 0 to 1, and would be black; write --range 0:1, \
                        or --range 0:255 if they are meant so"
                .to_owned());
        }
        Ok(())
    }

    /// Doubles that are read as singles have NaN among them. Infinities may be meant: they are clipped.
    fn check_singles(&self, format: PixelFormat, frame: &Frame) -> Result<(), String> {
        let Layout { samples: samples @ Samples::F32(_), color, .. } = format.layout else {
            return Ok(());
        };
        let is_bad = |value: &f64| value.is_nan() || (value.is_infinite() && !self.has_range);
        let bad = values(samples, &frame.bytes).enumerate().find(|(_, value)| is_bad(value));
        let Some((at, value)) = bad else { return Ok(()) };
        let pixel = (at / color.channels()) as u64;
        let (row, column) =
            (pixel / u64::from(frame.size.width()), pixel % u64::from(frame.size.width()));
        let doubles = format.name.replace("f32", "f64");
        let meant = if value.is_nan() { "" } else { "; if it is meant so, write --range 0:255" };
        Err(format!(
            "row {row}, column {column}: sample is {value}; doubles, numpy's default, are \
             -p {doubles}{meant}"
        ))
    }
}

/// An empty overlay has neither alpha nor color.
fn check_alpha(format: PixelFormat, bytes: &[u8]) -> Result<(), String> {
    let row = WITHOUT_ALPHA.iter().find(|(name, ..)| *name == format.name);
    let Some((name, place, meant)) = row else { return Ok(()) };
    let is_transparent = bytes.chunks_exact(4).all(|pixel| pixel[*place] == 0);
    if is_transparent && bytes.iter().any(|&byte| byte != 0) {
        return Err(format!(
            "as {name} it would be transparent everywhere: each alpha is 0, and not each color; \
             write -p {meant}, where that byte means nothing"
        ));
    }
    Ok(())
}

/// Whether all floats are from 0 to 1, and not all of them 0 or 1.
fn are_of_unit(layout: Layout, bytes: &[u8]) -> bool {
    let mut all = values(layout.samples, bytes);
    all.all(|value| (0.0..=1.0).contains(&value))
        && values(layout.samples, bytes).any(|value| value.fract() != 0.0)
}

/// The least, the greatest and the mean value of each channel.
fn told(layout: Layout, frame: &Frame) -> String {
    let count = layout.pixel_bytes() / layout.samples.bytes();
    let pixels = frame.bytes.len() / layout.pixel_bytes();
    let mut channels = vec![(f64::INFINITY, f64::NEG_INFINITY, 0.0); count];
    for (at, value) in values(layout.samples, &frame.bytes).enumerate() {
        let is_planar = layout.order == ChannelOrder::PlanarGbr;
        let (least, greatest, sum) =
            &mut channels[if is_planar { at / pixels } else { at % count }];
        (*least, *greatest, *sum) = (value.min(*least), value.max(*greatest), *sum + value);
    }
    let channels = channels.iter().zip(names(layout)).map(|((least, greatest, sum), name)| {
        let mean = number(sum / pixels as f64);
        format!("{name} {} to {}, mean {mean}", number(*least), number(*greatest))
    });
    channels.collect::<Vec<_>>().join("; ")
}

/// The names of the channels, as they lie.
fn names(layout: Layout) -> &'static [&'static str] {
    match layout.order {
        _ if matches!(layout.color, Color::Gray | Color::GrayAlpha) => &["grey", "alpha"],
        ChannelOrder::Png => &["red", "green", "blue", "alpha"],
        ChannelOrder::BlueFirst => &["blue", "green", "red", "alpha"],
        ChannelOrder::AlphaFirst => &["alpha", "red", "green", "blue"],
        ChannelOrder::Reversed => &["alpha", "blue", "green", "red"],
        ChannelOrder::PlanarGbr => &["green", "blue", "red"],
        ChannelOrder::Rgb0 => &["red", "green", "blue", "unused"],
        ChannelOrder::Bgr0 => &["blue", "green", "red", "unused"],
        ChannelOrder::ZeroRgb => &["unused", "red", "green", "blue"],
        ChannelOrder::ZeroBgr => &["unused", "blue", "green", "red"],
    }
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
