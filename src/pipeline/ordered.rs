//! The ordered parallel map: items from a source, in order, into answers, in the same order.
//!
//! A worker that has the turn takes the next item, and with it a ticket; then it passes the turn on and
//! works. So items are taken one after the other, and the window gives the answers out in the order of
//! their tickets. It is bounded: where answers are not fetched, no items are taken.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::pipeline::window::{self, Results, Ticket, Window};

/// What becomes of a worker after an item.
#[derive(PartialEq, Eq)]
pub enum Worker {
    GoesOn,
    /// Another one has taken its place: it ends.
    IsReplaced,
}

/// `T` from a source into `U` behind tickets.
pub struct Stage<T, U> {
    name: &'static str,
    workers: usize,
    started: AtomicUsize,
    /// Only the worker that has the turn locks it.
    source: Mutex<Source<T>>,
    window: Arc<Window<U>>,
    work: Box<Work<T, U>>,
}

type Source<T> = Box<dyn FnMut() -> Option<T> + Send>;
type Work<T, U> = dyn Fn(&Arc<Stage<T, U>>, T, Ticket<U>) -> Worker + Send + Sync;

impl<T: Send + 'static, U: Send + 'static> Stage<T, U> {
    /// `workers` at most work at a time; `limit` items at most have been taken, and their answers not
    /// been fetched.
    pub fn start(
        name: &'static str,
        workers: usize,
        limit: usize,
        source: impl FnMut() -> Option<T> + Send + 'static,
        work: impl Fn(&Arc<Stage<T, U>>, T, Ticket<U>) -> Worker + Send + Sync + 'static,
    ) -> io::Result<Results<U>> {
        let (window, answers) = window::open(limit);
        let stage = Arc::new(Stage {
            name,
            workers,
            started: AtomicUsize::new(0),
            source: Mutex::new(Box::new(source)),
            window,
            work: Box::new(work),
        });
        stage.start_worker()?;
        Ok(answers)
    }

    /// Starts one more worker, unless there are enough.
    fn start_worker(self: &Arc<Self>) -> io::Result<()> {
        let one_more = |started| (started < self.workers).then_some(started + 1);
        if self.started.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err() {
            return Ok(());
        }
        let stage = Arc::clone(self);
        let spawned = thread::Builder::new().name(self.name.into()).spawn(move || stage.run());
        if spawned.is_err() {
            self.started.fetch_sub(1, Ordering::AcqRel);
        }
        spawned.map(drop)
    }

    /// A worker hangs and counts no longer: another one takes its place, and does `first` before it goes
    /// on. Where no thread is to be had, and no worker is left, the window is closed.
    pub fn replace_worker(self: &Arc<Self>, first: impl FnOnce() -> Worker + Send + 'static) {
        let stage = Arc::clone(self);
        let work = move || match first() {
            Worker::GoesOn => stage.run(),
            Worker::IsReplaced => {}
        };
        let spawned = thread::Builder::new().name(self.name.into()).spawn(work);
        if spawned.is_err() && self.started.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.window.close();
        }
    }

    fn run(self: Arc<Self>) {
        while let Some((item, ticket)) = self.take() {
            // Workers come as items come. Where no thread is to be had, those that run are enough.
            let _ = self.start_worker();
            if (self.work)(&self, item, ticket) == Worker::IsReplaced {
                return;
            }
        }
    }

    /// The next item and its ticket.
    fn take(&self) -> Option<(T, Ticket<U>)> {
        let mut ticket = self.window.turn()?;
        let item = self.source.lock().unwrap_or_else(PoisonError::into_inner)();
        match item {
            Some(item) => {
                ticket.pass_turn();
                Some((item, ticket))
            }
            None => {
                ticket.give_back();
                None
            }
        }
    }
}
