//! Attempts over connections that stay between uploads.
//!
//! Promise 4 stands on `has_sent`: if no byte of a frame has left, it was never sent. A time limit closes the
//! connection, so nothing is sent after an attempt has ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ureq_proto::client::header_raw;
use ureq_proto::http::{self, Method, Uri};

use crate::dry::Dry;
use crate::request::{Body, Header, Request};

use super::connect::{Connector, Unreached};
use super::connection::Connection;
use super::exchange::{self, Exchanged, PROXY_AUTHENTICATION_REQUIRED, exchange};
use super::outcome::{self, Failure, Outcome, Reach};
use super::pool::Pool;
use super::reply::Response;
use super::route::Route;
use super::time_limit::{Deadline, MAX_TIME};
use super::tls::Tls;

/// The limits of an attempt.
pub struct Limits {
    /// From name look-up to the end of the response.
    pub max_time: Duration,
    /// Until a connection is there.
    pub connect_timeout: Duration,
}

pub struct Kept {
    request: Arc<Request>,
    method: Method,
    /// That of frame 0.
    uri: Uri,
    connector: Connector,
    /// Stands before the path of a request to a proxy.
    origin: Option<String>,
    max_time: Duration,
    idle: Pool<Connection>,
}

impl Kept {
    /// `tls` is for an https URL, `proxy_tls` for an https proxy. The error is bad usage: the URL, the path of
    /// a socket or a header is wrong.
    pub fn new(
        request: Arc<Request>,
        route: Route,
        tls: Option<Tls>,
        proxy_tls: Option<Tls>,
        limits: &Limits,
    ) -> Result<Self> {
        let url = &request.url;
        let connector = Connector::new(url, route, tls, proxy_tls, limits.connect_timeout)?;
        let origin = connector.absolute_form().map(|_| format!("http://{}", url.host_and_port()));
        let method = Method::from_bytes(request.method.as_bytes()).context("--request")?;
        let (uri, max_time) = (uri(&request, 0)?, limits.max_time);
        Ok(Kept { request, method, uri, connector, origin, max_time, idle: Pool::default() })
    }

    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        let deadline = Deadline::after(self.max_time, MAX_TIME);
        // The user or --no-http-keep-alive says so: a connection for each request.
        let closes = headers.iter().any(|header| header.is("Connection"));
        loop {
            let request = self.request(body, headers).map_err(|error| not_sent(&error))?;
            let idle = if closes { None } else { self.idle.take(Connection::is_idle) };
            let (mut connection, is_new) = match idle {
                Some(connection) => (connection, false),
                None => (self.connector.connect(deadline).map_err(|e| self.unreached(&e))?, true),
            };
            connection.begin(deadline);
            match exchange(&mut connection, request, self.origin.as_deref(), &body.bytes) {
                Ok(exchanged) => return self.finish(connection, exchanged),
                // The server closed it while it was idle: we take another one, or a new one.
                Err(_) if !is_new && !connection.has_sent() => {}
                Err(error) => return Err(self.failed(&error, connection.has_sent())),
            }
        }
    }

    fn finish(&self, connection: Connection, exchanged: Exchanged) -> Result<Response, Failure> {
        // A proxy may pass on the head of a server that keeps connections, and close its own: tinyproxy does.
        let is_kept = self.origin.is_none() || exchanged.says_keep_alive;
        if exchanged.is_reusable && is_kept {
            self.idle.put(connection, exchanged.keeps_idle);
        }
        let response = exchanged.response;
        match self.connector.absolute_form() {
            // No server says this (RFC 9110, 15.5.8): it is no answer to the frame.
            Some(form) if response.status == PROXY_AUTHENTICATION_REQUIRED => {
                let cause = format!("{}: status {}", form.proxy, response.status);
                Err(Failure::new(Outcome::Refused, Reach::Sent, cause))
            }
            _ => Ok(response),
        }
    }

    fn unreached(&self, unreached: &Unreached) -> Failure {
        let Unreached { place, error } = unreached;
        self.failure(error, false, format!("{place}: {}", outcome::text(error)))
    }

    fn failed(&self, error: &io::Error, has_sent: bool) -> Failure {
        self.failure(error, has_sent, outcome::text_at(self.connector.peer(), error))
    }

    fn failure(&self, error: &io::Error, has_sent: bool, cause: String) -> Failure {
        let (otherwise, reach) = match has_sent {
            true => (Outcome::Unknown, Reach::Sent),
            false => (Outcome::NeverSent, Reach::Unsent),
        };
        let outcome = outcome::of_error(error).unwrap_or(otherwise);
        Failure { retry_after: outcome::retry_after(error), ..Failure::new(outcome, reach, cause) }
    }

    /// Checks that a request with these headers can be written. The error is bad usage.
    pub fn check(&self, headers: &[Header]) -> Result<()> {
        self.request_for(0, headers, Some(""), 0).map(drop)
    }

    /// Shows what would be sent, and takes it for answered.
    pub fn rehearse(
        &self,
        dry: &Dry,
        body: &Body,
        headers: &[Header],
    ) -> Result<Response, Failure> {
        let head = self.head(body, headers).map_err(|error| not_sent(&error))?;
        dry.take(&self.request, &head, self.connector.detour(), body);
        Ok(Response { status: 200, location: None, retry_after: None, body: Vec::new() })
    }

    /// The head of this body's request, as it goes out.
    fn head(&self, body: &Body, headers: &[Header]) -> Result<Vec<u8>> {
        let request = self.request(body, headers)?;
        Ok(exchange::head(request, self.origin.as_deref(), body.bytes.len())?)
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
        let authorization = self.connector.absolute_form().and_then(|form| form.authorization);
        let is_given = || headers.iter().any(|header| header.is("Proxy-Authorization"));
        if let Some(authorization) = authorization.filter(|_| !is_given()) {
            add("Proxy-Authorization", authorization.as_bytes());
        }
        headers.iter().for_each(|header| add(&header.name, &header.value.fill(frame)));
        if let Some(content_type) = content_type {
            add("Content-Type", content_type.as_bytes());
        }
        add("Content-Length", body_bytes.to_string().as_bytes());
        request.body(()).context("--header")
    }
}

fn not_sent(error: &anyhow::Error) -> Failure {
    Failure::not_begun(Outcome::Refused, format!("not sent: {error}"))
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
