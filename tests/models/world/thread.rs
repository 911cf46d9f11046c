//! Threads of the scheduler: the system may have fewer than are wanted, and time passes while one sleeps.

use real::cell::Cell;
use real::num::NonZero;
use real::sync::Arc;
use real::sync::atomic::{AtomicBool, Ordering};
use real::{io, thread_local};

use shuttle::thread;

use crate::time::{self, Duration, Instant};

pub use shuttle::thread::{JoinHandle, Thread, current, park, spawn, yield_now};

thread_local! {
    // All threads of a model run on one.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// So many threads the system has left for a `Builder`.
pub fn allow(threads: usize) {
    LEFT.set(threads);
}

pub fn available_parallelism() -> io::Result<NonZero<usize>> {
    Ok(NonZero::<usize>::MIN.saturating_add(1))
}

/// Parks until another thread wakes this one, or until its time is up. That comes at any moment, before or
/// after all that others do, as on a machine that is busy.
pub fn park_timeout(limit: Duration) {
    let then = Instant::now() + limit;
    let (sleeper, sleeps) = (current(), Arc::new(AtomicBool::new(true)));
    let still_sleeps = Arc::clone(&sleeps);
    spawn(move || {
        if still_sleeps.load(Ordering::Relaxed) {
            time::pass_to(then);
            sleeper.unpark();
        }
    });
    park();
    sleeps.store(false, Ordering::Relaxed);
}

pub fn sleep(duration: Duration) {
    let then = Instant::now() + duration;
    thread::sleep(duration);
    time::pass_to(then);
}

pub struct Builder(thread::Builder);

impl Builder {
    #[expect(clippy::new_without_default, reason = "nobody asks for it")]
    pub fn new() -> Self {
        Builder(thread::Builder::new())
    }

    pub fn name(self, name: String) -> Self {
        Builder(self.0.name(name))
    }

    pub fn spawn<F, T>(self, run: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match LEFT.get() {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            left => {
                LEFT.set(left - 1);
                self.0.spawn(run)
            }
        }
    }
}
