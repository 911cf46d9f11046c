//! The run for people: the progress line while it goes on, and the closing summary.
//!
//! The progress line is drawn on a terminal, at most five times a second and always shorter than the terminal is wide,
//! if no other program draws there: stdout is a file, or --progress was given. In a log it is a message, once a minute,
//! with --progress or --verbose. A thread of its own looks at the counts for it, and ends as soon as its channel is
//! closed. `messages` writes and wipes it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::counts::{Counts, Figures};
use crate::ending::Ending;
use crate::lock::lock;
use crate::messages::{self, count_of};

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);
const LOOKS_A_SECOND: usize = 5;
const LOOKS_A_MINUTE: usize = 60 * LOOKS_A_SECOND;

/// The width of a terminal that does not tell its own.
const USUAL_COLUMNS: usize = 80;

pub struct Progress {
    counts: Arc<Counts>,
    begin: Instant,
    /// The thread that shows the progress line, if it is wanted. It ends once the sender is dropped.
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

/// How the progress line is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Drawn,
    /// As a message.
    Told,
}

impl Progress {
    /// `is_asked`: --progress was given.
    pub fn start(counts: Arc<Counts>, begin: Instant, is_asked: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let has_terminal = !dumb && io::stderr().is_terminal();
        let manner = manner(is_asked, messages::is_verbose(), has_terminal, stdout_is_file());
        let manner = manner.filter(|_| !messages::is_quiet());
        // Without a thread there is no line.
        let thread = manner.and_then(|manner| {
            let (sender, is_over) = channel();
            let own = Arc::clone(&counts);
            let thread = Builder::new().name("progress".to_owned());
            let thread = thread.spawn(move || show_until(&is_over, manner, &own, begin)).ok()?;
            Some((sender, thread))
        });
        Progress { counts, begin, thread }
    }

    /// Wipes the progress line, and says the summary if --verbose. After `ReaderGone` nobody reads it.
    pub fn end(self, ending: Ending) {
        if let Some((is_over, thread)) = self.thread {
            drop(is_over);
            let _ = thread.join();
            messages::clear_progress();
        }
        if ending != Ending::ReaderGone {
            messages::say_more(summary(&self.counts, self.begin.elapsed()));
        }
    }
}

fn manner(is_asked: bool, is_verbose: bool, on_terminal: bool, to_file: bool) -> Option<Manner> {
    match on_terminal {
        true => (is_asked || to_file).then_some(Manner::Drawn),
        false => (is_asked || is_verbose).then_some(Manner::Told),
    }
}

/// Whether the lines go into a file, or into /dev/null: a reader's own text may go to the terminal.
fn stdout_is_file() -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let kind = stdout.and_then(|stdout| stdout.metadata()).map(|it| it.file_type());
    !io::stdout().is_terminal() && kind.is_ok_and(|kind| !kind.is_fifo() && !kind.is_socket())
}

fn show_until(is_over: &Receiver<()>, manner: Manner, counts: &Counts, begin: Instant) {
    // The most that a line came after its frame, at each look of the last second.
    let mut behind = [None; LOOKS_A_SECOND];
    // What the run waits for, and the first look at which it did.
    let (mut waiting, mut since) = (None, 0);
    for look in 1.. {
        if is_over.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        behind.rotate_right(1);
        behind[0] = lock(&counts.figures.behind).take();
        let now = waiting_for(&counts.figures);
        if now != waiting {
            (waiting, since) = (now, look);
        }
        let waiting = waiting.as_deref().filter(|_| look - since >= LOOKS_A_SECOND);
        let behind = behind.iter().flatten().max();
        let line = || line(counts, begin.elapsed(), behind, waiting);
        match manner {
            Manner::Drawn => messages::draw_progress(&fitting(line(), columns())),
            Manner::Told if look.is_multiple_of(LOOKS_A_MINUTE) => messages::say(line()),
            Manner::Told => {}
        }
    }
}

