//! A connection for each request, by the minreq crate.
//!
//! minreq is written for well-behaved servers. This file holds all that follows from that, and minreq's word
//! is checked here:
//!
//! It can't be told to stop, and it may panic: so we call it on a thread of its own, give up at --max-time,
//! and leave that thread behind. It can't tell whether a byte was sent: so we sort a connection's errors by
//! those that `connect` alone reports. It must not follow a redirect, nor read without bound. It counts
//! header bytes with unchecked subtraction: so the release profile has overflow checks for it, and a panic unwinds.

use std::any::Any;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::memory;
use crate::request::{Body, Header, Request};

use super::outcome::{self, Failure, Outcome, Reach};
use super::reply::{self, Head, MAX_HEADER_BYTES, Response};
use super::route::place;
use super::time_limit::{MAX_TIME, timed_out};

/// minreq returns Ok with status 503 and this reason if the server closes, or sends something other than an
/// HTTP status line.
const NO_STATUS_LINE: &str = "Server did not provide a status line";

/// The most calls that outlast --max-time and still run. Each holds a thread, a connection and a body.
const MAX_HANGING: usize = 16;

pub struct Minreq {
    request: Arc<Request>,
    /// The server's name in messages.
    place: Arc<str>,
    max_time: Duration,
    idle: Mutex<Vec<Caller>>,
    hanging: Arc<AtomicUsize>,
}

impl Minreq {
    pub fn new(request: Arc<Request>, max_time: Duration) -> Self {
        let place = place(&request.url).into();
        Minreq { request, place, max_time, idle: Mutex::default(), hanging: Arc::default() }
    }

    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        let caller = self.caller()?;
        let request = self.request(body, headers).with_body(body.bytes.as_slice());
        let result = caller.call(request, self.max_time);
        match result {
            Some(result) => {
                self.lock().push(caller);
                result
            }
            None => {
                caller.leave_behind();
                let timed_out = timed_out(self.max_time, MAX_TIME);
                Err(Failure::unknown(format!("{}: {timed_out}", self.place)))
            }
        }
    }

    fn caller(&self) -> Result<Caller, Failure> {
        if self.hanging.load(Ordering::Acquire) >= MAX_HANGING {
            let cause = format!("not sent: {MAX_HANGING} uploads that timed out still hang");
            return Err(Failure::not_begun(Outcome::Hopeless, cause));
        }
        match self.lock().pop() {
            Some(caller) => Ok(caller),
            None => Caller::start(&self.hanging, &self.place).map_err(|error| {
                let cause = format!("cannot start a thread: {}", outcome::text(&error));
                Failure::not_begun(Outcome::NeverSent, cause)
            }),
        }
    }

    fn request(&self, body: &Body, headers: &[Header]) -> minreq::Request {
        let method = minreq::Method::Custom(self.request.method.clone());
        let url = self.request.url(body.frame).to_string();
        let mut request = minreq::Request::new(method, url)
            .with_follow_redirects(false)
            // minreq's own limit of 8 KiB is too short for servers that send policies and cookies.
            .with_max_headers_size(MAX_HEADER_BYTES);
        if let Some(content_type) = &body.content_type {
            request = request.with_header("Content-Type", content_type);
        }
        for header in headers {
            request = request.with_header(&header.name, header.fill(body.frame));
        }
        // minreq never uses a connection twice. We say so, and the server closes first: then the server's
        // port waits in TIME_WAIT, and ours is free.
        request.with_header("Connection", "close")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Caller>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that calls minreq. It can be left behind.
struct Caller {
    requests: Sender<minreq::Request>,
    replies: Receiver<Result<Response, Failure>>,
    is_left: Arc<AtomicBool>,
    hanging: Arc<AtomicUsize>,
}

impl Caller {
    fn start(hanging: &Arc<AtomicUsize>, place: &Arc<str>) -> io::Result<Caller> {
        let (requests, next_request) = channel();
        let (reply, replies) = channel();
        let is_left = Arc::new(AtomicBool::new(false));
        let caller = Caller {
            requests,
            replies,
            is_left: Arc::clone(&is_left),
            hanging: Arc::clone(hanging),
        };
        let (hanging, place) = (Arc::clone(hanging), Arc::clone(place));
        memory::spawn("minreq", move || {
            while let Ok(request) = next_request.recv() {
                // If this thread was left behind, nobody receives.
                let _ = reply.send(send(request, &place));
            }
            if is_left.load(Ordering::Acquire) {
                hanging.fetch_sub(1, Ordering::AcqRel);
            }
        })?;
        Ok(caller)
    }

    /// `None`: the call has outlasted the limit and still runs.
    fn call(
        &self,
        request: minreq::Request,
        max_time: Duration,
    ) -> Option<Result<Response, Failure>> {
        let ended = || Some(Err(Failure::unknown("minreq's thread has ended")));
        if self.requests.send(request).is_err() {
            return ended();
        }
        match self.replies.recv_timeout(max_time) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => ended(),
        }
    }

    /// Leaves the thread behind. It ends when its call returns, and counts as hanging until then.
    fn leave_behind(self) {
        self.hanging.fetch_add(1, Ordering::AcqRel);
        self.is_left.store(true, Ordering::Release);
    }
}

