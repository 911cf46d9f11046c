//! The counts of a run, the progress line, the closing summary.
//!
//! Every stage counts here. Two counts are more than figures: `in_flight` tells `stop` whether an answer is still
//! to come, and `posted` tells `output` how many frames are posted again. The progress line is drawn only if stderr is
//! a terminal and stdout is not, at most five times a second, and always shorter than the terminal is wide.
//! `messages` draws and wipes it. When a `ProgressLine` is dropped, the line and its thread are gone.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::ending::Ending;
use crate::memory;
use crate::messages::{self, count_of};

/// The time between two redraws.
const PAUSE: Duration = Duration::from_millis(200);

/// The pauses of a second.
const PAUSES: usize = 5;

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
    /// Whether nothing starts any more, and the run ends once the attempts under way have ended.
    pub is_stopping: AtomicBool,
    /// Frames under way or posted: those that the server may have got.
    pub posted: AtomicU64,
    /// Frames that were answered, and frames that have failed. Each frame counts once.
    pub frames: AtomicU64,
    /// Frames with a response, whatever its status.
    pub answered: AtomicU64,
    pub lines: AtomicU64,
    pub failed: AtomicU64,
    /// Frames that were dropped because newer ones came, and that have their lines.
    pub dropped: AtomicU64,
    pub behind: Behind,
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

/// How far the lines of the last second are behind their frames.
#[derive(Default)]
pub struct Behind {
    /// For each of the last pauses: how many microseconds a line was behind at most, plus one; 0 without a line.
    most: [AtomicU64; PAUSES],
    /// The place of the pause that goes on.
    now: AtomicUsize,
}

impl Behind {
    /// A line is out so long after its frame.
    pub fn note(&self, behind: Duration) {
        let micros = u64::try_from(behind.as_micros()).unwrap_or(u64::MAX);
        let now = self.now.load(Ordering::Relaxed);
        self.most[now].fetch_max(micros.saturating_add(1), Ordering::Relaxed);
    }

    /// The most of the last second; `None` if no line was out. The next pause begins.
    fn end_pause(&self) -> Option<Duration> {
        let most = self.most.iter().map(load).max().and_then(|most| most.checked_sub(1));
        let next = (self.now.load(Ordering::Relaxed) + 1) % PAUSES;
        self.most[next].store(0, Ordering::Relaxed);
        self.now.store(next, Ordering::Relaxed);
        most.map(Duration::from_micros)
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
        "{}, {} failed{}, {}, {} read, {} sent, {seconds:.3} s, {:.1} frames/s",
        count_of(frames, "frame", "frames"),
        load(&counts.failed),
        dropped(counts).map_or_else(String::new, |dropped| format!(", {dropped}")),
        count_of(load(&counts.retries), "retry", "retries"),
        count_of(load(&counts.bytes_read), "byte", "bytes"),
        count_of(load(&counts.bytes_sent), "byte", "bytes"),
        rate(frames, seconds),
    );
    let refused = load(&counts.refused);
    if refused > 0 {
        let _ = write!(summary, "; {} refused", count_of(refused, "attempt", "attempts"));
    }
    // A server that has taken nothing was found to take none.
    if let Some(limit) = counts.limit.text().filter(|_| frames > load(&counts.failed)) {
        let _ = write!(summary, "; the server was found to take {limit}");
    }
    summary
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// `None` if there are none.
fn dropped(counts: &Counts) -> Option<String> {
    Some(load(&counts.dropped)).filter(|&dropped| dropped > 0).map(|it| format!("{it} dropped"))
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
        let thread = memory::spawn("progress", move || drawn.redraw());
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
            let behind = self.counts.behind.end_pause();
            messages::draw_progress(&self.text(columns(), behind));
        }
    }

    /// `behind`: the most of the last second.
    fn text(&self, columns: usize, behind: Option<Duration>) -> String {
        let (answered, failed) = (load(&self.counts.answered), load(&self.counts.failed));
        let retries = Some(load(&self.counts.retries)).filter(|&retries| retries > 0);
        let retries = retries.map(|retries| count_of(retries, "retry", "retries"));
        let behind = behind.map(|behind| format!("{:.2} s behind", behind.as_secs_f64()));
        let in_flight = load(&self.counts.in_flight);
        let is_stopping = self.counts.is_stopping.load(Ordering::Relaxed);
        let stopping = if is_stopping { "stopping: " } else { "" };
        let rate = rate(load(&self.counts.frames), self.begin.elapsed().as_secs_f64());
        let limit = self.counts.limit.text().map(|limit| format!("limited to {limit}"));
        let fields = [
            Some(format!("pngpost: {stopping}{answered} answered")),
            Some(format!("{in_flight} in flight")),
            Some(format!("{rate:.1} frames/s")),
            behind.clone(),
            dropped(&self.counts),
            retries.clone(),
            Some(format!("{failed} failed")),
            limit.clone(),
        ];
        let long = fields.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if long.len() < columns {
            return long;
        }
        let fields = [
            Some(format!("{stopping}{answered} answered")),
            dropped(&self.counts),
            Some(format!("{failed} failed")),
            Some(format!("{in_flight} up")),
            Some(format!("{rate:.1}/s")),
            behind,
            limit,
            retries,
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
        let long = "pngpost: 1234 answered, 0 in flight, 123.9 frames/s, 5 failed";
        assert_eq!(shared.text(80, None), long);
        assert_eq!(shared.text(40, None), "1234 answered, 5 failed, 0 up, 123.9/s");
        assert_eq!(shared.text(24, None), "1234 answered, 5 failed");
        let behind = Some(Duration::from_millis(1234));
        let long_behind =
            "pngpost: 1234 answered, 0 in flight, 123.9 frames/s, 1.23 s behind, 5 failed";
        assert_eq!(shared.text(80, behind), long_behind);
        assert_eq!(
            shared.text(60, behind),
            "1234 answered, 5 failed, 0 up, 123.9/s, 1.23 s behind"
        );
        for columns in 0..100 {
            assert!(shared.text(columns, behind).len() < columns.max(1), "{columns}");
        }
        shared.counts.is_stopping.store(true, Ordering::Relaxed);
        assert!(shared.text(80, None).starts_with("pngpost: stopping: 1234 answered, "));
        assert_eq!(shared.text(40, None), "stopping: 1234 answered, 5 failed, 0 up");
        shared.counts.is_stopping.store(false, Ordering::Relaxed);
        // While the server limits the run.
        shared.counts.limit.set(Some(9.56), None);
        assert_eq!(shared.text(200, None), format!("{long}, limited to 9.6 attempts/s"));
        shared.counts.limit.set(Some(0.2), Some(2));
        assert!(shared.text(200, None).ends_with(", limited to 12.0 attempts/min, 2 at once"));
        for columns in 0..100 {
            assert!(shared.text(columns, behind).len() < columns.max(1), "{columns}");
        }
    }
    #[test]
    fn the_most_of_the_last_second_is_forgotten_after_it() {
        let behind = Behind::default();
        let ms = Duration::from_millis;
        assert_eq!(behind.end_pause(), None);
        behind.note(ms(700));
        behind.note(Duration::ZERO);
        assert_eq!(behind.end_pause(), Some(ms(700)));
        behind.note(ms(20));
        for _ in 1..PAUSES {
            assert_eq!(behind.end_pause(), Some(ms(700)));
        }
        assert_eq!(behind.end_pause(), Some(ms(20)));
        assert_eq!(behind.end_pause(), None);
    }
}
