//! A connection to the server: sending a request, receiving bytes of its response.
//!
//! It sends and receives at the same time, so we read an answer that comes while the body is still going out.

use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::time::Duration;

use super::outcome;
use super::reply::MAX_HEADER_BYTES;
use super::socket::Ready;
use super::time_limit::Deadline;
use super::wire::Wire;

/// The size of the input buffer: at first, and once an answer has filled that. What is unread when more is to come, a
/// head or a line, is shorter than the second.
const INPUT_BYTES: usize = 16 << 10;
const LONG_INPUT_BYTES: usize = MAX_HEADER_BYTES + (32 << 10);

/// A server that has answered, and for so long takes none of the rest of the body, does not want it.
const REST_IS_WANTED: Duration = Duration::from_secs(5);

/// The unsent part of a request: slices of its head and its body.
pub struct Outgoing<'a> {
    head: &'a [u8],
    body: &'a [u8],
    /// Whether the rest was dropped. Bytes that lie in the TLS session stay there unsent.
    is_cut: bool,
    /// Why sending failed; told once.
    failure: Option<io::Error>,
}

impl<'a> Outgoing<'a> {
    pub fn new(head: &'a [u8], body: &'a [u8]) -> Self {
        Outgoing { head, body, is_cut: false, failure: None }
    }

    fn cut(&mut self) {
        (self.head, self.body, self.is_cut) = (&[], &[], true);
    }

    fn fail(&mut self, error: io::Error) {
        self.cut();
        self.failure = Some(error);
    }

    /// If sending failed, that is the reason why no answer comes; but a TLS alert says more.
    fn explain(&mut self, received: io::Result<usize>) -> io::Result<usize> {
        let says_more = match &received {
            Ok(count) => *count > 0,
            Err(error) => outcome::is_of_tls(error),
        };
        self.failure.take_if(|_| !says_more).map_or(received, Err)
    }

    fn is_empty(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }

    fn pieces(&self) -> [IoSlice<'a>; 2] {
        [IoSlice::new(self.head), IoSlice::new(self.body)]
    }

    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len());
        self.head = &self.head[of_head..];
        self.body = &self.body[count - of_head..];
    }
}

/// A connection, ready for a request.
pub struct Connection {
    wire: Wire,
    input: Vec<u8>,
    /// The part of `input` that has been received and not been used.
    unread: Range<usize>,
}

impl Connection {
    pub fn over(wire: Wire) -> Self {
        Connection { wire, input: vec![0; INPUT_BYTES], unread: 0..0 }
    }

    /// The wire, if nothing of its bytes is left here.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Begins a request: none of it has been sent. `is_new`: it is the first one here.
    pub fn begin(&mut self, deadline: Deadline, is_new: bool) {
        self.wire.socket_mut().begin(deadline, is_new);
    }

    /// Moves the deadline.
    pub fn prolong(&mut self, by: Duration) {
        self.wire.socket_mut().prolong(by);
    }

    /// Whether a byte has left since `begin`.
    pub fn has_sent(&self) -> bool {
        self.wire.socket().has_sent()
    }

    /// Whether a byte has come since one has left.
    pub fn has_received(&self) -> bool {
        self.wire.socket().has_received()
    }

    /// Whether the connection is open and nothing has come on it.
    pub fn is_idle(&mut self) -> bool {
        self.unread.is_empty() && self.wire.is_idle()
    }

    /// Whether the request has gone out whole, and nothing has come behind its response.
    pub fn is_between_requests(&self, outgoing: &Outgoing) -> bool {
        !outgoing.is_cut && !self.is_sending(outgoing) && self.unread.is_empty()
    }

    /// The bytes that have been received and not been used.
    pub fn unread(&self) -> &[u8] {
        &self.input[self.unread.clone()]
    }

    pub fn use_up(&mut self, count: usize) {
        self.unread.start += count;
    }

    /// Sends until something has come, and receives it; 0 is the end of the stream. If sending fails after
    /// a byte has left, the answer may be in the socket already, so we look there.
    pub fn converse(&mut self, outgoing: &mut Outgoing) -> io::Result<usize> {
        self.make_room();
        loop {
            self.send_until_input(outgoing)?;
            match self.wire.receive(&mut self.input[self.unread.end..]) {
                // The bytes were TLS's own: a session ticket, for example.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => {
                    self.unread.end += *received.as_ref().unwrap_or(&0);
                    return outgoing.explain(received);
                }
            }
        }
    }

    fn send_until_input(&mut self, outgoing: &mut Outgoing) -> io::Result<()> {
        while self.is_sending(outgoing) {
            match self.send(outgoing) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.wire.wait()? == Ready::Input {
                        break;
                    }
                }
                Err(error) if self.has_sent() => outgoing.fail(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether some of it is unsent. Bytes that were taken before the rest was cut may stay in the wire.
    fn is_sending(&self, outgoing: &Outgoing) -> bool {
        !outgoing.is_empty() || (self.wire.holds_unsent() && !outgoing.is_cut)
    }

    /// Sends a part of it. `WouldBlock`: there is no room.
    fn send(&mut self, outgoing: &mut Outgoing) -> io::Result<()> {
        let count = self.wire.send(&outgoing.pieces())?;
        outgoing.advance(count);
        Ok(())
    }

    /// Drops the unsent rest: the server does not want it.
    pub fn drop_rest(&self, outgoing: &mut Outgoing) {
        if self.is_sending(outgoing) {
            outgoing.cut();
        }
    }

    /// Sends the rest of a request whose response is there: a server may answer 200 early and still read all
    /// of the body. If the server does not take the rest, the response stands nevertheless, and soon.
    pub fn send_rest(&mut self, outgoing: &mut Outgoing) {
        while self.is_sending(outgoing) {
            let sent = match self.send(outgoing) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wire.socket().wait_for_room(REST_IS_WANTED)
                }
                sent => sent,
            };
            if let Err(error) = sent {
                outgoing.fail(error);
            }
        }
    }

    /// Makes room behind the unread bytes.
    fn make_room(&mut self) {
        if self.unread.end == self.input.len() {
            self.input.resize(LONG_INPUT_BYTES, 0);
        }
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == self.input.len() {
            self.input.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
    }
}
