//! The ordered parallel map: items from a source, in order, into answers, in the same order.
//!
//! A worker takes the next item under the stage's lock, and in the same breath queues a ticket for it;
//! then it works without the lock and fills the ticket's slot. Tickets are queued in input order and
//! awaited in that order, so answers come out in order with no index and no sort. The queue is bounded:
//! where answers are not fetched, workers stop taking items.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Where the answer to an item goes, once.
pub type Slot<T> = SyncSender<T>;

/// Where it comes out. An error: its worker ended without an answer.
pub type Ticket<T> = Receiver<T>;

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
    /// `None` once the source has ended: that closes the queue of tickets.
    intake: Mutex<Option<Intake<T, U>>>,
    work: Box<Work<T, U>>,
}

type Work<T, U> = dyn Fn(&Arc<Stage<T, U>>, T, Slot<U>) -> Worker + Send + Sync;

struct Intake<T, U> {
    source: Box<dyn FnMut() -> Option<T> + Send>,
    tickets: SyncSender<Ticket<U>>,
}

impl<T: Send + 'static, U: Send + 'static> Stage<T, U> {
    /// `workers` at most work at a time; `window` answers at most wait to be fetched.
    pub fn start(
        name: &'static str,
        workers: usize,
        window: usize,
        source: impl FnMut() -> Option<T> + Send + 'static,
        work: impl Fn(&Arc<Stage<T, U>>, T, Slot<U>) -> Worker + Send + Sync + 'static,
    ) -> io::Result<Receiver<Ticket<U>>> {
        let (tickets, queue) = sync_channel(window);
        let intake = Intake { source: Box::new(source), tickets };
        let stage = Arc::new(Stage {
            name,
            workers,
            started: AtomicUsize::new(0),
            intake: Mutex::new(Some(intake)),
            work: Box::new(work),
        });
        stage.start_worker()?;
        Ok(queue)
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
    /// on. Where no thread is to be had, and no worker is left, the queue is closed.
    pub fn replace_worker(self: &Arc<Self>, first: impl FnOnce() -> Worker + Send + 'static) {
        let stage = Arc::clone(self);
        let work = move || match first() {
            Worker::GoesOn => stage.run(),
            Worker::IsReplaced => {}
        };
        let spawned = thread::Builder::new().name(self.name.into()).spawn(work);
        if spawned.is_err() && self.started.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.intake.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn run(self: Arc<Self>) {
        while let Some((item, slot)) = self.take() {
            // Workers come as items come. Where no thread is to be had, those that run are enough.
            let _ = self.start_worker();
            if (self.work)(&self, item, slot) == Worker::IsReplaced {
                return;
            }
        }
    }

    /// The next item and the slot of its ticket, which is queued already.
    fn take(&self) -> Option<(T, Slot<U>)> {
        let mut guard = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let intake = guard.as_mut()?;
        let taken = (intake.source)().and_then(|item| {
            let (slot, ticket) = sync_channel(1);
            intake.tickets.send(ticket).ok().map(|()| (item, slot))
        });
        if taken.is_none() {
            *guard = None;
        }
        taken
    }
}
