//! What ends a run early: signals, and a reader of stdout that has gone away.
//!
//! The first of SIGINT, SIGTERM and SIGHUP lets the run finish what is under way; the second one ends the process at
//! once. A reader that has gone away ends it, too, and no answer is waited for: nobody would read its line. After a
//! signal the run ends as told, whether the reader is there or not. One thread waits for all of them, so no frame pays
//! for it. A signal that is ignored when the process starts stays ignored: so nohup and a shell's `&` want it.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};

use crate::ending::{Ending, Signal};
use crate::messages;
use crate::pipeline::Halt;

/// A sender that signals a process and its group reaches us twice within microseconds, timeout(1) for one.
/// Nobody who means a second signal is as quick as this.
const ECHO: Duration = Duration::from_millis(20);

/// A run that goes on for longer after a signal says why.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What has asked the run to end so far.
#[derive(Default)]
pub struct Asked {
    /// The number of the last signal, or 0. The signal's handler sets it, so it is there before anything that
    /// happens because of the signal elsewhere, such as the end of a producer.
    signal: Arc<AtomicUsize>,
    reader_is_gone: AtomicBool,
}

impl Asked {
    pub fn signal(&self) -> Option<Signal> {
        match self.signal.load(Ordering::Acquire) {
            0 => None,
            number => i32::try_from(number).ok().map(Signal),
        }
    }

    pub fn reader_is_gone(&self) -> bool {
        self.reader_is_gone.load(Ordering::Acquire)
    }
}

pub struct Watcher {
    pub asked: Arc<Asked>,
    /// A byte for each signal.
    signals: PipeReader,
    /// Keeps the pipe open, even if all signals are ignored.
    _handlers: PipeWriter,
    /// If it is a pipe or a socket, and its reader is there.
    stdout: Option<File>,
}

#[derive(Clone, Copy)]
enum Event {
    Signal,
    ReaderGone,
}

impl Watcher {
    /// From now on signals ask. Before, they end the process.
    pub fn new() -> io::Result<Self> {
        let asked = Arc::new(Asked::default());
        let (signals, mut handlers) = io::pipe()?;
        let ignored = ignored_signals();
        let is_ignored = |signal: i32| ignored >> (signal - 1) & 1 == 1;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal)) {
            let number = signal.unsigned_abs() as usize;
            flag::register_usize(signal, Arc::clone(&asked.signal), number)?;
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

    /// Whether the reader of stdout has gone away already.
    pub fn reader_is_gone(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(self.wait(Some(&at_once)), Ok(Some(Event::ReaderGone)))
    }

    /// Watches on a thread of its own, once it is sent the run's halt. It starts before the run: without a thread for
    /// it, nothing is sent.
    pub fn start(self) -> io::Result<Sender<Halt>> {
        let (sender, halts) = channel();
        Builder::new().name("stop".to_owned()).spawn(move || {
            if let Ok(halt) = halts.recv() {
                self.watch(&halt);
            }
        })?;
        Ok(sender)
    }

    fn watch(mut self, halt: &Halt) {
        let (mut is_first, mut patience) = (true, None);
        // It fails only if the system has no memory.
        while let Ok(event) = self.wait(patience.as_ref()) {
            match event {
                Some(Event::Signal) => {
                    match self.asked.signal() {
                        Some(signal) if !is_first => leave_at_once(Ending::Stopped(signal)),
                        _ => halt.finish(),
                    }
                    (is_first, patience) = (false, Some(PATIENCE));
                    self.pass_over_echo();
                }
                Some(Event::ReaderGone) => {
                    self.asked.reader_is_gone.store(true, Ordering::Release);
                    if !halt.finish_unread() {
                        // A signal that has ended the reader may be about to reach us.
                        thread::sleep(ECHO);
                        if self.asked.signal().is_none() {
                            leave_at_once(Ending::ReaderGone);
                        }
                    }
                    // Or poll would report the same hang-up again at once.
                    self.stdout = None;
                }
                None => {
                    patience = None;
                    let in_flight = halt.start_nothing();
                    if in_flight > 0 {
                        let uploads = messages::count_of(in_flight, "upload", "uploads");
                        messages::say(format!(
                            "stopping: waiting for {uploads}; a second signal ends it at once"
                        ));
                    }
                }
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
        let mut events = [Event::Signal, Event::ReaderGone].into_iter().zip(watched);
        Ok(events.find(|(_, fd)| !fd.revents().is_empty()).map(|(event, _)| event))
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
    messages::clear_progress();
    ending.leave()
}
