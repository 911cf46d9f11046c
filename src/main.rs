//! pngpost: raw frames on standard input, one PNG upload each, one response line each on standard output.
//!
//! The table of contents: arguments, stages, lines, ending. Every ending is decided here, and only here:
//! `Ending` is the table of exit statuses.

mod args;
mod deadline;
mod encode;
mod frame;
mod http;
mod input;
mod messages;
mod output;
mod pipeline;
mod progress;
mod request;
mod setup;
mod upload;

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use crate::args::{Args, Command};
use crate::http::{Client, Response};
use crate::input::{Cause, Input, InputError};
use crate::messages::{Secrets, causes, count_of, plain, say};
use crate::output::record::Upload;
use crate::output::{line, record};
use crate::pipeline::{Answers, Settings};
use crate::progress::{ProgressLine, Tally};
use crate::upload::retry::Policy;
use crate::upload::{Answer, Fault};

/// How a run ends.
enum Ending {
    /// 0: every frame was answered with 2xx.
    Done,
    /// 1: a frame failed, or stdin or stdout did. The message, unless it has been said.
    Failed(Option<String>),
    /// 2: found before standard input was read.
    BadUsage(String),
    /// 3: the whole frames before it were posted.
    BadInput(Option<String>),
    /// 141, as if by SIGPIPE: nobody reads the lines any more, so nobody is told.
    ReaderGone,
}

impl Ending {
    fn failed(message: String) -> Self {
        Ending::Failed(Some(message))
    }

    /// Says the message now, so that another line can follow it.
    fn said(self) -> Self {
        if let Ending::Failed(Some(message)) | Ending::BadInput(Some(message)) = &self {
            say(false, message);
        }
        match self {
            Ending::Failed(_) => Ending::Failed(None),
            Ending::BadInput(_) => Ending::BadInput(None),
            other => other,
        }
    }
}

fn main() -> ExitCode {
    silence_worker_panics();
    let (quiet, ending) = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => (false, print(&args::help())),
        Ok(Command::Version) => {
            (false, print(concat!("pngpost ", env!("CARGO_PKG_VERSION"), "\n")))
        }
        Ok(Command::Post(args)) => (args.quiet, post(&args)),
        Err(error) => (false, Ending::BadUsage(causes(&error))),
    };
    let (status, message) = match ending {
        Ending::Done => (0, None),
        Ending::Failed(message) => (1, message),
        Ending::BadUsage(message) => {
            // Said even with --quiet: nothing has begun that could be quiet.
            say(false, message);
            return ExitCode::from(2);
        }
        Ending::BadInput(message) => (3, message),
        Ending::ReaderGone => (141, None),
    };
    if let Some(message) = message {
        say(quiet, message);
    }
    ExitCode::from(status)
}

/// A worker's panic is caught, and told as its frame's failure: nothing else has to be said of it.
fn silence_worker_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() == Some("main") {
            say(false, format!("internal error: {panic}"));
        }
    }));
}

fn print(text: &str) -> Ending {
    match line::write(&mut io::stdout().lock(), text.as_bytes()) {
        Ok(()) => Ending::Done,
        Err(error) => stdout_failed(&error, Ending::failed),
    }
}

fn post(args: &Args) -> Ending {
    if io::stdin().is_terminal() {
        return Ending::BadUsage("standard input is a terminal: pipe frames into it".into());
    }
    let begin = Instant::now();
    let setup = match setup::setup(args) {
        Ok(setup) => setup,
        Err(error) => return Ending::BadUsage(causes(&error)),
    };
    if let Some(name) = setup::unused_proxy(&args.url) {
        say(args.quiet, format!("{name} is set; pngpost uses no proxy and connects directly"));
    }
    match start(args, setup.shape, setup.client) {
        Ok(answers) => deliver(args, &setup.secrets, answers, begin),
        Err(error) => Ending::failed(causes(&error)),
    }
}

/// stdin -> Frame -> PNG in a body -> Response, each stage on threads of its own.
fn start(args: &Args, shape: request::Shape, client: Client) -> Result<Answers> {
    // Without std's buffer: a frame is read straight to its place.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned().context("stdin")?);
    let mut input = match args.headerless {
        Some((size, format)) => Input::headerless(stdin, size, format, args.skip)
            .map_err(|why| anyhow!("--size: {why}"))?,
        None => Input::self_describing(stdin, args.skip),
    };
    let settings = Settings {
        jobs: args.jobs,
        encoders: thread::available_parallelism().map_or(1, usize::from),
        deadline: client.deadline(args.max_time),
        keep_going: args.keep_going,
        retry: Policy {
            retries: args.retries,
            delay: args.retry_delay,
            max_time: args.retry_max_time,
            all_errors: args.retry_all_errors,
            spacing: args.spacing,
        },
    };
    let verbose = args.verbose;
    let (level, range) = (args.level, args.range);
    let answers = pipeline::start(
        settings,
        move |spare| input.read(spare),
        move |frame, spare| {
            let (number, room) = (frame.number, encode::max_png_bytes(frame));
            let append_png = |body: &mut _| encode::append_png(frame, level, range, body);
            shape.body(number, spare, room, append_png)
        },
        move |body| client.attempt(body),
        move |retry| say(!verbose, retry),
    );
    answers.context("cannot start a thread")
}

