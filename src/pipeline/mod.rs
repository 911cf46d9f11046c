//! Two ordered stages in a row: encoding, with as many workers as cores, then uploading, with as many as
//! jobs. The caller iterates over the answers.
//!
//! Encoding overlaps uploading even with one job. That job is the caller's own thread: for small frames, waking
//! another one for each answer takes longer than to write its line. If the caller fetches no answers, uploads
//! stop, then encoding, and in the end no frame is read.

mod buffers;
mod ordered;
mod window;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use crate::encode::{BadSample, Encoder, max_png_bytes};
use crate::frame::Frame;
use crate::input::{Input, InputError, Stdin};
use crate::request::{Body, Request};
use crate::upload::{Upload, Uploader};
use buffers::Buffers;
use window::{Lost, Results, Window};

/// The end of a frame's road.
pub enum Answer {
    Uploaded(Uploaded),
    Unsent(Unsent),
}

pub struct Uploaded {
    pub upload: Upload,
    /// The time at which the frame's last byte was there.
    pub read_at: Instant,
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
    /// An earlier frame has failed, or the run is to stop.
    NotWanted,
    /// Its worker panicked.
    Lost,
}

type Encoded = Result<Ready, Unsent>;

/// A body to be sent.
struct Ready {
    body: Body,
    read_at: Instant,
}

/// The answers in the order of the frames. Each comes as soon as it and all earlier ones are in.
pub struct Answers(Box<dyn Iterator<Item = Result<Answer, Lost>>>);

impl Iterator for Answers {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        self.0.next().map(|answer| answer.unwrap_or(Answer::Unsent(Unsent::Lost)))
    }
}

/// Stops a run from outside of it.
pub struct Halt {
    uploader: Arc<Uploader>,
    encoded: Arc<Window<Encoded>>,
}

impl Halt {
    /// From now on no attempt begins. Returns the number of uploads under way: their answers still come.
    pub fn start_nothing(&self) -> u64 {
        self.uploader.stop();
        self.uploader.counts.in_flight.load(Ordering::Relaxed)
    }

    /// From now on the input is not waited for, even inside a frame. Frames that are not under way are dropped.
    pub fn wait_for_nothing(&self) {
        self.encoded.cut_off();
    }
}

/// Starts both stages. The error: the system has no thread for us.
pub fn start(
    input: Input<Stdin>,
    encoder: Encoder,
    request: Arc<Request>,
    uploader: Uploader,
    jobs: usize,
) -> io::Result<(Answers, Halt)> {
    let encoders = thread::available_parallelism().map_or(1, usize::from);
    let uploader = Arc::new(uploader);
    let (frames, bodies) = (Arc::new(Buffers::new(encoders)), Arc::new(Buffers::new(encoders)));

    let mut reading = Reading {
        input,
        uploader: Arc::clone(&uploader),
        frames: Arc::clone(&frames),
        is_over: false,
    };
    let encoding = Encoding { encoder, request, frames, bodies: Arc::clone(&bodies) };
    // One body for the frame whose turn it is, and one for each worker, so that none waits for another.
    let window = 1 + encoders.max(jobs);
    let encoded = ordered::map(
        "encode",
        encoders,
        window,
        move || reading.next(),
        move |frame| encoding.encode(frame),
    )?;

    let halt = Halt { uploader: Arc::clone(&uploader), encoded: encoded.window() };
    let mut sending = Sending { encoded, uploader: Arc::clone(&uploader), is_over: false };
    let uploading = Uploading { uploader, bodies };
    let source = move || sending.next();
    let work = move |encoded| uploading.upload(encoded);
    if jobs == 1 {
        return Ok((Answers(Box::new(ordered::map_here(source, work))), halt));
    }
    // Twice the jobs, so that one slow answer does not stop the other workers. With as many places as jobs, a
    // frame that fails would have fewer later ones behind it that were posted, and answers that take unequal
    // times (log-normal, sigma 0.3) four fifths of the frames a second.
    let window = 1 + 2 * jobs;
    Ok((Answers(Box::new(ordered::map("upload", jobs, window, source, work)?)), halt))
}

