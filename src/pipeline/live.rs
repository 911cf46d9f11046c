//! A live source (--latest): stdin is read as fast as it comes, and the frame that goes out is the newest.
//!
//! One thread reads, and waits for nothing but the input. A job takes a frame only once the upload may start,
//! because a frame that is chosen earlier grows old while it waits. So the job itself encodes it, and a frame
//! that is dropped is never encoded.

use std::io;
use std::sync::Arc;
use std::thread::Builder;

use super::newest::Newest;
use super::ordered::guard;
use super::window::Lost;
use super::{Answer, Encoding, Reading, Unsent, Uploading};
use crate::frame::Frame;
use crate::upload::Start;

/// One frame after the other into its answer.
struct Job {
    newest: Arc<Newest>,
    encoding: Encoding,
    uploading: Uploading,
}

/// The answers and the dropped frames, in the order of the frames.
pub struct LiveAnswers(Arc<Newest>);

/// Starts the reader and the jobs, on threads of their own. The error: the system has not even threads for the
/// reader and one job.
pub fn start(
    reading: Reading,
    encoding: Encoding,
    uploading: Uploading,
    jobs: usize,
) -> io::Result<(LiveAnswers, Arc<Newest>)> {
    // As many answers wait for an earlier one as without --latest.
    let newest = Arc::new(Newest::new(1 + 2 * jobs));
    let job = Arc::new(Job { newest: Arc::clone(&newest), encoding, uploading });
    for number in 0..jobs {
        let job = Arc::clone(&job);
        match Builder::new().name("upload".into()).spawn(move || job.run()) {
            Ok(_) => newest.add_job(),
            Err(_) if number > 0 => break,
            Err(error) => return Err(error),
        }
    }
    let own = Arc::clone(&newest);
    Builder::new().name("read".into()).spawn(move || read(reading, &own))?;
    Ok((LiveAnswers(Arc::clone(&newest)), newest))
}

/// Reads frames until the input ends or fails, or the run is to stop.
fn read(mut reading: Reading, newest: &Newest) {
    let mut next = 0;
    let last = loop {
        match guard(next, || reading.next()) {
            Ok(Some(Ok(frame))) if !newest.is_cut_off() => {
                next = frame.number + 1;
                if let Some(dropped) = newest.put(frame) {
                    reading.frames.keep(dropped.bytes);
                }
            }
            Ok(Some(Err(error))) => break Some(Unsent::NotRead(error)),
            Ok(_) => break None,
            Err(Lost(frame)) => break Some(Unsent::Lost { frame }),
        }
    };
    newest.end(last);
}

impl Job {
    fn run(&self) {
        let uploader = &self.uploading.uploader;
        let start = |frame| uploader.start(frame, || self.newest.hold());
        while let Some((frame, start)) = self.newest.take(start) {
            let number = frame.number;
            let answer = guard(number, || self.answer(frame, start));
            let lost = |Lost(frame)| Answer::Unsent(Unsent::Lost { frame });
            self.newest.fill(number, answer.unwrap_or_else(lost));
        }
        // If frames are left, an earlier one has failed, or the run is to stop.
        self.newest.cut_off();
    }

    fn answer(&self, frame: Frame, start: Start) -> Answer {
        self.uploading.upload(self.encoding.encode(Ok(frame)), Some(start))
    }
}

/// Nobody wants answers any more.
impl Drop for LiveAnswers {
    fn drop(&mut self) {
        self.0.cut_off();
    }
}

impl Iterator for LiveAnswers {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        self.0.fetch()
    }
}
