//! Frames into answers: encoding and uploading, many at a time. The caller iterates over the answers, which come
//! in the order of the frames.
//!
//! Two ordered stages in a row: encoding, with as many workers as cores, then uploading, with as many as jobs.
//! Encoding overlaps uploading even with one job. That job is the caller's own thread: for small frames, waking
//! another one for each answer takes longer than to write its line. If the caller fetches no answers, uploads
//! stop, then encoding, and in the end no frame is read.
//!
//! `live` reads on without end, and takes the newest frame (--latest).

mod buffers;
mod live;
mod newest;
mod ordered;
mod window;

pub use ordered::is_guarded;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::encode::{BadSample, Encoder};
use crate::frame::Frame;
use crate::input::{Input, InputError, Stdin};
use crate::request::{Body, Request};
use crate::upload::{Start, Upload, Uploader};
use buffers::Buffers;
use newest::Newest;
use window::{Lost, Results, Window};

/// The time that a busy machine may take to read the end of an input without further frames.
const LAST_READ: Duration = Duration::from_millis(100);

/// The end of a frame's road.
pub enum Answer {
    Uploaded(Uploaded),
    Unsent(Unsent),
    /// These frames were dropped, because newer ones came.
    Dropped {
        first: u64,
        count: u64,
    },
    /// The last of a run that is to stop: more frames were to come, and are not waited for.
    CutOff,
}

pub struct Uploaded {
    pub frame: u64,
    /// The time at which the frame's last byte was there.
    pub read_at: Instant,
    pub upload: Upload,
}

/// The reason why a frame was never sent.
pub enum Unsent {
    NotEncoded {
        frame: u64,
        read_at: Instant,
        error: anyhow::Error,
    },
    /// It holds a sample that no PNG can hold. The next frame begins where it ends.
    BadSample {
        frame: u64,
        read_at: Instant,
        bad: BadSample,
    },
    /// The input holds no whole frame here, so none later either.
    NotRead(InputError),
    /// An earlier frame has failed, or the run is to stop: no attempt starts any more, not even after a failed one.
    NotWanted,
    /// Its worker panicked.
    Lost {
        frame: u64,
    },
}

/// The answers in the order of the frames. Each comes as soon as it and all earlier ones are in.
pub struct Answers {
    answers: Box<dyn Iterator<Item = Answer>>,
    unsent: Waiting,
    is_over: bool,
}

impl Iterator for Answers {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        let answer = self.answers.next();
        if answer.is_none() && !self.is_over {
            self.is_over = true;
            return self.unsent.is_cut_off().then_some(Answer::CutOff);
        }
        answer
    }
}

/// Stops a run from outside of it.
#[derive(Clone)]
pub struct Halt {
    uploader: Arc<Uploader>,
    unsent: Waiting,
}

impl Halt {
    /// From now on no attempt begins. Returns the number of uploads under way: their answers still come.
    pub fn start_nothing(&self) -> u64 {
        self.uploader.stop();
        self.uploader.counts.is_stopping.store(true, Ordering::Relaxed);
        self.uploader.counts.in_flight.load(Ordering::Relaxed)
    }

    /// Nothing new starts, and what is under way is waited for.
    pub fn finish(&self) {
        self.start_nothing();
        self.wait_for_nothing();
    }

    /// The same if nobody reads the lines. `false`: an upload is under way, and it is no use to wait for it.
    pub fn finish_unread(&self) -> bool {
        if self.start_nothing() == 0 {
            // The input may be at its end, and the run complete.
            thread::sleep(LAST_READ);
        }
        let may_end = self.start_nothing() == 0;
        if may_end {
            self.wait_for_nothing();
        }
        may_end
    }

    /// From now on the input is not waited for, even inside a frame. Frames that are not under way are never sent.
    fn wait_for_nothing(&self) {
        match &self.unsent {
            Waiting::Encoded(encoded) => encoded.cut_off(),
            Waiting::Newest(live) => live.cut_off(),
        }
    }
}

/// Where frames wait that are not under way.
#[derive(Clone)]
enum Waiting {
    Encoded(Arc<Window<Encoded>>),
    Newest(Arc<Newest>),
}

impl Waiting {
    /// Whether frames were to come from there when the run was to wait for nothing.
    fn is_cut_off(&self) -> bool {
        match self {
            Waiting::Encoded(encoded) => encoded.is_cut_off(),
            Waiting::Newest(live) => live.is_cut_off(),
        }
    }
}

