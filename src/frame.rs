//! A frame: its number, the meaning of its bytes, and the bytes.
//!
//! Sizes are checked once, here: the sides of a `FrameSize` fit PNG, and a byte count from `frame_bytes` is
//! within the limit. So no later stage can overflow.
//!
//! A frame keeps the layout of the input, so reading it is a plain read. The encoders, of which many run at a
//! time, put its samples into PNG's order.

use std::fmt;
use std::time::Instant;

/// The longest side that PNG allows (PNG specification, IHDR): 2^31-1.
pub const MAX_SIDE: u32 = 0x7fff_ffff;

/// The largest frame that is read. Checked before anything is allocated.
pub const MAX_FRAME_BYTES: usize = 1 << 30;

/// Width and height in pixels, each from 1 to `MAX_SIDE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    width: u32,
    height: u32,
}

impl FrameSize {
    /// `None` if a side is 0 or over `MAX_SIDE`.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let fits = |side| (1..=MAX_SIDE).contains(&side);
        (fits(width) && fits(height)).then_some(FrameSize { width, height })
    }

    pub fn width(self) -> u32 {
        self.width
    }

    pub fn height(self) -> u32 {
        self.height
    }

    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The place of a pixel, of which this many lie before it.
    pub fn place(self, pixel: usize) -> String {
        let width = self.width as usize;
        format!("row {}, column {}", pixel / width, pixel % width)
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The meaning of a pixel's channels, and their number: one of PNG's color types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Gray = 1,
    GrayAlpha = 2,
    Rgb = 3,
    Rgba = 4,
}

impl Color {
    /// The color of a pixel of this many channels.
    pub fn of_channels(channels: u64) -> Option<Self> {
        let all = [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba];
        all.into_iter().find(|color| color.channels() as u64 == channels)
    }

    pub const fn channels(self) -> usize {
        self as usize
    }
}

/// The order of the channels in a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// As in PNG: grey or R G B, then alpha.
    Png,
    /// B G R, then alpha.
    BlueFirst,
    /// Alpha, then R G B.
    AlphaFirst,
    /// Alpha, then B G R.
    Reversed,
    /// All of G, then all of B, then all of R.
    PlanarGbr,
    /// Four bytes, of which one means nothing: the places of R, G and B.
    Padded([usize; 3]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// That of this machine.
    pub const NATIVE: ByteOrder =
        if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
}

/// The type of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    U8,
    U16(ByteOrder),
    F32(ByteOrder),
    F64(ByteOrder),
    /// PNM's: 0 to the maxval, in one byte if the maxval is 255 or less, else in two, high byte first.
    Maxval(u16),
}

impl Samples {
    pub const fn bytes(self) -> usize {
        match self {
            Samples::U8 | Samples::Maxval(..=255) => 1,
            Samples::U16(_) | Samples::Maxval(_) => 2,
            Samples::F32(_) => 4,
            Samples::F64(_) => 8,
        }
    }

    pub const fn are_floats(self) -> bool {
        matches!(self, Samples::F32(_) | Samples::F64(_))
    }

    /// The bytes of a sample after encoding.
    pub const fn png_bytes(self) -> usize {
        match self {
            Samples::U16(_) | Samples::Maxval(256..) => 2,
            _ => 1,
        }
    }
}

/// How pixels lie in a frame's bytes: rows from top to bottom, no padding. Only samples of `U8` have another order than
/// PNG's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub color: Color,
    pub order: ChannelOrder,
    pub samples: Samples,
}

impl Layout {
    pub const fn pixel_bytes(self) -> usize {
        let unused = matches!(self.order, ChannelOrder::Padded(_)) as usize;
        self.color.channels() * self.samples.bytes() + unused
    }

    /// The bytes of one frame of this layout; `None` if they are over `MAX_FRAME_BYTES`.
    pub fn frame_bytes(self, size: FrameSize) -> Option<usize> {
        let bytes = size.pixels().checked_mul(self.pixel_bytes() as u64)?;
        usize::try_from(bytes).ok().filter(|&bytes| bytes <= MAX_FRAME_BYTES)
    }
}

