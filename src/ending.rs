//! How a run ends: the table of exit statuses, and the signals that end it. A message is said where it arises,
//! so an ending is a number with a name.

use std::ffi::c_int;
use std::process;

use signal_hook::low_level::{emulate_default_handler, signal_name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every frame was answered with 2xx; no frames at all, too.
    Done,
    /// A frame failed, or stdin or stdout did.
    Failed,
    /// Found before standard input is read.
    BadUsage,
    /// A frame is cut short or malformed. The whole frames before it were posted.
    BadInput,
    /// Stdout's reader went away, as by SIGPIPE. Nobody reads the lines any more, so nothing is said.
    ReaderGone,
    /// The run was told to stop. A failure meanwhile changes nothing: a shell's loop goes on after it, unless the signal
    /// ends the program.
    Stopped(Signal),
}

/// A signal whose default is to end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(pub c_int);

impl Ending {
    /// Ends the process, even if other threads still work. `Stopped` ends it by the signal itself: a shell,
    /// make and systemd tell that from an exit status of the same number.
    pub fn leave(self) -> ! {
        // Process 1, in a container for one, has no defaults: it ignores each signal that it does not handle.
        if let Ending::Stopped(Signal(number)) = self
            && process::id() != 1
        {
            let _ = emulate_default_handler(number);
        }
        process::exit(self.status())
    }

    fn status(self) -> i32 {
        match self {
            Ending::Done => 0,
            Ending::Failed => 1,
            Ending::BadUsage => 2,
            Ending::BadInput => 3,
            Ending::ReaderGone => 141,
            // As a shell counts.
            Ending::Stopped(Signal(number)) => 128 + number,
        }
    }
}

impl Signal {
    pub fn name(self) -> &'static str {
        signal_name(self.0).unwrap_or("a signal")
    }
}
