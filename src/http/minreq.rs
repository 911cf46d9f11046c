//! --minreq: uploads by the minreq crate, on a connection for each.
//!
//! This room promises what minreq does, and no more: the manual says in CAVEATS what that is. minreq does not tell
//! whether a byte has left, so a frame without response may have arrived, unless connecting was refused. It may panic:
//! so a panic unwinds, and is a failure of the upload. It counts header bytes with unchecked subtraction: so the
//! release profile has overflow checks for it.

use std::io::{self, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::request::{Body, Header, Request};

use super::outcome::{self, Failure};
use super::reply::{self, Head, MAX_RESPONSE_BYTES, Response, malformed, refused};
use super::route::place;
use super::time_limit::{MAX_TIME, timed_out};

/// minreq returns status 503 and this reason if the server closes, or sends something other than an HTTP status line.
const NO_STATUS_LINE: &str = "Server did not provide a status line";

pub struct Minreq {
    request: Arc<Request>,
    /// The server's name in messages.
    place: String,
    /// Whole seconds: minreq takes no others.
    max_time: Duration,
}

impl Minreq {
    pub fn new(request: Arc<Request>, max_time: Duration) -> Self {
        let whole = max_time.as_secs() + u64::from(max_time.subsec_nanos() > 0);
        Minreq { place: place(&request.url), request, max_time: Duration::from_secs(whole) }
    }

    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        let request = self.request(body, headers);
        match catch_unwind(AssertUnwindSafe(|| exchange(request))) {
            Ok(result) => result.map_err(|error| self.failure(&error)),
            Err(_) => Err(self.failure(&refused("minreq panicked"))),
        }
    }

    fn request(&self, body: &Body, headers: &[Header]) -> minreq::Request {
        let method = minreq::Method::Custom(self.request.method.clone());
        let mut request = minreq::Request::new(method, self.request.url(body.frame).to_string())
            .with_timeout(self.max_time.as_secs())
            .with_follow_redirects(false)
            // minreq's own limit of 8 KiB is too short for servers that send policies and cookies.
            .with_max_headers_size(reply::MAX_HEADER_BYTES);
        if let Some(content_type) = &body.content_type {
            request = request.with_header("Content-Type", content_type);
        }
        for header in headers {
            request = request.with_header(&header.name, header.fill(body.frame));
        }
        request.with_body(body.bytes.clone())
    }

    fn failure(&self, error: &io::Error) -> Failure {
        let kind = outcome::innermost::<io::Error>(error).map(io::Error::kind);
        let cause = match kind {
            Some(ErrorKind::TimedOut) => {
                format!("{}: {}", self.place, timed_out(self.max_time, MAX_TIME))
            }
            _ => outcome::text_at(&self.place, error),
        };
        Failure::of(error, kind != Some(ErrorKind::ConnectionRefused), cause)
    }
}

fn exchange(request: minreq::Request) -> io::Result<Response> {
    let reply = request.send_lazy().map_err(io::Error::other)?;
    if reply.status_code == 503 && reply.reason_phrase == NO_STATUS_LINE {
        return Err(refused("no response: closed, or no HTTP status line"));
    }
    let headers = reply.headers.clone();
    // minreq takes a name for itself with blanks round it, too.
    let headers = headers.iter().map(|(name, value)| (name.trim(), value.as_bytes()));
    let is_of_chunks = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"chunked");
    // minreq decodes chunks only where the coding stands alone.
    if headers.clone().any(|(name, value)| name == "transfer-encoding" && !is_of_chunks(value)) {
        return Err(malformed("Transfer-Encoding other than chunked"));
    }
    let head = Head::new(1, reply.status_code, headers)?;
    let mut body = Vec::new();
    if head.has_body() {
        reply.take(MAX_RESPONSE_BYTES as u64 + 1).read_to_end(&mut body)?;
    }
    if body.len() > MAX_RESPONSE_BYTES {
        return Err(reply::too_long());
    }
    match head.length {
        Some(told) if told != body.len() => {
            Err(refused(format!("response cut short: {} of {told} bytes", body.len())))
        }
        _ => head.into_response(body),
    }
}