/// The source of the first stage: frames until the input ends, fails, or a frame has failed.
struct Reading {
    input: Input<Stdin>,
    uploader: Arc<Uploader>,
    frames: Arc<Buffers>,
    is_over: bool,
}

impl Reading {
    fn next(&mut self) -> Option<Result<Frame, InputError>> {
        if self.is_over || self.uploader.is_at_failure() {
            return None;
        }
        let frame = self.input.read(self.frames.take()).transpose();
        match &frame {
            Some(Ok(frame)) => self.uploader.counts.add_read(frame.bytes.len()),
            Some(Err(_)) | None => self.is_over = true,
        }
        frame
    }
}

/// The work of the first stage.
struct Encoding {
    encoder: Encoder,
    request: Arc<Request>,
    frames: Arc<Buffers>,
    bodies: Arc<Buffers>,
}

impl Encoding {
    fn encode(&self, frame: Result<Frame, InputError>) -> Encoded {
        let mut frame = frame.map_err(Unsent::NotRead)?;
        let body = self.body(&mut frame);
        let Frame { number, read_at, bytes, .. } = frame;
        self.frames.keep(bytes);
        match body {
            Ok(body) => Ok(Ready { body, read_at }),
            Err(error) => Err(not_encoded(number, read_at, error)),
        }
    }

    fn body(&self, frame: &mut Frame) -> anyhow::Result<Body> {
        let mut body = self.request.begin(frame.number, self.bodies.take(), max_png_bytes(frame));
        self.encoder.append_png(frame, body.bytes())?;
        body.finish()
    }
}

fn not_encoded(frame: u64, read_at: Instant, error: anyhow::Error) -> Unsent {
    match error.downcast::<BadSample>() {
        Ok(bad) => Unsent::BadSample { frame, read_at, bad },
        Err(error) => Unsent::NotEncoded { frame, read_at, error },
    }
}

/// The source of the second stage: bodies until no more are wanted.
struct Sending {
    encoded: Results<Encoded>,
    uploader: Arc<Uploader>,
    is_over: bool,
}

impl Sending {
    fn next(&mut self) -> Option<Encoded> {
        if self.is_over {
            return None;
        }
        let Some(encoded) = self.encoded.next() else {
            // A run that is cut off ends with this, and one that is complete with nothing.
            self.is_over = true;
            return self.encoded.is_cut_off().then_some(Err(Unsent::NotWanted));
        };
        let encoded = encoded.unwrap_or(Err(Unsent::Lost));
        // Stop here already. Doing so with the answer would be too late: another worker may have taken the
        // next frame by then.
        match &encoded {
            Ok(ready) if !self.uploader.wants(ready.body.frame) => {
                self.is_over = true;
                return Some(Err(Unsent::NotWanted));
            }
            Ok(_) => {}
            Err(Unsent::NotEncoded { frame, .. } | Unsent::BadSample { frame, .. }) => {
                self.uploader.fail(*frame);
            }
            Err(Unsent::NotRead(error)) => {
                self.uploader.stop_after(error.frame);
                self.is_over = true;
            }
            Err(Unsent::NotWanted | Unsent::Lost) => self.is_over = true,
        }
        Some(encoded)
    }
}

/// The work of the second stage.
struct Uploading {
    uploader: Arc<Uploader>,
    bodies: Arc<Buffers>,
}

impl Uploading {
    fn upload(&self, encoded: Encoded) -> Answer {
        let Ready { body, read_at } = match encoded {
            Ok(ready) => ready,
            Err(unsent) => return Answer::Unsent(unsent),
        };
        let upload = self.uploader.upload(&body);
        self.bodies.keep(body.bytes);
        match upload {
            Some(upload) => Answer::Uploaded(Uploaded { upload, read_at }),
            None => Answer::Unsent(Unsent::NotWanted),
        }
    }
}
