//! The stream that images are read from.
//!
//! It reads no byte beyond those that it was asked for. Memory grows with the bytes that have come, never
//! with the bytes that a header promises.

use std::io::{ErrorKind, Read};

use super::Cause;
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

    /// Fills `bytes`. Returns the count, which is lower than their number only at the end of the input.
    pub fn take(&mut self, bytes: &mut [u8]) -> Result<usize, Cause> {
        let mut got = 0;
        while got < bytes.len() {
            match self.reader.read(&mut bytes[got..]) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Cause::Read(error)),
            }
        }
        self.taken += got as u64;
        Ok(got)
    }

    /// Fills `bytes`, which the image must have.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Cause> {
        match self.take(bytes)? == bytes.len() {
            true => Ok(()),
            false => Err(Cause::Truncated { got: self.taken, expected: None, hint: None }),
        }
    }

    /// Appends `count` bytes, which the image must have. `most`: the bytes that `bytes` will ever have.
    pub fn append(&mut self, bytes: &mut Vec<u8>, count: usize, most: usize) -> Result<(), Cause> {
        let end = bytes.len() + count;
        while bytes.len() < end {
            let filled = bytes.len();
            grow(bytes, end, most)?;
            self.fill(&mut bytes[filled..])?;
        }
        Ok(())
    }

    /// Reads the last `count` bytes of the image into `bytes`, in place of its content, which is overwritten
    /// without being cleared.
    pub fn samples(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<(), Cause> {
        let header = self.taken;
        bytes.truncate(count);
        let read = self.fill(bytes).and_then(|()| self.append(bytes, count - bytes.len(), count));
        read.map_err(|cause| match cause {
            Cause::Truncated { got, .. } => {
                let expected = Some(header + count as u64);
                let hint = (header > 0).then(|| format!("its header has {header} of them"));
                Cause::Truncated { got, expected, hint }
            }
            cause => cause,
        })
    }
}

/// Makes `bytes` longer, on the way to `end`: at most to twice its length, unless it is short.
pub(super) fn grow(bytes: &mut Vec<u8>, end: usize, most: usize) -> Result<(), Cause> {
    let filled = bytes.len();
    let longer = (2 * filled).max(filled + GROWTH).min(end);
    if bytes.capacity() < longer {
        // The Vec's own growth would double its room beyond the limit.
        let room = (2 * filled).min(most).max(longer);
        memory::reserve(bytes, room - filled).map_err(Cause::Read)?;
    }
    bytes.resize(longer, 0);
    Ok(())
}
