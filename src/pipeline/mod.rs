//! Who runs when, and in what order: reader, encoders, uploaders; the caller is the writer.
//!
//! Two stages of one kind, the ordered parallel map of `stage`: encoding, with as many workers as cores,
//! and uploading, with as many as jobs. So encoding overlaps uploading even with one job, and where
//! answers are not fetched, uploads stop, then encoding, and in the end no frame is read.

pub mod buffers;
pub mod ordered;
pub mod window;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::deadline::Deadlines;
use crate::frame::Frame;
use crate::http::{Failure, Response};
use crate::input::InputError;
use crate::request::Body;
use crate::upload::gate::Gate;
use crate::upload::retry::Policy;
use crate::upload::{Answer, Encoded, Fault, Halt, Job, Uploads};
use buffers::Buffers;
use ordered::{Stage, Worker};
use window::Ticket;

pub struct Settings {
    /// Uploads in flight, at most.
    pub jobs: usize,
    /// Frames being encoded at a time, at most.
    pub encoders: usize,
    /// When an attempt is given up for lost.
    pub deadline: Duration,
    /// Whether frames after a failed one are uploaded.
    pub keep_going: bool,
    pub retry: Policy,
}

/// What has been done so far, for the closing summary.
#[derive(Default)]
pub struct Counts {
    pub frames_read: AtomicU64,
    pub bytes_read: AtomicU64,
    pub bytes_sent: AtomicU64,
    pub retries: AtomicU64,
    /// Attempts under way, those that outlasted the limit too.
    pub in_flight: AtomicUsize,
    at_end: AtomicBool,
}

/// The answers in the order of the frames. Each comes as soon as it and all earlier ones are in.
pub struct Answers {
    answers: window::Results<Answer>,
    fetched: u64,
    pub counts: Arc<Counts>,
}

impl Answers {
    /// Whether the input has ended and each of its frames has been answered.
    fn is_complete(&self) -> bool {
        let read = self.counts.frames_read.load(Ordering::Acquire);
        self.counts.at_end.load(Ordering::Acquire) && self.fetched >= read
    }
}

impl Iterator for Answers {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        let lost = || Answer::fault(Fault::Lost);
        let answer = match self.answers.fetch() {
            Some(answer) => answer.unwrap_or_else(|_| lost()),
            None if self.is_complete() => return None,
            None => lost(),
        };
        self.fetched += 1;
        Some(answer)
    }
}

/// Starts all stages. `read` and `encode` make the next frame and its body in the allocation that they are
/// handed; `encode` and `attempt` run on several threads at once; `report` is told of each retry.
pub fn start(
    settings: Settings,
    read: impl FnMut(Vec<u8>) -> Result<Option<Frame>, InputError> + Send + 'static,
    encode: impl Fn(&mut Frame, Vec<u8>) -> anyhow::Result<Body> + Send + Sync + 'static,
    attempt: impl Fn(Arc<Body>) -> Result<Response, Failure> + Send + Sync + 'static,
    report: impl Fn(String) + Send + Sync + 'static,
) -> io::Result<Answers> {
    let halt = Arc::new(Halt::default());
    let counts = Arc::new(Counts::default());
    let read = counted(read, Arc::clone(&halt), Arc::clone(&counts));
    // Besides the body that is waited for, as many as are wanted next.
    let window = 1 + settings.encoders.max(settings.jobs);
    let bodies = Arc::new(Buffers::new(settings.encoders));
    let spare = Arc::clone(&bodies);
    let encode = move |frame: &mut Frame| encode(frame, spare.take());
    let encoded = start_encoding(settings.encoders, window, read, encode)?;
    let uploads = Arc::new(Uploads {
        attempt: Box::new(attempt),
        report: Box::new(report),
        deadlines: Deadlines::watch(settings.deadline, Job::expire)?,
        retries: settings.retry.retries,
        gate: Gate::new(settings.retry),
        keep_going: settings.keep_going,
        halt: Arc::clone(&halt),
        abandoned: AtomicIsize::new(0),
        counts: Arc::clone(&counts),
        bodies,
    });
    let source = move || {
        let (frame, body) = encoded.fetch()?.ok()?;
        let goes_on = halt.allows(frame);
        if goes_on && matches!(body, Err(Fault::Input(_))) {
            // Now, not with its answer: by then another worker might have taken the next frame.
            halt.after(frame);
        }
        goes_on.then_some((frame, body))
    };
    let work = move |stage: &Arc<_>, (frame, body): Encoded, ticket| {
        Job::new(frame, ticket, Arc::clone(stage), Arc::clone(&uploads)).begin(body)
    };
    // Twice the jobs: one slow answer does not at once keep the other workers from going on.
    let answers = Stage::start("upload", settings.jobs, 1 + 2 * settings.jobs, source, work)?;
    Ok(Answers { answers, fetched: 0, counts })
}

/// `read` until the input ends, fails or is not wanted any more.
fn counted(
    mut read: impl FnMut(Vec<u8>) -> Result<Option<Frame>, InputError>,
    halt: Arc<Halt>,
    counts: Arc<Counts>,
) -> impl FnMut(Vec<u8>) -> Option<Result<Frame, InputError>> {
    move |spare| {
        if counts.at_end.load(Ordering::Acquire) || halt.is_set() {
            return None;
        }
        let frame = read(spare).transpose();
        match &frame {
            Some(Ok(frame)) => {
                counts.frames_read.fetch_add(1, Ordering::AcqRel);
                counts.bytes_read.fetch_add(frame.bytes.len() as u64, Ordering::Relaxed);
            }
            _ => counts.at_end.store(true, Ordering::Release),
        }
        frame
    }
}

fn start_encoding(
    encoders: usize,
    window: usize,
    mut read: impl FnMut(Vec<u8>) -> Option<Result<Frame, InputError>> + Send + 'static,
    encode: impl Fn(&mut Frame) -> anyhow::Result<Body> + Send + Sync + 'static,
) -> io::Result<window::Results<Encoded>> {
    let used = Arc::new(Buffers::new(encoders));
    let spare = Arc::clone(&used);
    let source = move || read(spare.take());
    let work = move |_: &Arc<_>, frame: Result<Frame, InputError>, ticket: Ticket<Encoded>| {
        let encoded = match frame {
            Ok(mut frame) => {
                let body = catch_unwind(AssertUnwindSafe(|| encode(&mut frame)));
                let body = body.unwrap_or_else(|_| Err(anyhow::anyhow!("encode: panic")));
                used.keep(frame.bytes);
                (frame.number, body.map_err(|error| Fault::of_encoding(frame.number, error)))
            }
            // In the place of the first frame that there is not.
            Err(error) => (error.frame, Err(Fault::Input(error))),
        };
        ticket.fill(encoded);
        Worker::GoesOn
    };
    Stage::start("encode", encoders, window, source, work)
}
