//! Answers into lines on standard output.
//!
//! An answer's line is out before the next answer is looked at (promises 1 and 2). The message about a failed
//! frame follows its line. stdout carries lines and nothing else. After a frame that a stopped run has not
//! sent there are no lines: the lines have no gap.

mod line;
mod record;
mod redirect;
mod report;
mod stdout;
mod told;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::counts::Counts;
use crate::encode::BadSample;
use crate::ending::{Ending, Signal};
use crate::input::{Cause, InputError};
use crate::messages::{causes, plain, say};
use crate::pipeline::{Answer, Answers, Halt, Unsent};
use crate::request::Request;
use crate::stop::Asked;
use report::Report;
use stdout::Stdout;

pub use stdout::print;

/// The failure of a frame whose worker panicked.
const LOST: &str = "its worker ended without an answer";

/// The error of a frame in whose place a newer one was taken. That is no failure.
const DROPPED: &str = "dropped: a newer frame came";

/// Writes the lines of a run.
pub struct Lines {
    out: Stdout,
    rules: Rules,
    request: Arc<Request>,
    counts: Arc<Counts>,
}

/// What the user wants of the lines.
pub struct Rules {
    /// Whether a line is a record (--ndjson).
    pub records: bool,
    /// Whether a frame that has failed has no line, or under --keep-going one without its answer.
    pub fail: bool,
    pub keep_going: bool,
    /// Whether --retry-all-errors would repeat more than this run does. It is spoken of once.
    pub advises_repeat: bool,
    /// Whether headers of the user's go out: one may hold a key.
    pub has_key: bool,
    /// The number of the first frame.
    pub skip: u64,
    /// Whether another run can go on where this one stops.
    pub can_go_on: bool,
    /// Whether nothing is sent (--dry-run), so that there are no lines.
    pub is_dry: bool,
}

/// The reason why a run ends before its last answer.
enum Early {
    /// A frame has failed, or has no line because that can't be written.
    Failed {
        frame: u64,
        cause: String,
        /// Whether its answer is the last line that is out.
        has_line: bool,
    },
    NotRead(InputError),
    /// The stopped run has not sent a frame.
    Gap,
    ReaderGone,
}

impl Lines {
    /// The error: there is no standard output.
    pub fn new(rules: Rules, request: Arc<Request>, counts: Arc<Counts>) -> io::Result<Self> {
        Ok(Lines { out: Stdout::new()?, rules, request, counts })
    }

    /// Writes the line of every answer, in order, until the run ends.
    pub fn write(mut self, mut answers: Answers, halt: &Halt, asked: &Asked) -> Ending {
        while let Some(answer) = answers.next() {
            if let Err(early) = self.write_one(answer, asked) {
                return self.end_early(early, answers, halt, asked);
            }
        }
        self.end(asked)
    }