/// Starts the pipeline; `latest`: that of a live source. The error: the system has no thread for us.
pub fn start(
    input: Input<Stdin>,
    encoder: Encoder,
    request: Arc<Request>,
    uploader: Uploader,
    jobs: usize,
    latest: bool,
) -> io::Result<(Answers, Halt)> {
    // As many frames are encoded at a time as there are cores.
    let encoders = thread::available_parallelism().map_or(1, usize::from);
    let uploader = Arc::new(uploader);
    // Of a live source, frames that are dropped are read over again.
    let frames = Arc::new(Buffers::new(if latest { 1 } else { encoders }));
    let bodies = Arc::new(Buffers::new(encoders));
    let first = input.first();
    let reading = Reading {
        input,
        uploader: Arc::clone(&uploader),
        frames: Arc::clone(&frames),
        is_over: false,
    };
    let encoding = Encoding {
        encoder,
        request,
        uploader: Arc::clone(&uploader),
        frames,
        bodies: Arc::clone(&bodies),
    };
    let uploading = Uploading { uploader: Arc::clone(&uploader), bodies };
    let (answers, unsent): (Box<dyn Iterator<Item = Answer>>, _) = if latest {
        let (answers, newest) = live::start(reading, encoding, uploading, jobs)?;
        (Box::new(answers), Waiting::Newest(newest))
    } else {
        // One body for the frame whose turn it is, and one for each worker, so that none waits for another.
        let window = Window::new(first, 1 + encoders.max(jobs));
        let encode = move |frame| encoding.encode(frame);
        let encoded = ordered::map("encode", encoders, Arc::clone(&window), reading, encode)?;
        let sending = Sending { encoded, uploader: Arc::clone(&uploader), is_over: false };
        (answers(first, sending, uploading, jobs)?, Waiting::Encoded(window))
    };
    let answers = Answers { answers, unsent: unsent.clone(), is_over: false };
    Ok((answers, Halt { uploader, unsent }))
}

/// Starts the second stage, whose frames count from `first`.
fn answers(
    first: u64,
    sending: Sending,
    uploading: Uploading,
    jobs: usize,
) -> io::Result<Box<dyn Iterator<Item = Answer>>> {
    let lost = |Lost(frame)| Answer::Unsent(Unsent::Lost { frame });
    let upload = move |encoded| uploading.upload(encoded, None);
    if jobs == 1 {
        let answers = ordered::map_here(first, sending, upload);
        return Ok(Box::new(answers.map(move |answer| answer.unwrap_or_else(lost))));
    }
    // Twice the jobs, so that one slow answer does not stop the other workers. With as many places as jobs, a
    // frame that fails would have fewer later ones behind it that were posted, and answers that take unequal
    // times (log-normal, sigma 0.3) four fifths of the frames a second.
    let window = Window::new(first, 1 + 2 * jobs);
    let answers = ordered::map("upload", jobs, window, sending, upload)?;
    Ok(Box::new(answers.map(move |answer| answer.unwrap_or_else(lost))))
}

/// Frames until the input ends, fails, or a frame has failed.
struct Reading {
    input: Input<Stdin>,
    uploader: Arc<Uploader>,
    frames: Arc<Buffers>,
    is_over: bool,
}

impl Iterator for Reading {
    type Item = Result<Frame, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over || self.uploader.is_at_failure() {
            return None;
        }
        let frame = self.input.read(self.frames.take()).transpose()?;
        match &frame {
            Ok(frame) => self.uploader.counts.add_read(frame.bytes.len()),
            Err(_) => self.is_over = true,
        }
        Some(frame)
    }
}

type Encoded = Result<Ready, Unsent>;

/// A body to be sent.
struct Ready {
    body: Body,
    read_at: Instant,
}

/// A frame into the body to be sent.
struct Encoding {
    encoder: Encoder,
    request: Arc<Request>,
    uploader: Arc<Uploader>,
    frames: Arc<Buffers>,
    bodies: Arc<Buffers>,
}

impl Encoding {
    fn encode(&self, frame: Result<Frame, InputError>) -> Encoded {
        let mut frame = frame.map_err(Unsent::NotRead)?;
        let body = self.request.body(&self.encoder, &mut frame, self.bodies.take());
        let Frame { number: frame, read_at, bytes, .. } = frame;
        self.frames.keep(bytes);
        let error = match body {
            Ok(body) => return Ok(Ready { body, read_at }),
            Err(error) => error,
        };
        self.uploader.fail(frame);
        Err(match error.downcast() {
            Ok(bad) => Unsent::BadSample { frame, read_at, bad },
            Err(error) => Unsent::NotEncoded { frame, read_at, error },
        })
    }
}

/// Bodies until one is not wanted.
struct Sending {
    encoded: Results<Encoded>,
    uploader: Arc<Uploader>,
    is_over: bool,
}

impl Iterator for Sending {
    type Item = Encoded;

    fn next(&mut self) -> Option<Encoded> {
        if self.is_over {
            return None;
        }
        let encoded = self.encoded.next()?;
        let encoded = encoded.unwrap_or_else(|Lost(frame)| Err(Unsent::Lost { frame }));
        // With the answer it would be too late: another worker may have taken the next frame by then.
        self.is_over = match &encoded {
            Ok(ready) => !self.uploader.wants(ready.body.frame),
            Err(unsent) => matches!(unsent, Unsent::Lost { .. }),
        };
        Some(encoded)
    }
}

/// A body into its answer.
struct Uploading {
    uploader: Arc<Uploader>,
    bodies: Arc<Buffers>,
}

impl Uploading {
    /// `start`: the one that a live frame has already waited for.
    fn upload(&self, encoded: Encoded, start: Option<Start>) -> Answer {
        let Ready { body, read_at } = match encoded {
            Ok(ready) => ready,
            Err(unsent) => return Answer::Unsent(unsent),
        };
        let frame = body.frame;
        // The run may have been stopped since.
        let start = start.filter(|_| self.uploader.wants(frame));
        let start = start.or_else(|| self.uploader.start(frame, || ()));
        let upload = start.and_then(|start| self.uploader.upload(&body, start));
        self.bodies.keep(body.bytes);
        match upload {
            Some(upload) => Answer::Uploaded(Uploaded { frame, read_at, upload }),
            None => Answer::Unsent(Unsent::NotWanted),
        }
    }
}
