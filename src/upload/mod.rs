//! A body into an answer: one frame's upload, attempt after attempt.
//!
//! An upload stays on its worker until the server has answered, or until the frame must not be sent again. So
//! there is at most one attempt of a frame at a time, and one answer.

mod gate;
mod retry;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::http::{Client, Failure, Outcome, Reach, Response};
use crate::messages::say_more;
use crate::progress::Counts;
use crate::request::Body;

use gate::Gate;
use retry::Next;

pub use retry::Policy;

/// The result of an upload.
pub struct Upload {
    /// Those that have begun.
    pub attempts: u32,
    /// Whether the server may have got the frame.
    pub is_posted: bool,
    /// The duration of the last attempt.
    pub elapsed: Duration,
    pub result: Result<Response, Failure>,
    /// The reason why there was no further attempt, unless the result says it.
    pub given_up: Option<String>,
}

/// Uploads frames. All jobs share it.
pub struct Uploader {
    client: Client,
    gate: Gate,
    retries: u32,
    keep_going: bool,
    pub counts: Arc<Counts>,
}

impl Uploader {
    pub fn new(client: Client, policy: Policy, keep_going: bool, counts: Arc<Counts>) -> Self {
        let retries = policy.retries;
        Uploader { client, gate: Gate::new(policy), retries, keep_going, counts }
    }

    /// Sends the body until the server has answered, or until it must not be sent again. `None`: an earlier
    /// frame has failed or the run is to stop, so this one is not wanted.
    pub fn upload(&self, body: &Body) -> Option<Upload> {
        let (mut attempts, mut begun, mut is_posted) = (0, 0, false);
        loop {
            let round = self.gate.wait(body.frame)?;
            attempts += 1;
            let begin = Instant::now();
            let result = self.attempt(body, &mut is_posted);
            begun += u32::from(reach(&result) != Reach::Nothing);
            match self.gate.report(round, attempts, &result) {
                Next::Again(pause) => self.tell_retry(body.frame, &result, attempts, pause),
                Next::Done(given_up) => {
                    let elapsed = begin.elapsed();
                    self.stop_at_failure(body.frame, &result);
                    return Some(Upload { attempts: begun, is_posted, elapsed, result, given_up });
                }
            }
        }
    }

    /// `is_posted`: whether an attempt of this frame may have arrived.
    fn attempt(&self, body: &Body, is_posted: &mut bool) -> Result<Response, Failure> {
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        self.counts.posted.fetch_add(u64::from(!*is_posted), Ordering::Relaxed);
        let result = self.client.attempt(body);
        *is_posted |= may_have_arrived(&result);
        self.counts.posted.fetch_sub(u64::from(!*is_posted), Ordering::Relaxed);
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        if reach(&result) == Reach::Sent {
            self.counts.bytes_sent.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        }
        result
    }

    fn tell_retry(
        &self,
        frame: u64,
        result: &Result<Response, Failure>,
        attempts: u32,
        pause: Duration,
    ) {
        self.counts.retries.fetch_add(1, Ordering::Relaxed);
        let cause = match result {
            Ok(response) => &response.cause(),
            Err(failure) => &failure.cause,
        };
        say_more(format!(
            "frame {frame}: upload: {cause}; attempt {} of {} in {:.1} s",
            attempts + 1,
            self.retries.saturating_add(1),
            pause.as_secs_f64()
        ));
    }

    fn stop_at_failure(&self, frame: u64, result: &Result<Response, Failure>) {
        match result {
            Ok(response) if response.is_success() => {}
            Err(failure) if failure.outcome == Outcome::Hopeless => self.stop_after(frame),
            _ => self.fail(frame),
        }
    }

    /// This frame has failed: unless the run goes on, later ones are not wanted.
    pub fn fail(&self, frame: u64) {
        if !self.keep_going {
            self.stop_after(frame);
        }
    }

    /// Later frames are not wanted.
    pub fn stop_after(&self, frame: u64) {
        self.gate.close_from(frame.saturating_add(1));
    }

    /// No attempt starts any more.
    pub fn stop(&self) {
        self.gate.close_from(0);
    }

    pub fn wants(&self, frame: u64) -> bool {
        self.gate.lets_pass(frame)
    }

    /// Whether a frame has ended the run.
    pub fn is_at_failure(&self) -> bool {
        self.gate.is_closed_by_a_frame()
    }
}

fn reach(result: &Result<Response, Failure>) -> Reach {
    result.as_ref().map_or_else(|failure| failure.reach, |_| Reach::Sent)
}

/// Whether the server may have taken the frame.
fn may_have_arrived(result: &Result<Response, Failure>) -> bool {
    let outcome = result.as_ref().map_or_else(|failure| Some(failure.outcome), Response::outcome);
    reach(result) == Reach::Sent && outcome != Some(Outcome::RefusedForNow)
}
