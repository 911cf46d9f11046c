//! An upload into the report on its frame: the line's response, and the cause of a failure in words.

use std::mem::replace;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::redirect;
use crate::http::Response;
use crate::pipeline::Uploaded;
use crate::request::Request;
use crate::upload::Upload;

/// The error of a frame in whose place a newer one was taken.
const DROPPED: &str = "dropped: a newer frame came";

/// The report on one frame.
#[derive(Default)]
pub struct Report {
    pub frame: u64,
    pub attempts: u32,
    /// The duration of the last attempt.
    pub elapsed: Duration,
    /// The time at which the frame's last byte was there; of a frame that was dropped, nobody knows it.
    pub read_at: Option<Instant>,
    pub response: Option<Response>,
    /// The reason why there is no response, or why it is a failure.
    pub failure: Option<String>,
    /// Whether it would be repeated, had the user asked for that.
    pub may_have_arrived: bool,
    /// Whether the run ends with this report.
    pub ends_run: bool,
}

/// Makes the reports of a run.
pub struct Reporter {
    pub keep_going: bool,
    request: Arc<Request>,
    /// Whether --retry-all-errors has been spoken of.
    has_advised: bool,
}

impl Reporter {
    pub fn new(request: Arc<Request>, keep_going: bool) -> Self {
        Reporter { keep_going, request, has_advised: false }
    }

    pub fn uploaded(&self, uploaded: Uploaded) -> Report {
        let Uploaded { frame, upload, read_at } = uploaded;
        let tried = tried(&upload);
        let Upload { attempts, elapsed, result, ends_run, may_have_arrived, .. } = upload;
        let (response, cause) = match result {
            Ok(response) if response.is_success() => (Some(response), None),
            Ok(response) => {
                let refusal = self.refusal(frame, &response);
                (Some(response), Some(refusal))
            }
            Err(failure) => (None, Some(failure.cause)),
        };
        let ends_run = cause.is_some() && (ends_run || !self.keep_going);
        let failure = cause.map(|cause| format!("upload: {cause}{tried}"));
        let read_at = Some(read_at);
        Report { frame, attempts, elapsed, read_at, response, failure, may_have_arrived, ends_run }
    }

    /// A frame that became no body.
    pub fn not_encoded(&self, frame: u64, cause: String, read_at: Instant) -> Report {
        let (read_at, failure, ends_run) = (Some(read_at), Some(cause), !self.keep_going);
        Report { frame, read_at, failure, ends_run, ..Report::default() }
    }

    /// A frame whose worker panicked. That ends every run.
    pub fn lost(&self, frame: u64) -> Report {
        let failure = Some("its worker ended without an answer".to_owned());
        Report { frame, failure, ends_run: true, ..Report::default() }
    }

    /// A frame that was dropped. That is no failure.
    pub fn dropped(&self, frame: u64) -> Report {
        Report { frame, failure: Some(DROPPED.to_owned()), ..Report::default() }
    }

    /// What is said of the first frame that was not sent again because it may have arrived.
    pub fn advice_once(&mut self, report: &Report) -> &'static str {
        match report.may_have_arrived && !replace(&mut self.has_advised, true) {
            true => "; it may have arrived: --retry-all-errors would send it again",
            false => "",
        }
    }

    /// The message for a response whose status is not 2xx.
    fn refusal(&self, frame: u64, response: &Response) -> String {
        let cause = response.cause();
        let Some(location) = &response.location else { return cause };
        let own = self.request.url(frame);
        format!("{cause}, {}", redirect::told(response.status, location, &own))
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
