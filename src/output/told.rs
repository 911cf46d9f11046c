//! What is told of a failure behind its cause, which is the report's: what usually is wrong or helps, and how to go on. It
//! is one line, without a text of the server's and without a secret.
//!
//! How to go on is told only if lines are out. If none are, the same command begins anew.

use std::mem::take;
use std::sync::atomic::Ordering;

use super::report::Report;
use super::{Early, Lines};
use crate::messages::{count_of, foreign, say};
use crate::request::Request;
use crate::request::template::Piece;

impl Lines {
    /// Says why the frame has failed, if it has. The run may end with that.
    pub(super) fn tell_failure(&mut self, report: Report, has_line: bool) -> Result<(), Early> {
        let ends_run = self.ends_run(&report);
        let Report { frame, status, failure, may_have_arrived, may_want_https, .. } = report;
        let Some(mut cause) = failure else { return Ok(()) };
        // A run that goes on has had answers.
        let answered = self.rules.skip + self.counts.figures.answered.load(Ordering::Relaxed);
        if may_want_https && answered == 0 && !self.has_failed() {
            cause.push_str("; does this port want https://?");
        }
        let usual = |status| usual(status, &self.request, self.rules.has_key);
        if let Some(usual) = status.filter(|_| answered == 1).and_then(usual) {
            cause = format!("{cause}; {usual}");
        } else if may_have_arrived && take(&mut self.rules.advises_repeat) {
            cause.push_str("; it may have arrived: --retry-all-errors would send it again");
        }
        if ends_run && status.is_some() && !has_line {
            cause.push_str("; run without --fail to see its answer");
        }
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        if ends_run {
            return Err(Early::Failed { frame, cause, has_line });
        }
        say(format!("frame {frame}: {cause}"));
        Ok(())
    }

    /// The end of a message: the number of lines that are out, if there are any, and the frame to go on with. Frames
    /// that the server may have got and that have no line are posted again; `frame` is the word for one of them.
    /// `failed`: the frame that has failed and whose answer is the last line.
    pub fn how_to_go_on(&self, frame: &str, failed: Option<u64>) -> String {
        if self.rules.is_dry {
            return String::new();
        }
        let lines = self.counts.lines.load(Ordering::Relaxed);
        let torn = self.out.torn as u64;
        let mut told = Vec::new();
        if lines > 0 || torn > 0 {
            let run = if self.rules.skip > 0 { " in this run" } else { "" };
            told.push(format!("{} out{run}", count_of(lines, "line is", "lines are")));
        }
        if let Some(failed) = failed {
            let last = if lines > 1 { "the last is " } else { "" };
            told.push(format!("{last}frame {failed}'s answer"));
        }
        if torn > 0 {
            let bytes = count_of(torn, "byte", "bytes");
            told.push(format!(
                "and {bytes} of another (take these off first; at the end of a file: \
                 truncate -s -{torn} FILE)"
            ));
        }
        if self.rules.can_go_on {
            let again = self.counts.posted.load(Ordering::Relaxed);
            if again > 0 {
                let frames = count_of(again, frame, &format!("{frame}s"));
                told.push(format!("{frames} will be posted again"));
            }
            match failed {
                Some(failed @ 1..) => {
                    told.push(format!("drop that line and go on with --skip {failed}"));
                }
                None if lines > 0 => {
                    told.push(format!("go on with --skip {}", self.rules.skip + lines));
                }
                // No line is out that another run would keep.
                _ => {}
            }
        }
        if told.is_empty() { String::new() } else { format!("; {}", told.join(", ")) }
    }
}

/// What usually is wrong if the server turns away the first frame that it answers: the request, and not the frame. We
/// tell it by the status and by what we have sent. `has_key`: whether headers of the user's go out.
fn usual(status: u16, request: &Request, has_key: bool) -> Option<String> {
    let pieces = &request.template.pieces[..];
    // A form of the frame alone has two.
    let has_fields = pieces.iter().filter(|piece| **piece == Piece::Boundary).count() > 2;
    let usual = match status {
        401 | 403 if has_key => "its key, token or password is not taken",
        401 | 403 if has_fields => {
            "a key in a field (-F) is not taken, or is wanted in a header: -H, -u or --oauth2-bearer"
        }
        401 | 403 => "-H, -u or --oauth2-bearer sends a key or token",
        404 => "check the URL's path",
        405 => "the server takes another method there: -X, or another path",
        413 => "the body is over the server's limit",
        400 | 415 | 422 | 500 => match (&request.part, pieces) {
            (Some(_), _) if status == 415 => "it may want the PNG alone (--raw) or JSON (--json)",
            (Some(part), _) => &format!(
                "the form field with the frame is called {} (-F NAME=@- changes that), or another field is missing",
                foreign(part)
            ),
            (None, [Piece::Png]) => "the body is the bare PNG: without --raw it is a form",
            (None, [Piece::Base64]) => "the body is bare base64: without --body-b64 it is a form",
            (None, _) => "the server may take other JSON, or a form",
        },
        _ => return None,
    };
    // As nginx answers what is not TLS.
    let of_port =
        if status == 400 && !request.url.https { ", or the port wants https://" } else { "" };
    Some(format!("{usual}{of_port}"))
}
