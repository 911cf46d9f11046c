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

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::counts::Counts;
use crate::ending::Ending;
use crate::input::{Cause, InputError};
use crate::messages::{causes, count_of, plain, say};
use crate::pipeline::{Answer, Answers, Halt, Unsent};
use crate::request::Request;
use crate::stop::Asked;
use report::{Report, Reporter};
use stdout::{Stdout, Torn};

pub use stdout::print;

/// Writes the lines of a run.
pub struct Lines {
    out: Stdout,
    rules: Rules,
    reporter: Reporter,
    counts: Arc<Counts>,
    /// Frames before the gap that the server may have got.
    posted: u64,
    /// Whether there is a gap: a frame that the stopped run has not sent.
    has_gap: bool,
    /// Whether a frame beyond it has failed, and ends the run.
    has_failed_beyond: bool,
}

/// What the user wants of the lines.
pub struct Rules {
    /// Whether a line is a record (--ndjson).
    pub records: bool,
    pub keep_going: bool,
    /// The number of the first frame.
    pub skip: u64,
    /// Whether another run can go on where this one stops.
    pub can_go_on: bool,
    /// Whether nothing is sent (--dry-run), so that there are no lines.
    pub is_dry: bool,
}

impl Lines {
    /// The error: there is no standard output.
    pub fn new(rules: Rules, request: Arc<Request>, counts: Arc<Counts>) -> io::Result<Self> {
        let (out, reporter) = (Stdout::new()?, Reporter::new(request, rules.keep_going));
        let (posted, has_gap, has_failed_beyond) = (0, false, false);
        Ok(Lines { out, rules, reporter, counts, posted, has_gap, has_failed_beyond })
    }

    /// Writes the line of every answer, in order, until the run ends.
    pub fn write(mut self, answers: Answers, halt: &Halt, asked: &Asked) -> Ending {
        for answer in answers {
            if let Err(ending) = self.write_one(answer, halt, asked) {
                return ending;
            }
        }
        self.end(asked)
    }

    fn write_one(&mut self, answer: Answer, halt: &Halt, asked: &Asked) -> Result<(), Ending> {
        if self.has_gap {
            self.pass_over(answer);
            return Ok(());
        }
        let (frame, report) = match answer {
            Answer::Uploaded(uploaded) => {
                self.posted += u64::from(uploaded.upload.is_posted);
                (uploaded.frame, self.reporter.uploaded(uploaded))
            }
            Answer::Dropped { first, count } => return self.put_dropped(first, count, halt),
            Answer::Unsent(Unsent::NotEncoded { frame, error, read_at }) => {
                (frame, self.reporter.not_encoded(causes(&error), read_at))
            }
            Answer::Unsent(Unsent::Lost { frame }) => return self.lose(frame, halt),
            Answer::Unsent(Unsent::BadSample { frame, bad, read_at }) if self.rules.keep_going => {
                (frame, self.reporter.not_encoded(bad.to_string(), read_at))
            }
            Answer::Unsent(Unsent::BadSample { frame, bad, .. }) => {
                let cause = Cause::Malformed(bad.to_string());
                return Err(self.not_read(&InputError { frame, cause }));
            }
            Answer::Unsent(Unsent::NotRead(error)) if !is_of_the_stop(&error, asked) => {
                return Err(self.not_read(&error));
            }
            Answer::Unsent(Unsent::NotWanted | Unsent::NotRead(_)) | Answer::CutOff => {
                self.has_gap = true;
                return Ok(());
            }
        };
        self.counts.figures.frames.fetch_add(1, Ordering::Relaxed);
        self.counts.figures.answered.fetch_add(report.response.is_some().into(), Ordering::Relaxed);
        let (failure, ends_run) = (report.failure.clone(), report.ends_run);
        let advice = self.reporter.advice_once(&report);
        // Each response is a line. Under --keep-going, so is each failure.
        if report.response.is_some() || !ends_run {
            self.put(frame, report, halt)?;
        }
        match failure {
            Some(cause) => self.fail(frame, &format!("{cause}{advice}"), ends_run, halt),
            None => Ok(()),
        }
    }

    /// A frame beyond the gap has no line: going on begins at the gap. If it has failed, that is said.
    fn pass_over(&mut self, answer: Answer) {
        if let Answer::Uploaded(uploaded) = answer {
            let frame = uploaded.frame;
            let report = self.reporter.uploaded(uploaded);
            self.has_failed_beyond |= report.failure.is_some() && report.ends_run;
            report.failure.iter().for_each(|cause| say(format!("frame {frame}: {cause}")));
        }
    }

