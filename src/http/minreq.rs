//! Uploads over the minreq crate: one connection for each request.
//!
//! minreq is written for well-behaved servers, so nothing that it says is believed unchecked: it never
//! follows a redirect, and never reads without bound.

use std::time::{Duration, Instant};

use super::outcome::{self, Outcome};
use super::reply::{self, Head, MAX_HEADER_BYTES};
use super::{Failure, Response, Target};
use crate::request::Body;

/// What minreq reports, with status 503, where the first line was none of HTTP, or there was none.
const NO_STATUS_LINE: &str = "Server did not provide a status line";

pub fn attempt(target: &Target, body: Body) -> Result<Response, Failure> {
    let begin = Instant::now();
    let failed = |error: minreq::Error| failure(&error, begin.elapsed());
    let reply = request(target, body).send_lazy().map_err(failed)?;
    if reply.status_code == 503 && reply.reason_phrase == NO_STATUS_LINE {
        return Err(Failure::unknown("no response: closed, or no HTTP status line"));
    }
    let head = Head { status: reply.status_code, headers: reply.headers.clone() };
    // Once there is a head, something was sent: no error while reading the body says otherwise.
    let cut =
        |error| Failure { outcome: Outcome::Unknown, ..failed(minreq::Error::IoError(error)) };
    reply::response(head, reply, cut)
}

fn request(target: &Target, body: Body) -> minreq::Request {
    let method = minreq::Method::Custom(target.method.clone());
    let mut request = minreq::Request::new(method, target.url(body.frame).to_string())
        .with_follow_redirects(false)
        // Its own limit of 8 KiB is short for servers that send policies and cookies.
        .with_max_headers_size(MAX_HEADER_BYTES);
    if let Some(content_type) = body.content_type {
        request = request.with_header("Content-Type", content_type);
    }
    for header in &target.headers {
        request = request.with_header(&header.name, &header.value);
    }
    // minreq never uses a connection twice. Said so, the server closes first, and the port that waits
    // out TIME_WAIT is its own, not one of ours.
    request.with_header("Connection", "close").with_body(body.bytes)
}

fn failure(error: &minreq::Error, elapsed: Duration) -> Failure {
    let outcome = match error {
        minreq::Error::AddressNotFound => Outcome::Refused,
        error => outcome::of_error(error, elapsed),
    };
    Failure { outcome, cause: outcome::text(error) }
}
