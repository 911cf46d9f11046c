//! An upload into the report on its frame: the line's response, and the cause of a failure in words.

use std::time::{Duration, Instant};

use super::redirect;
use crate::http::Response;
use crate::pipeline::Uploaded;
use crate::request::{Request, Url};
use crate::upload::Upload;

/// The report on one frame.
#[derive(Default)]
pub struct Report {
    pub frame: u64,
    pub attempts: u32,
    /// The duration of the last attempt.
    pub elapsed: Duration,
    /// The time at which the frame's last byte was there; of a frame that was dropped, nobody knows it.
    pub read_at: Option<Instant>,
    /// `None`: no whole response came.
    pub status: Option<u16>,
    /// That of the response; `None`: the frame's line does not hold it.
    pub body: Option<Vec<u8>>,
    /// The reason why there is no response, or why it is a failure.
    pub failure: Option<String>,
    /// Whether --retry-all-errors would repeat it.
    pub may_have_arrived: bool,
    pub may_want_https: bool,
    /// Whether the run ends with this failure, even with --keep-going.
    pub ends_run: bool,
}

impl Report {
    pub fn uploaded(uploaded: Uploaded, request: &Request) -> Self {
        let Uploaded { frame, upload, read_at } = uploaded;
        let tried = tried(&upload);
        let Upload { attempts, elapsed, result, given_up, may_have_arrived, .. } = upload;
        let cause = match &result {
            Ok(response) if response.is_success() => None,
            Ok(response) => Some(refusal(response, &request.url(frame))),
            Err(failure) => Some(failure.cause.clone()),
        };
        let may_want_https = result.as_ref().is_err_and(|failure| failure.may_want_https);
        let (status, body) = result.ok().map(|it| (it.status, it.body)).unzip();
        let failure = cause.map(|cause| format!("upload: {cause}{tried}"));
        let read_at = Some(read_at);
        Report {
            frame,
            attempts,
            elapsed,
            read_at,
            status,
            body,
            failure,
            may_have_arrived,
            may_want_https,
            ends_run: given_up.is_some(),
        }
    }

    /// A frame that was never sent.
    pub fn unsent(frame: u64, read_at: Option<Instant>, cause: impl Into<String>) -> Self {
        Report { frame, read_at, failure: Some(cause.into()), ..Report::default() }
    }
}

/// The message for a response whose status is not 2xx. `own`: the request's URL.
fn refusal(response: &Response, own: &Url) -> String {
    let cause = response.cause();
    match &response.location {
        Some(location) => format!("{cause}, {}", redirect::told(response.status, location, own)),
        None => cause,
    }
}

/// The number of attempts, and the reason why there was no other. Empty if one attempt was all.
fn tried(upload: &Upload) -> String {
    match (upload.attempts, &upload.given_up) {
        (0 | 1, None) => String::new(),
        (1, Some(why)) => format!(" ({why})"),
        (count, None) => format!(" ({count} attempts)"),
        (count, Some(why)) => format!(" ({count} attempts; {why})"),
    }
}
