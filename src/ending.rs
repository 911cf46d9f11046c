//! How a run ends: the table of exit statuses. A message is said where it arises, so an ending is a number
//! with a name.

use std::process::ExitCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every frame was answered with 2xx; no frames at all, too.
    Done = 0,
    /// A frame failed, or stdin or stdout did.
    Failed = 1,
    /// Found before standard input is read.
    BadUsage = 2,
    /// A frame is cut short or malformed. The whole frames before it were posted.
    BadInput = 3,
    /// Stdout's reader went away, as by SIGPIPE. Nobody reads the lines any more, so nothing is said.
    ReaderGone = 141,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ExitCode::from(ending as u8)
    }
}
