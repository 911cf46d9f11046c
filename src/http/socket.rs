//! A TCP stream with two things that std's does not know: a deadline, which no read or write outlasts
//! however many calls it takes, and whether a byte has left since the stream was idle.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use ureq::{Error, Timeout};

/// No byte of the request has left.
#[derive(Debug)]
pub struct Unsent {
    pub error: Error,
    /// The connection had been used before: a new one may do better, at once.
    pub stale: bool,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unsent {}

pub fn unsent(error: Error, stale: bool) -> Error {
    match error {
        Error::Other(known) if known.is::<Unsent>() => Error::Other(known),
        error => Error::Other(Box::new(Unsent { error, stale })),
    }
}

/// The time left. None is an error, which ureq tells from others.
pub fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::Timeout(Timeout::Global).into_io()) } else { Ok(left) }
}

/// A TCP stream that keeps to a deadline, and knows whether it has sent anything since it was idle.
pub struct Socket {
    stream: TcpStream,
    pub deadline: Instant,
    read_timeout: Duration,
    write_timeout: Duration,
    has_sent: bool,
    /// It has been idle before.
    is_reused: bool,
}

impl Socket {
    pub fn new(stream: TcpStream, deadline: Instant) -> Self {
        let (read_timeout, write_timeout) = (Duration::ZERO, Duration::ZERO);
        Socket { stream, deadline, read_timeout, write_timeout, has_sent: false, is_reused: false }
    }

    /// Whether nothing has come, not even the end of the stream. From here on, nothing has been sent.
    pub fn is_idle(&mut self) -> bool {
        (self.has_sent, self.is_reused) = (false, true);
        // std's own peek would have to make the stream non-blocking first, and blocking again.
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(recv(&self.stream, &mut [0; 1], peek), Err(Errno::WOULDBLOCK))
    }
}

/// Tries until the deadline, with a time limit set by `set` on each try.
fn in_time(
    deadline: Instant,
    limit: &mut Duration,
    set: impl Fn(Option<Duration>) -> io::Result<()>,
    mut call: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        let left = left_until(deadline)?;
        // About right is good enough: too short is tried again, and most calls need no other limit.
        if limit.abs_diff(left) > left / 64 {
            set(Some(left))?;
            *limit = left;
        }
        match call() {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            result => return result,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut stream = &self.stream;
        let set = |limit| stream.set_read_timeout(limit);
        in_time(self.deadline, &mut self.read_timeout, set, || stream.read(bytes))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = &self.stream;
        let set = |limit| stream.set_write_timeout(limit);
        match in_time(self.deadline, &mut self.write_timeout, set, || stream.write(bytes)) {
            Err(error) if !self.has_sent => {
                let stale = self.is_reused && error.kind() != ErrorKind::Other;
                Err(unsent(error.into(), stale).into_io())
            }
            result => {
                self.has_sent = true;
                result
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
