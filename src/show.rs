//! --show: the PNG of one frame on standard output. Nothing is posted, so of a run there is nothing but its input and its
//! encoder, and options of the request and of uploading change nothing.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, Result, ensure};

use crate::args::Args;
use crate::ending::Ending;
use crate::input::{Cause, InputError, Stdin};
use crate::messages::{causes, count_of, say};
use crate::{output, setup};

/// Shows frame `number`. Every error is bad usage.
pub fn show(args: &Args, number: u64) -> Result<Ending> {
    ensure!(
        !io::stdout().is_terminal(),
        "--show: standard output is a terminal: pipe it into a viewer, or > FILE"
    );
    // The bytes behind a headerless frame are left to the next reader. How long another image is, only it tells.
    let frame_bytes = args.size.and_then(|size| args.format.layout.frame_bytes(size));
    let end =
        frame_bytes.map_or(u64::MAX, |bytes| number.saturating_add(1).saturating_mul(bytes as u64));
    let stdin = Stdin::new().context("stdin")?.take(end);
    let has_only = |frames: u64| {
        let frames = count_of(frames, "frame", "frames");
        format!("--show {number}: the input has only {frames}, counted from 0")
    };
    let (message, ending) = match setup::input(args, stdin, number).read(Vec::new()) {
        Ok(Some(mut frame)) => {
            let mut png = Vec::new();
            match args.encoder.append_png(&mut frame, &mut png) {
                Ok(()) => return Ok(output::print(&png)),
                Err(error) => (format!("frame {number}: {}", causes(&error)), Ending::BadInput),
            }
        }
        Ok(None) => (has_only(number), Ending::BadInput),
        Err(InputError { frame, cause: Cause::TooFew { .. } }) => {
            (has_only(frame), Ending::BadInput)
        }
        Err(error) if matches!(error.cause, Cause::Read(_)) => (error.to_string(), Ending::Failed),
        Err(error) => (error.to_string(), Ending::BadInput),
    };
    say(message);
    Ok(ending)
}