    fn write_one(&mut self, answer: Answer, asked: &Asked) -> Result<(), Early> {
        let mut report = match answer {
            Ok(uploaded) => {
                let is_posted = uploaded.upload.is_posted;
                self.counts.posted.fetch_sub(is_posted.into(), Ordering::Relaxed);
                Report::uploaded(uploaded, &self.request)
            }
            Err(Unsent::Dropped { frame }) => {
                self.put(&mut Report::unsent(frame, None, DROPPED))?;
                self.counts.figures.dropped.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Err(Unsent::NotEncoded { frame, error, .. })
                if error.is::<BadSample>() && !self.rules.keep_going =>
            {
                let cause = Cause::Malformed(error.to_string());
                return Err(Early::NotRead(InputError { frame, cause }));
            }
            Err(Unsent::NotEncoded { frame, error, read_at }) => {
                Report::unsent(frame, Some(read_at), causes(&error))
            }
            Err(Unsent::Lost { frame }) => {
                Report { ends_run: true, ..Report::unsent(frame, None, LOST) }
            }
            Err(Unsent::NotRead(error)) if !is_of_the_stop(&error, asked) => {
                return Err(Early::NotRead(error));
            }
            Err(Unsent::NotWanted | Unsent::NotRead(_)) => return Err(Early::Gap),
        };
        self.counts.figures.frames.fetch_add(1, Ordering::Relaxed);
        let is_answered = report.status.is_some();
        self.counts.figures.answered.fetch_add(is_answered.into(), Ordering::Relaxed);
        if self.rules.fail && report.failure.is_some() {
            report.body = None;
        }
        // Each response is a line. Under --keep-going, so is each failure.
        let has_line = report.body.is_some();
        if has_line || !self.ends_run(&report) {
            self.put(&mut report)?;
        }
        self.tell_failure(report, has_line)
    }

    /// Writes the frame's line, with the response's body.
    fn put(&mut self, report: &mut Report) -> Result<(), Early> {
        let frame = report.frame;
        let behind = report.read_at.map(|read_at| read_at.elapsed());
        self.counts.figures.note_behind(behind);
        if self.rules.is_dry {
            return Ok(());
        }
        let line = if self.rules.records {
            record::line(report, behind)
        } else {
            line::from_body(report.body.take().unwrap_or_default())
        };
        let line = line.map_err(|error| {
            let cause = format!("line: {}", plain(&error.to_string()));
            Early::Failed { frame, cause, has_line: false }
        })?;
        self.out.write(&line).map_err(|error| match stdout::is_for_nobody(&error) {
            true => Early::ReaderGone,
            false => Early::Failed { frame, cause: stdout::cause(&error), has_line: false },
        })?;
        self.counts.lines.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The ending after the last answer.
    fn end(&self, asked: &Asked) -> Ending {
        match asked.signal() {
            Some(signal) => self.end_stopped(signal, "frame", !asked.reader_is_gone()),
            None if self.has_failed() => Ending::Failed,
            None => Ending::Done,
        }
    }

    /// The ending by a signal. One that has ended the reader, too, may have cost lines there.
    fn end_stopped(&self, signal: Signal, frame: &str, is_read: bool) -> Ending {
        let lost = if is_read { "" } else { "; the reader is gone: count the lines that it kept" };
        say(format!("stopped by {}{}{lost}", signal.name(), self.how_to_go_on(frame, None)));
        Ending::Stopped(signal)
    }

    /// The ending at a frame that the stopped run has not sent. Later ones have no lines: going on begins here.
    /// If one of them has failed, that is said.
    fn end_at_gap(&self, later: Answers, asked: &Asked) -> Ending {
        for answer in later {
            let Ok(uploaded) = answer else { continue };
            let report = Report::uploaded(uploaded, &self.request);
            report.failure.iter().for_each(|cause| say(format!("frame {}: {cause}", report.frame)));
        }
        match asked.signal() {
            None if asked.reader_is_gone() => Ending::ReaderGone,
            _ => self.end(asked),
        }
    }

    /// Says why the run ends here, and how to go on.
    fn end_early(&self, early: Early, later: Answers, halt: &Halt, asked: &Asked) -> Ending {
        let ending = match early {
            Early::ReaderGone => {
                let stopped = |signal| self.end_stopped(signal, "later frame", false);
                return asked.signal().map_or(Ending::ReaderGone, stopped);
            }
            Early::Gap => return self.end_at_gap(later, asked),
            Early::Failed { frame, cause, has_line } => {
                // No further attempt starts, or frames would be posted again that were not counted.
                halt.start_nothing();
                let failed = has_line.then_some(frame);
                say(format!("frame {frame}: {cause}{}", self.how_to_go_on("later frame", failed)));
                Ending::Failed
            }
            Early::NotRead(error) => {
                say(format!("{error}{}", self.how_to_go_on("later frame", None)));
                match error.cause {
                    // The input itself may be fine.
                    Cause::Read(_) => Ending::Failed,
                    // An earlier frame may have failed already.
                    _ if self.has_failed() => Ending::Failed,
                    _ => Ending::BadInput,
                }
            }
        };
        asked.signal().map_or(ending, Ending::Stopped)
    }

    /// Whether the run ends with this report.
    fn ends_run(&self, report: &Report) -> bool {
        report.failure.is_some() && (report.ends_run || !self.rules.keep_going)
    }

    fn has_failed(&self) -> bool {
        self.counts.failed.load(Ordering::Relaxed) > 0
    }
}

/// Whether the input ends so because the run is to stop: Ctrl-C ends its producer, too.
fn is_of_the_stop(error: &InputError, asked: &Asked) -> bool {
    let ends_early = matches!(error.cause, Cause::Truncated { .. } | Cause::TooFew { .. });
    ends_early && asked.signal().is_some()
}
