//! The run for people: the progress line while it goes on, and the closing summary.
//!
//! The progress line is drawn only if stderr is a terminal and stdout is not, at most five times a second, and
//! always shorter than the terminal is wide. A thread of its own draws it, and ends as soon as its channel is closed.
//! `messages` writes and wipes it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::ending::Ending;
use crate::messages::{self, count_of};

/// The time between two redraws.
const PAUSE: Duration = Duration::from_millis(200);

/// The pauses of a second.
const PAUSES: usize = 5;

/// The width of a terminal that does not tell its own.
const USUAL_COLUMNS: usize = 80;

pub struct Progress {
    counts: Arc<Counts>,
    begin: Instant,
    /// The thread that draws the progress line, if there is a place for it. It ends once the sender is dropped.
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub fn start(counts: Arc<Counts>, begin: Instant) -> Self {
        let drawing = if has_place() { start_drawing(&counts, begin) } else { None };
        Progress { counts, begin, drawing }
    }

    /// Wipes the progress line, and says the summary if --verbose. After `ReaderGone` nobody reads it.
    pub fn end(self, ending: Ending) {
        if let Some((is_over, thread)) = self.drawing {
            drop(is_over);
            let _ = thread.join();
            messages::clear_progress();
        }
        if ending != Ending::ReaderGone {
            messages::say_more(summary(&self.counts, self.begin.elapsed()));
        }
    }
}

fn has_place() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !messages::is_quiet() && !dumb && io::stderr().is_terminal() && !io::stdout().is_terminal()
}

/// Without a thread there is no line.
fn start_drawing(counts: &Arc<Counts>, begin: Instant) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (sender, is_over) = channel();
    let counts = Arc::clone(counts);
    let thread = Builder::new().name("progress".to_owned());
    Some((sender, thread.spawn(move || draw_until(&is_over, &counts, begin)).ok()?))
}

fn draw_until(is_over: &Receiver<()>, counts: &Counts, begin: Instant) {
    // How far behind the lines of each pause of the last second were at most.
    let mut behind = [None; PAUSES];
    while is_over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        behind.rotate_right(1);
        behind[0] = counts.figures.behind.take();
        let most = behind.into_iter().flatten().max();
        messages::draw_progress(&line(counts, begin.elapsed(), most, columns()));
    }
}

/// The progress line. If it is too long, it goes without its beginning, and then as far as whole fields fit: the most
/// important ones come first.
fn line(counts: &Counts, elapsed: Duration, behind: Option<Duration>, columns: usize) -> String {
    let figures = &counts.figures;
    let is_stopping = counts.is_stopping.load(Ordering::Relaxed);
    let stopping = if is_stopping { "stopping: " } else { "" };
    let fields = [
        Some(format!("{stopping}{} answered", load(&figures.answered))),
        Some(format!("{} failed", load(&counts.failed))),
        dropped(counts),
        Some(format!("{} in flight", load(&counts.in_flight))),
        Some(format!("{:.1} frames/s", rate(counts, elapsed))),
        behind.map(|behind| format!("{:.2} s behind", behind.as_secs_f64())),
        Some(load(&figures.retries)).filter(|&retries| retries > 0).map(retries),
        figures.allowed.text().map(|allowed| format!("limited to {allowed}")),
    ];
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    let whole = format!("pngpost: {}", fields.join(", "));
    if whole.len() < columns { whole } else { fitting(&fields, columns) }
}

/// As many whole fields as fit, and one column less: in the last column some terminals wrap.
fn fitting(fields: &[String], columns: usize) -> String {
    let lengths = (1..=fields.len()).map(|count| fields[..count].join(", "));
    lengths.take_while(|text| text.len() < columns).last().unwrap_or_default()
}

fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => USUAL_COLUMNS,
    }
}

