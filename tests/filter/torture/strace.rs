//! The calls that a run makes, and one of them made to fail, by strace.
//!
//! strace counts the calls of each thread by itself. So a run is disturbed in one of two phases, which keep the kinds
//! of states apart. From the start: strace follows the main thread alone, which sets up all, and with one job
//! uploads and writes the lines. While it runs: strace attaches to all threads once they wait for the first frame,
//! and follows those that start later; a call that fails then does so in each thread that makes it as often.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::scene::{Ended, Ground, Road};
use crate::support::wait_until;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// From the start, in the main thread.
    Start,
    /// Once all threads wait for the first frame, in each of them.
    Running,
}

/// What is done to a call in place of the call itself, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    Error(&'static str),
    /// SIGTERM arrives.
    Stop,
}

impl Fault {
    fn words(self, call: &str) -> String {
        match self {
            // It has no error: it returns the end of memory, and libc makes ENOMEM of one that is too low (brk(2),
            // "C library/kernel differences").
            Fault::Error(_) if call == "brk" => "retval=0".to_owned(),
            Fault::Error(errno) => format!("error={errno}"),
            Fault::Stop => "signal=TERM".to_owned(),
        }
    }
}

/// A call in a trace.
#[derive(Debug)]
pub struct Call {
    pub thread: u32,
    pub name: String,
    /// From its name to its result.
    pub text: String,
}

impl Call {
    pub fn is_injected(&self) -> bool {
        self.text.ends_with("(INJECTED)")
    }
}

/// One run, with the calls that were traced.
pub struct Traced {
    pub ended: Ended,
    pub calls: Vec<Call>,
}

/// Runs it, and traces the calls of this name, or all. `fault`: what to do to the call of this number.
pub fn run(
    ground: &Ground,
    road: Road,
    phase: Phase,
    name: Option<&str>,
    fault: Option<(Fault, usize)>,
) -> Traced {
    let file = ground.path("trace");
    let mut words = vec!["strace".to_owned(), "-yy".into(), "-e".into(), "signal=none".into()];
    words.extend(["-o".into(), file.display().to_string()]);
    if let Some(name) = name {
        words.extend(["-e".into(), format!("trace={name}")]);
        if let Some((fault, when)) = fault {
            words.extend(["-e".into(), format!("inject={name}:{}:when={when}", fault.words(name))]);
        }
    }
    // No call of the kernel loses a wake-up, but an injected error does: nobody waits for that run.
    let is_lost = || has_lost_a_wake_up(&file);
    let ended = match phase {
        Phase::Start => {
            words.push("-qq".into());
            ground.run(road, &words, 0, is_lost)
        }
        Phase::Running => run_attached(ground, road, words, is_lost),
    };
    let calls = parse(&fs::read(&file).unwrap_or_default());
    let _ = fs::remove_file(&file);
    Traced { ended, calls }
}

fn run_attached(
    ground: &Ground,
    road: Road,
    mut words: Vec<String>,
    is_lost: impl FnMut() -> bool,
) -> Ended {
    let mut running = ground.start(road, &[], 0, false);
    wait_until("it waits for the first frame", || waits(running.pid()));
    words.extend(["-f".to_owned(), "-p".into(), running.pid().to_string()]);
    let mut strace = attached(&words);
    running.feed(ground.frames(road));
    let ended = running.end(is_lost);
    strace.wait().unwrap();
    ended
}

/// Starts strace, and waits until it follows all threads.
fn attached(words: &[String]) -> Child {
    let mut command = Command::new(&words[0]);
    let mut strace = command.args(&words[1..]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(strace.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("attached") {
        let count = stderr.read_line(&mut said).unwrap();
        assert!(count > 0, "strace does not attach: {said} {words:?}");
    }
    // Its later words are for nobody, but it has to be able to write them.
    std::thread::spawn(move || stderr.lines().for_each(drop));
    strace
}

/// Whether the threads that every run has are there, and all threads sleep.
fn waits(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    let stats =
        threads.flatten().map(|it| fs::read_to_string(it.path().join("stat")).unwrap_or_default());
    let stats: Vec<_> = stats.collect();
    let has = |name| stats.iter().any(|stat: &String| stat.contains(name));
    has(" (stop) ") && has(" (encode) ") && stats.iter().all(|stat| stat.contains(") S "))
}

fn has_lost_a_wake_up(file: &Path) -> bool {
    let calls = parse(&fs::read(file).unwrap_or_default());
    calls.iter().any(|call| call.is_injected() && call.text.contains("FUTEX_WAKE"))
}

/// The calls of a trace. A call that another thread's interrupts is put together again.
fn parse(trace: &[u8]) -> Vec<Call> {
    const UNFINISHED: &str = " <unfinished ...>";
    let trace = String::from_utf8_lossy(trace);
    let (mut calls, mut begun) = (Vec::new(), HashMap::new());
    for line in trace.lines() {
        let (thread, text) = match line.split_once(' ') {
            Some((number, rest)) if number.parse::<u32>().is_ok() => {
                (number.parse().unwrap(), rest.trim_start())
            }
            _ => (0, line),
        };
        if let Some(begin) = text.strip_suffix(UNFINISHED) {
            begun.insert(thread, begin.to_owned());
            continue;
        }
        let text = match text.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => begun.remove(&thread).unwrap_or_default() + end,
            None => text.to_owned(),
        };
        if let Some((name, _)) = text.split_once('(').filter(|(name, _)| is_name(name)) {
            calls.push(Call { thread, name: name.to_owned(), text });
        }
    }
    // Those that did not return: of a process that has ended in them.
    calls.extend(begun.into_iter().filter_map(|(thread, text)| {
        let name = text.split_once('(')?.0.to_owned();
        Some(Call { thread, name, text })
    }));
    calls
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
