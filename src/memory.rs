//! Memory for a size that the input or the server decides: a frame, a body, a response.
//!
//! A `Vec` that can't grow ends the process. Such a size may be larger than the machine, so its memory is asked for
//! here, and a refusal is an error that names the size. All other memory is small, or as large as what was had here.

use std::fmt;
use std::io::{self, ErrorKind};

/// There is no memory for this many bytes.
#[derive(Debug)]
pub struct NoMemory(usize);

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "no memory for {} bytes", self.0)
    }
}

impl std::error::Error for NoMemory {}

impl From<NoMemory> for io::Error {
    fn from(error: NoMemory) -> Self {
        io::Error::new(ErrorKind::OutOfMemory, error)
    }
}

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    let needed = bytes.len().saturating_add(more);
    bytes.try_reserve_exact(more).map_err(|_| NoMemory(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_had_is_refused_with_its_size() {
        let mut bytes = vec![1, 2, 3];
        let error = reserve(&mut bytes, usize::MAX / 2).unwrap_err();
        assert_eq!(error.to_string(), format!("no memory for {} bytes", 3 + usize::MAX / 2));
        assert_eq!(bytes, [1, 2, 3]);
        reserve(&mut bytes, 100).unwrap();
        assert!(bytes.capacity() >= 103);
    }
}
