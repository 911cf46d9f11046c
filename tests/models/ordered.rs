//! The ordered map: each item is worked on once, its result has its place, and no worker stays behind.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use world::ordered::map;
use world::window::{Lost, Results};
use world::{check, thread};

use crate::switch;

/// What goes wrong on purpose.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// The source panics at this item.
    source: Option<usize>,
    /// The work on this item panics.
    work: Option<usize>,
}

/// A stage of numbers: at most `workers` at work, never more than `limit` items ahead.
struct Stage {
    results: Results<usize>,
    wanted: Arc<AtomicUsize>,
}

impl Stage {
    fn start(workers: usize, limit: usize, items: usize, trouble: Trouble) -> Self {
        let (at_work, is_read) = (AtomicUsize::new(0), AtomicBool::new(false));
        let wanted = Arc::new(AtomicUsize::new(0));
        let (most, mut next) = (Arc::clone(&wanted), 0);
        let source = move || {
            assert!(!is_read.swap(true, Relaxed), "two read");
            switch();
            is_read.store(false, Relaxed);
            let item = next;
            next += 1;
            if trouble.source == Some(item) {
                panic();
            }
            (item < items).then(|| {
                assert!(item < most.load(Relaxed) + limit, "item {item} is too far ahead");
                item
            })
        };
        let work = move |item| {
            assert!(at_work.fetch_add(1, Relaxed) < workers, "too many work");
            switch();
            at_work.fetch_sub(1, Relaxed);
            if trouble.work == Some(item) {
                panic();
            }
            item
        };
        Stage { results: map("stage", workers, limit, source, work).unwrap(), wanted }
    }

    fn next(&mut self) -> Option<Result<usize, Lost>> {
        self.wanted.fetch_add(1, Relaxed);
        self.results.next()
    }

    fn all(mut self) -> Vec<Result<usize, Lost>> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

/// A panic that the hook of the checker does not take for a failure of the model.
fn panic() -> ! {
    resume_unwind(Box::new(()))
}

#[test]
fn each_item_has_its_result_in_its_place() {
    check(|| {
        // With more places than workers: a worker too many would find one.
        let stage = Stage::start(2, 4, 5, Trouble::default());
        assert_eq!(stage.all(), [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
    });
}

#[test]
fn work_that_panics_loses_its_result_alone() {
    check(|| {
        let stage = Stage::start(2, 2, 4, Trouble { work: Some(1), ..Trouble::default() });
        assert_eq!(stage.all(), [Ok(0), Err(Lost), Ok(2), Ok(3)]);
    });
}

#[test]
fn a_source_that_panics_ends_the_results_with_a_lost_one() {
    check(|| {
        let stage = Stage::start(3, 3, 4, Trouble { source: Some(2), ..Trouble::default() });
        assert_eq!(stage.all(), [Ok(0), Ok(1), Err(Lost)]);
    });
}

#[test]
fn the_workers_that_the_system_has_threads_for_are_enough() {
    check(|| {
        thread::allow(2);
        let stage = Stage::start(4, 4, 5, Trouble::default());
        thread::allow(0);
        assert_eq!(stage.all(), [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
    });
}

#[test]
fn workers_end_once_nobody_fetches() {
    check(|| {
        let mut stage = Stage::start(3, 2, 9, Trouble::default());
        assert_eq!(stage.next(), Some(Ok(0)));
    });
}

#[test]
fn two_stages_in_a_row_keep_the_order() {
    check(|| {
        let mut first = Stage::start(2, 2, 4, Trouble::default());
        let source = move || first.next();
        let work = |item: Result<usize, Lost>| item.unwrap() * 2;
        let second = map("second", 2, 3, source, work).unwrap();
        assert!(second.eq([Ok(0), Ok(2), Ok(4), Ok(6)]));
    });
}

/// The way back: when the last stage is not wanted any more, neither is the first one.
#[test]
fn a_stage_whose_results_nobody_fetches_lets_the_one_before_it_go() {
    check(|| {
        let mut first = Stage::start(2, 2, 9, Trouble::default());
        let mut second = map("second", 2, 2, move || first.next(), |item| item).unwrap();
        assert_eq!(second.next(), Some(Ok(Ok(0))));
    });
}
