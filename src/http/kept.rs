//! Uploads over the ureq crate: connections stay, one for each job.
//!
//! ureq does HTTP right where minreq does not, but for what `connection` makes up for. It follows no
//! redirect, adds no header of its own, and is given the body by reference. A time limit closes the
//! connection, so nothing goes on behind an attempt's back.

use std::error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Method, Request, Uri, Version};
use ureq::{Agent, Error};

use super::Response;
use super::connection::{Dialer, Later};
use super::outcome::{self, Failure, Outcome, TIMED_OUT};
use super::reply::{self, Head, MAX_HEADER_BYTES};
use super::socket::Unsent;
use crate::request::{self, Body};

/// A connection that has been idle for longer is not used again. Servers close idle ones without a word,
/// the commonest after 2 s (gunicorn) or 5 s (uvicorn, Node.js, Apache): a request that crosses that
/// close on its way has an unknown outcome. A new connection has not, and at this pace costs little.
const MAX_IDLE: Duration = Duration::from_millis(1500);

/// The connection was closed before the end of the head, or of the body.
const NO_HEAD: &str = "no response: closed before there was one";
const NO_END: &str = "response cut short: closed before its end";

pub struct Kept {
    agent: Agent,
    target: Arc<request::Request>,
    /// The request of frame 0, but for what belongs to its body.
    request: Request<()>,
    /// Connections in the pool, at most.
    jobs: usize,
}

impl Kept {
    /// The error says what is wrong with the URL: all else has been checked.
    pub fn new(
        target: Arc<request::Request>,
        jobs: usize,
        max_time: Duration,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .allow_non_standard_methods(true)
            .max_response_header_size(MAX_HEADER_BYTES)
            .max_idle_connections(jobs)
            .max_idle_connections_per_host(jobs)
            .max_idle_age(MAX_IDLE)
            .timeout_global(Some(max_time))
            .build();
        let agent = Agent::with_parts(config, Dialer::default(), Later);
        let uri = uri(&target, 0)?;
        let method = Method::from_bytes(target.method.as_bytes());
        let mut request = Request::builder().method(method.map_err(|_| "bad method")?).uri(uri);
        for header in &target.headers {
            request = request.header(&header.name, header.value.as_bytes());
        }
        let request = request.body(()).map_err(|error| error.to_string())?;
        Ok(Kept { agent, target, request, jobs })
    }

    pub fn attempt(&self, body: &Body) -> Result<Response, Failure> {
        let mut stale = 0;
        let reply = loop {
            match self.agent.run(self.request(body)?) {
                // The server closed it while it was idle. There are no more such than are kept.
                Err(error) if stale < self.jobs && is_stale(&error) => stale += 1,
                result => break result.map_err(|error| failure(&error, NO_HEAD))?,
            }
        };
        let (parts, body) = reply.into_parts();
        if parts.version == Version::HTTP_10 && parts.headers.contains_key("transfer-encoding") {
            // Only HTTP/1.1 has it (RFC 9112, 6.1): ureq would take the chunks' framing for text.
            return Err(Failure::unknown("malformed response: Transfer-Encoding in HTTP/1.0"));
        }
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = Head::new(parts.status.as_u16(), headers)
            .map_err(|error| Failure::unknown(outcome::text(&error)))?;
        // Once there is a head, something was sent.
        reply::read(head, body.into_reader()).map_err(|error| Failure {
            outcome: Outcome::Unknown,
            ..failure(&Error::from(error), NO_END)
        })
    }

    fn request<'a>(&self, body: &'a Body) -> Result<Request<&'a [u8]>, Failure> {
        let mut request = self.request.clone().map(|()| &body.bytes[..]);
        if self.target.path.has_number() {
            let refused = |cause| Failure { outcome: Outcome::Refused, cause };
            *request.uri_mut() = uri(&self.target, body.frame).map_err(refused)?;
        }
        if let Some(content_type) = &body.content_type {
            let value = content_type.parse().map_err(|_| Failure {
                outcome: Outcome::Refused,
                cause: "Content-Type: holds a character that --keep-alive cannot send".into(),
            })?;
            request.headers_mut().insert("content-type", value);
        }
        Ok(request)
    }
}

fn uri(target: &request::Request, frame: u64) -> Result<Uri, String> {
    target.url(frame).to_string().parse().map_err(|_| {
        "holds a character that --keep-alive cannot send; percent-encode it".to_owned()
    })
}

/// The server closed the connection while it was idle, and nothing has been sent on it.
fn is_stale(error: &Error) -> bool {
    unsent(error).is_some_and(|unsent| unsent.stale)
}

fn unsent(error: &Error) -> Option<&Unsent> {
    match error {
        Error::Other(error) => error.downcast_ref(),
        _ => None,
    }
}

/// `closed` is what to say where the stream has come to its end too soon.
fn failure(error: &Error, closed: &str) -> Failure {
    let unsent = unsent(error);
    let error = unsent.map_or(error, |unsent| &unsent.error);
    let below: &(dyn error::Error + 'static) = match error {
        Error::Io(error) => error,
        Error::Other(error) => &**error,
        error => error,
    };
    let outcome = match () {
        _ if outcome::is_final(below) => Outcome::Refused,
        _ if matches!(error, Error::HostNotFound) => Outcome::Refused,
        _ if unsent.is_some() => Outcome::NeverSent,
        _ => Outcome::Unknown,
    };
    let cause = match error {
        Error::Timeout(_) => TIMED_OUT.to_owned(),
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => closed.to_owned(),
        Error::LargeResponseHeader(..) => {
            format!("response headers over the limit of {} KiB", MAX_HEADER_BYTES >> 10)
        }
        Error::Protocol(error) => {
            format!("malformed response: {}", without_text(&error.to_string()))
        }
        _ => outcome::text(below),
    };
    Failure { outcome, cause }
}

/// What the parser has to say. After another colon there may be text of the server's.
fn without_text(error: &str) -> &str {
    let error = error.strip_prefix("http parse fail: ").unwrap_or(error);
    error.split(':').next().unwrap_or_default()
}
