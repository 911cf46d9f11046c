//! The state of a run: where its frames are. It decides what is said when the run ends, how another run can go on,
//! and the exit status. Each stage keeps its part of it.
//!
//! `figures` are for people alone: `progress` shows them, and nothing depends on them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub struct Counts {
    /// Attempts under way: their answers are still to come.
    pub in_flight: AtomicU64,
    /// Whether nothing starts any more, and the run ends once the attempts under way have ended.
    pub is_stopping: AtomicBool,
    /// Frames that the server may have got, under way or posted, whose answers are not yet with the lines.
    pub posted: AtomicU64,
    pub lines: AtomicU64,
    pub failed: AtomicU64,
    pub figures: Figures,
}

#[derive(Default)]
pub struct Figures {
    pub bytes_read: AtomicU64,
    /// The body bytes of the attempts of which a byte may have left.
    pub bytes_sent: AtomicU64,
    pub retries: AtomicU64,
    /// Attempts that the server refused for now.
    pub refused: AtomicU64,
    pub allowed: Allowed,
    /// Frames that were answered or have failed. Each counts once.
    pub frames: AtomicU64,
    /// Frames with a response, whatever its status.
    pub answered: AtomicU64,
    /// Frames that were dropped because newer ones came, and that have their lines.
    pub dropped: AtomicU64,
    pub behind: Behind,
}

/// What the server was found to allow.
#[derive(Default)]
pub struct Allowed {
    /// Attempts in a million seconds; 0: as many as there are.
    pace: AtomicU64,
    /// Uploads at once; 0: as many as there are jobs.
    at_once: AtomicU64,
}

/// How far lines are behind their frames: the most since somebody looked, in microseconds, plus one; 0 without a
/// line.
#[derive(Default)]
pub struct Behind(AtomicU64);

impl Counts {
    pub fn add_read(&self, bytes: usize) {
        self.figures.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Allowed {
    /// `pace`: attempts a second.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates"
    )]
    pub fn set(&self, pace: Option<f64>, at_once: Option<u32>) {
        self.pace.store(pace.map_or(0, |pace| (pace * 1e6) as u64), Ordering::Relaxed);
        self.at_once.store(at_once.map_or(0, u64::from), Ordering::Relaxed);
    }

    /// In words; `None`: anything.
    pub fn text(&self) -> Option<String> {
        let pace = match self.pace.load(Ordering::Relaxed) as f64 / 1e6 {
            0.0 => None,
            pace if pace < 1.0 => Some(format!("{:.1} attempts/min", pace * 60.0)),
            pace => Some(format!("{pace:.1} attempts/s")),
        };
        let at_once = match self.at_once.load(Ordering::Relaxed) {
            0 => None,
            at_once => Some(format!("{at_once} at once")),
        };
        match (pace, at_once) {
            (Some(pace), Some(at_once)) => Some(format!("{pace}, {at_once}")),
            (pace, at_once) => pace.or(at_once),
        }
    }
}

impl Behind {
    /// A line is out so long after its frame.
    pub fn note(&self, behind: Duration) {
        let micros = u64::try_from(behind.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(micros.saturating_add(1), Ordering::Relaxed);
    }

    /// The most since the last call; `None` if no line was out.
    pub fn take(&self) -> Option<Duration> {
        self.0.swap(0, Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
    }
}
