//! The counts of a run, the progress line, the closing summary.
//!
//! Every stage counts here. Two counts are more than figures: `in_flight` tells `stop` whether an answer is still
//! to come, and `posted` tells `output` how many frames are posted again. The progress line is drawn only if stderr is
//! a terminal and stdout is not, at most five times a second, and always shorter than the terminal is wide.
//! `messages` draws and wipes it. When a `ProgressLine` is dropped, the line and its thread are gone.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::ending::Ending;
use crate::messages::{self, count_of};

/// The time between two redraws.
const PAUSE: Duration = Duration::from_millis(200);

/// The width of a terminal that does not tell its own.
const USUAL_COLUMNS: usize = 80;

#[derive(Default)]
pub struct Counts {
    pub bytes_read: AtomicU64,
    /// The body bytes of the attempts of which a byte may have left.
    pub bytes_sent: AtomicU64,
    pub retries: AtomicU64,
    /// Attempts that the server refused for now.
    pub refused: AtomicU64,
    pub limit: Limit,
    /// Attempts under way.
    pub in_flight: AtomicU64,
    /// Frames under way or posted: those that the server may have got.
    pub posted: AtomicU64,
    /// Frames that were answered, and frames that have failed. Each frame counts once.
    pub frames: AtomicU64,
    /// Frames with a response, whatever its status.
    pub answered: AtomicU64,
    pub lines: AtomicU64,
    pub failed: AtomicU64,
}

/// What the server was found to allow.
#[derive(Default)]
pub struct Limit {
    /// Attempts in a million seconds; 0: as many as there are.
    pace: AtomicU64,
    /// Uploads under way; 0: as many as there are jobs.
    room: AtomicU64,
}

impl Limit {
    /// Sets the limits: attempts a second, and uploads under way.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates"
    )]
    pub fn set(&self, pace: Option<f64>, room: Option<u32>) {
        self.pace.store(pace.map_or(0, |pace| (pace * 1e6) as u64), Ordering::Relaxed);
        self.room.store(room.map_or(0, u64::from), Ordering::Relaxed);
    }

    /// The limits in words.
    fn text(&self) -> Option<String> {
        let pace = match load(&self.pace) as f64 / 1e6 {
            0.0 => None,
            pace if pace < 1.0 => Some(format!("{:.1} attempts/min", pace * 60.0)),
            pace => Some(format!("{pace:.1} attempts/s")),
        };
        let room = match load(&self.room) {
            0 => None,
            room => Some(format!("{room} at once")),
        };
        match (pace, room) {
            (Some(pace), Some(room)) => Some(format!("{pace}, {room}")),
            (pace, room) => pace.or(room),
        }
    }
}

impl Counts {
    pub fn add_read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The counts of a run, for people.
pub struct Progress {
    counts: Arc<Counts>,
    begin: Instant,
    line: Option<ProgressLine>,
}

impl Progress {
    /// Starts the progress line, if there is a place for it.
    pub fn start(counts: Arc<Counts>, begin: Instant) -> Self {
        let line = ProgressLine::start(&counts, begin);
        Progress { counts, begin, line }
    }

