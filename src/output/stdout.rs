//! Standard output: a line goes out whole and at once, or its failure tells how much of it is out.
//!
//! There is no buffer: a line that is written has left. A stdout that does not block (another process may have
//! made it so) is waited for. The beginning of a line that could not be finished, because the disk is full, stays
//! where it is: another process may write to the same file, and cutting it back could cut off what is not ours.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

use crate::ending::Ending;
use crate::messages::{count_of, plain, say};

pub struct Stdout(File);

/// A line that could not be written.
#[derive(Debug)]
pub struct Unwritten {
    error: io::Error,
    /// A part of a message, behind the number of lines: how much of this one is out, and how to remove that.
    pub torn: String,
}

impl Stdout {
    pub fn new() -> io::Result<Self> {
        Ok(Stdout(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }

    /// Writes a line, with its end.
    pub fn write(&mut self, line: &[u8]) -> Result<(), Unwritten> {
        let mut left = line;
        while !left.is_empty() {
            match self.0.write(left) {
                Ok(0) => return Err(self.unwritten(ErrorKind::WriteZero.into(), line, left)),
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_for_room(),
                Err(error) => return Err(self.unwritten(error, line, left)),
            }
        }
        Ok(())
    }

    /// Returns after an interruption or an error, too: the next write tells of it.
    fn wait_for_room(&self) {
        let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None);
    }

    fn unwritten(&mut self, error: io::Error, line: &[u8], left: &[u8]) -> Unwritten {
        let bytes = (line.len() - left.len()) as u64;
        let count = count_of(bytes, "byte", "bytes");
        let torn = match self.offset_inside(bytes) {
            _ if bytes == 0 => String::new(),
            None => {
                format!(
                    ", and {count} of another (take these off first: truncate -s -{bytes} FILE)"
                )
            }
            Some(offset) => {
                format!(", and {count} of another, at offset {offset} (take these out first)")
            }
        };
        Unwritten { error, torn }
    }

    /// The offset of the last `bytes` written, if stdout is a file and they do not end it.
    fn offset_inside(&mut self, bytes: u64) -> Option<u64> {
        let file = self.0.metadata().ok().filter(|file| file.is_file())?;
        let end = self.0.stream_position().ok()?;
        (end != file.len()).then(|| end.saturating_sub(bytes))
    }
}

impl From<io::Error> for Unwritten {
    /// Nothing of the line is out.
    fn from(error: io::Error) -> Self {
        Unwritten { error, torn: String::new() }
    }
}

impl Unwritten {
    /// Whether nobody reads stdout any more. A socket says it in another way than a pipe.
    pub fn is_for_nobody(&self) -> bool {
        matches!(self.error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
    }

    pub fn cause(&self) -> String {
        format!("stdout: {}", plain(&self.error.to_string()))
    }
}

/// Writes the text of --help or --version.
pub fn print(text: &str) -> Ending {
    match Stdout::new().map_err(Unwritten::from).and_then(|mut out| out.write(text.as_bytes())) {
        Ok(()) => Ending::Done,
        Err(unwritten) if unwritten.is_for_nobody() => Ending::ReaderGone,
        Err(unwritten) => {
            say(unwritten.cause());
            Ending::Failed
        }
    }
}
