//! Headerless frames: layout and size give the length of each, and the next one follows at once.

use std::io::Read;

use crate::frame::{ChannelOrder, Color, FrameSize, Layout, PixelFormat};
use crate::messages::foreign;

use super::source::Source;
use super::{Cause, Image, malformed, npy, png, pnm, unread};

/// The most layouts that we name if the input does not fit the given one.
const MAX_HINTS: usize = 6;

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
const MIN_TEXT_BYTES: usize = 4;
const MAX_TEXT_BYTES: usize = 40;

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
                let hint = hint.or_else(|| self.options());
                Err(Cause::Truncated { got: rest, expected: Some(expected), hint })
            }
            read => read.map(Some),
        }
    }

    /// What the whole input is a number of. (A size with its sides swapped has as many bytes, so it can't be told.)
    fn layouts(&self, total: u64) -> Option<String> {
        let (size, PixelFormat { name, layout }) = (self.size, self.format);
        let own = size.pixels() * layout.pixel_bytes() as u64;
        let mut fitting = candidates(size, self.format);
        fitting.retain(|it| it.0 != own && total.is_multiple_of(it.0));
        if fitting.is_empty() || size.pixels() < MIN_PIXELS {
            return None;
        }
        // The nearest first: by the ratio of the two, the larger over the smaller.
        fitting.sort_by_key(|&(bytes, _)| (1000 * bytes.max(own) / bytes.min(own), bytes));
        fitting.dedup_by_key(|it| it.0);
        fitting.truncate(MAX_HINTS);
        let named = fitting.iter().map(|(bytes, name)| format!("{} of {name}", total / bytes));
        let mut list = named.collect::<Vec<_>>().join(" or ");
        let films = of_ffmpeg(size).map(|film| film.0);
        if fitting.iter().any(|it| films.contains(&it.0)) {
            list += &format!("; from ffmpeg, it needs -pix_fmt {name}");
        }
        Some(format!("all {total} bytes would be whole {size} frames: {list}"))
    }

    /// Which options say how long a frame is.
    fn options(&self) -> Option<String> {
        let (size, name) = (self.size, self.format.name);
        let why =
            format!("unless its producer was cut off, --size {size} or --pix-fmt {name} is wrong");
        (size.pixels() >= MIN_PIXELS).then_some(why)
    }

    /// What another program has printed before or behind the frames: lines, or as many bytes as there are too many.
    fn text(&self, last: &[u8]) -> Option<String> {
        let is_text = |run: &[u8]| {
            run.len() >= MIN_TEXT_BYTES && (run.len() >= last.len() || run.contains(&b'\n'))
        };
        let first = self.begin.split(|&byte| !is_printable(byte)).next()?;
        let behind = last.rsplit(|&byte| !is_printable(byte)).next()?;
        let begin = ("begins", first, &first[..first.len().min(MAX_TEXT_BYTES)]);
        let end = ("ends", behind, &behind[behind.len().saturating_sub(MAX_TEXT_BYTES)..]);
        let (place, _, shown) = [begin, end].into_iter().find(|it| is_text(it.1))?;
        let shown = foreign(&String::from_utf8_lossy(shown));
        Some(format!("the input {place} with text: '{shown}'"))
    }
}

/// The lengths that a frame may have if `format` is a mistake, in bytes, each with a name. Of names with as many bytes, the
/// first counts.
fn candidates(size: FrameSize, format: PixelFormat) -> Vec<(u64, String)> {
    let PixelFormat { name, layout } = format;
    let gray = Layout { color: Color::Gray, order: ChannelOrder::Png, ..layout };
    let mut formats = PixelFormat::ALL;
    formats.sort_by_key(|it| it.layout != gray);
    // Four bytes of a grab of a screen are bgr0, mostly.
    let name_of = |it: PixelFormat| if it.name == "rgba" { "rgba (or bgr0)" } else { it.name };
    let formats = formats.map(|it| (it.layout.pixel_bytes() as u64, name_of(it)));
    let pixels = OF_NUMPY.into_iter().chain(formats).map(|it| (size.pixels() * it.0, it.1));
    let named = pixels.chain(of_ffmpeg(size));
    let row = u64::from(size.width()) * layout.pixel_bytes() as u64;
    let padded = [4, 16, 32, 64].map(|step| {
        let bytes = u64::from(size.height()) * row.next_multiple_of(step);
        (bytes, format!("{name} with rows padded to {step} bytes"))
    });
    named.map(|(bytes, name)| (bytes, name.to_owned())).chain(padded).collect()
}

/// The layouts that ffmpeg writes of most films and cameras unless it is told another one: bytes of a frame, name. Two
/// columns, or two by two pixels, share their color; an odd side rounds up.
fn of_ffmpeg(size: FrameSize) -> [(u64, &'static str); 2] {
    let (width, height) = (u64::from(size.width()), u64::from(size.height()));
    let pairs = width.div_ceil(2);
    let of_two_by_two = width * height + 2 * pairs * height.div_ceil(2);
    [(of_two_by_two, "yuv420p"), (4 * pairs * height, "yuyv422")]
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
