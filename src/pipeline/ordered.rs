//! The ordered parallel map: items from a source, in order, into results, in the same order.
//!
//! The lock of the source is the turn: a worker that holds it reserves the next place in the window, takes the item,
//! lets go, works, and fills the place. So items are taken one after the other, and results come out in their order.
//! The window is bounded: if results are not fetched, no items are taken.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use super::window::{self, Lost, Results, Window};

struct Stage<T, U> {
    name: &'static str,
    workers: usize,
    started: AtomicUsize,
    source: Mutex<Source<T>>,
    window: Arc<Window<U>>,
    work: Box<Work<T, U>>,
}

type Source<T> = Box<dyn FnMut() -> Option<T> + Send>;
type Work<T, U> = dyn Fn(T) -> U + Send + Sync;

/// Starts a stage. At most `workers` run at a time; at most `limit` items have been taken whose results have
/// not been fetched. If `work` panics, its result is lost.
pub fn map<T: Send + 'static, U: Send + 'static>(
    name: &'static str,
    workers: usize,
    limit: usize,
    source: impl FnMut() -> Option<T> + Send + 'static,
    work: impl Fn(T) -> U + Send + Sync + 'static,
) -> io::Result<Results<U>> {
    let (window, results) = window::open(limit);
    let stage = Arc::new(Stage {
        name,
        workers,
        started: AtomicUsize::new(0),
        source: Mutex::new(Box::new(source)),
        window,
        work: Box::new(work),
    });
    stage.start_worker()?;
    Ok(results)
}

/// The same on the caller's thread: each result is worked out when the caller asks for it.
pub fn map_here<T, U>(
    mut source: impl FnMut() -> Option<T>,
    work: impl Fn(T) -> U,
) -> impl Iterator<Item = Result<U, Lost>> {
    let mut is_over = false;
    let guarded = move |item| guard(|| work(item));
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        match guard(&mut source) {
            Ok(item) => item.map(&guarded),
            Err(Lost) => {
                is_over = true;
                Some(Err(Lost))
            }
        }
    })
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is no more than a lost result.
pub fn is_guarded() -> bool {
    IS_GUARDED.get()
}

/// A panic is a lost result.
fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Lost> {
    let was_guarded = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    result.map_err(|_| Lost)
}

impl<T: Send + 'static, U: Send + 'static> Stage<T, U> {
    /// Starts one more worker, unless there are enough.
    fn start_worker(self: &Arc<Self>) -> io::Result<()> {
        let one_more = |started| (started < self.workers).then_some(started + 1);
        if self.started.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err() {
            return Ok(());
        }
        let stage = Arc::clone(self);
        let spawned = Builder::new().name(self.name.to_owned()).spawn(move || stage.run());
        if spawned.is_err() {
            self.started.fetch_sub(1, Ordering::AcqRel);
        }
        spawned.map(drop)
    }

    fn run(self: Arc<Self>) {
        while let Some((item, place)) = self.take() {
            // Each worker starts the next one when items come. If the system has no thread for it, those that
            // run are enough.
            let _ = self.start_worker();
            self.window.fill(place, guard(|| (self.work)(item)));
        }
    }

    /// The next item and the place of its result. If the source panics, there are no further items, and this result is
    /// lost.
    fn take(&self) -> Option<(T, u64)> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.window.reserve()?;
        match guard(&mut *source) {
            Ok(Some(item)) => Some((item, place)),
            Ok(None) => {
                self.window.give_back();
                None
            }
            Err(Lost) => {
                self.window.fill(place, Err(Lost));
                self.window.close();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_and_a_panic_loses_one_of_them() {
        let mut items = 0..100;
        let work = |item: u32| if item == 17 { panic!("a test's") } else { 2 * item };
        let results = map("test", 4, 9, move || items.next(), work).unwrap();
        let expected = (0..100).map(|item| if item == 17 { Err(Lost) } else { Ok(2 * item) });
        assert!(results.eq(expected));
    }

    #[test]
    fn the_callers_own_thread_gives_the_same_results() {
        let mut items = 0..5;
        let work = |item: u32| if item == 3 { panic!("a test's") } else { 2 * item };
        let results: Vec<_> = map_here(move || items.next(), work).collect();
        assert_eq!(results, [Ok(0), Ok(2), Ok(4), Err(Lost), Ok(8)]);
    }

    #[test]
    fn a_panic_on_the_callers_thread_is_known_to_be_a_lost_result() {
        let mut results = map_here(|| Some(is_guarded()), |was| was && is_guarded());
        assert_eq!(results.next(), Some(Ok(true)));
        assert!(!is_guarded());
    }

    #[test]
    fn a_source_that_panics_ends_the_results_with_a_lost_one() {
        let source = || {
            let mut items = 0..3;
            move || Some(items.next().expect("a test's panic"))
        };
        let results = map("test", 2, 9, source(), |item| item).unwrap();
        assert!(results.eq([Ok(0), Ok(1), Ok(2), Err(Lost)]));
        assert!(map_here(source(), |item| item).eq([Ok(0), Ok(1), Ok(2), Err(Lost)]));
    }
}