/// Sends the request and reads its response. A panic inside minreq is a failure.
fn send(request: minreq::Request, place: &str) -> Result<Response, Failure> {
    catch_unwind(AssertUnwindSafe(|| send_unguarded(request, place))).unwrap_or_else(|panic| {
        Err(Failure::unknown(format!("minreq panicked: {}", panic_text(&*panic))))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn send_unguarded(request: minreq::Request, place: &str) -> Result<Response, Failure> {
    let begin = Instant::now();
    let reply = request.send_lazy().map_err(|error| failure(&error, begin.elapsed(), place))?;
    if reply.status_code == 503 && reply.reason_phrase == NO_STATUS_LINE {
        return Err(Failure::unknown("no response: closed, or no HTTP status line"));
    }
    let status = reply.status_code;
    let headers: Vec<_> = reply.headers.clone().into_iter().collect();
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    // A head has come, so the request was sent: no later error means otherwise.
    let failure = |error: io::Error| Failure {
        outcome: outcome::of_error(&error).unwrap_or(Outcome::Unknown),
        reach: Reach::Sent,
        cause: outcome::text_at(place, &error),
        retry_after: outcome::retry_after(&error),
    };
    let head = Head::new(status, pairs).map_err(failure)?;
    // Every server sends some header. A reply without any may have been cut inside its head.
    if headers.is_empty() && head.has_body() {
        return Err(Failure::unknown("response cut short: no header"));
    }
    reply::read(head, reply).map_err(failure)
}

fn failure(error: &minreq::Error, elapsed: Duration, place: &str) -> Failure {
    let outcome = match error {
        minreq::Error::AddressNotFound => Outcome::Refused,
        error => outcome::of_error(error).unwrap_or(match is_of_connect(error, elapsed) {
            true => Outcome::NeverSent,
            false => Outcome::Unknown,
        }),
    };
    let reach = if outcome == Outcome::Unknown { Reach::Sent } else { Reach::Unsent };
    let text = outcome::text(error);
    // minreq's own errors are about what the server has said.
    let is_of_network =
        outcome::innermost::<io::Error>(error).is_some() || outcome::is_of_tls(error);
    let cause = if is_of_network { format!("{place}: {text}") } else { text };
    Failure::new(outcome, reach, cause)
}

/// TCP gives up an established connection no sooner than this (RFC 1122, 4.2.3.5, R2). Afterwards Linux may
/// report an old ICMP error, such as "no route to host", for a connection that has carried data. Only before
/// is such an error certainly that of `connect`.
const CONNECT_AT_MOST: Duration = Duration::from_secs(100);

/// The same for this system: Linux gives up after `tcp_retries2` retransmissions, the first after at least
/// 200 ms, each later one after twice as long. If the setting can't be read, nothing is certain: zero.
static GIVES_UP_AFTER: LazyLock<Duration> = LazyLock::new(|| {
    if !cfg!(target_os = "linux") {
        return CONNECT_AT_MOST;
    }
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_retries2");
    let retries = setting.ok().and_then(|text| text.trim().parse::<u32>().ok());
    retries.map_or(Duration::ZERO, gives_up_after)
});

fn gives_up_after(retries: u32) -> Duration {
    let first = Duration::from_millis(200);
    first.saturating_mul((2 << retries.min(15)) - 1).min(CONNECT_AT_MOST)
}

/// Whether only the look-up or `connect` reports this error, at `elapsed` since the call began.
fn is_of_connect(error: &(dyn Error + 'static), elapsed: Duration) -> bool {
    let Some(error) = outcome::innermost::<io::Error>(error) else { return false };
    if outcome::is_of_look_up(error) {
        return true;
    }
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => elapsed < *GIVES_UP_AFTER,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn of(error: io::Error) -> Outcome {
        failure(&minreq::Error::IoError(error), SOON, "").outcome
    }

    #[test]
    fn what_connect_reports_was_never_sent() {
        // ENETUNREACH, ECONNREFUSED, EHOSTUNREACH of Linux.
        for number in [101, 111, 113] {
            assert_eq!(of(io::Error::from_raw_os_error(number)), Outcome::NeverSent, "{number}");
        }
    }

    #[test]
    fn no_descriptor_and_no_port_are_our_own_shortage() {
        // EMFILE, ENFILE, EADDRNOTAVAIL of Linux.
        for number in [24, 23, 99] {
            assert_eq!(of(io::Error::from_raw_os_error(number)), Outcome::NoRoom, "{number}");
        }
    }

    #[test]
    fn what_a_connection_with_data_may_report_is_unknown() {
        // EPIPE, ECONNABORTED, ECONNRESET, ETIMEDOUT: the last one is connect's as well as write's.
        for number in [32, 103, 104, 110] {
            assert_eq!(of(io::Error::from_raw_os_error(number)), Outcome::Unknown, "{number}");
        }
        let late = minreq::Error::IoError(io::Error::from_raw_os_error(113));
        assert_eq!(failure(&late, CONNECT_AT_MOST, "").outcome, Outcome::Unknown);
    }

    #[test]
    fn a_system_that_gives_up_early_is_believed_for_less_long() {
        assert_eq!(gives_up_after(3), Duration::from_secs(3));
        assert_eq!(gives_up_after(15), CONNECT_AT_MOST);
        assert_eq!(gives_up_after(u32::MAX), CONNECT_AT_MOST);
    }

    #[test]
    fn a_look_up_may_pass_or_not() {
        let look_up = "failed to lookup address information";
        let look_up = |text: &str| of(io::Error::other(format!("{look_up}: {text}")));
        assert_eq!(look_up("Temporary failure in name resolution"), Outcome::NeverSent);
        assert_eq!(look_up("Name or service not known"), Outcome::Refused);
    }

    #[test]
    fn an_error_is_found_however_deep_it_is_wrapped() {
        let inner = io::Error::other(rustls::Error::NoCertificatesPresented);
        assert_eq!(of(io::Error::other(inner)), Outcome::Refused);
    }
}
