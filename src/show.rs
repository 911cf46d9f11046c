//! --show: the PNG of one frame on standard output. Nothing is posted, so of a run there is nothing but its input and its
//! encoder, and options of the request and of uploading change nothing.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, Result, ensure};

use crate::args::Args;
use crate::encode::{BadSample, Encoder};
use crate::ending::Ending;
use crate::frame::Frame;
use crate::input::{Cause, InputError, Stdin};
use crate::messages::{causes, count_of, say};
use crate::{output, setup};

/// Shows frame `number`. Every error is bad usage.
pub fn show(args: &Args, number: u64) -> Result<Ending> {
    ensure!(
        !io::stdout().is_terminal(),
        "--show: standard output is a terminal: pipe it into a viewer, or > FILE"
    );
    let stdin = Stdin::new().context("stdin")?;
    // The bytes behind a headerless frame are left to the next reader. How long another image is, only it tells.
    let frame = args.size.and_then(|size| args.format.layout.frame_bytes(size));
    let up_to_its_end =
        frame.map_or(u64::MAX, |bytes| number.saturating_add(1).saturating_mul(bytes as u64));
    let mut input = setup::input(args, stdin.take(up_to_its_end), number);
    Ok(match input.read(Vec::new()) {
        Ok(Some(frame)) => write(&args.encoder, frame),
        Ok(None) => has_only(number, number),
        Err(InputError { frame, cause: Cause::TooFew { .. } }) => has_only(number, frame),
        Err(error) => {
            let is_of_reading = matches!(error.cause, Cause::Read(_));
            ends(error, if is_of_reading { Ending::Failed } else { Ending::BadInput })
        }
    })
}

fn write(encoder: &Encoder, mut frame: Frame) -> Ending {
    let mut png = Vec::new();
    match encoder.append_png(&mut frame, &mut png) {
        Ok(()) => output::print(&png),
        Err(error) => {
            let ending = if error.is::<BadSample>() { Ending::BadInput } else { Ending::Failed };
            ends(format!("frame {}: {}", frame.number, causes(&error)), ending)
        }
    }
}

fn has_only(number: u64, frames: u64) -> Ending {
    let frames = count_of(frames, "frame", "frames");
    ends(format!("--show {number}: the input has only {frames}, counted from 0"), Ending::BadInput)
}

fn ends(message: impl std::fmt::Display, ending: Ending) -> Ending {
    say(message);
    ending
}
