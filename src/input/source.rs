//! The stream that images are read from.
//!
//! It waits for no byte beyond those that it was asked for. Memory grows with the bytes that have come, never
//! with the bytes that a header promises.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Cause, Image, malformed};
use crate::counts::Incoming;
use crate::frame::{Content, FrameSize, Layout, MAX_FRAME_BYTES};
use crate::memory;
use crate::messages::count_of;

/// The room that is made at least, before bytes have come to fill it.
const GROWTH: usize = 1 << 20;

/// As long as the reader's buffer.
static NULS: [u8; 8 << 10] = [0; 8 << 10];

pub struct Source<R> {
    /// The buffer is for headers, of which many are read byte by byte: what is longer than the buffer goes straight
    /// to where it is wanted.
    reader: BufReader<R>,
    /// The image under way.
    pub incoming: Arc<Incoming>,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Self {
        Source { reader: BufReader::new(reader), incoming: Arc::default() }
    }

    /// Begins another image.
    pub fn begin(&mut self) {
        self.incoming.got.store(0, Ordering::Relaxed);
        self.incoming.expected.store(0, Ordering::Relaxed);
    }

    /// The bytes of the image that have come so far.
    pub fn taken(&self) -> u64 {
        self.incoming.got.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn reader(&self) -> &BufReader<R> {
        &self.reader
    }

    /// The next bytes, as many as are there. It waits for one, so there are none only at the end of the input.
    pub fn peek(&mut self) -> Result<&[u8], Cause> {
        while let Err(error) = self.reader.fill_buf() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(Cause::Read(error));
            }
        }
        Ok(self.reader.buffer())
    }

    /// Passes over NULs and white space, which belong to no image. NULs are compared a buffer at a time: a file may
    /// end with any number of them.
    pub fn pass_over_padding(&mut self) -> Result<(), Cause> {
        loop {
            let there = self.peek()?;
            let is_padding = |byte: &&u8| matches!(byte, 0 | b' ' | b'\t'..=b'\r');
            let count = match NULS.starts_with(there) {
                true => there.len(),
                false => there.iter().take_while(is_padding).count(),
            };
            if count == 0 {
                return Ok(());
            }
            self.reader.consume(count);
        }
    }

    /// Fills `bytes`, which the image must have.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Cause> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.reader.read(&mut bytes[filled..]) {
                Ok(0) => {
                    return Err(Cause::Truncated { got: self.taken(), expected: None, hint: None });
                }
                Ok(count) => {
                    filled += count;
                    // We alone write it.
                    let taken = self.taken() + count as u64;
                    self.incoming.got.store(taken, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Cause::Read(error)),
            }
        }
        Ok(())
    }

    /// Appends `count` bytes, which the image must have.
    pub fn append(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<(), Cause> {
        let end = bytes.len() + count;
        while bytes.len() < end {
            let filled = bytes.len();
            grow(bytes, end)?;
            self.fill(&mut bytes[filled..])?;
        }
        Ok(())
    }

    /// Reads the samples of an image, which are its end, into `bytes`, in place of its content, which is overwritten
    /// without being cleared.
    pub fn samples(
        &mut self,
        size: FrameSize,
        layout: Layout,
        bytes: &mut Vec<u8>,
    ) -> Result<Image, Cause> {
        let Some(count) = layout.frame_bytes(size) else {
            let pixel = count_of(layout.pixel_bytes() as u64, "byte", "bytes");
            return malformed(format!(
                "{size} with {pixel} a pixel is over the limit of {MAX_FRAME_BYTES} bytes for a frame"
            ));
        };
        let header = self.taken();
        let expected = header + count as u64;
        self.incoming.expected.store(expected, Ordering::Relaxed);
        bytes.truncate(count);
        match self.fill(bytes).and_then(|()| self.append(bytes, count - bytes.len())) {
            Ok(()) => Ok((size, Content::Pixels(layout))),
            Err(Cause::Truncated { got, .. }) => {
                let hint = (header > 0).then(|| format!("its header has {header} of them"));
                Err(Cause::Truncated { got, expected: Some(expected), hint })
            }
            Err(cause) => Err(cause),
        }
    }
}

/// Makes `bytes` longer, on the way to `end`: at most to twice its length, unless it is short.
pub(super) fn grow(bytes: &mut Vec<u8>, end: usize) -> Result<(), Cause> {
    let filled = bytes.len();
    let longer = (2 * filled).max(filled + GROWTH).min(end);
    if bytes.capacity() < longer {
        // The Vec's own growth would double its room beyond the limit.
        let room = (2 * filled).min(MAX_FRAME_BYTES).max(longer);
        memory::reserve(bytes, room - filled).map_err(Cause::Read)?;
    }
    bytes.resize(longer, 0);
    Ok(())
}
