//! The window: order, limit, and nobody who waits for ever.

use std::sync::Arc;
// What a model notes is no part of it: no other thread goes on there.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use world::window::{self, Lost, Results, Window};
use world::{check, check_all, thread};

use crate::{join, spawn, switch};

/// The items of a stage and what its workers have done with them.
struct Items {
    window: Arc<Window<usize>>,
    limit: usize,
    number: usize,
    taken: AtomicUsize,
    /// Results that were asked for.
    wanted: AtomicUsize,
    has_turn: AtomicBool,
}

impl Items {
    fn open(limit: usize, number: usize) -> (Arc<Items>, Results<usize>) {
        let (window, results) = window::open(limit);
        let (taken, wanted, has_turn) = Default::default();
        (Arc::new(Items { window, limit, number, taken, wanted, has_turn }), results)
    }

    /// A worker, until there are no more turns or items. Each result is its item; `is_dropped`: no result.
    fn work(&self, is_dropped: fn(usize) -> bool) {
        while let Some(mut ticket) = self.window.turn() {
            let Some(item) = self.take() else { return ticket.give_back() };
            ticket.pass_turn();
            switch();
            match is_dropped(item) {
                true => drop(ticket),
                false => ticket.fill(item),
            }
        }
    }

    fn take(&self) -> Option<usize> {
        assert!(!self.has_turn.swap(true, Relaxed), "two have the turn");
        switch();
        let item = self.taken.load(Relaxed);
        if item < self.number {
            self.taken.store(item + 1, Relaxed);
            let most = self.wanted.load(Relaxed) + self.limit;
            assert!(item < most, "{} places of {most}", item + 1);
        }
        self.has_turn.store(false, Relaxed);
        (item < self.number).then_some(item)
    }

    fn next(&self, results: &mut Results<usize>) -> Option<Result<usize, Lost>> {
        self.wanted.fetch_add(1, Relaxed);
        results.next()
    }

    /// The results to the last one: each is its item, up to where the window was cut off.
    fn fetch(&self, mut results: Results<usize>) -> usize {
        let mut fetched = 0;
        while let Some(result) = self.next(&mut results) {
            assert_eq!(result, Ok(fetched));
            fetched += 1;
        }
        assert!(fetched == self.number || results.is_cut_off());
        fetched
    }
}

fn never(_: usize) -> bool {
    false
}

#[test]
fn results_come_in_order_and_all_of_them() {
    check(|| {
        let (items, results) = Items::open(2, 4);
        let shared = Arc::clone(&items);
        let workers = spawn(3, move |_| shared.work(never));
        assert_eq!(items.fetch(results), 4);
        join(workers);
    });
}

#[test]
fn results_come_in_order_and_all_of_them_under_all_schedules() {
    check_all(|| {
        let (items, results) = Items::open(1, 1);
        let shared = Arc::clone(&items);
        let worker = spawn(1, move |_| shared.work(never));
        assert_eq!(items.fetch(results), 1);
        join(worker);
    });
}

#[test]
fn a_ticket_that_is_dropped_is_a_lost_result_and_holds_nobody_up() {
    check(|| {
        let (items, mut results) = Items::open(2, 4);
        let shared = Arc::clone(&items);
        let workers = spawn(3, move |_| shared.work(|item| item % 2 == 1));
        for expected in [Ok(0), Err(Lost), Ok(2), Err(Lost)] {
            assert_eq!(items.next(&mut results), Some(expected));
        }
        assert_eq!(items.next(&mut results), None);
        join(workers);
    });
}

/// As that of a worker whose source has panicked.
#[test]
fn a_ticket_that_is_dropped_with_the_turn_passes_it_on() {
    check(|| {
        let (window, results) = window::open::<usize>(2);
        let shared = Arc::clone(&window);
        let workers = spawn(3, move |index| match index {
            0 => drop(shared.turn()),
            _ => {
                if let Some(mut ticket) = shared.turn() {
                    ticket.pass_turn();
                    ticket.fill(1);
                }
            }
        });
        let (lost, filled): (Vec<_>, Vec<_>) = results.take(3).partition(Result::is_err);
        assert_eq!((lost.len(), filled.len()), (1, 2));
        join(workers);
    });
}

#[test]
fn nobody_waits_for_a_turn_once_nobody_fetches() {
    check(|| {
        let (items, mut results) = Items::open(2, 6);
        let shared = Arc::clone(&items);
        let workers = spawn(3, move |_| shared.work(never));
        assert_eq!(items.next(&mut results), Some(Ok(0)));
        drop(results);
        join(workers);
    });
}

#[test]
fn a_window_that_is_cut_off_keeps_nobody() {
    check(|| {
        let (items, results) = Items::open(2, 4);
        let shared = Arc::clone(&items);
        let workers = spawn(2, move |_| shared.work(never));
        let window = results.window();
        let cutter = thread::spawn(move || window.cut_off());
        // Whether it was in time is for the schedule to say; `fetch` holds both to it.
        items.fetch(results);
        cutter.join().unwrap();
        join(workers);
    });
}

/// As where stdin has nothing more to give and does not end.
#[test]
fn a_worker_that_is_stuck_with_the_turn_keeps_nobody_once_the_window_is_cut_off() {
    check(|| {
        let (window, results) = window::open::<usize>(2);
        let shared = Arc::clone(&window);
        let stuck = thread::spawn(move || {
            let ticket = shared.turn();
            thread::park();
            drop(ticket);
        });
        let shared = Arc::clone(&window);
        let waiting = spawn(2, move |_| drop(shared.turn()));
        let cut = Arc::clone(&window);
        let cutter = thread::spawn(move || cut.cut_off());
        results.for_each(|lost| assert_eq!(lost, Err(Lost)));
        join(waiting);
        cutter.join().unwrap();
        stuck.thread().unpark();
        stuck.join().unwrap();
    });
}
