//! Headerless frames: layout and size give the length of each, and the next one follows at once.

use std::io::Read;
use std::ops::RangeInclusive;

use crate::frame::{ChannelOrder, Color, FrameSize, Layout, PixelFormat};
use crate::messages::foreign;

use super::source::Source;
use super::{Cause, Image, malformed, npy, png, pnm, unread};

/// The most layouts that we name if the input does not fit the given one.
const MAX_HINTS: usize = 6;

/// The layouts that ffmpeg writes of most films and cameras unless it is told another one.
const OF_FFMPEG: [&str; 2] = ["yuv420p", "yuyv422"];

/// The types that numpy makes unless it is told another one: bytes of a pixel, name.
const OF_NUMPY: [(u64, &str); 3] = [
    (8, "rgba64le, gray in float64 or gray in int64"),
    (24, "rgbf64le or RGB in int64"),
    (32, "RGBA in float64 or int64"),
];

/// Below 64 pixels almost any input length is a whole number of frames, so a hint would be noise.
const MIN_PIXELS: u64 = 64;

/// The beginning of the input that is kept to look for text in it.
const BEGIN_BYTES: usize = 4096;

/// The least bytes that are text, and not chance, and the most that are shown.
const TEXT_BYTES: RangeInclusive<usize> = 4..=40;

pub struct RawFrames {
    size: FrameSize,
    format: PixelFormat,
    /// The first bytes of frame 0.
    begin: Vec<u8>,
}

impl RawFrames {
    pub fn new(size: FrameSize, format: PixelFormat) -> Self {
        RawFrames { size, format, begin: Vec::new() }
    }

    /// Frame `number`; `None` if the input ends between two frames.
    pub fn read<R: Read>(
        &mut self,
        source: &mut Source<R>,
        number: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Image>, Cause> {
        let read = source.samples(self.size, self.format.layout, bytes);
        let got = bytes.len().min(usize::try_from(source.taken()).unwrap_or(usize::MAX));
        if number == 0 {
            if let Some(why) = why_not_headerless(&bytes[..got]) {
                return malformed(why);
            }
            self.begin = bytes[..got.min(BEGIN_BYTES)].to_vec();
        }
        match read {
            Err(Cause::Truncated { got: 0, .. }) => Ok(None),
            Err(Cause::Truncated { got: rest, expected: Some(expected), .. }) => {
                let total = number.saturating_mul(expected).saturating_add(rest);
                let hints = self.layouts(total).into_iter().chain(self.text(&bytes[..got]));
                let hint = hints.reduce(|layouts, text| format!("{layouts}; {text}"));
                Err(Cause::Truncated { got: rest, expected: Some(expected), hint })
            }
            read => read.map(Some),
        }
    }

    /// The layouts in which the whole input is a number of frames. (A size with its sides swapped has as many
    /// bytes, so it can't be told.)
    fn layouts(&self, total: u64) -> Option<String> {
        let (size, PixelFormat { name, layout }) = (self.size, self.format);
        let (width, height) = (u64::from(size.width()), u64::from(size.height()));
        let (pixels, row) = (width * height, width * layout.pixel_bytes() as u64);
        if pixels < MIN_PIXELS {
            return None;
        }
        // Two columns, or two by two pixels, share their color; an odd side rounds up.
        let pairs = width.div_ceil(2);
        let of_ffmpeg = [pixels + 2 * pairs * height.div_ceil(2), 4 * pairs * height];
        let gray = Layout { color: Color::Gray, order: ChannelOrder::Png, ..layout };
        let mut formats = PixelFormat::ALL;
        formats.sort_by_key(|it| it.layout != gray);
        // Of names with as many bytes, the first counts.
        let mut fitting: Vec<_> = OF_NUMPY.map(|it| (pixels * it.0, it.1.to_owned())).into();
        let known = |it: PixelFormat| (pixels * it.layout.pixel_bytes() as u64, it.name.to_owned());
        fitting.extend(formats.map(known));
        fitting.extend(of_ffmpeg.into_iter().zip(OF_FFMPEG.map(str::to_owned)));
        let padded = |step| format!("{name} with rows padded to {step} bytes");
        let rows = [4, 16, 32, 64].map(|step| (height * row.next_multiple_of(step), padded(step)));
        fitting.extend(rows);
        let own = height * row;
        fitting.retain(|it| it.0 != own && total.is_multiple_of(it.0));
        // The nearest first: by the ratio of the two, the larger over the smaller.
        fitting.sort_by_key(|&(bytes, _)| (1000 * bytes.max(own) / bytes.min(own), bytes));
        fitting.dedup_by_key(|it| it.0);
        fitting.truncate(MAX_HINTS);
        let list: Vec<_> =
            fitting.iter().map(|(bytes, name)| format!("{} of {name}", total / bytes)).collect();
        let advice = match fitting.iter().any(|it| of_ffmpeg.contains(&it.0)) {
            true => format!("; from ffmpeg, it needs -pix_fmt {name}"),
            false => String::new(),
        };
        let list = Some(list.join(" or ")).filter(|list| !list.is_empty())?;
        Some(format!("all {total} bytes would be whole {size} frames: {list}{advice}"))
    }

    /// What another program has printed before or behind the frames: lines, or as many bytes as there are too many.
    fn text(&self, last: &[u8]) -> Option<String> {
        let is_text = |run: &[u8]| {
            run.len() >= *TEXT_BYTES.start() && (run.len() >= last.len() || run.contains(&b'\n'))
        };
        let first = self.begin.split(|&byte| !is_printable(byte)).next()?;
        let behind = last.rsplit(|&byte| !is_printable(byte)).next()?;
        let most = *TEXT_BYTES.end();
        let (place, shown) = if is_text(first) {
            ("begins", &first[..first.len().min(most)])
        } else if is_text(behind) {
            ("ends", &behind[behind.len().saturating_sub(most)..])
        } else {
            return None;
        };
        let shown = foreign(&String::from_utf8_lossy(shown));
        Some(format!("the input {place} with text: '{shown}'"))
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t'..=b'\r' | 0x1b)
}

/// The reason why the stream has headers, if its first frame begins with one. Frames do not begin so by chance.
fn why_not_headerless(bytes: &[u8]) -> Option<String> {
    let kind = match bytes {
        _ if bytes.starts_with(&png::SIGNATURE) => "a PNG",
        _ if bytes.starts_with(&npy::MAGIC) => "a .npy file",
        _ => return pnm::why_not_headerless(bytes).or_else(|| unread::known(bytes)),
    };
    Some(format!("begins as {kind} does; leave --size out"))
}
