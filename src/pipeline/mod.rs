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

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::encode::Encoder;
use crate::frame::Frame;
use crate::input::{Input, InputError, Stdin};
use crate::request::{Body, Request};
use crate::upload::{Pass, Upload, Uploader};
use buffers::Buffers;
use newest::Newest;
use window::{Results, Window};

/// The time that a busy machine may take to read the end of an input without further frames.
const LAST_READ: Duration = Duration::from_millis(100);

/// The answers in the order of the frames. Each comes as soon as it and all earlier ones are in.
pub type Answers = Box<dyn Iterator<Item = Answer>>;

/// The end of a frame's road.
pub type Answer = Result<Uploaded, Unsent>;

pub struct Uploaded {
    pub frame: u64,
    /// The time at which the frame's last byte was there.
    pub read_at: Instant,
    pub upload: Upload,
}

/// The reason why a frame has no answer of the server's.
pub enum Unsent {
    /// If the error is a `BadSample`, the next frame begins where this one ends.
    NotEncoded { frame: u64, read_at: Instant, error: anyhow::Error },
    /// The input holds no whole frame here, so none later either.
    NotRead(InputError),
    /// The gate closed before its next attempt: an earlier frame has failed, or the run is to stop. It may be unread, or
    /// have been sent before.
    NotWanted,
    /// It was dropped, because a newer one came.
    Dropped { frame: u64 },
    /// Its worker panicked.
    Lost { frame: u64 },
}

type Encoded = Result<Ready, Unsent>;

/// A body to be sent.
struct Ready {
    body: Body,
    read_at: Instant,
}

/// Stops a run from outside of it.
#[derive(Clone)]
pub struct Halt {
    steps: Arc<Steps>,
    unsent: Waiting,
}

impl Halt {
    /// Closes the gate for all frames. Returns the number of attempts in flight: the answers of those that have begun
    /// to be sent still come, and the others end.
    pub fn start_nothing(&self) -> u64 {
        let uploader = &self.steps.uploader;
        uploader.gate.close_from(0);
        // After the gate: what ends because of it finds it closed.
        uploader.counts.is_stopping.store(true, Ordering::Release);
        uploader.counts.in_flight.load(Ordering::Relaxed)
    }

    /// Nothing new starts. This returns at once, and `Lines::write` waits for what is in flight.
    pub fn finish(&self) {
        self.start_nothing();
        self.wait_for_nothing();
    }

    /// The same if nobody reads the lines. `false`: an upload is in flight, and it is no use to wait for it.
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

    /// From now on the input is not waited for, even inside a frame. Frames that are not in flight are never sent.
    fn wait_for_nothing(&self) {
        match &self.unsent {
            Waiting::Encoded(window) => window.cut_off(Err(Unsent::NotWanted)),
            Waiting::Newest(newest) => newest.cut_off(),
        }
    }
}

/// Where frames wait that are not in flight.
#[derive(Clone)]
enum Waiting {
    Encoded(Arc<Window<Encoded>>),
    Newest(Arc<Newest>),
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
    // Of a live source, frames that are dropped are read over again.
    let (frames, bodies) =
        (Buffers::new(if latest { 1 } else { encoders }), Buffers::new(encoders));
    let steps = Arc::new(Steps { encoder, request, uploader, frames, bodies });
    let first = input.first();
    let reading = Reading { input, steps: Arc::clone(&steps), is_over: false };
    if latest {
        let (answers, newest) = live::start(reading, &steps, jobs)?;
        let answers = in_turn(first, &steps, answers);
        return Ok((answers, Halt { steps, unsent: Waiting::Newest(newest) }));
    }

    // One body for the frame whose turn it is, and one for each worker, so that none waits for another.
    let window = Window::new(first, 1 + encoders.max(jobs));
    let unsent = Waiting::Encoded(Arc::clone(&window));
    let halt = Halt { steps: Arc::clone(&steps), unsent };
    let own = Arc::clone(&steps);
    let encode = move |frame| own.encode(frame);
    let encoded = ordered::map("encode", encoders, window, reading, encode)?;

