//! Headerless frames: layout and size give the length of each, and the next one follows at once.

use std::io::Read;
use std::ops::RangeInclusive;

use crate::frame::{ChannelOrder, Color, FrameSize, Layout, PixelFormat};
use crate::messages::foreign;

use super::source::Source;
use super::{Cause, Image, malformed, npy, png, pnm, unread};

/// The most layouts that we name if the input does not fit the given one.
const MAX_HINTS: usize = 3;

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
        let pixels = self.size.pixels();
        if pixels < MIN_PIXELS {
            return None;
        }
        let own = pixels * self.format.layout.pixel_bytes() as u64;
        let fits = |bytes: u64| bytes != own && total.is_multiple_of(bytes);
        let known = |it: PixelFormat| (pixels * it.layout.pixel_bytes() as u64, it.name.to_owned());
        // Of names with as many bytes, the first counts.
        let gray = Layout { color: Color::Gray, order: ChannelOrder::Png, ..self.format.layout };
        let mut formats = PixelFormat::ALL;
        formats.sort_by_key(|it| it.layout != gray);
        let mut fitting: Vec<_> = formats.map(known).into();
        let of_ffmpeg = self.of_ffmpeg();
        fitting.extend(of_ffmpeg.map(|(bytes, name)| (bytes, name.to_owned())));
        fitting.retain(|it| fits(it.0));
        // The nearest first: by the ratio of the two, the larger over the smaller.
        fitting.sort_by_key(|&(bytes, _)| (1000 * bytes.max(own) / bytes.min(own), bytes));
        fitting.dedup_by_key(|it| it.0);
        // Gray in the place of RGB is far from it, and common.
        let mut count = 0;
        fitting.retain(|it| {
            count += 1;
            count <= MAX_HINTS || it.0 == pixels * gray.pixel_bytes() as u64
        });
        let may_be_video = fitting.iter().any(|it| of_ffmpeg.iter().any(|video| video.0 == it.0));
        fitting.extend(self.in_numpy().into_iter().filter(|it| fits(it.0)));
        let padded = self.padded().into_iter().filter(|it| fits(it.0));
        for it in padded {
            if fitting.iter().all(|other| other.0 != it.0) {
                fitting.push(it);
            }
        }
        if fitting.is_empty() {
            return None;
        }
        let named = |(bytes, name): &(u64, String)| format!("{} of {name}", total / bytes);
        let list: Vec<_> = fitting.iter().map(named).collect();
        let (size, list) = (self.size, list.join(" or "));
        let advice = match may_be_video {
            true => format!("; from ffmpeg, it needs -pix_fmt {}", self.format.name),
            false => String::new(),
        };
        Some(format!("all {total} bytes would be whole {size} frames: {list}{advice}"))
    }

    /// The layouts that ffmpeg writes of most films and cameras unless it is told another one: the bytes of a frame, and
    /// the name. Two columns, or two by two pixels, share their color; an odd side rounds up.
    fn of_ffmpeg(&self) -> [(u64, &'static str); 2] {
        let (width, height) = (u64::from(self.size.width()), u64::from(self.size.height()));
        let pairs = width.div_ceil(2);
        let yuv420p = self.size.pixels() + 2 * pairs * height.div_ceil(2);
        [(yuv420p, "yuv420p"), (4 * pairs * height, "yuyv422")]
    }

    /// Frames whose rows end at a multiple of some bytes.
    fn padded(&self) -> [(u64, String); 4] {
        let PixelFormat { name, layout } = self.format;
        let row = u64::from(self.size.width()) * layout.pixel_bytes() as u64;
        [4, 16, 32, 64].map(|step| {
            let bytes = u64::from(self.size.height()) * row.next_multiple_of(step);
            (bytes, format!("{name} with rows padded to {step} bytes"))
        })
    }

    /// Frames of the types that numpy makes unless it is told another one, 8 bytes a sample.
    fn in_numpy(&self) -> [(u64, String); 3] {
        [(1, "gray"), (3, "RGB"), (4, "RGBA")].map(|(channels, color)| {
            (8 * channels * self.size.pixels(), format!("{color} in float64 or int64"))
        })
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
