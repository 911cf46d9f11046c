//! The stream that images are read from.
//!
//! It reads no byte beyond those that it was asked for. Memory grows with the bytes that have come, never
//! with the bytes that a header promises.

use std::io::{ErrorKind, Read};

use super::Cause;
use crate::frame::MAX_FRAME_BYTES;
use crate::memory;

/// The room that is made at least, before bytes have come to fill it.
const GROWTH: usize = 1 << 20;

pub struct Source<R> {
    reader: R,
    /// Bytes of the image under way.
    taken: u64,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Self {
        Source { reader, taken: 0 }
    }

    /// Begins another image.
    pub fn begin(&mut self) {
        self.taken = 0;
    }

    /// The bytes of the image that have come so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    #[cfg(test)]
    pub fn unread(&self) -> &R {
        &self.reader
    }

    /// Fills `place`. Returns the count, which is lower than its length only at the end of the input.
    pub fn take(&mut self, place: &mut [u8]) -> Result<usize, Cause> {
        let mut got = 0;
        while got < place.len() {
            match self.reader.read(&mut place[got..]) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Cause::Read(error)),
            }
        }
        self.taken += got as u64;
        Ok(got)
    }

    /// Fills `place` with bytes that the image must have.
    pub fn fill(&mut self, place: &mut [u8]) -> Result<(), Cause> {
        match self.take(place)? == place.len() {
            true => Ok(()),
            false => Err(Cause::Truncated { got: self.taken, expected: None, hint: None }),
        }
    }

    pub fn byte(&mut self) -> Result<u8, Cause> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// Appends `count` bytes that the image must have.
    pub fn append(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<(), Cause> {
        let end = bytes.len() + count;
        while bytes.len() < end {
            let filled = bytes.len();
            grow(bytes, end, MAX_FRAME_BYTES)?;
            self.fill(&mut bytes[filled..])?;
        }
        Ok(())
    }

    /// Reads the last `count` bytes of the image into `bytes`, in place of its content, which is overwritten
    /// without being cleared.
    pub fn samples(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<(), Cause> {
        let header = self.taken;
        let expected = header + count as u64;
        bytes.truncate(count);
        let mut filled = 0;
        loop {
            if self.take(&mut bytes[filled..])? < bytes.len() - filled {
                let hint = (header > 0).then(|| format!("its header has {header} of them"));
                return Err(Cause::Truncated { got: self.taken, expected: Some(expected), hint });
            }
            filled = bytes.len();
            if filled == count {
                return Ok(());
            }
            grow(bytes, count, count)?;
        }
    }
}

/// Makes `bytes` longer, on the way to `end`: at most to twice its length, unless it is short. `most`: the bytes
/// that it will ever have.
pub(super) fn grow(bytes: &mut Vec<u8>, end: usize, most: usize) -> Result<(), Cause> {
    let filled = bytes.len();
    let step = filled.max(GROWTH).min(end - filled);
    if bytes.capacity() < filled + step {
        // The Vec's own growth would double its room beyond the limit.
        let room = (2 * filled).min(most).max(filled + step);
        memory::reserve(bytes, room - filled).map_err(|error| Cause::Read(error.into()))?;
    }
    bytes.resize(filled + step, 0);
    Ok(())
}
