//! The ordered parallel map: items from a source, in order, into results, in the same order.
//!
//! The lock of the source is the turn: a worker that holds it reserves the next place in the window, takes the item,
//! lets go, works, and fills the place. So items are taken one after the other, and results come out in their order.
//! The window is bounded: if results are not fetched, no items are taken.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::Builder;

use super::Unsent;
use super::window::{Results, Window};
use crate::lock::lock;

struct Stage<S, U, W> {
    name: &'static str,
    workers: usize,
    source: Mutex<S>,
    window: Arc<Window<Result<U, Unsent>>>,
    work: W,
}

/// Starts a stage: at most `workers` run at a time, and `window` says how many items may have been taken whose results
/// have not been fetched. If `work` panics, its result is lost.
pub fn map<S, U, W>(
    name: &'static str,
    workers: usize,
    window: Arc<Window<Result<U, Unsent>>>,
    source: S,
    work: W,
) -> io::Result<Results<Result<U, Unsent>>>
where
    S: Iterator<Item: Send> + Send + 'static,
    U: Send + 'static,
    W: Fn(S::Item) -> Result<U, Unsent> + Send + Sync + 'static,
{
    let results = window.results();
    Arc::new(Stage { name, workers, source: Mutex::new(source), window, work }).start_worker(1)?;
    Ok(results)
}

/// The same on the caller's thread: each result is worked out when the caller asks for it. Places count from `first`.
pub fn map_here<T, U>(
    first: u64,
    mut source: impl Iterator<Item = T>,
    work: impl Fn(T) -> Result<U, Unsent>,
) -> impl Iterator<Item = Result<U, Unsent>> {
    (first..=u64::MAX)
        .map_while(move |place| guard(place, || source.next().map(&work).transpose()).transpose())
}

/// A panic is the lost result of this place.
pub fn guard<T>(place: u64, work: impl FnOnce() -> Result<T, Unsent>) -> Result<T, Unsent> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Unsent::Lost { frame: place }))
}

impl<S, U, W> Stage<S, U, W>
where
    S: Iterator<Item: Send> + Send + 'static,
    U: Send + 'static,
    W: Fn(S::Item) -> Result<U, Unsent> + Send + Sync + 'static,
{
    /// Starts the worker of this number, from 1.
    fn start_worker(self: Arc<Self>, number: usize) -> io::Result<()> {
        let name = self.name.to_owned();
        Builder::new().name(name).spawn(move || self.run(number)).map(drop)
    }

    fn run(self: Arc<Self>, number: usize) {
        // Each worker starts the next one when items come. If the system has no thread for it, those that run are
        // enough, and the next item is another try.
        let mut starts_next = number < self.workers;
        while let Some((place, item)) = self.take() {
            starts_next = starts_next && Arc::clone(&self).start_worker(number + 1).is_err();
            self.window.fill(place, guard(place, || (self.work)(item)));
        }
    }

    /// The next place, and the lock of the source; `None` if there are no more. It waits for room without the lock, so
    /// that room wakes one worker, and not a second one behind it.
    fn turn(&self) -> Option<(u64, MutexGuard<'_, S>)> {
        loop {
            let source = lock(&self.source);
            if let Some(place) = self.window.reserve() {
                return Some((place, source));
            }
            drop(source);
            if !self.window.wait_for_room() {
                return None;
            }
        }
    }

    /// The next item and the place of its result. If the source panics, there are no further items, and this result is
    /// lost.
    fn take(&self) -> Option<(u64, S::Item)> {
        let (place, mut source) = self.turn()?;
        match guard(place, || Ok(source.next())) {
            Ok(Some(item)) => Some((place, item)),
            Ok(None) => {
                self.window.give_back();
                None
            }
            Err(lost) => {
                self.window.fill(place, Err(lost));
                self.window.close();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;

    /// The item, or the place of a result that is lost.
    type Doubled = Result<u64, u64>;

    fn double(item: u64) -> Result<u64, Unsent> {
        if item == 3 { panic!("a test's") } else { Ok(2 * item) }
    }

    fn all(results: impl Iterator<Item = Result<u64, Unsent>>) -> Vec<Doubled> {
        let place = |unsent| match unsent {
            Unsent::Lost { frame } => frame,
            _ => panic!("nothing else is unsent"),
        };
        results.take(100).map(|result| result.map_err(place)).collect()
    }

    /// On threads of its own, and on the caller's. Places count from 70.
    fn both(source: impl Fn() -> Box<dyn Iterator<Item = u64> + Send>) -> [Vec<Doubled>; 2] {
        let results = map("test", 4, Window::new(70, 9), source(), double).unwrap();
        [all(results), all(map_here(70, source(), double))]
    }

    #[test]
    fn results_come_in_the_order_of_the_items_and_a_panic_loses_one_of_them() {
        let expected = |item: u64| if item == 3 { Err(73) } else { Ok(2 * item) };
        for results in both(|| Box::new(0..100)) {
            assert!(results.into_iter().eq((0..100).map(expected)));
        }
    }

    #[test]
    fn a_source_that_panics_has_a_lost_result_behind_the_others() {
        let source = || {
            let mut items = 0..2_u64;
            Box::new(iter::from_fn(move || Some(items.next().expect("a test's panic")))) as Box<_>
        };
        for results in both(source) {
            assert_eq!(results[..3], [Ok(0), Ok(2), Err(72)]);
        }
    }
}
