//! A live source (--latest): stdin is read as fast as it comes, and the frame that goes out is the newest.
//!
//! One thread reads, and waits for nothing but the input. A job takes a frame only once the upload may start,
//! because a frame that is chosen earlier grows old while it waits. So the job itself encodes it, and a frame
//! that is dropped is never encoded.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::buffers::Buffers;
use super::newest::Newest;
use super::places::Fetched;
use super::window::Lost;
use super::{Answer, Answers, Encoding, Halt, Unsent, Uploading, Waiting};
use crate::frame::Frame;
use crate::input::{Input, InputError, Stdin};
use crate::memory;
use crate::upload::{Started, Uploader};

pub type Live = Newest<Frame, Answer>;

/// Reads frames until the input ends or fails, or the run is to stop.
struct Reader {
    input: Input<Stdin>,
    uploader: Arc<Uploader>,
    frames: Arc<Buffers>,
}

/// One frame after the other into its answer.
struct Job {
    encoding: Encoding,
    uploading: Uploading,
}

/// The answers and the dropped frames, in the order of the frames.
struct LiveAnswers {
    live: Arc<Live>,
    is_over: bool,
}

/// Starts the reader and the jobs, on threads of their own. The error: the system has not even threads for the
/// reader and one job.
pub fn start(
    input: Input<Stdin>,
    encoding: Encoding,
    uploading: Uploading,
    jobs: usize,
) -> io::Result<(Answers, Halt)> {
    let (uploader, frames) = (Arc::clone(&uploading.uploader), Arc::clone(&encoding.frames));
    let reader = Reader { input, uploader: Arc::clone(&uploader), frames };
    let job = Arc::new(Job { encoding, uploading });
    // As many answers wait for an earlier one as without --latest.
    let live = Arc::new(Live::new(1 + 2 * jobs));
    for number in 0..jobs {
        let (job, own) = (Arc::clone(&job), Arc::clone(&live));
        let spawned = memory::spawn("upload", move || job.run(&own)).map(drop);
        match spawned {
            Ok(()) => live.add_job(),
            Err(_) if number > 0 => break,
            Err(error) => return Err(error),
        }
    }
    let own = Arc::clone(&live);
    memory::spawn("read", move || reader.run(&own))?;
    let halt = Halt { uploader, unsent: Waiting::Newest(Arc::clone(&live)) };
    Ok((Answers(Box::new(LiveAnswers { live, is_over: false })), halt))
}

impl Reader {
    fn run(mut self, live: &Live) {
        let last = match catch_unwind(AssertUnwindSafe(|| self.read(live))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Unsent::NotRead(error)),
            Err(_) => Some(Unsent::Lost),
        };
        live.end(last.map(Answer::Unsent));
    }

    fn read(&mut self, live: &Live) -> Result<(), InputError> {
        while !live.is_cut_off() {
            let Some(frame) = self.input.read(self.frames.take())? else { return Ok(()) };
            self.uploader.counts.add_read(frame.bytes.len());
            if let Some(dropped) = live.put(frame.number, frame) {
                self.frames.keep(dropped.bytes);
            }
        }
        Ok(())
    }
}

impl Job {
    fn run(&self, live: &Arc<Live>) {
        while self.answer_next(live).is_some() {}
        // If frames are left, an earlier one has failed, or the run is to stop.
        live.cut_off();
    }

    /// `None` if there is no further frame, or none is wanted.
    fn answer_next(&self, live: &Arc<Live>) -> Option<()> {
        let uploader = &self.uploading.uploader;
        let turn = live.turn()?;
        let started = match uploader.start_at_once(turn.frame) {
            Some(started) => started,
            None => {
                turn.hold();
                uploader.wait_for_start(turn.frame)?
            }
        };
        let Some((frame, ticket)) = turn.take() else {
            uploader.give_back(&started);
            return None;
        };
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| self.answer(frame, started))) {
            ticket.fill(answer);
        }
        Some(())
    }

    fn answer(&self, frame: Frame, started: Started) -> Answer {
        let uploader = &self.uploading.uploader;
        let unsent = match self.encoding.encode(frame) {
            // The run may have been stopped meanwhile.
            Ok(ready) if uploader.wants(ready.body.frame) => {
                return self.uploading.upload_started(ready, started);
            }
            Ok(_) => Unsent::NotWanted,
            Err(unsent) => unsent,
        };
        uploader.give_back(&started);
        if let Unsent::NotEncoded { frame, .. } | Unsent::BadSample { frame, .. } = &unsent {
            uploader.fail(*frame);
        }
        Answer::Unsent(unsent)
    }
}

/// Nobody wants answers any more.
impl Drop for LiveAnswers {
    fn drop(&mut self) {
        self.live.cut_off();
    }
}

impl Iterator for LiveAnswers {
    type Item = Result<Answer, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.live.fetch() {
            Some(Fetched::Answer(answer)) => Some(Ok(answer)),
            Some(Fetched::Dropped(count)) => Some(Ok(Answer::Dropped(count))),
            Some(Fetched::Lost) => Some(Err(Lost)),
            // Only a run that was cut off ends with `NotWanted`.
            None if self.live.is_cut_off() && !self.is_over => {
                self.is_over = true;
                Some(Ok(Answer::Unsent(Unsent::NotWanted)))
            }
            None => None,
        }
    }
}
