//! The real binary, and frames of 1x1 for it.

#[path = "../../tools/program.rs"]
mod running;

use std::process::Command;

pub use running::*;

use super::server::Server;
use super::{PATIENCE, tiny_frames};

/// The program that posts frames of 1x1 to this URL, each as its PNG alone, with these options.
fn posting_command(options: &[&str], url: &str) -> Command {
    command(&[&["-s", "1x1", "--raw"], options, &[url]].concat())
}

/// Posts so many of these frames.
pub fn post(options: &[&str], url: &str, frames: u32) -> Run {
    run_command(posting_command(options, url), &tiny_frames(frames))
}

/// The same while it runs.
pub fn posting(options: &[&str], url: &str) -> Running {
    Running::start(posting_command(options, url))
}

/// Runs the program on one frame, whose request is answered with these bytes. The server closes behind them if they
/// do not say where the response ends.
pub fn run_answered_with(bytes: impl AsRef<[u8]>) -> Run {
    let bytes = bytes.as_ref().to_vec();
    let server = Server::answering(move |_, _| bytes.clone());
    run(&["-s", "1x1", &server.url()], &[0; 3])
}
