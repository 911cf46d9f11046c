//! Headerless frames: layout and size give the length of each, and the next one follows at once.

use std::io::Read;

use crate::frame::{Content, FrameSize, PixelFormat};

use super::source::Source;
use super::{Cause, malformed, npy, over_the_limit, png};

/// The most layouts that we name if the input does not fit the given one.
const MAX_HINTS: usize = 3;

/// Below 64 pixels almost any input length is a whole number of frames, so a hint would be noise.
const MIN_PIXELS: u64 = 64;

/// The first bytes of images that bring their size. Frames do not begin so by chance.
const HEADERS: [(&[u8], &str); 2] = [(&png::SIGNATURE, "a PNG"), (&npy::MAGIC, "a .npy file")];

pub struct RawFrames {
    size: FrameSize,
    format: PixelFormat,
    frame_bytes: usize,
}

impl RawFrames {
    pub fn new(size: FrameSize, format: PixelFormat) -> Result<Self, String> {
        let frame_bytes = format.layout().frame_bytes(size);
        let frame_bytes = frame_bytes.ok_or_else(|| over_the_limit(size, format.layout()))?;
        Ok(RawFrames { size, format, frame_bytes })
    }

    /// Frame `number`; `None` if the input ends between two frames.
    pub fn read<R: Read>(
        &self,
        source: &mut Source<R>,
        number: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Content>, Cause> {
        let read = source.samples(bytes, self.frame_bytes);
        let got = bytes.len().min(usize::try_from(source.taken()).unwrap_or(usize::MAX));
        let kind = kind_of_header(&bytes[..got]);
        if let Some(kind) = kind.filter(|_| number == 0) {
            return malformed(format!("begins as {kind} does; leave --size out"));
        }
        match read {
            Ok(()) => Ok(Some(Content::Pixels { size: self.size, layout: self.format.layout() })),
            Err(Cause::Truncated { got: 0, .. }) => Ok(None),
            Err(Cause::Truncated { got, expected, .. }) => {
                let total = number.saturating_mul(self.frame_bytes as u64).saturating_add(got);
                Err(Cause::Truncated { got, expected, hint: self.hint(total) })
            }
            Err(cause) => Err(cause),
        }
    }

    /// The layouts in which the whole input is a number of frames. (A size with its sides swapped has as many
    /// bytes, so it can't be told.)
    fn hint(&self, total: u64) -> Option<String> {
        if self.size.pixels() < MIN_PIXELS {
            return None;
        }
        let own = self.format.layout().pixel_bytes();
        let mut fitting: Vec<(usize, &str)> = Vec::new();
        for format in PixelFormat::ALL {
            let bytes = format.layout().pixel_bytes();
            let is_new = bytes != own && !fitting.iter().any(|&(other, _)| other == bytes);
            if is_new && total.is_multiple_of(self.size.pixels() * bytes as u64) {
                fitting.push((bytes, format.name()));
            }
        }
        // The nearest first: by the ratio of the two, the larger over the smaller.
        fitting.sort_by_key(|&(bytes, _)| 1000 * bytes.max(own) / bytes.min(own));
        fitting.truncate(MAX_HINTS);
        let frames = |&(bytes, name): &(usize, &str)| {
            format!("{} of {name}", total / (self.size.pixels() * bytes as u64))
        };
        let list = fitting.iter().map(frames).collect::<Vec<_>>().join(" or ");
        let size = self.size;
        (!list.is_empty())
            .then(|| format!("all {total} bytes would be whole {size} frames: {list}"))
    }
}

/// The kind of image that begins with these bytes, if that is certain.
fn kind_of_header(bytes: &[u8]) -> Option<&'static str> {
    HEADERS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, kind)| kind)
}
