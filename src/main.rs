//! pngpost: image frames on standard input, one PNG upload each, one response line each on standard output.
//!
//!     stdin -> input -> Frame -> encode -> request -> Body -> upload -> http -> Response -> output -> stdout
//!              '------------------ pipeline: two ordered stages, encoding and uploading -----------------'
//!
//! A frame's road: `pipeline::start`, `Input::read`, `Encoder::append_png`, `Request::begin` and `finish`,
//! `Uploader::upload`, `Client::attempt`, `Lines::write`. Beside it, `args` is the command line, `setup`
//! makes the machines of the road from it, and `messages`, `progress` and `ending` are for people and
//! scripts. Imports point down: output, pipeline, upload, http, request, then encode and input, then frame.

mod args;
mod encode;
mod ending;
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

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use crate::args::{Args, Command};
use crate::ending::Ending;
use crate::messages::{causes, plain};
use crate::progress::Progress;

fn main() -> ExitCode {
    silence_worker_panics();
    let ending = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Post(args)) => post(&args),
        Ok(Command::Help) => output::print(args::HELP),
        Ok(Command::Version) => output::print(concat!("pngpost ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(error) => bad_usage(causes(&error)),
    };
    ending.into()
}

fn post(args: &Args) -> Ending {
    let begin = Instant::now();
    if io::stdin().is_terminal() {
        return bad_usage("standard input is a terminal: pipe frames into it");
    }
    messages::set(args.quiet, args.verbose);
    let run = match setup::run(args) {
        Ok(run) => run,
        Err(error) => return bad_usage(causes(&error)),
    };
    let answers = pipeline::start(run.input, run.encoder, run.request, run.uploader, args.jobs);
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            messages::say(format!("cannot start a thread: {}", plain(&error.to_string())));
            return Ending::Failed;
        }
    };
    let progress = Progress::start(run.counts, begin);
    let ending = run.lines.write(answers);
    progress.end(ending);
    ending
}

fn bad_usage(message: impl std::fmt::Display) -> Ending {
    messages::say_anyway(message);
    Ending::BadUsage
}

/// A worker's panic becomes its frame's failure. The default hook would tell of it a second time.
fn silence_worker_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() == Some("main") {
            messages::say_anyway(format!("internal error: {panic}"));
        }
    }));
}
