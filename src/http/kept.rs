//! Connections that stay between uploads, at most one for each job, and when one is used again.
//!
//! Promise 4 stands on `has_sent`: if no byte of a frame has left, it was never sent. A time limit closes the
//! connection, so nothing is sent after an attempt has ended.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use ureq_proto::client::header_raw;
use ureq_proto::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use ureq_proto::http::{self, HeaderValue, Uri};

use crate::request::{Body, Request};

use super::connect::Connector;
use super::connection::Connection;
use super::exchange::{Exchanged, exchange};
use super::outcome::{self, Failure, Outcome, Reach};
use super::reply::Response;

/// A connection that has been idle for longer is not used again. Servers close idle connections without
/// notice, the commonest after 2 s (gunicorn) or 5 s (uvicorn, Node.js, Apache). If a request crosses that
/// close, its outcome is unknown. On a new connection it is not, and for frames so far apart a new connection
/// costs little.
const MAX_IDLE: Duration = Duration::from_millis(1500);

pub struct Kept {
    request: Arc<Request>,
    /// The request of frame 0, without the headers of its body.
    sample: http::Request<()>,
    connector: Connector,
    max_time: Duration,
    /// A stack: the connection used last is on top.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    /// After this the connection is not used again.
    until: Instant,
}

impl Kept {
    /// The error is bad usage: the URL or the certificates are wrong.
    pub fn new(request: Arc<Request>, max_time: Duration) -> Result<Self> {
        let connector = Connector::new(&request.url).context("TLS")?;
        let sample = sample(&request)?;
        Ok(Kept { request, sample, connector, max_time, idle: Mutex::default() })
    }

    pub fn attempt(&self, body: &Body) -> Result<Response, Failure> {
        let deadline = Instant::now() + self.max_time;
        loop {
            let request = self.request(body)?;
            let (mut connection, is_new) = match self.idle_connection() {
                Some(connection) => (connection, false),
                None => (self.connector.connect(deadline).map_err(|e| failure(&e, false))?, true),
            };
            connection.begin(deadline);
            match exchange(&mut connection, request, &body.bytes) {
                Ok(exchanged) => return Ok(self.finish(connection, exchanged)),
                // The server closed it while it was idle: we take another one, or a new one.
                Err(_) if !is_new && !connection.has_sent() => {}
                Err(error) => return Err(failure(&error, connection.has_sent())),
            }
        }
    }

    /// The connection used last that is still good. Others are closed.
    fn idle_connection(&self) -> Option<Connection> {
        loop {
            let mut idle = self.lock().pop_back()?;
            if Instant::now() < idle.until && idle.connection.is_idle() {
                return Some(idle.connection);
            }
        }
    }

    fn finish(&self, connection: Connection, exchanged: Exchanged) -> Response {
        if exchanged.is_reusable {
            // Three quarters of the server's own limit: a request takes time to get there.
            let limit = exchanged.keeps_idle.map_or(MAX_IDLE, |kept| MAX_IDLE.min(kept * 3 / 4));
            let now = Instant::now();
            let mut idle = self.lock();
            idle.retain(|idle| now < idle.until);
            idle.push_back(Idle { connection, until: now + limit });
        }
        exchanged.response
    }

    /// This body's request.
    fn request(&self, body: &Body) -> Result<http::Request<()>, Failure> {
        let refused = |error: anyhow::Error| {
            Failure::not_begun(Outcome::Refused, format!("not sent: {error}"))
        };
        let mut request = self.sample.clone();
        if self.request.path.has_number() {
            *request.uri_mut() = uri(&self.request, body.frame).map_err(refused)?;
        }
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.bytes.len()));
        if let Some(content_type) = &body.content_type {
            let value = HeaderValue::from_str(content_type);
            headers.insert(CONTENT_TYPE, value.map_err(|error| refused(error.into()))?);
        }
        Ok(request)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Header names go out in the spelling of this file and of the user.
fn sample(request: &Request) -> Result<http::Request<()>> {
    let method = http::Method::from_bytes(request.method.as_bytes()).context("--request")?;
    let mut sample = http::Request::builder().method(method).uri(uri(request, 0)?);
    sample = header_raw(sample, "Host", request.url.host_and_port().as_bytes());
    for header in &request.headers {
        sample = header_raw(sample, &header.name, header.value.as_bytes());
    }
    if request.has_content_type() {
        sample = header_raw(sample, "Content-Type", b"");
    }
    sample = header_raw(sample, "Content-Length", b"0");
    sample.body(()).context("--header")
}

fn uri(request: &Request, frame: u64) -> Result<Uri> {
    /// That of the http crate.
    const MAX_URI_BYTES: usize = 65_534;
    let url = request.url(frame).to_string();
    if url.len() > MAX_URI_BYTES {
        return Err(anyhow!("URL: {} bytes are over the limit of {MAX_URI_BYTES}", url.len()));
    }
    let bad = "URL: holds a character that cannot be sent; percent-encode it";
    url.parse().map_err(|_| anyhow!(bad))
}

fn failure(error: &io::Error, has_sent: bool) -> Failure {
    let (otherwise, reach) = match has_sent {
        true => (Outcome::Unknown, Reach::Sent),
        false => (Outcome::NeverSent, Reach::Unsent),
    };
    let outcome = outcome::of_error(error).unwrap_or(otherwise);
    Failure { outcome, reach, cause: outcome::text(error) }
}
