//! Memory for a size that the input or the server decides: a frame, a body, a response.
//!
//! A `Vec` that can't grow ends the process. Such a size may be larger than the machine, so its memory is asked for
//! here, and a refusal is an error that names the size. All other memory is small, or as large as what was had here.

use std::io::{self, ErrorKind};

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    let needed = bytes.len().saturating_add(more);
    let error = || io::Error::new(ErrorKind::OutOfMemory, format!("no memory for {needed} bytes"));
    bytes.try_reserve_exact(more).map_err(|_| error())
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
