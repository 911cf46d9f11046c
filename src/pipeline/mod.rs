//! Frames into answers: encoding and uploading, many at a time. The caller iterates over the answers, which come
//! in the order of the frames.
//!
//! `stages` takes every frame, and reads no further than its bound allows. `live` reads on without end, and takes
//! the newest frame (--latest).

mod buffers;
mod live;
mod newest;
mod ordered;
mod places;
mod stages;
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
use crate::upload::{Started, Upload, Uploader};
use buffers::Buffers;
use live::Live;
use window::{Lost, Window};

/// The time that a busy machine may take to read the end of an input without further frames.
const LAST_READ: Duration = Duration::from_millis(100);

/// The end of a frame's road.
pub enum Answer {
    Uploaded(Uploaded),
    Unsent(Unsent),
    /// So many frames in a row were dropped, because newer ones came.
    Dropped(u64),
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
#[derive(Clone)]
pub struct Halt {
    uploader: Arc<Uploader>,
    unsent: Waiting,
}

/// The place where frames wait that are not under way.
#[derive(Clone)]
enum Waiting {
    Encoded(Arc<Window<Encoded>>),
    Newest(Arc<Live>),
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

/// Starts the pipeline; `latest`: that of a live source. The error: the system has no thread for us.
pub fn start(
    input: Input<Stdin>,
    encoder: Encoder,
    request: Arc<Request>,
    uploader: Uploader,
    jobs: usize,
    latest: bool,
) -> io::Result<(Answers, Halt)> {
    let encoders = encoders();
    let (uploader, bodies) = (Arc::new(uploader), Arc::new(Buffers::new(encoders)));
    // Of a live source, frames that are dropped are read over again.
    let frames = Arc::new(Buffers::new(if latest { 1 } else { encoders }));
    let encoding = Encoding { encoder, request, frames, bodies: Arc::clone(&bodies) };
    let uploading = Uploading { uploader, bodies };
    match latest {
        true => live::start(input, encoding, uploading, jobs),
        false => stages::start(input, encoding, uploading, jobs),
    }
}

/// How many frames are encoded at a time: as many as there are cores.
fn encoders() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A frame into the body to be sent.
struct Encoding {
    encoder: Encoder,
    request: Arc<Request>,
    frames: Arc<Buffers>,
    bodies: Arc<Buffers>,
}

impl Encoding {
    fn encode_read(&self, frame: Result<Frame, InputError>) -> Encoded {
        self.encode(frame.map_err(Unsent::NotRead)?)
    }

    fn encode(&self, mut frame: Frame) -> Encoded {
        let body = self.request.body(&self.encoder, &mut frame, self.bodies.take());
        let Frame { number, read_at, bytes, .. } = frame;
        self.frames.keep(bytes);
        match body {
            Ok(body) => Ok(Ready { body, read_at }),
            Err(error) => Err(not_encoded(number, read_at, error)),
        }
    }
}

fn not_encoded(frame: u64, read_at: Instant, error: anyhow::Error) -> Unsent {
    match error.downcast::<BadSample>() {
        Ok(bad) => Unsent::BadSample { frame, read_at, bad },
        Err(error) => Unsent::NotEncoded { frame, read_at, error },
    }
}

/// A body into its answer.
struct Uploading {
    uploader: Arc<Uploader>,
    bodies: Arc<Buffers>,
}

impl Uploading {
    fn upload(&self, encoded: Encoded) -> Answer {
        match encoded {
            Ok(ready) => {
                let upload = self.uploader.upload(&ready.body);
                self.answer(ready, upload)
            }
            Err(unsent) => Answer::Unsent(unsent),
        }
    }

    fn upload_started(&self, ready: Ready, started: Started) -> Answer {
        let upload = self.uploader.upload_started(&ready.body, started);
        self.answer(ready, upload)
    }

    /// `upload`: the result, or `None` if the frame was not wanted.
    fn answer(&self, ready: Ready, upload: Option<Upload>) -> Answer {
        let Ready { body, read_at } = ready;
        self.bodies.keep(body.bytes);
        match upload {
            Some(upload) => Answer::Uploaded(Uploaded { upload, read_at }),
            None => Answer::Unsent(Unsent::NotWanted),
        }
    }
}
