//! One frame's upload, from its first attempt to its answer.
//!
//! Whoever holds the `Job` answers for the frame, and nobody else does. So a frame is answered once,
//! and it is under way once, even when an attempt that outlasted its limit comes back late.

pub mod gate;
pub mod retry;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::deadline::Deadlines;
use crate::encode::BadSample;
use crate::http::{Failure, Outcome, Response, TIMED_OUT};
use crate::input::{Cause, InputError};
use crate::pipeline::Counts;
use crate::pipeline::buffers::Buffers;
use crate::pipeline::ordered::{Stage, Worker};
use crate::pipeline::window::Ticket;
use crate::request::Body;
use gate::Gate;
use retry::{Failed, Next};

/// Attempts that outlasted the limit and still run, at most. Each holds a thread, a connection and its
/// body; the HTTP crate cannot be told to stop.
pub const MAX_ABANDONED: usize = 16;

/// Why a frame has no response.
pub enum Fault {
    /// There is no such frame, or no whole one; nor is there any later one.
    Input(InputError),
    Encode(anyhow::Error),
    Upload(Failure),
    /// Its worker ended without an answer, for want of threads perhaps, and so may all others.
    Lost,
}

impl Fault {
    /// A sample that cannot be encoded ends the input, like a frame that cannot be read.
    pub fn of_encoding(frame: u64, error: anyhow::Error) -> Self {
        match error.downcast::<BadSample>() {
            Ok(bad) => Fault::Input(InputError { frame, cause: Cause::Malformed(bad.to_string()) }),
            Err(error) => Fault::Encode(error),
        }
    }
}

/// What has become of a frame.
pub struct Answer {
    pub result: Result<Response, Fault>,
    pub attempts: u32,
    /// What the last attempt took.
    pub elapsed: Duration,
    /// Why there was no further attempt, where that is not plain from the result.
    pub given_up: Option<String>,
}

impl Answer {
    pub fn fault(fault: Fault) -> Self {
        Answer { result: Err(fault), attempts: 0, elapsed: Duration::ZERO, given_up: None }
    }
}

/// A frame's number, and its body.
pub type Encoded = (u64, Result<Body, Fault>);

/// The first failed frame, once there is one: no frame after it is uploaded, and none is read.
pub struct Halt(AtomicU64);

impl Default for Halt {
    fn default() -> Self {
        Halt(AtomicU64::new(u64::MAX))
    }
}

impl Halt {
    pub fn after(&self, frame: u64) {
        self.0.fetch_min(frame, Ordering::AcqRel);
    }

    pub fn allows(&self, frame: u64) -> bool {
        frame <= self.0.load(Ordering::Acquire)
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != u64::MAX
    }
}

/// What all uploads share.
pub struct Uploads {
    pub attempt: Box<dyn Fn(Arc<Body>) -> Result<Response, Failure> + Send + Sync>,
    /// Told of each retry.
    pub report: Box<dyn Fn(String) + Send + Sync>,
    pub deadlines: Arc<Deadlines<Job>>,
    pub gate: Gate,
    pub retries: u32,
    pub keep_going: bool,
    pub halt: Arc<Halt>,
    /// Attempts that have outlasted the limit and still run.
    /// Below 0 for a moment, where one comes back before it has been counted.
    pub abandoned: AtomicIsize,
    pub counts: Arc<Counts>,
    /// Bodies that have been uploaded.
    pub bodies: Arc<Buffers>,
}

