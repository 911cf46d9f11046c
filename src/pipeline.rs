//! Who runs when, and in what order: reader, encoders, uploaders; the caller is the writer.
//!
//! Two stages of one kind, the ordered parallel map of `stage`: encoding, with as many workers as cores,
//! and uploading, with as many as jobs. So encoding overlaps uploading even with one job, and where
//! answers are not fetched, uploads stop, then encoding, and in the end no frame is read.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::deadline::Deadlines;
use crate::frame::Frame;
use crate::input::InputError;
use crate::request::Body;
use crate::stage::{Slot, Stage, Ticket, Worker};
use crate::upload::{Failure, Response};

/// Uploads that outlasted the limit and still run, at most. Each holds a thread, a connection and its
/// body; the HTTP crate cannot be told to stop.
pub const MAX_ABANDONED: usize = 16;

pub struct Settings {
    /// Uploads in flight, at most.
    pub jobs: usize,
    /// Frames being encoded at a time, at most.
    pub encoders: usize,
    /// Limit of one attempt.
    pub max_time: Duration,
    /// Whether frames after a failed one are uploaded.
    pub keep_going: bool,
}

/// Why a frame has no response.
pub enum Fault {
    /// There is no such frame, nor any later one.
    Input(InputError),
    Encode(anyhow::Error),
    Upload(Failure),
    /// No worker is left to go on with: no later frame is uploaded.
    Stuck(Failure),
}

pub type Answer = Result<Response, Fault>;

type Encoded = (u64, Result<Body, Fault>);

/// What has been done so far, for the closing summary.
#[derive(Default)]
pub struct Counts {
    pub frames_read: AtomicU64,
    pub bytes_read: AtomicU64,
    pub bytes_sent: AtomicU64,
    at_end: AtomicBool,
}

/// The answers in the order of the frames. Each comes as soon as it and all earlier ones are in.
pub struct Answers {
    tickets: Receiver<Ticket<Answer>>,
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
        let lost = || Err(Fault::Stuck(Failure::new("its worker ended without an answer")));
        let answer = match self.tickets.recv() {
            Ok(ticket) => ticket.recv().unwrap_or_else(|_| lost()),
            Err(_) if self.is_complete() => return None,
            Err(_) => lost(),
        };
        self.fetched += 1;
        Some(answer)
    }
}

/// Starts all stages. `read` gives the next frame, in the allocation that it is handed; `encode` and
/// `attempt` run on several threads at once.
pub fn start(
    settings: Settings,
    read: impl FnMut(Vec<u8>) -> Result<Option<Frame>, InputError> + Send + 'static,
    encode: impl Fn(&mut Frame) -> anyhow::Result<Body> + Send + Sync + 'static,
    attempt: impl Fn(Body) -> Result<Response, Failure> + Send + Sync + 'static,
) -> io::Result<Answers> {
    let halt = Arc::new(Halt::default());
    let counts = Arc::new(Counts::default());
    let read = counted(read, Arc::clone(&halt), Arc::clone(&counts));
    let window = settings.encoders.max(settings.jobs);
    let encoded = start_encoding(settings.encoders, window, read, encode)?;
    let uploads = Arc::new(Uploads {
        attempt: Box::new(attempt),
        deadlines: Deadlines::watch(settings.max_time, Job::expire)?,
        keep_going: settings.keep_going,
        halt: Arc::clone(&halt),
        abandoned: AtomicUsize::new(0),
        counts: Arc::clone(&counts),
    });
    let source = move || {
        let (frame, body) = encoded.recv().ok()?.recv().ok()?;
        halt.allows(frame).then_some((frame, body))
    };
    let work = move |stage: &Arc<_>, (frame, body): Encoded, slot| {
        let job = Job { frame, slot, stage: Arc::clone(stage), uploads: Arc::clone(&uploads) };
        match body {
            Ok(body) => job.upload(body),
            Err(fault) => job.answer(Err(fault)),
        }
    };
    // Twice the jobs: one slow answer does not at once keep the other workers from going on.
    let tickets = Stage::start("upload", settings.jobs, 2 * settings.jobs, source, work)?;
    Ok(Answers { tickets, fetched: 0, counts })
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
) -> io::Result<Receiver<Ticket<Encoded>>> {
    let (used, spare) = sync_channel::<Vec<u8>>(encoders + 1);
    let source = move || read(spare.try_recv().unwrap_or_default());
    let work = move |_: &Arc<_>, frame: Result<Frame, InputError>, slot: Slot<Encoded>| {
        let encoded = match frame {
            Ok(mut frame) => {
                let body = catch_unwind(AssertUnwindSafe(|| encode(&mut frame)));
                let body = body.unwrap_or_else(|_| Err(anyhow::anyhow!("encode: panic")));
                let _ = used.try_send(frame.bytes);
                (frame.number, body.map_err(Fault::Encode))
            }
            // In the place of the first frame that there is not.
            Err(error) => (error.frame(), Err(Fault::Input(error))),
        };
        let _ = slot.send(encoded);
        Worker::GoesOn
    };
    Stage::start("encode", encoders, window, source, work)
}

