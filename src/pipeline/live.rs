//! A live source (--latest): stdin is read as fast as it comes, and the frame that goes out is the newest.
//!
//! One thread reads, and waits for nothing but the input. A job asks for the start of an upload first, and then takes
//! the newest frame, because a frame that is chosen earlier grows old while it waits. So the job itself encodes it,
//! and a frame that is dropped is never encoded.

use std::io;
use std::sync::Arc;
use std::thread::Builder;

use super::newest::Newest;
use super::ordered::guard;
use super::{Answer, Reading, Steps};

/// The answers and the dropped frames, in the order of the frames.
pub struct LiveAnswers(Arc<Newest>);

/// Starts the reader and the jobs, on threads of their own. The error: the system has not even threads for the
/// reader and one job.
pub fn start(
    reading: Reading,
    steps: &Arc<Steps>,
    jobs: usize,
) -> io::Result<(LiveAnswers, Arc<Newest>)> {
    // As many answers wait for an earlier one as without --latest.
    let newest = Arc::new(Newest::new(1 + 2 * jobs));
    let start_job = || {
        let (newest, steps) = (Arc::clone(&newest), Arc::clone(steps));
        Builder::new().name("upload".into()).spawn(move || work(&newest, &steps))
    };
    start_job()?;
    // If the system has no thread for a further one, those that run are enough.
    let jobs = 1 + (1..jobs).take_while(|_| start_job().is_ok()).count();
    let own = Arc::clone(&newest);
    Builder::new().name("read".into()).spawn(move || read(reading, &own, jobs))?;
    Ok((LiveAnswers(Arc::clone(&newest)), newest))
}

/// Reads frames until the input ends or fails, or the run is to stop.
fn read(mut reading: Reading, newest: &Newest, jobs: usize) {
    let mut next = 0;
    let last = loop {
        match guard(next, || reading.next().transpose()) {
            Ok(Some(frame)) if !newest.is_cut_off() => {
                next = frame.number + 1;
                if let Some(dropped) = newest.put(frame, jobs) {
                    reading.steps.frames.keep(dropped.bytes);
                }
            }
            Ok(_) => break None,
            Err(unsent) => break Some(unsent),
        }
    };
    newest.end(last);
}

/// A job: one frame after the other into its answer.
fn work(newest: &Newest, steps: &Steps) {
    let pass = |frame| steps.uploader.pass_gate(frame, || newest.hold());
    while let Some((frame, pass)) = newest.take(pass) {
        let number = frame.number;
        let answer = guard(number, || steps.upload(steps.encode(Ok(frame)), Some(pass)));
        newest.fill(number, answer);
    }
    // If frames are left, an earlier one has failed, or the run is to stop.
    newest.cut_off();
}

impl Iterator for LiveAnswers {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        self.0.fetch()
    }
}

/// Nobody wants answers any more.
impl Drop for LiveAnswers {
    fn drop(&mut self) {
        self.0.cut_off();
    }
}