fn summary(counts: &Counts, elapsed: Duration) -> String {
    let figures = &counts.figures;
    let (frames, failed) = (load(&figures.frames), load(&counts.failed));
    let mut summary = format!(
        "{}, {failed} failed{}, {}, {} read, {} sent, {:.3} s, {:.1} frames/s",
        count_of(frames, "frame", "frames"),
        dropped(counts).map_or_else(String::new, |dropped| format!(", {dropped}")),
        retries(load(&figures.retries)),
        count_of(load(&figures.bytes_read), "byte", "bytes"),
        count_of(load(&figures.bytes_sent), "byte", "bytes"),
        elapsed.as_secs_f64(),
        rate(counts, elapsed),
    );
    let refused = load(&figures.refused);
    if refused > 0 {
        let _ = write!(summary, "; {} refused", count_of(refused, "attempt", "attempts"));
    }
    // A server that has taken nothing was found to take none.
    if let Some(allowed) = figures.allowed.text().filter(|_| frames > failed) {
        let _ = write!(summary, "; the server was found to take {allowed}");
    }
    summary
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// `None` if there are none.
fn dropped(counts: &Counts) -> Option<String> {
    let dropped = load(&counts.figures.dropped);
    (dropped > 0).then(|| format!("{dropped} dropped"))
}

fn retries(count: u64) -> String {
    count_of(count, "retry", "retries")
}

fn rate(counts: &Counts, elapsed: Duration) -> f64 {
    load(&counts.figures.frames) as f64 / elapsed.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(counts: &Counts, behind: Option<u64>, columns: usize) -> String {
        line(counts, Duration::from_secs(10), behind.map(Duration::from_millis), columns)
    }

    #[test]
    fn no_terminal_is_too_narrow() {
        let counts = Counts::default();
        counts.figures.answered.store(1234, Ordering::Relaxed);
        counts.figures.frames.store(1239, Ordering::Relaxed);
        counts.failed.store(5, Ordering::Relaxed);
        let whole = "pngpost: 1234 answered, 5 failed, 0 in flight, 123.9 frames/s";
        assert_eq!(shown(&counts, None, 80), whole);
        assert_eq!(
            shown(&counts, None, 60),
            "1234 answered, 5 failed, 0 in flight, 123.9 frames/s"
        );
        assert_eq!(shown(&counts, None, 40), "1234 answered, 5 failed, 0 in flight");
        assert_eq!(shown(&counts, None, 24), "1234 answered, 5 failed");
        assert_eq!(shown(&counts, Some(1234), 80), format!("{whole}, 1.23 s behind"));
        counts.figures.dropped.store(7, Ordering::Relaxed);
        assert!(shown(&counts, None, 80).contains("5 failed, 7 dropped, 0 in flight"));
        counts.figures.dropped.store(0, Ordering::Relaxed);
        counts.is_stopping.store(true, Ordering::Relaxed);
        assert!(shown(&counts, None, 80).starts_with("pngpost: stopping: 1234 answered, "));
        counts.is_stopping.store(false, Ordering::Relaxed);
        // While the server limits the run.
        counts.figures.allowed.set(Some(9.56), None);
        assert_eq!(shown(&counts, None, 200), format!("{whole}, limited to 9.6 attempts/s"));
        counts.figures.allowed.set(Some(0.2), Some(2));
        let limited = ", limited to 12.0 attempts/min, 2 at once";
        assert!(shown(&counts, None, 200).ends_with(limited));
        for columns in 0..120 {
            assert!(shown(&counts, Some(7), columns).len() < columns.max(1), "{columns}");
        }
    }

    #[test]
    fn the_line_that_is_furthest_behind_is_told_once() {
        let behind = crate::counts::Behind::default();
        assert_eq!(behind.take(), None);
        behind.note(Duration::from_millis(700));
        behind.note(Duration::ZERO);
        assert_eq!(behind.take(), Some(Duration::from_millis(700)));
        assert_eq!(behind.take(), None);
        behind.note(Duration::ZERO);
        assert_eq!(behind.take(), Some(Duration::ZERO));
    }
}
