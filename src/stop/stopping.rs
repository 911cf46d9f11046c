//! What has asked the run to stop, and what follows from it.
//!
//! No signal and no descriptor is touched here: events come one by one, and their caller ends the
//! process if that is what follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::ending::{Ending, Signal};
use crate::pipeline::Halt;

/// The time that a busy machine may take to read the end of an input without further frames.
const LAST_READ: Duration = Duration::from_millis(100);

/// What has asked so far.
#[derive(Default)]
pub struct Asked {
    /// The number of the signal, or 0. The signal's handler sets it, so it is there before anything that
    /// happens because of the signal elsewhere, such as the end of a producer.
    pub(super) signal: Arc<AtomicUsize>,
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

#[derive(Clone, Copy)]
pub enum Event {
    Signal,
    ReaderGone,
}

/// Halts the run.
pub struct Stopping {
    asked: Arc<Asked>,
    halt: Halt,
    is_halted: bool,
}

impl Stopping {
    pub fn new(asked: Arc<Asked>, halt: Halt) -> Self {
        Stopping { asked, halt, is_halted: false }
    }

    /// Does what follows. The ending: the process is to end at once.
    pub fn take(&mut self, event: Event) -> Option<Ending> {
        let ending = match event {
            Event::Signal => self.take_signal(),
            Event::ReaderGone => self.take_end_of_reader(),
        };
        self.is_halted = true;
        ending
    }

    fn take_signal(&self) -> Option<Ending> {
        if self.is_halted
            && let Some(signal) = self.asked.signal()
        {
            return Some(Ending::Stopped(signal));
        }
        self.halt.start_nothing();
        self.halt.wait_for_nothing();
        None
    }

    fn take_end_of_reader(&self) -> Option<Ending> {
        self.asked.reader_is_gone.store(true, Ordering::Release);
        if self.halt.start_nothing() == 0 {
            // The input may be at its end, and the run complete.
            thread::sleep(LAST_READ);
        }
        if self.halt.start_nothing() > 0 {
            return Some(Ending::ReaderGone);
        }
        self.halt.wait_for_nothing();
        None
    }
}