/// A layout of headerless frames, by ffmpeg's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    pub name: &'static str,
    pub layout: Layout,
}

const fn format(
    name: &'static str,
    color: Color,
    order: ChannelOrder,
    samples: Samples,
) -> PixelFormat {
    let has_order = matches!(samples, Samples::U8);
    assert!(has_order || matches!(order, ChannelOrder::Png), "the encoder would not keep it");
    PixelFormat { name, layout: Layout { color, order, samples } }
}

impl PixelFormat {
    pub const RGB24: PixelFormat = format("rgb24", Color::Rgb, ChannelOrder::Png, Samples::U8);

    pub const ALL: [PixelFormat; 25] = {
        use ByteOrder::{Big, Little};
        use ChannelOrder::{AlphaFirst, BlueFirst, Padded, PlanarGbr, Png, Reversed};
        use Color::{Gray, GrayAlpha, Rgb, Rgba};
        use Samples::{F32, F64, U8, U16};
        [
            PixelFormat::RGB24,
            format("bgr24", Rgb, BlueFirst, U8),
            format("rgba", Rgba, Png, U8),
            format("bgra", Rgba, BlueFirst, U8),
            format("argb", Rgba, AlphaFirst, U8),
            format("abgr", Rgba, Reversed, U8),
            format("rgb0", Rgb, Padded([0, 1, 2]), U8),
            format("bgr0", Rgb, Padded([2, 1, 0]), U8),
            format("0rgb", Rgb, Padded([1, 2, 3]), U8),
            format("0bgr", Rgb, Padded([3, 2, 1]), U8),
            format("gray", Gray, Png, U8),
            format("ya8", GrayAlpha, Png, U8),
            format("rgb48le", Rgb, Png, U16(Little)),
            format("rgb48be", Rgb, Png, U16(Big)),
            format("rgba64le", Rgba, Png, U16(Little)),
            format("rgba64be", Rgba, Png, U16(Big)),
            format("gray16le", Gray, Png, U16(Little)),
            format("gray16be", Gray, Png, U16(Big)),
            format("ya16le", GrayAlpha, Png, U16(Little)),
            format("ya16be", GrayAlpha, Png, U16(Big)),
            format("gbrp", Rgb, PlanarGbr, U8),
            format("grayf32le", Gray, Png, F32(Little)),
            format("rgbf32le", Rgb, Png, F32(Little)),
            format("grayf64le", Gray, Png, F64(Little)),
            format("rgbf64le", Rgb, Png, F64(Little)),
        ]
    };
}

/// The floats that become 0 and 255. `min < max`, and 255 / (max - min) is finite and not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRange {
    min: f64,
    scale: f64,
}

impl SampleRange {
    pub const DEFAULT: SampleRange = SampleRange { min: 0.0, scale: 1.0 };

    pub fn new(min: f64, max: f64) -> Option<Self> {
        let (width, scale) = (max - min, 255.0 / (max - min));
        let fits = min < max && width.is_finite() && scale.is_finite();
        fits.then_some(SampleRange { min, scale })
    }

    /// The float that becomes 0, and the levels, of 255, that a step of 1 is.
    pub fn min_and_scale(self) -> (f64, f64) {
        (self.min, self.scale)
    }

    /// Both as singles; `None` if one of them is beyond single precision.
    #[expect(clippy::cast_possible_truncation, reason = "rounded is what is meant")]
    pub fn in_single_precision(self) -> Option<(f32, f32)> {
        let (min, scale) = (self.min as f32, self.scale as f32);
        (min.is_finite() && scale.is_normal()).then_some((min, scale))
    }
}

/// The meaning of a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Pixels(Layout),
    /// A whole PNG whose structure has been checked. It is passed on unchanged.
    Png,
}

/// One frame as it was read. The allocation of `bytes` is used again for later frames.
#[derive(Debug)]
pub struct Frame {
    /// Counts from 0; frames dropped by `--skip` count, too.
    pub number: u64,
    pub size: FrameSize,
    pub content: Content,
    pub bytes: Vec<u8>,
    /// The time at which the last byte was there.
    pub read_at: Instant,
}
