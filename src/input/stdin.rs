//! Standard input. A stdin that does not block (another process may have made it so) is waited for.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

pub struct Stdin(File);

impl Stdin {
    pub fn new() -> io::Result<Self> {
        Ok(Stdin(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// The bytes that are to come, if it is a file: from its offset on.
    pub fn left(&self) -> Option<u64> {
        let file = self.0.metadata().ok().filter(Metadata::is_file)?;
        file.len().checked_sub((&self.0).stream_position().ok()?)
    }
}

impl Read for Stdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // After an interruption or an error, the next read tells of it.
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None);
                }
                result => return result,
            }
        }
    }
}
