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
use ureq_proto::http::{self, Method, Uri};

use crate::request::{Body, Header, Request};

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
    method: Method,
    /// That of frame 0.
    uri: Uri,
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
        let method = Method::from_bytes(request.method.as_bytes()).context("--request")?;
        let uri = uri(&request, 0)?;
        Ok(Kept { request, method, uri, connector, max_time, idle: Mutex::default() })
    }

    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        let deadline = Instant::now() + self.max_time;
        loop {
            let request = self.request(body, headers).map_err(|error| {
                Failure::not_begun(Outcome::Refused, format!("not sent: {error}"))
            })?;
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

    /// Checks that a request with these headers can be written. The error is bad usage.
    pub fn check(&self, headers: &[Header]) -> Result<()> {
        self.request_for(0, headers, Some(""), 0).map(drop)
    }

    fn request(&self, body: &Body, headers: &[Header]) -> Result<http::Request<()>> {
        let content_type = body.content_type.as_deref();
        self.request_for(body.frame, headers, content_type, body.bytes.len())
    }

    /// Header names go out in the spelling of this file and of the user.
    fn request_for(
        &self,
        frame: u64,
        headers: &[Header],
        content_type: Option<&str>,
        body_bytes: usize,
    ) -> Result<http::Request<()>> {
        let uri = match self.request.path.has_number() {
            true => uri(&self.request, frame)?,
            false => self.uri.clone(),
        };
        let mut request = http::Request::builder().method(self.method.clone()).uri(uri);
        let mut add = |name: &str, value: &[u8]| {
            request = header_raw(std::mem::take(&mut request), name, value);
        };
        add("Host", self.request.url.host_and_port().as_bytes());
        headers.iter().for_each(|header| add(&header.name, &header.value.fill(frame)));
        if let Some(content_type) = content_type {
            add("Content-Type", content_type.as_bytes());
        }
        add("Content-Length", body_bytes.to_string().as_bytes());
        request.body(()).context("--header")
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
