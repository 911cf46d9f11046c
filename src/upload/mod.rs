//! A body into an answer: one frame's upload, attempt after attempt.
//!
//! An upload stays on its worker until the server has answered, or until the frame must not be sent again. So
//! there is at most one attempt of a frame at a time, and one answer.
//!
//! `gate` is where uploads wait; `schedule` says which of them starts next, and when. For that, `retry` knows
//! what failed, `tries` how often a frame did, and `pace` how fast a server that refuses is asked. A simulation runs all
//! but the gate. `outage` has the words for people.
//!
//! The law of pace, in five sentences. (1) As long as no more is refused than chance explains, no upload is held back.
//! (2) Once more is refused, attempts of all jobs together start evenly spaced, at 0.85 of the pace at which the trouble
//! began, or less if far less was accepted. (3) From there the pace climbs, fast at first, slowly near the one that was
//! too much, and faster again beyond it, until more is refused again. (4) What is refused early in a climb, where no
//! limit is near, is chance, and as much may be refused from then on. (5) After more than three refusals in a row the
//! server takes nothing, whatever the pace: that stays as it is, and attempts get rare, down to one in six seconds,
//! until one is accepted.

mod gate;
mod outage;
mod pace;
mod retry;
mod schedule;
#[cfg(test)]
mod simulation;
mod tries;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::headers::{Current, Headers};
use crate::http::{Client, Failure, Outcome, Response};
use crate::messages::say_more;
use crate::request::Body;

use gate::Gate;
use retry::{Again, Next};
use tries::Tries;

pub use gate::Pass;
pub use retry::Policy;

const UNAUTHORIZED: u16 = 401;

/// The result of an upload.
pub struct Upload {
    pub attempts: u32,
    /// Whether the server may have got the frame.
    pub is_posted: bool,
    /// The duration of the last attempt.
    pub elapsed: Duration,
    pub result: Result<Response, Failure>,
    /// The reason why the run ends with this frame, even with --keep-going.
    pub given_up: Option<String>,
    /// Whether it has failed and may have arrived.
    pub may_have_arrived: bool,
}

/// Uploads frames. All jobs share it.
pub struct Uploader {
    client: Client,
    headers: Headers,
    pub gate: Gate,
    keep_going: bool,
    pub counts: Arc<Counts>,
}

impl Uploader {
    pub fn new(
        client: Client,
        headers: Headers,
        policy: Policy,
        keep_going: bool,
        counts: Arc<Counts>,
    ) -> Self {
        let gate = Gate::new(policy, Arc::clone(&counts));
        Uploader { client, headers, gate, keep_going, counts }
    }

    /// Waits until the first attempt for this frame may start; `None`: an earlier frame has failed or the run is to
    /// stop, so this one is not wanted. `on_wait` is called if it has to wait.
    pub fn pass_gate(&self, frame: u64, on_wait: impl FnOnce()) -> Option<Pass<'_>> {
        self.gate.wait(frame, None, false, on_wait)
    }

    /// Sends the body until the server has answered, or until it must not be sent again. `None`: it is not wanted any
    /// more.
    pub fn upload<'a>(&'a self, body: &Body, mut pass: Pass<'a>) -> Option<Upload> {
        let (mut tries, mut is_renewed) = (Tries::default(), false);
        let is_wanted = || self.gate.wants(body.frame);
        let (result, elapsed, given_up) = loop {
            let begin = Instant::now();
            let headers = self.headers.current();
            let result = self.attempt(body, &headers);
            let not_before = match self.gate.report(body.frame, pass, &mut tries, &result) {
                // The run is to stop: another attempt is not announced, and a frame that has not left has not failed.
                Next::Again(_) if !is_wanted() => return None,
                _ if outcome(&result) == Some(Outcome::NeverSent) && !is_wanted() => {
                    return None;
                }
                Next::Again(again) => {
                    self.tell_retry(body.frame, &result, tries.attempts, &again);
                    again.not_before
                }
                Next::Done
                    if !is_renewed
                        && is_unauthorized(&result)
                        && self.headers.renew(body.frame, &headers, is_wanted) =>
                {
                    is_renewed = true;
                    None
                }
                Next::Done => break (result, begin.elapsed(), None),
                Next::Over(why) => break (result, begin.elapsed(), Some(why)),
            };
            pass = self.gate.wait(body.frame, not_before, tries.is_posted, || ())?;
            self.counts.figures.retries.fetch_add(1, Ordering::Relaxed);
        };
        let (Tries { attempts, is_posted, .. }, outcome) = (tries, outcome(&result));
        if outcome.is_some() {
            self.fail(body.frame, given_up.is_some());
        }
        let may_have_arrived = matches!(outcome, Some(Outcome::Unknown | Outcome::HungUp));
        Some(Upload { attempts, is_posted, elapsed, result, given_up, may_have_arrived })
    }

    /// Makes an attempt that the gate has let in.
    fn attempt(&self, body: &Body, headers: &Current) -> Result<Response, Failure> {
        let result = self.client.attempt(body, &headers.list);
        if outcome(&result) == Some(Outcome::RefusedForNow) {
            self.counts.figures.refused.fetch_add(1, Ordering::Relaxed);
        }
        if has_sent(&result) {
            self.counts.figures.bytes_sent.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        }
        result
    }

    fn tell_retry(
        &self,
        frame: u64,
        result: &Result<Response, Failure>,
        attempts: u32,
        again: &Again,
    ) {
        let cause = cause(result);
        let of = again.of.map_or_else(String::new, |of| format!(" of {of}"));
        let pause = again.earliest.saturating_duration_since(Instant::now()).as_secs_f64();
        let next = attempts + 1;
        say_more(format!("frame {frame}: upload: {cause}; attempt {next}{of} in {pause:.1} s"));
    }

    /// This frame has failed: unless the run goes on, later ones are not wanted.
    pub fn fail(&self, frame: u64, ends_run: bool) {
        if ends_run || !self.keep_going {
            self.gate.close_from(frame.saturating_add(1));
        }
    }

    /// Fetches the answer of this frame. The lines of all before it are out.
    pub fn fetching<T>(&self, frame: u64, fetch: impl FnOnce() -> T) -> T {
        self.client.fetching(frame, fetch)
    }
}

/// `None` for success.
fn outcome(result: &Result<Response, Failure>) -> Option<Outcome> {
    result.as_ref().map_or_else(|failure| Some(failure.outcome), Response::outcome)
}

fn cause(result: &Result<Response, Failure>) -> String {
    result.as_ref().map_or_else(|failure| failure.cause.clone(), Response::cause)
}

fn is_unauthorized(result: &Result<Response, Failure>) -> bool {
    result.as_ref().is_ok_and(|response| response.status == UNAUTHORIZED)
}

/// Whether a byte of the frame may have left.
fn has_sent(result: &Result<Response, Failure>) -> bool {
    result.as_ref().map_or_else(|failure| failure.has_sent, |_| true)
}

/// Whether the server may have taken the frame.
fn may_have_arrived(result: &Result<Response, Failure>) -> bool {
    has_sent(result) && outcome(result) != Some(Outcome::RefusedForNow)
}
