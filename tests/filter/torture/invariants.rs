//! What always holds when a run has ended, whatever has failed in it. One function checks it.
//!
//! 1. The lines are those of the undisturbed run, from the first on, whole and in order. Under --keep-going the line
//!    of a frame that has failed is empty.
//! 2. The exit status is 0 only if all of them are there, and then nothing is said.
//! 3. Otherwise the last message names a frame, and the `--skip` to go on with unless no line is out; or a step before
//!    the first frame. That `--skip`, followed, completes the lines.
//! 4. No run sends a frame twice (promise 4: the server here refuses none). A run that goes on sends again the frame
//!    that the message names, and no more others than it says.
//! 5. No panic, no abort, no hang, no secret.

use std::collections::BTreeSet;

use super::scene::{Ended, FRAMES, Ground, Road, SECRETS};

/// How a run has ended that has kept them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All lines are there.
    Complete,
    /// All lines are there, empty ones of failed frames among them.
    CompleteButFailed,
    /// It has failed, and was gone on with.
    Continued,
    /// It failed before its first frame, and ran when started again.
    NotStarted,
    /// It was told to stop, and was gone on with.
    Stopped,
    /// Its reader went away.
    ReaderGone,
    /// It ended in a way that this program can't prevent.
    Excused(&'static str),
}

/// What was done to the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// It was sent this signal.
    pub signal: Option<i32>,
    /// A write to stdout said that nobody reads it.
    pub reader_is_gone: bool,
    /// A call failed with this error.
    pub error: Option<&'static str>,
    /// The states that a call failed in.
    pub struck: Vec<Struck>,
}

/// What the call that failed was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    BeforeMain,
    Signals,
    System,
    Certificates,
    Random,
    LookUp,
    Connect,
    Send,
    Receive,
    Stdin,
    Stdout,
    Stderr,
    Memory,
    ThreadStart,
    Wait,
    Wake,
    Assertion,
}

/// Checks a run. The error says which invariant is broken.
pub fn check(
    ground: &Ground,
    road: Road,
    ended: &Ended,
    by: &Disturbance,
) -> Result<Outcome, String> {
    let Ended { status, signal, stderr, hung, frames, .. } = ended;
    ensure(SECRETS.iter().all(|secret| !stderr.contains(secret)), "a secret is told")?;
    let once: BTreeSet<_> = frames.iter().collect();
    ensure(once.len() == frames.len(), "a frame was sent twice")?;
    let excuse = excuse(ended, by);
    let count = lines(ground, road, ended, excuse.is_some())?;
    if let Some(why) = excuse {
        return Ok(Outcome::Excused(why));
    }
    ensure(!hung, "it hangs")?;
    let panics =
        ["panick", "internal error", "memory allocation", "fatal", "abort", "RUST_BACKTRACE"];
    ensure(panics.iter().all(|text| !stderr.contains(text)), "a panic is told")?;
    ensure(stderr.is_empty() || stderr.ends_with('\n'), "a message has no end")?;
    ensure(stderr.lines().all(|line| line.starts_with("pngpost: ")), "a message is not ours")?;
    match (status, signal) {
        (Some(0), None) => {
            ensure(count == FRAMES, "exit status 0 without all lines")?;
            ensure(stderr.is_empty(), "exit status 0 and a message")?;
            Ok(Outcome::Complete)
        }
        (Some(141), None) if by.reader_is_gone => {
            ensure(stderr.is_empty(), "exit status 141 and a message")?;
            Ok(Outcome::ReaderGone)
        }
        (None, Some(_)) if *signal == by.signal && stderr.is_empty() && frames.is_empty() => {
            // Before it listens to signals.
            ensure(count == 0, "lines without frames")?;
            Ok(Outcome::NotStarted)
        }
        (None, Some(_)) if *signal == by.signal => {
            go_on(ground, road, ended, count).map(|()| Outcome::Stopped)
        }
        (Some(1), None) if count == FRAMES && road.keeps_going() && is_of_frames_alone(stderr) => {
            Ok(Outcome::CompleteButFailed)
        }
        (Some(1), None) if has_skip(stderr) || (count == 0 && stderr.contains("frame 0: ")) => {
            go_on(ground, road, ended, count).map(|()| Outcome::Continued)
        }
        (Some(1 | 2), None) => {
            let is_one = stderr.lines().count() == 1 && !stderr.contains("frame ");
            ensure(is_one, "no --skip, and no step before the first frame")?;
            ensure(count == 0 && frames.is_empty(), "it has begun")?;
            go_on(ground, road, ended, count).map(|()| Outcome::NotStarted)
        }
        other => Err(format!("it ends with {other:?}")),
    }
}

const LIBC_ON_FUTEX: &str = "The futex facility returned an unexpected error code.";

const LIBC_ON_ADDRESSES: [&str; 2] = ["Assertion `IN6_IS_ADDR_V4MAPPED", " on netlink descriptor "];

