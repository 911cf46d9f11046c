//! A stream socket, TCP or Unix, with a deadline, which knows whether it has sent.
//!
//! Sending never waits: if there is no room, the caller waits for room or for an answer, whichever comes
//! first. Receiving waits until the deadline. After it, bytes that lie in the socket are still received: if
//! the process was stopped for a while, its answer is there.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionread, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout, set_tcp_quickack};
use rustix::net::{
    self, AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketType, recv, sendmsg,
};

use super::time_limit::{Deadline, LOOKS_AGAIN};

/// The socket is ready for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// There is something to receive: bytes, the end of the stream, or an error.
    Input,
    /// There is room to send.
    Room,
}

/// Called again and again while a new connection waits for the server to speak.
pub type OnSilence = Arc<dyn Fn() + Send + Sync>;

pub struct Socket {
    stream: OwnedFd,
    deadline: Deadline,
    has_sent: bool,
    /// Whether a byte has come since one has left.
    has_received: bool,
    /// `None` once the connection is used again.
    on_silence: Option<OnSilence>,
    /// After the deadline: the bytes that lay in the socket then and have not been received.
    late: Option<u64>,
}

/// A stream socket that is not connected. As those of std, it is closed on exec.
pub fn of(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    let socket = net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    Ok(socket)
}

/// Polls until one of them is ready or the deadline has passed. If it has passed already, this looks once.
pub fn poll_until(sockets: &mut [PollFd], deadline: &Deadline) -> io::Result<()> {
    loop {
        let timeout = Timespec::try_from(deadline.left()).map_err(io::Error::other)?;
        match poll(sockets, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) if !deadline.has_passed() => {}
            Ok(_) | Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Socket {
    /// The stream blocks. A receive on it waits for a moment at most.
    pub fn new(
        stream: OwnedFd,
        deadline: Deadline,
        on_silence: Option<OnSilence>,
    ) -> io::Result<Self> {
        set_socket_timeout(&stream, Timeout::Recv, Some(LOOKS_AGAIN))?;
        let (has_sent, has_received) = (false, false);
        Ok(Socket { stream, deadline, has_sent, has_received, on_silence, late: None })
    }

    /// Begins a request: none of it has been sent. `is_new`: it is the first one on this connection.
    pub fn begin(&mut self, deadline: Deadline, is_new: bool) {
        (self.deadline, self.has_sent, self.late) = (deadline, false, None);
        self.on_silence.take_if(|_| !is_new);
    }

    /// Moves the deadline.
    pub fn prolong(&mut self, by: Duration) {
        self.deadline.prolong(by);
    }

    /// Whether a byte has left since `begin`.
    pub fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Whether a byte has come since one has left.
    pub fn has_received(&self) -> bool {
        self.has_received
    }

    /// Whether the stream is open and nothing has come.
    pub fn is_idle(&self) -> bool {
        self.peek() == Err(Errno::WOULDBLOCK)
    }

    /// Sends a part of it. `WouldBlock`: there is no room.
    pub fn send(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        let mut control = SendAncillaryBuffer::default();
        let send = || sendmsg(&self.stream, pieces, &mut control, SendFlags::DONTWAIT);
        let count = retry_on_intr(send)?;
        (self.has_sent, self.has_received) = (true, false);
        Ok(count)
    }

    /// Waits for input or room, and prefers input. Fails at the deadline.
    pub fn wait(&self) -> io::Result<Ready> {
        let ready = self.wait_for(PollFlags::IN | PollFlags::OUT, &self.deadline)?;
        Ok(if ready == PollFlags::OUT { Ready::Room } else { Ready::Input })
    }

    /// Waits for room, or for an error that the next `send` reports. Fails at the deadline, or after this time.
    pub fn wait_for_room(&self, time: Duration) -> io::Result<()> {
        self.wait_for(PollFlags::OUT, &self.deadline.within(time)).map(drop)
    }

    fn wait_for(&self, awaited: PollFlags, deadline: &Deadline) -> io::Result<PollFlags> {
        loop {
            let mut socket = [PollFd::new(&self.stream, awaited)];
            let listens = self.listener().map(|_| deadline.within(LOOKS_AGAIN));
            poll_until(&mut socket, listens.as_ref().unwrap_or(deadline))?;
            // After the deadline only input counts.
            match socket[0].revents() {
                PollFlags::OUT if deadline.has_passed() => return Err(deadline.passed()),
                ready if !ready.is_empty() => return Ok(ready),
                _ if deadline.has_passed() => return Err(deadline.passed()),
                _ => self.tell_silence(),
            }
        }
    }

    /// Receives into `bytes`, which are not empty; 0 is the end of the stream.
    pub fn receive(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.has_received {
            // A server that sends head and body apart, with Nagle's algorithm, sends the body once we acknowledge the head.
            // The kernel would put that off by 40 ms, at each answer anew. A Unix socket refuses, and needs no such thing.
            let _ = set_tcp_quickack(&self.stream, true);
        }
        loop {
            let left = self.deadline.left();
            if left.is_zero() {
                return self.receive_late(bytes);
            }
            // A receive waits by itself, which saves a system call for each answer; a poll ends at the deadline.
            if left < LOOKS_AGAIN {
                self.wait_for(PollFlags::IN, &self.deadline)?;
            }
            match recv(&self.stream, &mut *bytes, RecvFlags::empty()) {
                Err(Errno::WOULDBLOCK) => self.tell_silence(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok((_, count)) => {
                    self.has_received |= count > 0;
                    return Ok(count);
                }
            }
        }
    }

    fn listener(&self) -> Option<&OnSilence> {
        self.on_silence.as_ref().filter(|_| !self.has_received)
    }

    fn tell_silence(&self) {
        if let Some(on_silence) = self.listener() {
            on_silence();
        }
    }

    /// Receives the bytes that lay in the socket when the deadline was found to have passed, and no later
    /// ones: a server that goes on sending must not prolong an attempt.
    fn receive_late(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let late = match self.late {
            Some(late) => late,
            None => ioctl_fionread(&self.stream)?,
        };
        if late == 0 {
            // All bytes are received, but the end of the stream may be there.
            return if self.peek() == Ok(0) { Ok(0) } else { Err(self.deadline.passed()) };
        }
        let most = bytes.len().min(usize::try_from(late).unwrap_or(usize::MAX));
        let (_, count) = recv(&self.stream, &mut bytes[..most], RecvFlags::DONTWAIT)?;
        self.late = Some(late - count as u64);
        Ok(count)
    }

    /// The number of bytes to receive, 0 or 1.
    fn peek(&self) -> rustix::io::Result<usize> {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        recv(&self.stream, &mut [0; 1], flags).map(|(_, count)| count)
    }
}
