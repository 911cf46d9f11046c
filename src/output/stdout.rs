//! Standard output: a line goes out whole and at once, or it is known how much of it is out.
//!
//! There is no buffer: a line that is written has left. A stdout that does not block (another process may have
//! made it so) is waited for. The beginning of a line that could not be finished, because the disk is full, stays
//! where it is: another process may write to the same file, and cutting it back could cut off what is not ours.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

use crate::ending::Ending;
use crate::messages::{plain, say};

pub struct Stdout {
    file: File,
    /// How many bytes of a line that has no end yet are out; 0 between two lines.
    pub torn: usize,
}

impl Stdout {
    pub fn new() -> io::Result<Self> {
        Ok(Stdout { file: File::from(io::stdout().as_fd().try_clone_to_owned()?), torn: 0 })
    }

    /// Writes a line, with its end.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        while self.torn < line.len() {
            match self.file.write(&line[self.torn..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.torn += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_for_room(),
                Err(error) => return Err(error),
            }
        }
        self.torn = 0;
        Ok(())
    }

    /// Returns after an interruption or an error, too: the next write tells of it.
    fn wait_for_room(&self) {
        let _ = poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None);
    }
}

/// Whether nobody reads stdout any more. A socket says it in another way than a pipe.
pub fn is_for_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

pub fn cause(error: &io::Error) -> String {
    format!("stdout: {}", plain(&error.to_string()))
}

/// Writes what is no line: the text of --help or --version, or a PNG.
pub fn print(bytes: &[u8]) -> Ending {
    match Stdout::new().and_then(|mut out| out.write(bytes)) {
        Ok(()) => Ending::Done,
        Err(error) if is_for_nobody(&error) => Ending::ReaderGone,
        Err(error) => {
            say(cause(&error));
            Ending::Failed
        }
    }
}
