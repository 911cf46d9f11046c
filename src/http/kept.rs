//! Attempts over connections of our own. They stay between uploads, unless a header closes them.
//!
//! Promise 4 stands on `has_sent`: if no byte of a frame has left, it was never sent. A time limit closes the
//! connection, so nothing is sent after an attempt has ended.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::dry::Dry;
use crate::memory::Budget;
use crate::request::{Body, Header, Request};

use super::connect::Connector;
use super::exchange::exchange;
use super::outcome::{self, Failure, Outcome};
use super::pool::Pool;
use super::reply::Response;
use super::route::Way;
use super::time_limit::{Deadline, MAX_TIME};

pub struct Kept {
    request: Arc<Request>,
    connector: Connector,
    /// Stands before the path of a request to a proxy.
    origin: Option<String>,
    /// From name look-up to the end of the response.
    max_time: Duration,
    idle: Arc<Pool>,
    pub responses: Arc<Budget>,
}

/// What all responses may hold together, but for the one whose line is next.
const ALL_RESPONSES: usize = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(10);

impl Kept {
    /// The error is bad usage: the host's name or the path of a socket is wrong.
    pub fn new(request: Arc<Request>, way: Way, max_time: Duration) -> Result<Self> {
        let url = &request.url;
        let idle = Arc::new(Pool::default());
        let shared = Arc::clone(&idle);
        let connector = Connector::new(url, way, Arc::new(move || shared.let_go()))?;
        let origin = connector.reading_proxy().map(|_| format!("http://{}", url.host_and_port()));
        let responses = Budget::new(ALL_RESPONSES, PATIENCE);
        Ok(Kept { request, connector, origin, max_time, idle, responses })
    }

    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        let deadline = Deadline::after(self.max_time, MAX_TIME);
        let head = self.head(body, headers);
        let mut share = self.responses.share(body.frame);
        // The user or --no-http-keep-alive says so: a connection for each request.
        let closes = headers.iter().any(|header| header.is("Connection"));
        loop {
            // `take` looks at what has come on a connection; the next thing that happens there is that the head goes out.
            let begun = Instant::now();
            let (mut connection, is_new) = match self.idle.take() {
                Some(connection) => (connection, false),
                None => (self.connector.connect(deadline.clone())?, true),
            };
            connection.begin(deadline.clone(), is_new);
            match exchange(&mut connection, &head, &body.bytes, self.origin.is_some(), &mut share) {
                Ok(exchanged) => {
                    if let Some(keeps_idle) = exchanged.keeps_idle.filter(|_| !closes) {
                        self.idle.put(connection, is_new, begun, keeps_idle);
                    }
                    return Ok(Response { _share: Some(share), ..exchanged.response });
                }
                // The server closed it while it was idle: we take another one, or a new one.
                Err(_) if !is_new && !connection.has_sent() => {}
                Err(error) if !is_new && !connection.has_received() && is_end(&error) => {
                    self.idle.hung_up();
                    let mut failure = self.failure(&error, true);
                    failure.outcome = Outcome::HungUp;
                    failure.cause += " on a kept connection (--no-http-keep-alive)";
                    return Err(failure);
                }
                Err(error) => {
                    let error = outcome::of_exchange(error);
                    let mut failure = self.failure(&error, connection.has_sent());
                    let is_plain = !self.request.url.https && self.connector.detour().is_none();
                    failure.may_want_https =
                        is_plain && !connection.has_received() && is_end(&error);
                    return Err(failure);
                }
            }
        }
    }

    fn failure(&self, error: &io::Error, has_sent: bool) -> Failure {
        let cause = outcome::text_at(self.connector.peer(), error);
        Failure::of(error, has_sent, cause)
    }

    /// Shows what would be sent, and takes it for answered.
    pub fn rehearse(&self, dry: &Dry, body: &Body, headers: &[Header]) -> Response {
        dry.take(&self.request, &self.head(body, headers), self.connector.detour(), body);
        Response { status: 200, ..Response::default() }
    }

    /// The head of this body's request. Header names go out in the spelling of this file and of the user. All of it
    /// has been checked: no value holds a line end.
    fn head(&self, body: &Body, headers: &[Header]) -> Vec<u8> {
        let origin = self.origin.as_deref().unwrap_or_default();
        let mut head = format!("{} {origin}", self.request.method).into_bytes();
        head.extend_from_slice(&self.request.path.fill(body.frame));
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let mut add = |name: &str, value: &[u8]| {
            let line = [name.as_bytes(), b": ", value, b"\r\n"];
            line.iter().for_each(|piece| head.extend_from_slice(piece));
        };
        add("Host", self.request.url.host_and_port().as_bytes());
        let proxy = self.connector.reading_proxy();
        let authorization = proxy.and_then(|proxy| proxy.authorization.as_deref());
        let is_given = || headers.iter().any(|header| header.is("Proxy-Authorization"));
        if let Some(authorization) = authorization.filter(|_| !is_given()) {
            add("Proxy-Authorization", authorization.as_bytes());
        }
        headers.iter().for_each(|header| add(&header.name, &header.value.fill(body.frame)));
        if let Some(content_type) = &body.content_type {
            add("Content-Type", content_type.as_bytes());
        }
        add("Content-Length", body.bytes.len().to_string().as_bytes());
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Whether the server has ended the connection.
fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
