//! Threads of the scheduler: the system may have fewer than are wanted, and time passes while one sleeps.

use real::cell::{Cell, RefCell};
use real::num::NonZero;
use real::sync::Arc;
use real::sync::atomic::{AtomicBool, Ordering};
use real::{io, thread_local};

use shuttle::thread::{self, ThreadId};

use crate::time::{self, Duration, Instant};

pub use shuttle::thread::{JoinHandle, Thread, current, spawn, yield_now};

thread_local! {
    // All threads of a model run on one.
    static LEFT: Cell<usize> = const { Cell::new(0) };
    static PARKED: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
    static EVER_PARKED: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
    /// Timers that are held back, if they are.
    static HELD: RefCell<Option<Vec<Timer>>> = const { RefCell::new(None) };
}

type Timer = Box<dyn FnOnce() + Send>;

/// A model begins.
pub fn begin() {
    LEFT.set(usize::MAX);
    PARKED.take();
    EVER_PARKED.take();
    HELD.take();
}

/// So many threads the system has left for a `Builder`.
pub fn allow(threads: usize) {
    LEFT.set(threads);
}

/// Nobody's time is up before `release_timers`.
pub fn hold_timers() {
    HELD.set(Some(Vec::new()));
}

pub fn release_timers() {
    for timer in HELD.take().into_iter().flatten() {
        spawn(timer);
    }
}

pub fn available_parallelism() -> io::Result<NonZero<usize>> {
    Ok(NonZero::<usize>::MIN.saturating_add(1))
}

/// Those that are parked now.
pub fn parked() -> Vec<ThreadId> {
    PARKED.with_borrow(Clone::clone)
}

/// Those that are, and those that have been.
pub fn ever_parked() -> Vec<ThreadId> {
    EVER_PARKED.with_borrow(Clone::clone)
}

pub fn park() {
    let me = current().id();
    EVER_PARKED.with_borrow_mut(|parked| {
        if !parked.contains(&me) {
            parked.push(me);
        }
    });
    PARKED.with_borrow_mut(|parked| parked.push(me));
    thread::park();
    PARKED.with_borrow_mut(|parked| parked.retain(|it| *it != me));
}

/// Parks until another thread wakes this one, or until its time is up. That comes at any moment, before or
/// after all that others do, as on a machine that is busy.
pub fn park_timeout(limit: Duration) {
    let then = Instant::now() + limit;
    let (sleeper, sleeps) = (current(), Arc::new(AtomicBool::new(true)));
    let still_sleeps = Arc::clone(&sleeps);
    start(Box::new(move || {
        if still_sleeps.load(Ordering::Relaxed) {
            time::pass_to(then);
            sleeper.unpark();
        }
    }));
    park();
    sleeps.store(false, Ordering::Relaxed);
}

fn start(timer: Timer) {
    match HELD.take() {
        Some(mut held) => {
            held.push(timer);
            HELD.set(Some(held));
        }
        None => drop(spawn(timer)),
    }
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
