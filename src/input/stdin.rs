//! Standard input. The buffer is for the headers of images, which are read byte by byte: what is longer than the
//! buffer goes straight to where it is wanted.
//!
//! A stdin that does not block (another process may have made it so) is waited for.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

pub struct Stdin(BufReader<File>);

impl Stdin {
    pub fn new() -> io::Result<Self> {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Stdin(BufReader::new(stdin)))
    }
}

impl Read for Stdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // After an interruption or an error, the next read tells of it.
                    let _ = poll(&mut [PollFd::new(self.0.get_ref(), PollFlags::IN)], None);
                }
                result => return result,
            }
        }
    }
}