/// The progress line, in ASCII. The most important fields come first. `behind`: the most in the last second; `waiting`: the
/// cause of a whole second's wait.
fn line(
    counts: &Counts,
    elapsed: Duration,
    behind: Option<&Duration>,
    waiting: Option<&str>,
) -> String {
    let is_stopping = counts.is_stopping.load(Ordering::Relaxed);
    let waiting = waiting.filter(|_| !is_stopping);
    let flows = waiting.is_none();
    let (done, left) = done(counts, elapsed);
    let (failed, rate) = (load(&counts.failed), rate(counts, elapsed));
    let digits = usize::from(rate < 10.0);
    let figures = &counts.figures;
    let fields = [
        Some(format!("{}{done}", if is_stopping { "stopping: " } else { "" })),
        (failed > 0).then(|| format!("{failed} failed")),
        dropped(counts),
        waiting.map(str::to_owned),
        left.filter(|_| flows && !is_stopping),
        Some(format!("{} in flight", load(&counts.in_flight))),
        flows.then(|| format!("{rate:.digits$} frames/s")),
        behind.map(|behind| format!("lines {:.2} s behind", behind.as_secs_f64())),
        Some(load(&figures.retries)).filter(|&retries| retries > 0).map(retries),
        allowed(figures).map(|allowed| format!("limited to {allowed}")),
    ];
    fields.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How many frames are done, and the time that is left at the pace so far. Neither is told of a file that has grown.
fn done(counts: &Counts, elapsed: Duration) -> (String, Option<String>) {
    let figures = &counts.figures;
    let done = load(&figures.frames) + load(&figures.dropped);
    let Some(total) = figures.total.filter(|&total| total > 0 && done <= total) else {
        return (format!("{} answered", load(&figures.answered)), None);
    };
    let left = elapsed.as_millis() * u128::from(total - done);
    let left = left.checked_div(u128::from(done)).map(|left| {
        let (hours, minutes, seconds) = (left / 3_600_000, left / 60_000 % 60, left / 1000 % 60);
        match hours {
            0 => format!("{minutes}:{seconds:02} left"),
            _ => format!("{hours}:{minutes:02}:{seconds:02} left"),
        }
    });
    (format!("{done} of {total} ({}%)", 100 * done / total), left)
}

/// What the run waits for, if it is neither a place nor an answer: in the same words as long as nothing comes.
fn waiting_for(figures: &Figures) -> Option<String> {
    if let Some(cause) = &*lock(&figures.outage) {
        let shown = cause.replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?");
        return Some(format!("retrying: {shown}"));
    }
    let incoming = &figures.incoming;
    let frame = load(&incoming.frame).checked_sub(1)?;
    Some(match (load(&incoming.got), load(&incoming.expected)) {
        (0, _) => format!("waiting for input: frame {frame}"),
        (got, 0) => format!("waiting for input: frame {frame} has {got} bytes so far"),
        (got, expected) => {
            let lacks = expected.saturating_sub(got);
            format!("waiting for input: frame {frame} lacks {lacks} of {expected} bytes")
        }
    })
}

/// A line that is too long goes without our name, and then as far as whole fields fit, or their words before a colon. One
/// column stays free: in the last one some terminals wrap.
fn fitting(mut line: String, columns: usize) -> String {
    let whole = format!("pngpost: {line}");
    if whole.len() < columns {
        return whole;
    }
    if line.len() >= columns {
        // The end that is looked for stands before two more characters.
        line.truncate(columns.saturating_add(1));
        line.truncate(line.rfind(", ").max(line.rfind(": ")).unwrap_or(0));
    }
    line
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
    if let Some(allowed) = allowed(figures).filter(|_| frames > failed) {
        let _ = write!(summary, "; the server was found to take {allowed}");
    }
    summary
}

/// What the server was found to allow, in words; `None`: anything.
fn allowed(figures: &Figures) -> Option<String> {
    let (pace, at_once) = *lock(&figures.allowed);
    let pace = pace.map(|pace| match pace {
        ..1.0 => format!("{:.1} attempts/min", pace * 60.0),
        _ => format!("{pace:.1} attempts/s"),
    });
    let at_once = at_once.map(|at_once| format!("{at_once} at once"));
    match (pace, at_once) {
        (Some(pace), Some(at_once)) => Some(format!("{pace}, {at_once}")),
        (pace, at_once) => pace.or(at_once),
    }
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

    fn shown(counts: &Counts, behind: Option<&Duration>, columns: usize) -> String {
        fitting(line(counts, Duration::from_secs(10), behind, None), columns)
    }

    #[test]
    fn no_terminal_is_too_narrow() {
        let mut counts = Counts::default();
        counts.figures.answered.store(1234, Ordering::Relaxed);
        counts.figures.frames.store(1239, Ordering::Relaxed);
        counts.failed.store(5, Ordering::Relaxed);
        let whole = "pngpost: 1234 answered, 5 failed, 0 in flight, 124 frames/s";
        assert_eq!(shown(&counts, None, 80), whole);
        assert_eq!(shown(&counts, None, 59), whole["pngpost: ".len()..]);
        assert_eq!(shown(&counts, None, 40), "1234 answered, 5 failed, 0 in flight");
        assert_eq!(shown(&counts, None, 24), "1234 answered, 5 failed");
        assert_eq!(shown(&counts, None, 23), "1234 answered");
        let behind = Some(&Duration::from_millis(1234));
        assert_eq!(shown(&counts, behind, 200), format!("{whole}, lines 1.23 s behind"));
        counts.figures.total = Some(5000);
        counts.figures.dropped.store(7, Ordering::Relaxed);
        let done = "pngpost: 1246 of 5000 (24%), 5 failed, 7 dropped, ";
        let rest = "0 in flight, 124 frames/s, lines 1.23 s behind";
        assert_eq!(shown(&counts, behind, 200), format!("{done}0:30 left, {rest}"));
        counts.is_stopping.store(true, Ordering::Relaxed);
        let stopping = done.replacen(": ", ": stopping: ", 1);
        assert_eq!(shown(&counts, behind, 200), format!("{stopping}{rest}"));
        // While the server limits the run.
        *lock(&counts.figures.allowed) = (Some(9.56), None);
        assert!(shown(&counts, behind, 200).ends_with(" s behind, limited to 9.6 attempts/s"));
        *lock(&counts.figures.allowed) = (Some(0.2), Some(2));
        let limited = ", limited to 12.0 attempts/min, 2 at once";
        assert!(shown(&counts, behind, 200).ends_with(limited));
        for columns in 0..160 {
            assert!(shown(&counts, behind, columns).len() < columns.max(1), "{columns}");
        }
    }

    #[test]
    fn the_time_that_is_left_is_told_once_a_frame_is_done_and_until_the_file_grows() {
        let mut counts = Counts::default();
        for (total, frames, seconds, expected) in [
            (9, 0, 5, ("0 of 9 (0%)", None)),
            (5000, 1, 10, ("1 of 5000 (0%)", Some("13:53:10 left"))),
            (5000, 1200, 34, ("1200 of 5000 (24%)", Some("1:47 left"))),
            (3, 2, 3600, ("2 of 3 (66%)", Some("30:00 left"))),
            (9, 9, 9, ("9 of 9 (100%)", Some("0:00 left"))),
            (9, 10, 9, ("0 answered", None)),
        ] {
            counts.figures.total = Some(total);
            counts.figures.frames.store(frames, Ordering::Relaxed);
            let (done, left) = done(&counts, Duration::from_secs(seconds));
            assert_eq!((done.as_str(), left.as_deref()), expected);
        }
    }

    #[test]
    fn what_is_waited_for_is_told_in_the_place_of_a_pace() {
        let counts = Counts::default();
        let (figures, input) = (&counts.figures, &counts.figures.incoming);
        assert_eq!(waiting_for(figures), None);
        for (got, expected, told) in [
            (0, 12288, "waiting for input: frame 17"),
            (50, 0, "waiting for input: frame 17 has 50 bytes so far"),
            (288, 12288, "waiting for input: frame 17 lacks 12000 of 12288 bytes"),
        ] {
            input.frame.store(18, Ordering::Relaxed);
            input.got.store(got, Ordering::Relaxed);
            input.expected.store(expected, Ordering::Relaxed);
            let waiting = waiting_for(figures);
            let line = line(&counts, Duration::from_secs(10), None, waiting.as_deref());
            assert_eq!(line, format!("0 answered, {told}, 0 in flight"));
            assert_eq!(fitting(line, 39), "0 answered, waiting for input");
        }
        *lock(&figures.outage) = Some("h:1: refused\x1b[\u{e9}".to_owned());
        assert_eq!(waiting_for(figures).as_deref(), Some("retrying: h:1: refused?[?"));
    }

    #[test]
    fn it_is_drawn_where_nobody_else_draws_and_told_once_a_minute_in_a_log() {
        let told = Some(Manner::Told);
        for (is_asked, is_verbose, on_terminal, to_file, expected) in [
            (false, false, true, true, Some(Manner::Drawn)),
            (false, true, true, false, None),
            (true, false, true, false, Some(Manner::Drawn)),
            (false, false, false, true, None),
            (true, false, false, true, told),
            (false, true, false, false, told),
        ] {
            assert_eq!(manner(is_asked, is_verbose, on_terminal, to_file), expected);
        }
        assert_eq!(PAUSE * LOOKS_A_SECOND as u32, Duration::from_secs(1));
    }
}
