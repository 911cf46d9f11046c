//! pngpost: image frames on standard input, one PNG upload each, one response line each on standard output.
//!
//!     stdin -> input -> Frame -> encode -> request -> Body -> upload -> http -> Response -> output -> stdout
//!              '------------------ pipeline: two ordered stages, encoding and uploading -----------------'
//!
//! A frame's road: `pipeline::start`, `Input::read`, `Request::body`, `Encoder::append_png`,
//! `Uploader::upload`, `Client::attempt`, `Lines::write`. Beside it, `args` is the command line, `setup`
//! makes the machines of the road from it, `dry` is its end without sending, `stop` ends the run
//! early, `memory` is asked for what the input or the server makes large, `headers` and `files` are what options
//! name, and `messages`, `progress` and `ending` are for people and scripts. Imports point down:
//! output, stop, pipeline, upload, http, request, then encode and input, then frame.

// A number of frames or bytes keeps its value, with 32 bits, too: where a cast may change one, the code says why.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod args;
mod counts;
mod dry;
mod encode;
mod ending;
mod files;
mod frame;
mod headers;
mod http;
mod input;
mod lock;
mod memory;
mod messages;
mod output;
mod pipeline;
mod progress;
mod request;
mod setup;
mod stop;
mod upload;

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Instant;

use anyhow::Context;

use crate::args::{Args, Command};
use crate::ending::Ending;
use crate::messages::causes;
use crate::progress::Progress;
use crate::setup::Run;
use crate::stop::Watcher;

const NO_THREAD: &str = "cannot start a thread";

fn main() {
    silence_worker_panics();
    obey(args::parse(std::env::args_os().skip(1))).leave()
}

fn obey(command: anyhow::Result<Command>) -> Ending {
    match command {
        Ok(Command::Post(args)) => post(*args),
        Ok(Command::Print(text)) => output::print(text),
        Err(error) => bad_usage(causes(&error)),
    }
}

fn post(args: Args) -> Ending {
    let begin = Instant::now();
    if io::stdin().is_terminal() {
        return bad_usage("standard input is a terminal: pipe frames into it");
    }
    messages::set(args.quiet, args.verbose);
    let run = match setup::run(args) {
        Ok(run) => run,
        Err(error) => return bad_usage(causes(&error)),
    };
    match start(run, begin) {
        Ok(ending) => ending,
        Err(error) => {
            messages::say(causes(&error));
            Ending::Failed
        }
    }
}

/// The error: the system lacks what every run needs.
fn start(run: Run, begin: Instant) -> anyhow::Result<Ending> {
    let watcher = Watcher::new().context("cannot wait for signals")?;
    if watcher.reader_is_gone() {
        return Ok(Ending::ReaderGone);
    }
    let asked = watcher.asked();
    let Run { input, encoder, request, uploader, lines, counts, jobs, latest, dry } = run;
    let watcher = watcher.start().context(NO_THREAD)?;
    let (answers, halt) =
        pipeline::start(input, encoder, request, uploader, jobs, latest).context(NO_THREAD)?;
    // It waits for this.
    let _ = watcher.send(halt.clone());
    if let Some(dry) = dry {
        let ending = lines.write(answers, &halt, &asked);
        dry.end(&counts);
        return Ok(ending);
    }
    let progress = Progress::start(counts, begin);
    let ending = lines.write(answers, &halt, &asked);
    progress.end(ending);
    Ok(ending)
}

fn bad_usage(message: impl std::fmt::Display) -> Ending {
    messages::say_anyway(message);
    Ending::BadUsage
}

/// A worker's panic becomes its frame's failure. The default hook would tell of it a second time.
fn silence_worker_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() == Some("main") && !pipeline::is_guarded() {
            messages::say_anyway(format!("internal error: {panic}"));
        }
    }));
}
