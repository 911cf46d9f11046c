//! Headerless frames: layout and size give the length of each, and the next one follows at once.

use std::io::Read;

use crate::frame::{FrameSize, PixelFormat};

use super::source::Source;
use super::{Cause, Image, malformed, npy, png, pnm, unread};

/// The most layouts that we name if the input does not fit the given one.
const MAX_HINTS: usize = 3;

/// Below 64 pixels almost any input length is a whole number of frames, so a hint would be noise.
const MIN_PIXELS: u64 = 64;

/// The layouts that ffmpeg writes of most films and cameras unless it is told another one: bits of a pixel, name.
const OF_FFMPEG: [(u64, &str); 2] = [(12, "yuv420p"), (16, "yuyv422")];

pub struct RawFrames {
    pub size: FrameSize,
    pub format: PixelFormat,
}

impl RawFrames {
    /// Frame `number`; `None` if the input ends between two frames.
    pub fn read<R: Read>(
        &self,
        source: &mut Source<R>,
        number: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Image>, Cause> {
        let read = source.samples(self.size, self.format.layout, bytes);
        let got = bytes.len().min(usize::try_from(source.taken()).unwrap_or(usize::MAX));
        if number == 0
            && let Some(why) = why_not_headerless(&bytes[..got])
        {
            return malformed(why);
        }
        match read {
            Err(Cause::Truncated { got: 0, .. }) => Ok(None),
            Err(Cause::Truncated { got, expected: Some(expected), .. }) => {
                let total = number.saturating_mul(expected).saturating_add(got);
                let hint = self.hint(total);
                Err(Cause::Truncated { got, expected: Some(expected), hint })
            }
            read => read.map(Some),
        }
    }

    /// The layouts in which the whole input is a number of frames. (A size with its sides swapped has as many
    /// bytes, so it can't be told.)
    fn hint(&self, total: u64) -> Option<String> {
        if self.size.pixels() < MIN_PIXELS {
            return None;
        }
        let own = 8 * self.format.layout.pixel_bytes() as u64;
        let frame_bits = |bits: u64| self.size.pixels() * bits;
        let formats = PixelFormat::ALL.map(|it| (8 * it.layout.pixel_bytes() as u64, it.name));
        let mut fitting = [&formats[..], &OF_FFMPEG].concat();
        fitting.retain(|&(bits, _)| bits != own && (8 * total).is_multiple_of(frame_bits(bits)));
        // The nearest first: by the ratio of the two, the larger over the smaller.
        fitting.sort_by_key(|&(bits, _)| (1000 * bits.max(own) / bits.min(own), bits));
        fitting.dedup_by_key(|&mut (bits, _)| bits);
        fitting.truncate(MAX_HINTS);
        if fitting.is_empty() {
            return None;
        }
        let may_be_video =
            fitting.iter().any(|&(bits, _)| OF_FFMPEG.iter().any(|video| video.0 == bits));
        let named =
            |&(bits, name): &(u64, &str)| format!("{} of {name}", 8 * total / frame_bits(bits));
        let list: Vec<_> = fitting.iter().map(named).collect();
        let (size, list) = (self.size, list.join(" or "));
        let advice = match may_be_video {
            true => format!("; from ffmpeg, it needs -pix_fmt {}", self.format.name),
            false => String::new(),
        };
        Some(format!("all {total} bytes would be whole {size} frames: {list}{advice}"))
    }
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