/// Writes the line of every answer, in order, until the run ends.
fn deliver(args: &Args, secrets: &Secrets, mut answers: Answers, begin: Instant) -> Ending {
    let mut tally = Tally::default();
    let progress = ProgressLine::start(args.quiet, &answers.counts, begin);
    let mut out = io::stdout().lock();
    let ending = loop {
        progress.iter().for_each(|line| line.update(tally));
        let Some(answer) = answers.next() else {
            break if tally.failed == 0 { Ending::Done } else { Ending::Failed(None) };
        };
        let frame = args.skip + tally.frames;
        let tried = tried(&answer);
        let (response, failure) = match answer.result {
            Ok(response) if response.is_success() => (Some(response), None),
            Ok(response) => {
                let refusal = refusal(&response, secrets);
                (Some(response), Some(format!("upload: {refusal}{tried}")))
            }
            Err(Fault::Upload(failure)) => (None, Some(format!("upload: {failure}{tried}"))),
            Err(Fault::Encode(error)) => (None, Some(causes(&error))),
            Err(Fault::Lost) => break lost(args, &mut tally, frame),
            Err(Fault::Input(error)) => break bad_input(&tally, &error),
        };
        tally.frames += 1;
        if response.is_some() || args.keep_going {
            let upload = Upload { frame, attempts: answer.attempts, elapsed: answer.elapsed };
            let line = line_of(args.ndjson, &upload, response, failure.as_deref());
            if let Err(error) = line.and_then(|line| line::write(&mut out, &line)) {
                let failed = |cause| failed(args, &tally, format!("frame {frame}: {cause}"));
                break stdout_failed(&error, failed);
            }
            tally.lines += 1;
        }
        if let Some(cause) = failure {
            tally.failed += 1;
            if !args.keep_going {
                break failed(args, &tally, format!("frame {frame}: {cause}"));
            }
            say(args.quiet, format!("frame {frame}: {cause}"));
        }
    };
    drop(progress);
    if !args.verbose || matches!(ending, Ending::ReaderGone) {
        return ending;
    }
    let ending = ending.said();
    say(false, progress::summary(tally, &answers.counts, begin));
    ending
}

/// The line of a frame: its record, or the bare body, which is empty without a response.
fn line_of(
    ndjson: bool,
    upload: &Upload,
    response: Option<Response>,
    failure: Option<&str>,
) -> io::Result<Vec<u8>> {
    match (ndjson, response) {
        (true, response) => record::line(upload, response.as_ref().ok_or(failure.unwrap_or(""))),
        (false, response) => Ok(line::from_body(response.map_or_else(Vec::new, |it| it.body))),
    }
}

/// What a response whose status is not 2xx says.
fn refusal(response: &Response, secrets: &Secrets) -> String {
    match &response.location {
        Some(location) => {
            let place = secrets.show(without_secrets(location));
            format!("{}, redirect to {place} not followed", response.cause())
        }
        None => response.cause(),
    }
}

/// A URL without user-info, query and fragment: there a server may repeat what it was sent.
fn without_secrets(location: &str) -> &str {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    location[..end].rsplit_once('@').map_or(&location[..end], |(_, rest)| rest)
}

/// How often a frame was tried, and why not once more: nothing where there is nothing to say.
fn tried(answer: &Answer) -> String {
    match (answer.attempts, &answer.given_up) {
        (0 | 1, None) => String::new(),
        (1, Some(why)) => format!(" ({why})"),
        (count, None) => format!(" ({count} attempts)"),
        (count, Some(why)) => format!(" ({count} attempts; {why})"),
    }
}

fn lost(args: &Args, tally: &mut Tally, frame: u64) -> Ending {
    tally.frames += 1;
    tally.failed += 1;
    failed(args, tally, format!("frame {frame}: upload: its worker ended without an answer"))
}

fn failed(args: &Args, tally: &Tally, cause: String) -> Ending {
    let next = args.skip + tally.lines;
    let lines = count_of(tally.lines, "line is", "lines are");
    Ending::failed(format!("{cause}; {lines} out, go on with --skip {next}"))
}

fn bad_input(tally: &Tally, error: &InputError) -> Ending {
    match &error.cause {
        Cause::Read(cause) => {
            let (frame, cause) = (error.frame, plain(&cause.to_string()));
            Ending::failed(format!("frame {frame}: stdin: {cause}"))
        }
        // A frame that failed before came first.
        _ if tally.failed > 0 => Ending::failed(error.to_string()),
        _ => Ending::BadInput(Some(error.to_string())),
    }
}

fn stdout_failed(error: &io::Error, failed: impl FnOnce(String) -> Ending) -> Ending {
    match error.kind() {
        ErrorKind::BrokenPipe => Ending::ReaderGone,
        _ => failed(format!("stdout: {}", plain(&error.to_string()))),
    }
}
