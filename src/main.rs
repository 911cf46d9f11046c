//! pngpost: image frames on standard input, one PNG upload each, one response line each on standard output.
//!
//!     stdin -> input -> Frame -> request (encode) -> Body -> upload -> http -> Response -> output -> stdout
//!              '----------------- pipeline: two ordered stages, encoding and uploading -----------------'
//!
//! A frame: `Reading::next` reads it (`Input::read`, which gives it its number), `Steps::encode` makes its body
//! (`Request::body`, and in it `Encoder::append_png`), `Sending::next` hands the body on, `Steps::upload` waits at the
//! gate (`Uploader::pass_gate`) and sends it (`Uploader::upload`, `Client::attempt`), `Lines::write` writes its line.
//! `Reading`, `Sending` and `Steps` stand in `pipeline`: `ordered` calls them on its workers, and `window` keeps the
//! order. With one job there is no second stage of workers: each upload runs in the loop that writes the lines. With
//! --latest, `live` has one kind of worker, which takes the newest frame, encodes it and uploads it.
//!
//! A retry stays inside `Uploader::upload`: `Gate::report` says whether there is one, and `Gate::wait` when it starts. A
//! Ctrl-C goes from `stop` through `Halt::finish`: the gate closes, so no attempt starts, those that are connecting end,
//! the first stage is cut off, and `Lines::write` comes to its end with the answers of what was being sent.
//!
//! `args` is what was typed, and `setup` makes the parts of a run from it; `headers` and `files` are what options
//! name. `dry` is the road's end if nothing is to be sent; `show` goes as far as the encoder, with one frame. `counts` is
//! the state of the run; `messages`, `progress` and `ending` tell it to people and scripts. The words for a failed frame
//! stand in `output::told`, for an outage in `upload::outage`, for a certificate in `http::flaws`, for a wrong option in
//! `args`. Imports point down: show, setup, output, stop, pipeline, upload, http, request, then encode and input, then
//! frame.

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
mod random;
mod request;
mod setup;
mod show;
mod stop;
mod upload;

use std::io::{self, IsTerminal};
use std::sync::Arc;
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
    tell_panics();
    obey(args::parse(std::env::args_os().skip(1))).leave()
}

fn obey(command: anyhow::Result<Command>) -> Ending {
    match command {
        Ok(Command::Post(args)) => post(*args),
        Ok(Command::Print(text)) => output::print(text.as_bytes()),
        Err(error) => bad_usage(causes(&error)),
    }
}

fn post(args: Args) -> Ending {
    let begin = Instant::now();
    if io::stdin().is_terminal() {
        return bad_usage("standard input is a terminal: pipe frames into it");
    }
    messages::set(args.quiet, args.verbose);
    if let Some(number) = args.show {
        return show::show(&args, number).unwrap_or_else(|error| bad_usage(causes(&error)));
    }
    match setup::run(args) {
        Err(error) => bad_usage(causes(&error)),
        Ok(run) => start(run, begin).unwrap_or_else(|error| {
            messages::say(causes(&error));
            Ending::Failed
        }),
    }
}

/// The error: the system lacks what every run needs.
fn start(run: Run, begin: Instant) -> anyhow::Result<Ending> {
    let watcher = Watcher::new().context("cannot wait for signals")?;
    if watcher.reader_is_gone() {
        return Ok(Ending::ReaderGone);
    }
    let asked = Arc::clone(&watcher.asked);
    let Run { input, encoder, request, uploader, lines, counts, jobs, latest, dry, progress } = run;
    let halts = watcher.start().context(NO_THREAD)?;
    let (answers, halt) =
        pipeline::start(input, encoder, request, uploader, jobs, latest).context(NO_THREAD)?;
    // The watcher's thread acts on nothing until it has the halt.
    let _ = halts.send(halt.clone());
    if let Some(dry) = dry {
        let ending = lines.write(answers, &halt, &asked);
        dry.end(&counts);
        return Ok(ending);
    }
    let progress = Progress::start(counts, begin, progress);
    let ending = lines.write(answers, &halt, &asked);
    progress.end(ending);
    Ok(ending)
}

fn bad_usage(message: impl std::fmt::Display) -> Ending {
    messages::say_anyway(message);
    Ending::BadUsage
}

/// Says where a panic came from. Its text is not shown: it may hold a value. minreq's are its caller's to tell: a server
/// may cause one, and it is its frame's failure.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location().filter(|place| !place.file().contains("/minreq-")) {
            messages::say_anyway(format!("internal error at {place}"));
        }
    }));
}
