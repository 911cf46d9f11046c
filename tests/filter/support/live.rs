//! A live source: a writer that keeps a pace and times itself, and what a server can tell of its frames.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The frames that have been written, by the times at which they were.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<Instant>>>);

impl Written {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How much older this frame is than the newest one.
    pub fn age(&self, frame: u32) -> Duration {
        let written = self.0.lock().unwrap();
        // The pipe has it before the writer knows.
        let own = written.get(frame as usize);
        own.map_or(Duration::ZERO, |own| written[written.len() - 1].duration_since(*own))
    }

    fn add(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

/// Writes so many frames, one each `spacing`. Returns the longest time that a write has taken.
pub fn write_at_pace(
    pipe: &mut impl Write,
    frame: impl Fn(u32) -> Vec<u8>,
    count: u32,
    spacing: Duration,
    written: &Written,
) -> Duration {
    let (begin, mut longest) = (Instant::now(), Duration::ZERO);
    for number in 0..count {
        let bytes = frame(number);
        let due = begin + number * spacing;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let before = Instant::now();
        pipe.write_all(&bytes).expect("the program reads");
        longest = longest.max(before.elapsed());
        written.add();
    }
    longest
}

/// How long a thread that only sleeps is kept from running: a busy machine keeps the program just so.
pub struct Hiccups {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Hiccups {
    pub fn watch() -> Self {
        const NAP: Duration = Duration::from_millis(1);
        let is_over = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !watched.load(Ordering::Acquire) {
                let before = Instant::now();
                thread::sleep(NAP);
                worst = worst.max(before.elapsed().saturating_sub(NAP));
            }
            worst
        });
        Hiccups { is_over, thread }
    }

    /// The worst one.
    pub fn end(self) -> Duration {
        self.is_over.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}
