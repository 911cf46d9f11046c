//! Headerless frames: each is `frame_bytes` long, and the next one follows without a gap.

use std::io::{ErrorKind, Read};

use crate::frame::{Frame, FrameSize, PixelFormat};

use super::InputError;

/// Reads frames of one size and layout, numbered from 0, and drops the first `skip` of them.
pub struct RawInput<R> {
    source: R,
    size: FrameSize,
    format: PixelFormat,
    frame_bytes: usize,
    next: u64,
    skip: u64,
}

impl<R: Read> RawInput<R> {
    /// `frame_bytes` is `format.frame_bytes(size)`, which the caller has found to be within the limit.
    pub fn new(
        source: R,
        size: FrameSize,
        format: PixelFormat,
        frame_bytes: usize,
        skip: u64,
    ) -> Self {
        RawInput { source, size, format, frame_bytes, next: 0, skip }
    }

    /// The next frame, read straight into `bytes`; `None` at an end of input between two frames.
    pub fn read(&mut self, mut bytes: Vec<u8>) -> Result<Option<Frame>, InputError> {
        bytes.resize(self.frame_bytes, 0);
        loop {
            if !self.fill(&mut bytes)? {
                return Ok(None);
            }
            let number = self.next;
            self.next += 1;
            if number >= self.skip {
                let (size, format) = (self.size, self.format);
                return Ok(Some(Frame { number, size, format, bytes }));
            }
        }
    }

    /// Fills the whole of `bytes`; `false` where the input ends before the first one.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, InputError> {
        let (frame, expected) = (self.next, bytes.len());
        let mut got = 0;
        while got < expected {
            match self.source.read(&mut bytes[got..]) {
                Ok(0) if got == 0 => return Ok(false),
                Ok(0) => return Err(InputError::Truncated { frame, got, expected }),
                Ok(n) => got += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(InputError::Read { frame, error }),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(source: &[u8], skip: u64) -> RawInput<&[u8]> {
        let size = FrameSize::new(2, 1).unwrap();
        RawInput::new(source, size, PixelFormat::Gray, 2, skip)
    }

    #[test]
    fn frames_are_numbered_from_0_and_skipped_ones_count() {
        let mut input = input(b"aabbcc", 1);
        let first = input.read(Vec::new()).unwrap().unwrap();
        assert_eq!((first.number, first.bytes.as_slice()), (1, &b"bb"[..]));
        let second = input.read(first.bytes).unwrap().unwrap();
        assert_eq!((second.number, second.bytes.as_slice()), (2, &b"cc"[..]));
        assert!(input.read(Vec::new()).unwrap().is_none());
    }

    #[test]
    fn a_frame_cut_while_it_is_skipped_is_truncated_too() {
        let error = input(b"aab", 5).read(Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "frame 1: input ends after 1 of 2 bytes");
    }
}
