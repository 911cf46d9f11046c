//! Standard output: a line goes out whole and at once, or its failure tells how much of it is out.
//!
//! There is no buffer: a line that is written has left. A stdout that does not block (another process may have
//! made it so) is waited for. If the disk fills up inside a line, a file is cut back to the line before.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

use crate::ending::Ending;
use crate::messages::{count_of, plain, say};

pub struct Stdout(File);

/// A line that could not be written.
#[derive(Debug)]
pub struct Unwritten {
    pub error: io::Error,
    pub torn: Option<Torn>,
}

/// The beginning of a line that is out without its end.
#[derive(Debug)]
pub struct Torn {
    pub bytes: u64,
    /// The offset in the file behind these bytes, if others follow them.
    pub end: Option<u64>,
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
        let torn = if bytes == 0 { None } else { self.cut_back(bytes) };
        Unwritten { error, torn }
    }

    /// Takes the last `bytes` off, if they end a file.
    fn cut_back(&mut self, bytes: u64) -> Option<Torn> {
        match self.place() {
            Some((offset, end)) if offset != end => Some(Torn { bytes, end: Some(offset) }),
            Some((_, end)) if self.0.set_len(end - bytes).is_ok() => {
                // The shell's next command writes to this open file, too.
                let _ = self.0.seek(SeekFrom::Start(end - bytes));
                None
            }
            _ => Some(Torn { bytes, end: None }),
        }
    }

    /// The offset in the file and the file's end, if it is a file.
    fn place(&mut self) -> Option<(u64, u64)> {
        let file = self.0.metadata().ok().filter(|file| file.is_file())?;
        Some((self.0.stream_position().ok()?, file.len()))
    }
}

impl Torn {
    /// That it is there, as a part of a message.
    pub fn told(&self) -> String {
        let bytes = count_of(self.bytes, "byte", "bytes");
        let place = self.end.map(|end| format!(", at offset {}", end - self.bytes));
        format!(", and {bytes} of another{}", place.unwrap_or_default())
    }

    /// How to remove it, behind that.
    pub fn advice(&self) -> String {
        match self.end {
            None => format!(" (take these off first: truncate -s -{} FILE)", self.bytes),
            Some(_) => " (take these out first)".to_owned(),
        }
    }
}

impl From<io::Error> for Unwritten {
    /// Nothing of the line is out.
    fn from(error: io::Error) -> Self {
        Unwritten { error, torn: None }
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
