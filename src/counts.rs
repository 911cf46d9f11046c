//! The state of a run: where its frames are. It decides what is said when the run ends, how another run can go on,
//! and the exit status. Each stage keeps its part of it.
//!
//! `figures` are for people alone: `progress` shows them, and nothing depends on them.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock::lock;

#[derive(Default)]
pub struct Counts {
    /// Attempts under way: their answers are still to come.
    pub in_flight: AtomicU64,
    /// Whether nothing starts any more, nor connects, and the run ends once what is being sent has been answered.
    pub is_stopping: Arc<AtomicBool>,
    /// Frames that the server may have got, under way or posted, whose answers are not yet with the lines.
    pub posted: AtomicU64,
    pub lines: AtomicU64,
    pub failed: AtomicU64,
    pub figures: Figures,
}

#[derive(Default)]
pub struct Figures {
    /// The frames of this run, if they can be known.
    pub total: Option<u64>,
    pub incoming: Arc<Incoming>,
    pub bytes_read: AtomicU64,
    /// The body bytes of the attempts of which a byte may have left.
    pub bytes_sent: AtomicU64,
    pub retries: AtomicU64,
    /// Attempts that the server refused for now.
    pub refused: AtomicU64,
    /// What the server was found to allow: attempts a second, and uploads at once. `None`: as many as there are.
    pub allowed: Mutex<(Option<f64>, Option<u32>)>,
    /// The cause of the last failure, as long as there is an outage.
    pub outage: Mutex<Option<String>>,
    /// Frames that were answered or have failed. Each counts once.
    pub frames: AtomicU64,
    /// Frames with a response, whatever its status.
    pub answered: AtomicU64,
    /// Frames that were dropped because newer ones came, and that have their lines.
    pub dropped: AtomicU64,
    /// How far lines are behind their frames: the most since somebody looked; `None` without a line.
    pub behind: Mutex<Option<Duration>>,
}

/// The frame that is being read. The reader alone writes it.
#[derive(Default)]
pub struct Incoming {
    /// Its number plus one; 0: none is being read.
    pub frame: AtomicU64,
    pub got: AtomicU64,
    /// All its bytes, with its header; 0 as long as they are not known.
    pub expected: AtomicU64,
}

impl Figures {
    /// A line is out so long after its frame, if that is known.
    pub fn note_behind(&self, behind: Option<Duration>) {
        let mut most = lock(&self.behind);
        *most = (*most).max(behind);
    }
}