    /// The ending after the last answer.
    fn end(&self, asked: &Asked) -> Ending {
        if self.has_gap && asked.reader_is_gone() {
            return Ending::ReaderGone;
        }
        match asked.signal() {
            Some(signal) => {
                let how = self.how_to_go_on(None, "frame", "frames");
                say(format!("stopped by {}{how}", signal.name()));
                // A frame that has failed, and so has ended the run, is more than the signal.
                match self.has_failed_beyond {
                    true => Ending::Failed,
                    false => Ending::Stopped(signal),
                }
            }
            None if self.failed() > 0 => Ending::Failed,
            None => Ending::Done,
        }
    }

    /// A frame whose answer is lost ends the run.
    fn lose(&self, frame: u64, halt: &Halt) -> Result<(), Ending> {
        self.counts.figures.frames.fetch_add(1, Ordering::Relaxed);
        self.fail(frame, "its worker ended without an answer", true, halt)
    }

    /// Writes the lines of so many frames that were dropped, from this one on.
    fn put_dropped(&mut self, frame: u64, count: u64, halt: &Halt) -> Result<(), Ending> {
        for frame in frame..frame.saturating_add(count) {
            self.put(frame, self.reporter.dropped(), halt)?;
            self.counts.figures.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes the frame's line.
    fn put(&mut self, frame: u64, report: Report, halt: &Halt) -> Result<(), Ending> {
        let Report { attempts, elapsed, read_at, response, failure, .. } = report;
        let behind = read_at.map(|read_at| read_at.elapsed());
        behind.iter().for_each(|&behind| self.counts.figures.behind.note(behind));
        if self.rules.is_dry {
            return Ok(());
        }
        let line = if self.rules.records {
            let result = response.as_ref().ok_or(failure.as_deref().unwrap_or_default());
            record::line(frame, attempts, elapsed, behind, result)
        } else {
            let body = response.map_or_else(Vec::new, |response| response.body);
            line::from_body(body).map_err(io::Error::from)
        };
        let no_line = |error: io::Error| {
            let cause = format!("line: {}", plain(&error.to_string()));
            self.stop(frame, &cause, None, halt)
        };
        let line = line.map_err(no_line)?;
        match self.out.write(&line) {
            Ok(()) => {
                self.counts.lines.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(unwritten) if unwritten.is_for_nobody() => Err(Ending::ReaderGone),
            Err(unwritten) => Err(self.stop(frame, &unwritten.cause(), unwritten.torn, halt)),
        }
    }

    /// Says why the frame has failed. If the run ends there, the error is its ending.
    fn fail(&self, frame: u64, cause: &str, ends_run: bool, halt: &Halt) -> Result<(), Ending> {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        if ends_run {
            return Err(self.stop(frame, cause, None, halt));
        }
        say(format!("frame {frame}: {cause}"));
        Ok(())
    }

    /// Says why the run ends at this frame, and how to go on. No further attempt starts, or frames would be posted
    /// again that were not counted.
    fn stop(&self, frame: u64, cause: &str, torn: Option<Torn>, halt: &Halt) -> Ending {
        halt.start_nothing();
        let how = self.how_to_go_on(torn, "later frame", "later frames");
        say(format!("frame {frame}: {cause}{how}"));
        Ending::Failed
    }

    /// The end of a message: the number of lines that are out, and the frame to go on with. Frames that the server
    /// may have got and that have no line are posted again: they are called `one` or `many`.
    fn how_to_go_on(&self, torn: Option<Torn>, one: &str, many: &str) -> String {
        if self.rules.is_dry {
            return String::new();
        }
        let lines = self.counts.lines.load(Ordering::Relaxed);
        let out = count_of(lines, "line is", "lines are");
        let torn = torn.map_or_else(String::new, |torn| torn.text(self.rules.can_go_on));
        if !self.rules.can_go_on {
            return format!("; {out} out{torn}");
        }
        let posted = self.counts.posted.load(Ordering::Relaxed);
        let again = match posted.saturating_sub(self.posted) {
            0 => String::new(),
            again => format!(", {} will be posted again", count_of(again, one, many)),
        };
        format!("; {out} out{torn}{again}, go on with --skip {}", self.rules.skip + lines)
    }

    fn not_read(&self, error: &InputError) -> Ending {
        // The input itself may be fine, so another run may go on.
        if let Cause::Read(_) = error.cause {
            let how = self.how_to_go_on(None, "later frame", "later frames");
            say(format!("{error}{how}"));
            return Ending::Failed;
        }
        say(error);
        // An earlier frame may have failed already.
        if self.failed() > 0 { Ending::Failed } else { Ending::BadInput }
    }

    fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

/// Whether the input ends so because the run is to stop: Ctrl-C ends its producer, too.
fn is_of_the_stop(error: &InputError, asked: &Asked) -> bool {
    let ends_early = matches!(error.cause, Cause::Truncated { .. } | Cause::TooFew { .. });
    ends_early && asked.signal().is_some()
}
