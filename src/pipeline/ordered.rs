//! The ordered parallel map: items from a source, in order, into results, in the same order.
//!
//! The lock of the source is the turn: a worker that holds it reserves the next place in the window, takes the item,
//! lets go, works, and fills the place. So items are taken one after the other, and results come out in their order.
//! The window is bounded: if results are not fetched, no items are taken.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use super::window::{Lost, Results, Window};
use crate::lock::lock;

struct Stage<S, U, W> {
    name: &'static str,
    workers: usize,
    source: Mutex<S>,
    window: Arc<Window<U>>,
    work: W,
}

/// Starts a stage: at most `workers` run at a time, and `window` says how many items may have been taken whose results
/// have not been fetched. If `work` panics, its result is lost.
pub fn map<S, U, W>(
    name: &'static str,
    workers: usize,
    window: Arc<Window<U>>,
    source: S,
    work: W,
) -> io::Result<Results<U>>
where
    S: Iterator<Item: Send> + Send + 'static,
    U: Send + 'static,
    W: Fn(S::Item) -> U + Send + Sync + 'static,
{
    let results = window.results();
    Arc::new(Stage { name, workers, source: Mutex::new(source), window, work }).start_worker(1)?;
    Ok(results)
}

/// The same on the caller's thread: each result is worked out when the caller asks for it. Places count from `first`.
pub fn map_here<T, U>(
    first: u64,
    mut source: impl Iterator<Item = T>,
    work: impl Fn(T) -> U,
) -> impl Iterator<Item = Result<U, Lost>> {
    let mut places = first..=u64::MAX;
    std::iter::from_fn(move || {
        let place = places.next()?;
        guard(place, || source.next().map(&work)).transpose()
    })
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is no more than a lost result.
pub fn is_guarded() -> bool {
    IS_GUARDED.get()
}

/// A panic is the lost result of this place.
pub fn guard<T>(place: u64, work: impl FnOnce() -> T) -> Result<T, Lost> {
    let was_guarded = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    result.map_err(|_| Lost(place))
}

impl<S, U, W> Stage<S, U, W>
where
    S: Iterator<Item: Send> + Send + 'static,
    U: Send + 'static,
    W: Fn(S::Item) -> U + Send + Sync + 'static,
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

    /// The next item and the place of its result. If the source panics, there are no further items, and this result is
    /// lost.
    fn take(&self) -> Option<(u64, S::Item)> {
        let mut source = lock(&self.source);
        let place = self.window.reserve()?;
        match guard(place, || source.next()) {
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

    #[test]
    fn results_come_in_the_order_of_the_items_and_a_panic_loses_one_of_them() {
        let work = |item: u64| if item == 17 { panic!("a test's") } else { 2 * item };
        let results = map("test", 4, Window::new(0, 9), 0..100, work).unwrap();
        let expected = (0..100).map(|item| if item == 17 { Err(Lost(17)) } else { Ok(2 * item) });
        assert!(results.eq(expected));
    }

    #[test]
    fn the_callers_own_thread_gives_the_same_results() {
        let work = |item: u32| if item == 3 { panic!("a test's") } else { 2 * item };
        let results: Vec<_> = map_here(70, 0..5, work).collect();
        assert_eq!(results, [Ok(0), Ok(2), Ok(4), Err(Lost(73)), Ok(8)]);
    }

    #[test]
    fn a_panic_on_the_callers_thread_is_known_to_be_a_lost_result() {
        let mut results =
            map_here(0, iter::from_fn(|| Some(is_guarded())), |was| was && is_guarded());
        assert_eq!(results.next(), Some(Ok(true)));
        assert!(!is_guarded());
    }

    #[test]
    fn a_source_that_panics_ends_the_results_with_a_lost_one() {
        let source = || {
            let mut items = 0..3;
            iter::from_fn(move || Some(items.next().expect("a test's panic")))
        };
        let results = map("test", 2, Window::new(70, 9), source(), |item| item).unwrap();
        assert!(results.eq([Ok(0), Ok(1), Ok(2), Err(Lost(73))]));
        assert!(map_here(70, source(), |item| item).take(4).eq([
            Ok(0),
            Ok(1),
            Ok(2),
            Err(Lost(73))
        ]));
    }
}
