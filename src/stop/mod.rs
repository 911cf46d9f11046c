//! What asks the run to stop: signals, and a reader of stdout that has gone away.
//!
//! The first of SIGINT, SIGTERM and SIGHUP halts the run: nothing new starts, and what is under way is waited
//! for. The second one ends the process at once. A reader that has gone away halts it, too, and nothing is
//! waited for: nobody would read the line. One thread waits for all of them, so no frame pays for it. A signal
//! that is ignored when the process starts stays ignored: so nohup and a shell's `&` want it.

mod stopping;

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};

use crate::ending::Ending;
use crate::pipeline::Halt;
use crate::{memory, messages};
use stopping::{Event, Stopping};

pub use stopping::Asked;

/// A sender that signals a process and its group reaches us twice within microseconds, timeout(1) for one.
/// Nobody who means a second signal is as quick as this.
const ECHO: Duration = Duration::from_millis(20);

pub struct Watcher {
    asked: Arc<Asked>,
    /// A byte for each signal.
    signals: PipeReader,
    /// Keeps the pipe open, even if all signals are ignored.
    _handlers: PipeWriter,
    /// If it is a pipe or a socket, and its reader is there.
    stdout: Option<File>,
}

impl Watcher {
    /// From now on signals ask. Before, they end the process.
    pub fn new() -> io::Result<Self> {
        let asked = Arc::new(Asked::default());
        let (signals, mut handlers) = io::pipe()?;
        let ignored = ignored_signals();
        let is_ignored = |signal: i32| ignored >> (signal - 1) & 1 == 1;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal)) {
            flag::register_usize(
                signal,
                Arc::clone(&asked.signal),
                signal.unsigned_abs() as usize,
            )?;
            pipe::register(signal, handlers.try_clone()?)?;
        }
        // A signal between the two handlers has set its number and left no byte.
        if asked.signal().is_some() {
            handlers.write_all(&[0])?;
        }
        // With any handler, a write over the limit of a file's size is an error, and not the end.
        if !is_ignored(SIGXFSZ) {
            flag::register(SIGXFSZ, Arc::default())?;
        }
        Ok(Watcher { asked, signals, _handlers: handlers, stdout: watched_stdout()? })
    }

    pub fn asked(&self) -> Arc<Asked> {
        Arc::clone(&self.asked)
    }

    /// Whether the reader of stdout has gone away already.
    pub fn reader_is_gone(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(self.wait(Some(&at_once)), Ok(Some(Event::ReaderGone)))
    }

    /// Watches on a thread of its own, and halts the run whose halt is set in the cell. It starts before the run:
    /// without a thread for it, nothing is sent.
    pub fn start(self) -> io::Result<Arc<OnceLock<Halt>>> {
        let halt = Arc::new(OnceLock::<Halt>::new());
        let set = Arc::clone(&halt);
        memory::spawn("stop", move || self.watch(set.wait().clone()))?;
        Ok(halt)
    }

    fn watch(mut self, halt: Halt) {
        let mut stopping = Stopping::new(self.asked(), halt);
        // It fails only if the system has no memory.
        while let Ok(event) = self.wait(None) {
            let Some(event) = event else { continue };
            if let Some(ending) = stopping.take(event) {
                leave_at_once(ending);
            }
            match event {
                Event::Signal => self.pass_over_echo(),
                // There will be no other word of it.
                Event::ReaderGone => self.stdout = None,
            }
        }
    }

    fn pass_over_echo(&mut self) {
        thread::sleep(ECHO);
        // The buffer holds more bytes than signals can come in that time.
        let _ = self.signals.read(&mut [0; 1 << 12]);
    }

    /// Waits for something that asks; `None` if the time has passed.
    fn wait(&self, timeout: Option<&Timespec>) -> io::Result<Option<Event>> {
        let mut watched = vec![PollFd::new(&self.signals, PollFlags::IN)];
        // No events: an error and a hang-up are always told, and nothing else is.
        watched.extend(self.stdout.iter().map(|stdout| PollFd::new(stdout, PollFlags::empty())));
        rustix::io::retry_on_intr(|| poll(&mut watched, timeout))?;
        let events = [Event::Signal, Event::ReaderGone].into_iter().zip(watched);
        Ok(events.filter(|(_, fd)| !fd.revents().is_empty()).map(|(event, _)| event).next())
    }
}

/// Stdout, if it can lose its reader: a pipe or a socket. (A terminal that hangs up sends SIGHUP.)
fn watched_stdout() -> io::Result<Option<File>> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let kind = stdout.metadata()?.file_type();
    Ok((kind.is_fifo() || kind.is_socket()).then_some(stdout))
}

/// A bit for each signal that is ignored, the lowest for signal 1. Only Linux tells; elsewhere there are none.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn leave_at_once(ending: Ending) -> ! {
    messages::wipe_for_good();
    ending.leave()
}
