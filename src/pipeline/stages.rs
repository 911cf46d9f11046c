//! Two ordered stages in a row: encoding, with as many workers as cores, then uploading, with as many as jobs.
//!
//! Encoding overlaps uploading even with one job. That job is the caller's own thread: for small frames, waking
//! another one for each answer takes longer than to write its line. If the caller fetches no answers, uploads
//! stop, then encoding, and in the end no frame is read.

use std::io;
use std::sync::Arc;

use super::buffers::Buffers;
use super::ordered;
use super::window::Results;
use super::{Answers, Encoded, Encoding, Halt, Unsent, Uploading, Waiting, encoders};
use crate::frame::Frame;
use crate::input::{Input, InputError, Stdin};
use crate::upload::Uploader;

/// Starts both stages. The error: the system has no thread for us.
pub fn start(
    input: Input<Stdin>,
    encoding: Encoding,
    uploading: Uploading,
    jobs: usize,
) -> io::Result<(Answers, Halt)> {
    let encoders = encoders();
    let uploader = Arc::clone(&uploading.uploader);
    let frames = Arc::clone(&encoding.frames);
    let mut reading = Reading { input, uploader: Arc::clone(&uploader), frames, is_over: false };
    // One body for the frame whose turn it is, and one for each worker, so that none waits for another.
    let window = 1 + encoders.max(jobs);
    let encoded = ordered::map(
        "encode",
        encoders,
        window,
        move || reading.next(),
        move |frame| encoding.encode_read(frame),
    )?;

    let halt = Halt { uploader: Arc::clone(&uploader), unsent: Waiting::Encoded(encoded.window()) };
    let mut sending = Sending { encoded, uploader, is_over: false };
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
            // Only a run that was cut off ends with `NotWanted`.
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