/// The first failed frame, once there is one: no frame after it is uploaded, and none is read.
struct Halt(AtomicU64);

impl Default for Halt {
    fn default() -> Self {
        Halt(AtomicU64::new(u64::MAX))
    }
}

impl Halt {
    fn after(&self, frame: u64) {
        self.0.fetch_min(frame, Ordering::AcqRel);
    }

    fn allows(&self, frame: u64) -> bool {
        frame <= self.0.load(Ordering::Acquire)
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != u64::MAX
    }
}

/// What all uploads share.
struct Uploads {
    attempt: Box<dyn Fn(Body) -> Result<Response, Failure> + Send + Sync>,
    deadlines: Arc<Deadlines<Job>>,
    keep_going: bool,
    halt: Arc<Halt>,
    abandoned: AtomicUsize,
    counts: Arc<Counts>,
}

/// One frame's upload: whoever has the job answers for the frame, and nobody else does.
struct Job {
    frame: u64,
    slot: Slot<Answer>,
    stage: Arc<Stage<Encoded, Answer>>,
    uploads: Arc<Uploads>,
}

impl Job {
    fn upload(self, body: Body) -> Worker {
        let uploads = Arc::clone(&self.uploads);
        if !uploads.halt.allows(self.frame) {
            return Worker::GoesOn;
        }
        uploads.counts.bytes_sent.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        match uploads.deadlines.call(self, || (uploads.attempt)(body)) {
            Some((job, result)) => job.answer(result.map_err(Fault::Upload)),
            None => {
                uploads.abandoned.fetch_sub(1, Ordering::AcqRel);
                Worker::IsReplaced
            }
        }
    }

    /// The attempt outlasted the limit. Its thread can't be stopped: a new one takes its place.
    fn expire(self) {
        let abandoned = self.uploads.abandoned.fetch_add(1, Ordering::AcqRel) + 1;
        let replaced = self.stage.replace_worker();
        let timed_out = "timed out (--max-time)";
        let fault = match replaced {
            _ if abandoned > MAX_ABANDONED => Fault::Stuck(Failure::new(format!(
                "{timed_out}, and {MAX_ABANDONED} uploads before it still hang"
            ))),
            Err(error) => Fault::Stuck(Failure::new(format!("{timed_out}; no thread: {error}"))),
            Ok(()) => Fault::Upload(Failure::new(timed_out)),
        };
        self.answer(Err(fault));
    }

    fn answer(self, answer: Answer) -> Worker {
        let ends_run = match &answer {
            Ok(response) => !response.is_success() && !self.uploads.keep_going,
            Err(Fault::Input(_) | Fault::Stuck(_)) => true,
            Err(Fault::Encode(_) | Fault::Upload(_)) => !self.uploads.keep_going,
        };
        if ends_run {
            self.uploads.halt.after(self.frame);
        }
        let _ = self.slot.send(answer);
        Worker::GoesOn
    }
}
