//! Messages for people: one line each on standard error, after `pngpost: `.
//!
//! A message is one line of at most `MAX_MESSAGE` characters, and none of them steers a terminal or a reader, whatever a
//! file, a stream or an argument holds. A stderr that can't be written to changes nothing. --quiet and --verbose are set
//! once.
//!
//! If a progress line is on the screen, it is wiped before each message. Nothing else writes to stderr, and
//! we write escape codes only for the progress line.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::mem::take;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::lock::lock;

/// The longest piece of foreign text that is shown.
const MAX_SHOWN: usize = 120;

/// The longest message, in characters. Of a longer one the middle goes: its begin says what it is about, its end what to do.
const MAX_MESSAGE: usize = 2000;

/// To the first column, and wipe the line.
const WIPE: &str = "\r\x1b[K";

static QUIET: AtomicBool = AtomicBool::new(false);
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Whether a progress line is on the screen. Locked while we write to stderr.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// Sets how much is said.
pub fn set(quiet: bool, verbose: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    VERBOSE.store(verbose, Ordering::Relaxed);
}

pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

pub fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Says a message, unless --quiet.
pub fn say(message: impl Display) {
    if !is_quiet() {
        say_anyway(message);
    }
}

/// Says a message if --verbose.
pub fn say_more(message: impl Display) {
    if is_verbose() {
        say_anyway(message);
    }
}

/// Says a message even if --quiet: a mistake in the command line, or in this program.
pub fn say_anyway(message: impl Display) {
    let message = without_middle(&one_line(&message.to_string()));
    let mut has_progress = lock(&HAS_PROGRESS);
    let wipe = if take(&mut *has_progress) { WIPE } else { "" };
    write(&format!("{wipe}pngpost: {message}\n"));
}

/// Draws the progress line over the one before. The cursor stays at its beginning, so that another program's text
/// overwrites it.
pub fn draw_progress(text: &str) {
    let mut has_progress = lock(&HAS_PROGRESS);
    write(&format!("\r{}\x1b[K\r", one_line(text)));
    *has_progress = true;
}

/// Wipes the progress line before the process ends. On a terminal that is paused it stays, as the end would wait for
/// the terminal, or for another thread that is at its message.
pub fn clear_progress() {
    if !has_room() {
        return;
    }
    let mut has_progress = lock(&HAS_PROGRESS);
    if take(&mut *has_progress) {
        write(WIPE);
    }
}

/// Whether stderr takes text without blocking: a terminal that is paused (Ctrl-S) does not.
fn has_room() -> bool {
    let stderr = std::io::stderr();
    let mut room = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut room, Some(&at_once)).is_ok() && room[0].revents().contains(PollFlags::OUT)
}

fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// An operating system's error text in the style of the other messages: no errno, no capital.
pub fn plain(text: &str) -> String {
    let text = match text.rfind(" (os error ") {
        Some(end) if text.ends_with(')') => &text[..end],
        _ => text,
    };
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // "Connection refused", but not "TLS" or "I/O error".
        (Some(first), Some(second)) if first.is_ascii_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_ascii_lowercase(), chars.as_str())
        }
        _ => text.to_owned(),
    }
}

/// A count with its noun: "1 line", "2 lines".
pub fn count_of(count: impl Into<u64>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An error with its context, on one line.
pub fn causes(error: &anyhow::Error) -> String {
    let causes: Vec<_> = error.chain().map(|cause| plain(&cause.to_string())).collect();
    causes.join(": ")
}

/// A user's value for a message. A value that may belong to another option is not shown: an option that took
/// the next argument for its value may have taken a secret.
pub fn shown(value: &OsStr) -> String {
    let value = value.to_string_lossy();
    // -5 and -inf:2e3 hold numbers; -k may be an option, and me:x a user.
    let words = value.to_ascii_lowercase().replace("inf", "").replace("nan", "");
    let has_numbers_only =
        words.bytes().all(|byte| byte.is_ascii_digit() || b"+-.:xe".contains(&byte));
    let may_be_secret = value.starts_with('-') || value.contains(['=', '@', ':']);
    if may_be_secret && !has_numbers_only {
        return "this value".to_owned();
    }
    if value.is_empty() { "''".to_owned() } else { foreign(&value) }
}

/// Foreign text on one line: what steers is escaped, and all after `MAX_SHOWN` characters is left out.
pub fn foreign(text: &str) -> String {
    let mut shown = one_line(&text.chars().take(MAX_SHOWN).collect::<String>());
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Whether a character steers a terminal or a reader, and shows nothing itself: controls, those that end a line or turn
/// its direction, and those without width. All of them are in Unicode's first plane.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn without_middle(line: &str) -> String {
    let count = line.chars().count();
    if count <= MAX_MESSAGE {
        return line.to_owned();
    }
    let half = MAX_MESSAGE / 2;
    let begin = line.chars().take(half - 1);
    begin.chain(['…']).chain(line.chars().skip(count - half)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_of_the_system_read_like_ours() {
        assert_eq!(plain("Connection refused (os error 111)"), "connection refused");
        assert_eq!(plain("I/O failed"), "I/O failed");
        assert_eq!(plain("TLS: x"), "TLS: x");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn one_is_no_plural() {
        let lines = [0u64, 1, 2].map(|count| count_of(count, "line is", "lines are"));
        assert_eq!(lines, ["0 lines are", "1 line is", "2 lines are"]);
    }

    #[test]
    fn foreign_text_stays_one_harmless_line() {
        assert_eq!(foreign("a\r\n\x1b[31mb\u{85}"), "a\\r\\n\\u{1b}[31mb\\u{85}");
        assert_eq!(foreign("a\u{202e}b\u{feff}é"), "a\\u{202e}b\\u{feff}é");
        assert_eq!(foreign(&"x".repeat(200)).chars().count(), MAX_SHOWN + 1);
    }

    proptest! {
        #[test]
        fn a_message_of_any_text_is_a_line_of_bounded_length_that_steers_nothing(
            text in prop::collection::vec(
                prop_oneof![any::<char>(), prop::char::range('\0', '\u{2100}')],
                0..3000,
            ),
        ) {
            let text: String = text.into_iter().collect();
            let line = without_middle(&one_line(&format!("{text}; the advice")));
            prop_assert!(!line.contains(steers) && line.ends_with("; the advice"), "{line:?}");
            prop_assert!(line.chars().count() <= MAX_MESSAGE);
        }
    }

    #[test]
    fn a_value_that_may_be_a_secret_is_not_shown_and_a_long_one_is_cut() {
        let value = |text: &str| shown(OsStr::new(text));
        for text in ["-j", "-1secret", "me:hunter2", "a=b", "@b", "http://h/", "X-Key: s"] {
            assert_eq!(value(text), "this value", "{text}");
        }
        for text in ["-5", "-1:-2", "-1e3:+2.5E-7", "NaN:1", "-inf:0", "6x4", "many", "P(T"] {
            assert_eq!(value(text), text);
        }
        assert_eq!(value(""), "''");
        assert_eq!(value(&"9".repeat(3000)).chars().count(), MAX_SHOWN + 1);
    }
}