impl Uploads {
    fn attempt(&self, body: Arc<Body>) -> Result<Response, Failure> {
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        let result = (self.attempt)(body);
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

pub struct Job {
    frame: u64,
    /// For the next attempt. `None` while the last possible one is under way.
    body: Option<Arc<Body>>,
    attempts: u32,
    /// The attempt under way, or the last one.
    begun: Option<Instant>,
    /// Of the attempt under way: see `Start::Now`.
    round: u32,
    ticket: Ticket<Answer>,
    stage: Arc<Stage<Encoded, Answer>>,
    uploads: Arc<Uploads>,
}

impl Job {
    pub fn new(
        frame: u64,
        ticket: Ticket<Answer>,
        stage: Arc<Stage<Encoded, Answer>>,
        uploads: Arc<Uploads>,
    ) -> Self {
        Job { frame, body: None, attempts: 0, begun: None, round: 0, ticket, stage, uploads }
    }

    pub fn begin(mut self, body: Result<Body, Fault>) -> Worker {
        match body {
            Ok(body) => {
                self.body = Some(Arc::new(body));
                self.run()
            }
            Err(fault) => {
                self.answer(Err(fault), None);
                Worker::GoesOn
            }
        }
    }

    /// Attempt after attempt, until the frame is answered or its job has gone to another worker.
    fn run(mut self) -> Worker {
        loop {
            let uploads = Arc::clone(&self.uploads);
            let is_wanted = || uploads.halt.allows(self.frame);
            let Some(round) = uploads.gate.wait(self.frame, is_wanted) else {
                return Worker::GoesOn;
            };
            self.round = round;
            self.attempts += 1;
            self.begun = Some(Instant::now());
            let concluded = match self.next_body() {
                Err(failure) => self.conclude(Err(failure)),
                Ok(body) => match uploads.deadlines.call(self, || uploads.attempt(body)) {
                    Some((job, result)) => job.conclude(result),
                    None => {
                        uploads.abandoned.fetch_sub(1, Ordering::AcqRel);
                        return Worker::IsReplaced;
                    }
                },
            };
            match concluded {
                Some(job) => self = job,
                None => return Worker::GoesOn,
            }
        }
    }

    /// The body to send; it is kept if this is not the last attempt.
    fn next_body(&mut self) -> Result<Arc<Body>, Failure> {
        if self.uploads.abandoned.load(Ordering::Acquire) >= MAX_ABANDONED as isize {
            let cause = format!("not sent: {MAX_ABANDONED} uploads that timed out still hang");
            return Err(Failure { outcome: Outcome::NeverSent, cause });
        }
        let Some(body) = self.body.take() else {
            return Err(Failure { outcome: Outcome::Refused, cause: "no body is left".into() });
        };
        if self.attempts <= self.uploads.retries {
            self.body = Some(Arc::clone(&body));
        }
        self.uploads.counts.bytes_sent.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        Ok(body)
    }

    /// The attempt outlasted the limit. Its thread can't be stopped: a new one takes its place, and
    /// goes on with the frame if that is to be tried again.
    pub fn expire(self) {
        self.uploads.abandoned.fetch_add(1, Ordering::AcqRel);
        let stage = Arc::clone(&self.stage);
        let job = self.conclude(Err(Failure::unknown(TIMED_OUT)));
        stage.replace_worker(move || job.map_or(Worker::GoesOn, Job::run));
    }

    /// Answers the frame, or gives the job back for another attempt.
    fn conclude(self, result: Result<Response, Failure>) -> Option<Job> {
        let (outcome, retry_after) = match &result {
            Ok(response) => (response.outcome(), response.retry_after.as_deref()),
            Err(failure) => (Some(failure.outcome), None),
        };
        let outcome = outcome.filter(|&outcome| result.is_err() || outcome != Outcome::Refused);
        let Some(outcome) = outcome else {
            self.uploads.gate.answered(self.round);
            self.answer(result.map_err(Fault::Upload), None);
            return None;
        };
        let (round, attempts) = (self.round, self.attempts);
        let is_response = result.is_ok();
        let failed = Failed { outcome, is_response, round, attempts, retry_after };
        match self.uploads.gate.failed(&failed) {
            Next::GiveUp(why) => {
                self.answer(result.map_err(Fault::Upload), why);
                None
            }
            Next::Again(pause) => {
                self.uploads.counts.retries.fetch_add(1, Ordering::Relaxed);
                (self.uploads.report)(format!(
                    "frame {}: upload: {}; attempt {} of {} in {:.1} s",
                    self.frame,
                    result.map_or_else(|failure| failure.cause, |response| response.cause()),
                    attempts + 1,
                    self.uploads.retries.saturating_add(1),
                    pause.as_secs_f64()
                ));
                Some(self)
            }
        }
    }

    fn answer(self, result: Result<Response, Fault>, given_up: Option<String>) {
        let ends_run = match &result {
            Ok(response) => !response.is_success() && !self.uploads.keep_going,
            Err(Fault::Input(_) | Fault::Lost) => true,
            Err(Fault::Encode(_) | Fault::Upload(_)) => !self.uploads.keep_going,
        };
        if ends_run {
            self.uploads.halt.after(self.frame);
            self.uploads.gate.ask_again();
        }
        let elapsed = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        if let Some(body) = self.body.and_then(Arc::into_inner) {
            self.uploads.bodies.keep(body.bytes);
        }
        self.ticket.fill(Answer { result, attempts: self.attempts, elapsed, given_up });
    }
}