    /// Wipes the progress line, and says the summary if --verbose. After `ReaderGone` nobody reads it.
    pub fn end(self, ending: Ending) {
        drop(self.line);
        if ending != Ending::ReaderGone {
            messages::say_more(summary(&self.counts, self.begin));
        }
    }
}

fn summary(counts: &Counts, begin: Instant) -> String {
    let seconds = begin.elapsed().as_secs_f64();
    let frames = load(&counts.frames);
    let mut summary = format!(
        "{}, {} failed, {}, {} read, {} sent, {seconds:.3} s, {:.1} frames/s",
        count_of(frames, "frame", "frames"),
        load(&counts.failed),
        count_of(load(&counts.retries), "retry", "retries"),
        count_of(load(&counts.bytes_read), "byte", "bytes"),
        count_of(load(&counts.bytes_sent), "byte", "bytes"),
        rate(frames, seconds),
    );
    let refused = load(&counts.refused);
    if refused > 0 {
        let _ = write!(summary, "; {} refused", count_of(refused, "attempt", "attempts"));
    }
    if let Some(limit) = counts.limit.text() {
        let _ = write!(summary, "; the server was found to take {limit}");
    }
    summary
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn rate(frames: u64, seconds: f64) -> f64 {
    frames as f64 / seconds.max(0.001)
}

/// The progress line, until it is dropped.
struct ProgressLine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    counts: Arc<Counts>,
    begin: Instant,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl ProgressLine {
    /// `None` if there is no place for it, or no thread.
    fn start(counts: &Arc<Counts>, begin: Instant) -> Option<ProgressLine> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if messages::is_quiet() || dumb || !io::stderr().is_terminal() || io::stdout().is_terminal()
        {
            return None;
        }
        let shared = Arc::new(Shared {
            counts: Arc::clone(counts),
            begin,
            is_over: Mutex::new(false),
            over: Condvar::new(),
        });
        let drawn = Arc::clone(&shared);
        let thread = thread::Builder::new().name("progress".into()).spawn(move || drawn.redraw());
        Some(ProgressLine { shared, thread: Some(thread.ok()?) })
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        *self.shared.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.over.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        messages::clear_progress();
    }
}

impl Shared {
    fn redraw(&self) {
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let waited = self.over.wait_timeout_while(is_over, PAUSE, |is_over| !*is_over);
            is_over = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *is_over {
                return;
            }
            messages::draw_progress(&self.text(columns()));
        }
    }

    fn text(&self, columns: usize) -> String {
        let (answered, failed) = (load(&self.counts.answered), load(&self.counts.failed));
        let retries = count_of(load(&self.counts.retries), "retry", "retries");
        let in_flight = load(&self.counts.in_flight);
        let rate = rate(load(&self.counts.frames), self.begin.elapsed().as_secs_f64());
        let limit = self.counts.limit.text().map(|limit| format!("limited to {limit}"));
        let mut long = format!(
            "pngpost: {answered} answered, {in_flight} in flight, {rate:.1} frames/s, \
             {retries}, {failed} failed"
        );
        if let Some(limit) = &limit {
            let _ = write!(long, ", {limit}");
        }
        if long.len() < columns {
            return long;
        }
        let fields = [
            Some(format!("{answered} answered")),
            Some(format!("{failed} failed")),
            Some(format!("{in_flight} up")),
            Some(format!("{rate:.1}/s")),
            limit,
            Some(retries),
        ];
        fitting(fields.into_iter().flatten(), columns)
    }
}

/// As many whole fields as fit, and one column less: in the last column some terminals wrap.
fn fitting(fields: impl Iterator<Item = String>, columns: usize) -> String {
    let mut text = String::new();
    for field in fields {
        let comma = if text.is_empty() { "" } else { ", " };
        if text.len() + comma.len() + field.len() >= columns {
            break;
        }
        let _ = write!(text, "{comma}{field}");
    }
    text
}

fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => USUAL_COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_terminal_is_too_narrow() {
        let counts = Counts::default();
        counts.answered.store(1234, Ordering::Relaxed);
        counts.frames.store(1239, Ordering::Relaxed);
        counts.failed.store(5, Ordering::Relaxed);
        let shared = Shared {
            counts: Arc::new(counts),
            begin: Instant::now() - Duration::from_secs(10),
            is_over: Mutex::new(false),
            over: Condvar::new(),
        };
        let long = "pngpost: 1234 answered, 0 in flight, 123.9 frames/s, 0 retries, 5 failed";
        assert_eq!(shared.text(80), long);
        assert_eq!(shared.text(40), "1234 answered, 5 failed, 0 up, 123.9/s");
        assert_eq!(shared.text(24), "1234 answered, 5 failed");
        for columns in 0..100 {
            assert!(shared.text(columns).len() < columns.max(1), "{columns}");
        }
        // While the server limits the run.
        shared.counts.limit.set(Some(9.56), None);
        assert_eq!(shared.text(200), format!("{long}, limited to 9.6 attempts/s"));
        shared.counts.limit.set(Some(0.2), Some(2));
        assert!(shared.text(200).ends_with(", limited to 12.0 attempts/min, 2 at once"));
        for columns in 0..100 {
            assert!(shared.text(columns).len() < columns.max(1), "{columns}");
        }
    }
}
