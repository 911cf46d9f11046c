//! Signals to the program, and when it has taken them in.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::program::Running;
use super::wait_until;

/// Those that stop a run, by number and name.
pub const STOPS: [(i32, &str); 3] = [(2, "SIGINT"), (15, "SIGTERM"), (1, "SIGHUP")];

pub fn send(pid: u32, signal: &str) {
    let kill = Command::new("kill").args(["-s", &signal[3..], &pid.to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Sends a signal, and waits until the run is halted: the program's thread for it has woken up and sleeps again,
/// or the program has ended.
pub fn stop(pid: u32, signal: &str) {
    let before = sleeps(pid);
    send_to_hear(pid, signal);
    wait_until("the program is told", || Watcher::of(pid).is_none_or(|now| now.sleeps > before));
}

/// The same, and waits until it takes another signal for a second one.
pub fn stop_and_listen(pid: u32, signal: &str) {
    let before = sleeps(pid);
    send_to_hear(pid, signal);
    wait_until("the program listens again", || {
        Watcher::of(pid).is_some_and(|now| now.is_in_poll && now.sleeps > before + 1)
    });
}

/// A signal that is ignored where the tests start stays so in the program, and the test would wait for ever.
fn send_to_hear(pid: u32, signal: &str) {
    let number = STOPS.iter().find(|(_, name)| *name == signal).expect("a signal that stops").0;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    assert!(
        ignored >> (number - 1) & 1 == 0,
        "{signal} is ignored, as with nohup or a shell's &: run the tests in the foreground"
    );
    send(pid, signal);
}

/// How often the program's thread for signals has gone to sleep, once it waits for them.
pub fn sleeps(pid: u32) -> u64 {
    let mut sleeps = None;
    wait_until("the program waits for signals", || {
        sleeps = Watcher::of(pid).filter(|now| now.is_in_poll).map(|now| now.sleeps);
        sleeps.is_some()
    });
    sleeps.unwrap()
}

/// The program's thread for signals.
struct Watcher {
    is_in_poll: bool,
    sleeps: u64,
}

impl Watcher {
    fn of(pid: u32) -> Option<Watcher> {
        let thread = threads(pid, "stop").pop()?;
        let is_in_poll = is_in(&fs::read_to_string(thread.join("syscall")).ok()?, &POLL);
        let status = fs::read_to_string(thread.join("status")).ok()?;
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        Some(Watcher { is_in_poll, sleeps: count?.trim().parse().ok()? })
    }
}

/// The program's threads of this name, as folders of /proc.
pub fn threads(pid: u32, name: &str) -> Vec<PathBuf> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let threads = threads.filter_map(|thread| Some(thread.ok()?.path()));
    let is_named = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    threads.filter(is_named).collect()
}

/// poll and ppoll on x86-64, ppoll on others.
const POLL: [&str; 3] = ["7", "271", "73"];
const READ: [&str; 2] = ["0", "63"];
const WRITE: [&str; 2] = ["1", "64"];

/// Whether a thread sleeps in one of these system calls.
fn is_in(place: &str, calls: &[&str]) -> bool {
    place.split_once(' ').is_some_and(|(number, _)| calls.contains(&number))
}

/// Whether a program with --latest has read all that was written to it, and waits for more.
pub fn has_read_all(program: &Running) -> bool {
    let left = program.stdin.as_ref().map(|stdin| rustix::io::ioctl_fionread(stdin).unwrap());
    let waits = |thread: &PathBuf| {
        fs::read_to_string(thread.join("syscall")).is_ok_and(|place| is_in(&place, &READ))
    };
    left == Some(0) && threads(program.pid(), "read").first().is_some_and(waits)
}

/// Whether the main thread waits in write(2).
pub fn writes(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|place| is_in(&place, &WRITE))
}

/// The program below this process, which has started it itself or by way of a shell.
pub fn program_below(pid: u32) -> u32 {
    let mut found = pid;
    wait_until("the program runs", || {
        // From above each time: a shell has other children before, which end.
        found = pid;
        while let Some(child) = only_child(found) {
            found = child;
        }
        fs::read_to_string(format!("/proc/{found}/comm")).is_ok_and(|name| name == "pngpost\n")
    });
    found
}

fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.ok()?.split(' ').next()?.parse().ok()
}
