//! Standard input. A stdin that does not block (another process may have made it so) is waited for.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

pub struct Stdin(File);

impl Stdin {
    pub fn new() -> io::Result<Self> {
        Ok(Stdin(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
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
