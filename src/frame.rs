//! What a frame is: its number, its size, the layout of its bytes, and the bytes.
//!
//! Sizes are checked once, here: a `FrameSize` has sides that PNG can hold, and a frame's byte count
//! that has passed `frame_bytes` fits the limit. So no later stage has to fear an overflow.

use std::fmt;

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
    /// `None` where a side is 0 or over `MAX_SIDE`.
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
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The layout of a headerless frame: rows from top to bottom, no padding, ffmpeg's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    Rgb24,
    Bgr24,
    Rgba,
    Bgra,
    Argb,
    Abgr,
    Gray,
    Ya8,
}

impl PixelFormat {
    pub const ALL: [PixelFormat; 8] = [
        PixelFormat::Rgb24,
        PixelFormat::Bgr24,
        PixelFormat::Rgba,
        PixelFormat::Bgra,
        PixelFormat::Argb,
        PixelFormat::Abgr,
        PixelFormat::Gray,
        PixelFormat::Ya8,
    ];

    pub fn name(self) -> &'static str {
        match self {
            PixelFormat::Rgb24 => "rgb24",
            PixelFormat::Bgr24 => "bgr24",
            PixelFormat::Rgba => "rgba",
            PixelFormat::Bgra => "bgra",
            PixelFormat::Argb => "argb",
            PixelFormat::Abgr => "abgr",
            PixelFormat::Gray => "gray",
            PixelFormat::Ya8 => "ya8",
        }
    }

    pub fn channels(self) -> usize {
        match self {
            PixelFormat::Gray => 1,
            PixelFormat::Ya8 => 2,
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3,
            PixelFormat::Rgba | PixelFormat::Bgra | PixelFormat::Argb | PixelFormat::Abgr => 4,
        }
    }

    /// Bytes of one frame of this layout; `None` where that is over `MAX_FRAME_BYTES`.
    pub fn frame_bytes(self, size: FrameSize) -> Option<usize> {
        let pixels = u64::from(size.width) * u64::from(size.height);
        let bytes = pixels.checked_mul(self.channels() as u64)?;
        (bytes <= MAX_FRAME_BYTES as u64).then_some(bytes as usize)
    }
}

/// One frame as it was read. The allocation of `bytes` is used again for later frames.
#[derive(Debug)]
pub struct Frame {
    /// Counts the frames of the input from 0, those that `--skip` drops too.
    pub number: u64,
    pub size: FrameSize,
    pub format: PixelFormat,
    pub bytes: Vec<u8>,
}