    let own = Arc::clone(&steps);
    let sending = Sending { encoded, steps: Arc::clone(&steps), is_over: false };
    let upload = move |encoded| steps.upload(encoded, None);
    if jobs == 1 {
        return Ok((in_turn(first, &own, ordered::map_here(first, sending, upload)), halt));
    }
    // Twice the jobs, so that one slow answer does not stop the other workers. With as many places as jobs, a
    // frame that fails would have fewer later ones behind it that were posted, and answers that take unequal
    // times (log-normal, sigma 0.3) four fifths of the frames a second.
    let window = Window::new(first, 1 + 2 * jobs);
    Ok((in_turn(first, &own, ordered::map("upload", jobs, window, sending, upload)?), halt))
}

/// Whoever asks for an answer has written the line of the one before.
fn in_turn(
    first: u64,
    steps: &Arc<Steps>,
    mut answers: impl Iterator<Item = Answer> + 'static,
) -> Answers {
    let steps = Arc::clone(steps);
    let fetch = move |frame| steps.uploader.fetching(frame, || answers.next());
    Box::new((first..=u64::MAX).map_while(fetch))
}

/// The source of the first stage: frames until the input ends, fails, or a frame has failed.
struct Reading {
    input: Input<Stdin>,
    steps: Arc<Steps>,
    is_over: bool,
}

impl Iterator for Reading {
    type Item = Result<Frame, Unsent>;

    fn next(&mut self) -> Option<Self::Item> {
        let Steps { uploader, frames, .. } = &*self.steps;
        // A stop does not end it here: a signal cuts the window off, and `finish_unread` needs the end of the input.
        if self.is_over || uploader.gate.is_closed_by_a_frame() {
            return None;
        }
        let frame = self.input.read(frames.take()).transpose()?;
        match &frame {
            Ok(frame) => {
                let bytes_read = &uploader.counts.figures.bytes_read;
                bytes_read.fetch_add(frame.bytes.len() as u64, Ordering::Relaxed);
            }
            Err(_) => self.is_over = true,
        }
        Some(frame.map_err(Unsent::NotRead))
    }
}

/// The source of the second stage: bodies until one is not wanted.
struct Sending {
    encoded: Results<Encoded>,
    steps: Arc<Steps>,
    is_over: bool,
}

impl Iterator for Sending {
    type Item = Encoded;

    fn next(&mut self) -> Option<Encoded> {
        let encoded = self.encoded.next().filter(|_| !self.is_over)?;
        // Asked now, and not after the answer: by then another worker has taken the next frame.
        self.is_over = match &encoded {
            Ok(ready) => !self.steps.uploader.gate.wants(ready.body.frame),
            Err(unsent) => !matches!(unsent, Unsent::NotEncoded { .. }),
        };
        Some(encoded)
    }
}

/// What the workers of both stages do.
struct Steps {
    encoder: Encoder,
    request: Arc<Request>,
    uploader: Uploader,
    frames: Buffers,
    bodies: Buffers,
}

impl Steps {
    /// A frame into the body to be sent.
    fn encode(&self, frame: Result<Frame, Unsent>) -> Encoded {
        let mut frame = frame?;
        let body = self.request.body(&self.encoder, &mut frame, self.bodies.take());
        let Frame { number: frame, read_at, bytes, .. } = frame;
        self.frames.keep(bytes);
        match body {
            Ok(body) => Ok(Ready { body, read_at }),
            Err(error) => {
                self.uploader.fail(frame, false);
                Err(Unsent::NotEncoded { frame, read_at, error })
            }
        }
    }

    /// A body into its answer. `pass`: that of a live frame, which has waited for it.
    fn upload(&self, encoded: Encoded, pass: Option<Pass>) -> Answer {
        let Ready { body, read_at } = encoded?;
        let frame = body.frame;
        // The gate may have closed while the frame was encoded.
        let pass = pass.filter(|_| self.uploader.gate.wants(frame));
        let pass = pass.or_else(|| self.uploader.pass_gate(frame, || ()));
        let upload = pass.and_then(|pass| self.uploader.upload(&body, pass));
        self.bodies.keep(body.bytes);
        let upload = upload.ok_or(Unsent::NotWanted)?;
        Ok(Uploaded { frame, read_at, upload })
    }
}
