//! Bytes of standard input into frames.
//!
//! A reader takes exactly the bytes of the frame that it returns and waits for none of the next one, so a frame
//! is complete as soon as its last byte is there (promise 2). A header is held against the limits before
//! anything is allocated for it.

mod first;
mod npy;
mod png;
mod pnm;
mod raw;
mod source;
mod stdin;
mod unread;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::counts::Incoming;
use crate::frame::{Content, Frame, FrameSize, MAX_SIDE, PixelFormat};
use crate::messages::{count_of, plain};

use raw::RawFrames;
use source::Source;

pub use first::First;
pub use stdin::Stdin;

/// The reason why the input has no further frame. Frames before `frame` are whole.
#[derive(Debug)]
pub struct InputError {
    /// The number of the frame that could not be read.
    pub frame: u64,
    pub cause: Cause,
}

#[derive(Debug)]
pub enum Cause {
    /// The input ended inside the frame. A header counts with the frame behind it.
    Truncated { got: u64, expected: Option<u64>, hint: Option<String> },
    /// The bytes are no frame.
    Malformed(String),
    /// There are fewer frames than --skip drops.
    TooFew { skip: u64 },
    /// Reading itself failed, or there is no memory for the frame.
    Read(io::Error),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let frame = self.frame;
        match &self.cause {
            Cause::Truncated { got, expected: None, .. } => {
                let bytes = count_of(*got, "byte", "bytes");
                write!(f, "frame {frame}: input ends after {bytes}, inside it")
            }
            Cause::Truncated { got, expected: Some(expected), hint } => {
                let bytes = count_of(*expected, "byte", "bytes");
                write!(f, "frame {frame}: input ends after {got} of {bytes}")?;
                hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
            }
            Cause::Malformed(what) => write!(f, "frame {frame}: {what}"),
            Cause::TooFew { skip } => {
                let frames = count_of(frame, "frame", "frames");
                write!(f, "--skip {skip}: the input has only {frames}")
            }
            Cause::Read(error) => {
                write!(f, "frame {frame}: stdin: {}", plain(&error.to_string()))
            }
        }
    }
}

/// Frames of a stream, numbered from 0.
pub struct Input<R> {
    source: Source<R>,
    kind: Kind,
    next: u64,
    skip: u64,
    /// Until the first frame has been looked into; `None`: it is not.
    pub first: Option<First>,
}

enum Kind {
    Headerless(RawFrames),
    /// Each image brings its header.
    SelfDescribing(Images),
}

/// An image whose bytes have been read.
type Image = (FrameSize, Content);

#[derive(Default)]
struct Images {
    /// The array whose images are being read.
    array: Option<npy::Array>,
    /// The kind of the last image.
    last: &'static str,
}

impl<R: Read> Input<R> {
    /// Frames of one size and layout.
    pub fn headerless(reader: R, size: FrameSize, format: PixelFormat, skip: u64) -> Self {
        let kind = Kind::Headerless(RawFrames::new(size, format));
        Input { source: Source::new(reader), kind, next: 0, skip, first: None }
    }

    /// Images that bring their headers: PGM, PPM, PAM, PNG, .npy, in any mixture.
    pub fn self_describing(reader: R, skip: u64) -> Self {
        let kind = Kind::SelfDescribing(Images::default());
        Input { source: Source::new(reader), kind, next: 0, skip, first: None }
    }

    /// The number of the first frame after those to skip.
    pub fn first(&self) -> u64 {
        self.skip
    }

    /// The frame that is being read, for people.
    pub fn incoming(&self) -> Arc<Incoming> {
        Arc::clone(&self.source.incoming)
    }

    /// The next frame after those to skip, read straight into `bytes`. `None` if the input ends between two
    /// frames; if it ends before the last frame to skip, that is an error.
    pub fn read(&mut self, bytes: Vec<u8>) -> Result<Option<Frame>, InputError> {
        let frame = self.read_wanted(bytes);
        self.source.incoming.frame.store(0, Ordering::Relaxed);
        frame
    }

    fn read_wanted(&mut self, mut bytes: Vec<u8>) -> Result<Option<Frame>, InputError> {
        loop {
            let number = self.next;
            self.source.incoming.frame.store(number + 1, Ordering::Relaxed);
            let failed = |cause| InputError { frame: number, cause };
            self.source.begin();
            let image = match &mut self.kind {
                Kind::Headerless(frames) => frames.read(&mut self.source, number, &mut bytes),
                Kind::SelfDescribing(images) => images.read(&mut self.source, number, &mut bytes),
            };
            let Some((size, content)) = image.map_err(failed)? else {
                // `--skip` past the last frame is fine: there was nothing left to post.
                if number >= self.skip {
                    return Ok(None);
                }
                return Err(failed(Cause::TooFew { skip: self.skip }));
            };
            self.next += 1;
            if number >= self.skip {
                let frame = Frame { number, size, content, bytes, read_at: Instant::now() };
                if let Some(first) = self.first.take() {
                    first.check(&frame).map_err(|what| failed(Cause::Malformed(what)))?;
                }
                return Ok(Some(frame));
            }
        }
    }
}

impl Images {
    /// Image `number`, of any kind; `None` if the input ends between two images. What pads files is passed over
    /// there: NULs, white space, a second end of a PNG.
    fn read<R: Read>(
        &mut self,
        source: &mut Source<R>,
        number: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Image>, Cause> {
        loop {
            if let Some(npy::Array { left: left @ 1.., size, layout }) = &mut self.array {
                *left -= 1;
                return source.samples(*size, *layout, bytes).map(Some);
            }
            let behind = number.checked_sub(1).map(|last| (last, self.last));
            if behind.is_some() {
                source.pass_over_padding()?;
            }
            let begin = source.peek()?;
            if let Some(why) = unread::known(begin) {
                return malformed(why);
            }
            match begin {
                [] => return Ok(None),
                [b'P', ..] => {
                    self.last = "PNM";
                    return pnm::read(source, behind, bytes).map(Some);
                }
                [0x89, ..] => {
                    self.last = "PNG";
                    return Ok(Some((png::read(source, bytes)?, Content::Png)));
                }
                [0x93, ..] => {
                    self.last = ".npy";
                    // An array may hold no images: then another header follows.
                    let read = npy::read_header(source)?;
                    // The header counts with the array's first image.
                    if read.left == 0 {
                        source.begin();
                    }
                    self.array = Some(read);
                }
                [b'I', ..] if behind.is_some_and(|(_, kind)| kind == "PNG") => {
                    let mut end = Vec::new();
                    match source.append(&mut end, png::END.len()) {
                        Ok(()) if end == png::END => source.begin(),
                        Err(error @ Cause::Read(_)) => return Err(error),
                        _ => return malformed(unread::why(&end, behind)),
                    }
                }
                other => return malformed(unread::why(other, behind)),
            }
        }
    }
}

fn malformed<T>(what: impl Into<String>) -> Result<T, Cause> {
    Err(Cause::Malformed(what.into()))
}

/// A size that a header gives.
fn frame_size(width: u64, height: u64) -> Result<FrameSize, Cause> {
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    match sides.and_then(|(width, height)| FrameSize::new(width, height)) {
        Some(size) => Ok(size),
        None => malformed(format!(
            "size {width}x{height}: width and height must be from 1 to {MAX_SIDE}"
        )),
    }
}