/// The reason why a run may break the third or the fifth invariant. The others hold nevertheless.
fn excuse(ended: &Ended, by: &Disturbance) -> Option<&'static str> {
    let has = |state| by.struck.contains(&state);
    let Ended { signal, hung, stderr, .. } = ended;
    let aborts = *signal == Some(6);
    if has(Struck::BeforeMain) && ended.stdout.is_empty() && ended.frames.is_empty() {
        let is_of_others = aborts || *signal == Some(11) || ended.status == Some(127);
        return is_of_others.then_some("EXCUSED: the loader, libc or std before main");
    }
    if has(Struck::Wake) && *hung {
        // FUTEX_WAKE fails only for an address or an operation that is none: std does not look.
        return Some("EXCUSED: a wake-up was lost that the kernel never loses");
    }
    if (has(Struck::Wake) || has(Struck::Wait)) && aborts && stderr.starts_with(LIBC_ON_FUTEX) {
        // Its own locks are no reason for any other error than EAGAIN, EINTR and ETIMEDOUT.
        return Some("EXCUSED: libc aborts at an error that the kernel never gives it");
    }
    if has(Struck::ThreadStart) && aborts {
        // std installs an alternative signal stack, 12 KB, in each new thread, and libc registers rseq. Our own
        // code begins later.
        return Some("EXCUSED: std or libc aborts inside the start of a thread");
    }
    if has(Struck::Assertion) && aborts && stderr.contains("IO Safety violation") {
        // Before it closes a descriptor. The release build makes no such call.
        return Some("EXCUSED: an assertion of std in debug builds");
    }
    let panics_in = |place| stderr.contains("internal error at /rustc/") && stderr.contains(place);
    if has(Struck::Certificates) && panics_in("/sys/fs/") {
        // The folder of certificates, read by us and by the TLS crates. The kernel has nothing to write there.
        return Some("EXCUSED: std panics if a folder can't be closed");
    }
    if has(Struck::Random) && (aborts || panics_in("/sys/random/")) {
        // The kernel's getrandom fails only where there is none, and then both read /dev/urandom.
        return Some("EXCUSED: std panics and aws-lc aborts without random numbers");
    }
    if has(Struck::LookUp) && aborts && LIBC_ON_ADDRESSES.iter().any(|text| stderr.contains(text)) {
        // libc orders the addresses of a name. The kernel does not fail to disconnect its UDP socket (AF_UNSPEC), and
        // to its netlink socket it gives none of the errors of a descriptor that is none, or is another one.
        return Some(
            "EXCUSED: libc aborts while it orders addresses, at an error that the kernel never gives it",
        );
    }
    if has(Struck::Stderr) && stderr.is_empty() {
        return Some("EXCUSED: the message itself could not be written");
    }
    None
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The number of lines that are out: they are whole and in order, and each empty one's frame has a message, unless
/// the run is excused: the message follows the line.
fn lines(ground: &Ground, road: Road, ended: &Ended, is_excused: bool) -> Result<u32, String> {
    let Ended { stdout, stderr, .. } = ended;
    ensure(stdout.is_empty() || stdout.ends_with('\n'), "a line has no end")?;
    let mut count = 0;
    for (line, (expected, frame)) in stdout.lines().zip(ground.lines().iter().zip(0..)) {
        let is_failed = || is_excused || stderr.contains(&format!("pngpost: frame {frame}: "));
        let is_empty = line.is_empty() && road.keeps_going() && is_failed();
        ensure(line == expected || is_empty, "a line is not that of its frame")?;
        count += 1;
    }
    ensure(stdout.lines().count() == count as usize, "more lines than frames")?;
    Ok(count)
}

fn is_of_frames_alone(stderr: &str) -> bool {
    stderr.lines().all(|line| line.starts_with("pngpost: frame ")) && !has_skip(stderr)
}

fn has_skip(stderr: &str) -> bool {
    stderr.contains("go on with --skip ")
}

/// Goes on as the last message says. Together both runs have all lines.
fn go_on(ground: &Ground, road: Road, ended: &Ended, count: u32) -> Result<(), String> {
    let message = ended.stderr.lines().last().unwrap_or_default();
    let skip = number_after(message, "go on with --skip ").unwrap_or(0);
    ensure(skip == count, "the --skip is not the number of lines")?;
    let rest = ground.run(road, &[], skip, || false);
    let is_whole = rest.status == Some(0) && rest.stderr.is_empty();
    let expected: Vec<_> = ground.lines().split_off(skip as usize);
    let lines: Vec<_> = rest.stdout.lines().collect();
    ensure(is_whole && lines == expected, &format!("it can't be gone on with: {}", rest.stderr))?;
    let named = number_after(message, "pngpost: frame ");
    let again: Vec<_> = rest.frames.iter().filter(|frame| ended.frames.contains(frame)).collect();
    let others = again.iter().filter(|frame| Some(***frame) != named).count();
    let told = told_again(message);
    ensure(others <= told, &format!("{again:?} are sent again, and {told} others are told of"))
}

/// How many frames the message says will be posted again, besides the one that it names.
fn told_again(message: &str) -> usize {
    let before = message.split(" will be posted again").next().filter(|before| *before != message);
    let words = before.and_then(|before| before.rsplit([',', ';']).next());
    words.and_then(|words| words.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn number_after(text: &str, before: &str) -> Option<u32> {
    let rest = &text[text.rfind(before)? + before.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
