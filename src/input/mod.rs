//! Bytes of standard input into frames.
//!
//! A reader takes exactly the bytes of the frame that it returns and waits for none of the next one, so a frame
//! is complete as soon as its last byte is there (promise 2). A header is held against the limits before
//! anything is allocated for it.

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
use std::time::Instant;

use crate::frame::{Content, Frame, FrameSize, Layout, MAX_FRAME_BYTES, MAX_SIDE, PixelFormat};
use crate::messages::{count_of, plain};

use raw::RawFrames;
use source::Source;

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
            Cause::Truncated { got, expected, hint } => {
                match expected {
                    Some(expected) => {
                        let bytes = count_of(*expected, "byte", "bytes");
                        write!(f, "frame {frame}: input ends after {got} of {bytes}")?;
                    }
                    None => {
                        let bytes = count_of(*got, "byte", "bytes");
                        write!(f, "frame {frame}: input ends after {bytes}, inside it")?;
                    }
                }
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
    /// Whether the last image was PGM, PPM or PAM.
    is_behind_pnm: bool,
}

impl<R: Read> Input<R> {
    /// Frames of one size and layout. The error: they are over the limit.
    pub fn headerless(
        reader: R,
        size: FrameSize,
        format: PixelFormat,
        skip: u64,
    ) -> Result<Self, String> {
        let kind = Kind::Headerless(RawFrames::new(size, format)?);
        Ok(Input { source: Source::new(reader), kind, next: 0, skip })
    }

    /// Images that bring their headers: PGM, PPM, PAM, PNG, .npy, in any mixture.
    pub fn self_describing(reader: R, skip: u64) -> Self {
        let kind = Kind::SelfDescribing(Images::default());
        Input { source: Source::new(reader), kind, next: 0, skip }
    }

    /// The number of the first frame after those to skip.
    pub fn first(&self) -> u64 {
        self.skip
    }

    /// The next frame after those to skip, read straight into `bytes`. `None` if the input ends between two
    /// frames; if it ends before the last frame to skip, that is an error.
    pub fn read(&mut self, mut bytes: Vec<u8>) -> Result<Option<Frame>, InputError> {
        loop {
            let number = self.next;
            let failed = |cause| InputError { frame: number, cause };
            let Some((size, content)) = self.read_any(&mut bytes).map_err(failed)? else {
                // `--skip` past the last frame is fine: there was nothing left to post.
                if number >= self.skip {
                    return Ok(None);
                }
                return Err(failed(Cause::TooFew { skip: self.skip }));
            };
            self.next += 1;
            if number >= self.skip {
                return Ok(Some(Frame { number, size, content, bytes, read_at: Instant::now() }));
            }
        }
    }

    fn read_any(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Image>, Cause> {
        self.source.begin();
        match &mut self.kind {
            Kind::Headerless(frames) => frames.read(&mut self.source, self.next, bytes),
            Kind::SelfDescribing(images) => images.read(&mut self.source, bytes),
        }
    }
}

impl Images {
    /// The next image, of any kind; `None` if the input ends between two images.
    fn read<R: Read>(
        &mut self,
        source: &mut Source<R>,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Image>, Cause> {
        loop {
            if let Some(npy::Array { left: left @ 1.., size, layout, frame_bytes }) =
                &mut self.array
            {
                *left -= 1;
                source.samples(bytes, *frame_bytes)?;
                return Ok(Some((*size, Content::Pixels(*layout))));
            }
            let mut magic = [0; 2];
            let got = self.read_magic(source, &mut magic)?;
            match magic {
                _ if got == 0 => return Ok(None),
                [b'P' | 0x89 | 0x93, _] if got == 1 => {
                    return Err(Cause::Truncated { got: 1, expected: None, hint: None });
                }
                [b'P', kind @ b'1'..=b'7'] => {
                    self.is_behind_pnm = true;
                    return pnm::read(kind, source, bytes).map(Some);
                }
                [0x89, _] => {
                    let size = png::read(magic, source, bytes)?;
                    return Ok(Some((size, Content::Png)));
                }
                [0x93, _] => {
                    // An array may hold no images: then another header follows.
                    let read = npy::read_header(magic, source)?;
                    // The header counts with the array's first image.
                    if read.left == 0 {
                        source.begin();
                    }
                    self.array = Some(read);
                }
                unread::JPEG => return malformed(format!("is a JPEG, {}", unread::JPEG_ADVICE)),
                [b'f', b'a'] if is_farbfeld(source)? => {
                    return malformed(format!("is farbfeld, {}", unread::FARBFELD_ADVICE));
                }
                _ => {
                    return malformed(format!(
                        "begins with '{}', which is no magic number of PGM, PPM, PAM, PNG or .npy; \
                         headerless frames need --size",
                        magic[..got].escape_ascii()
                    ));
                }
            }
        }
    }

    /// Reads the first two bytes of an image: every kind is longer. Behind an image of PNM, white space is passed
    /// over first, as netpbm does (libnetpbm, pm_nextimage); it belongs to no image.
    fn read_magic<R: Read>(
        &mut self,
        source: &mut Source<R>,
        magic: &mut [u8; 2],
    ) -> Result<usize, Cause> {
        if !std::mem::take(&mut self.is_behind_pnm) {
            return source.take(magic);
        }
        while source.take(&mut magic[..1])? == 1 {
            // C's isspace.
            if !matches!(magic[0], b' ' | b'\t'..=b'\r') {
                return Ok(1 + source.take(&mut magic[1..])?);
            }
            source.begin();
        }
        Ok(0)
    }
}

/// Whether the rest of farbfeld's magic number follows.
fn is_farbfeld<R: Read>(source: &mut Source<R>) -> Result<bool, Cause> {
    let mut rest = [0; 6];
    source.take(&mut rest)?;
    Ok(rest == unread::FARBFELD[2..])
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

/// The byte count of a frame, from its header.
fn promised_bytes(size: FrameSize, layout: Layout) -> Result<usize, Cause> {
    layout.frame_bytes(size).ok_or_else(|| Cause::Malformed(over_the_limit(size, layout)))
}

fn over_the_limit(size: FrameSize, layout: Layout) -> String {
    let bytes = count_of(layout.pixel_bytes() as u64, "byte", "bytes");
    format!("{size} with {bytes} a pixel is over the limit of {MAX_FRAME_BYTES} bytes for a frame")
}
