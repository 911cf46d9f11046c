//! Bytes of standard input into frames.
//!
//! A reader takes exactly the bytes of the frame that it returns, never any of the next one, so a
//! frame is complete as soon as its last byte is there (promise 2).

mod raw;

use std::fmt;
use std::io;

pub use raw::RawInput;

/// Why the input gave no further frame. Frames before `frame` are whole.
#[derive(Debug)]
pub enum InputError {
    /// The input ended inside a frame.
    Truncated { frame: u64, got: usize, expected: usize },
    /// Reading itself failed.
    Read { frame: u64, error: io::Error },
}

impl InputError {
    /// The number of the frame that there is not.
    pub fn frame(&self) -> u64 {
        match self {
            InputError::Truncated { frame, .. } | InputError::Read { frame, .. } => *frame,
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            InputError::Truncated { frame, got, expected } => {
                write!(f, "frame {frame}: input ends after {got} of {expected} bytes")
            }
            InputError::Read { frame, error } => write!(f, "frame {frame}: stdin: {error}"),
        }
    }
}
