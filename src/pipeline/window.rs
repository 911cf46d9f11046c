//! The window of a stage: a line of places for results, in the order of the items, filled in any order.
//!
//! A worker that takes items holds the lock of their source, so one at a time reserves a place, and places have the
//! order of the items. It waits for room without that lock: of the workers that wait, one is woken for each place, and
//! finds the lock free. There are never more places than the limit. Every place is filled: by a panic with `Lost`, so
//! nobody waits for it for ever. We wake a thread only if it can go on: for small frames, wake-ups cost more than
//! everything else here.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex};

use crate::lock::{lock, wait};

/// The way in.
pub struct Window<T> {
    limit: usize,
    state: Mutex<State<T>>,
    has_room: Condvar,
    first_is_filled: Condvar,
}

/// The way out: the results in the order of the items. Once it is dropped, no more places are given out.
pub struct Results<T>(Arc<Window<T>>);

struct State<T> {
    /// The places from the first result that has not been fetched. `None`: a worker is busy with it.
    places: VecDeque<Option<T>>,
    /// The number of the first place. It wraps: --skip may be the greatest number.
    first: u64,
    /// The workers that wait for room and have not been woken.
    takers: usize,
    fetcher_waits: bool,
    /// No more places are given out.
    is_closed: bool,
}

impl<T> Window<T> {
    /// At most `limit` places, whose numbers go up from `first`.
    pub fn new(first: u64, limit: usize) -> Arc<Self> {
        let state = State {
            places: VecDeque::new(),
            first,
            takers: 0,
            fetcher_waits: false,
            is_closed: false,
        };
        let (has_room, first_is_filled) = (Condvar::new(), Condvar::new());
        Arc::new(Window { limit, state: Mutex::new(state), has_room, first_is_filled })
    }

    /// The way out, once.
    pub fn results(self: &Arc<Self>) -> Results<T> {
        Results(Arc::clone(self))
    }

    /// Reserves the next place, and returns its number; `None`: there is no room. The caller holds the source's lock.
    pub fn reserve(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        if state.is_closed || state.places.len() >= self.limit {
            return None;
        }
        let place = state.first.wrapping_add(state.places.len() as u64);
        state.places.push_back(None);
        Some(place)
    }

    /// Waits for room; `false` if no more places are given out.
    pub fn wait_for_room(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.is_closed && state.places.len() >= self.limit {
            state.takers += 1;
            state = wait(&self.has_room, state);
        }
        !state.is_closed
    }

    /// There is no item for the place that was reserved last, so there are none later. The caller still holds the
    /// source's lock.
    pub fn give_back(&self) {
        let mut state = lock(&self.state);
        if !state.is_closed {
            state.places.pop_back();
        }
        drop(state);
        self.close();
    }

    /// Fills a place that was reserved, once.
    pub fn fill(&self, place: u64, result: T) {
        let mut state = lock(&self.state);
        // It is there, as long as the window was not cut off.
        let index = usize::try_from(place.wrapping_sub(state.first)).unwrap_or(usize::MAX);
        let Some(empty) = state.places.get_mut(index) else { return };
        *empty = Some(result);
        let wakes = index == 0 && mem::take(&mut state.fetcher_waits);
        drop(state);
        if wakes {
            self.first_is_filled.notify_one();
        }
    }

    /// No more places are given out.
    pub fn close(&self) {
        lock(&self.state).is_closed = true;
        self.has_room.notify_all();
        self.first_is_filled.notify_one();
    }

    /// Closes the window, and puts `last` in the place of all results that are not fetched, or were to come.
    pub fn cut_off(&self, last: T) {
        let mut state = lock(&self.state);
        if !state.is_closed || !state.places.is_empty() {
            state.first = state.first.wrapping_add(state.places.len() as u64);
            state.places.clear();
            state.places.push_back(Some(last));
            state.is_closed = true;
        }
        drop(state);
        self.close();
    }
}

impl<T> Iterator for Results<T> {
    type Item = T;

    /// Waits for the next result; `None` after the last one.
    fn next(&mut self) -> Option<T> {
        let window = &self.0;
        let mut state = lock(&window.state);
        loop {
            if let Some(result) = state.places.front_mut().and_then(Option::take) {
                state.places.pop_front();
                state.first = state.first.wrapping_add(1);
                let wakes = state.takers > 0;
                state.takers -= usize::from(wakes);
                drop(state);
                if wakes {
                    window.has_room.notify_one();
                }
                return Some(result);
            }
            if state.is_closed && state.places.is_empty() {
                return None;
            }
            state.fetcher_waits = true;
            state = wait(&window.first_is_filled, state);
        }
    }
}

impl<T> Drop for Results<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn results_come_out_in_the_order_of_their_places() {
        let window = Window::new(0, 3);
        let results = window.results();
        let places = [(); 3].map(|()| window.reserve().unwrap());
        for place in places.into_iter().rev() {
            window.fill(place, place);
        }
        window.close();
        assert!(results.eq([0, 1, 2]));
    }

    #[test]
    fn a_place_without_an_item_leaves_no_result() {
        let window = Window::new(0, 2);
        let mut results = window.results();
        let first = window.reserve().unwrap();
        window.reserve().unwrap();
        window.give_back();
        assert_eq!(window.reserve(), None);
        window.fill(first, 1);
        assert_eq!((results.next(), results.next()), (Some(1), None));
    }

    /// Many threads for few places: a wake-up that is missing would show as a test that hangs.
    #[test]
    fn there_are_never_more_places_than_the_limit_and_nobody_is_forgotten() {
        let window = Window::new(0, 2);
        let results = window.results();
        let items = Arc::new(Mutex::new(0..20_000));
        let worker = |_| {
            let (window, items) = (Arc::clone(&window), Arc::clone(&items));
            thread::spawn(move || {
                loop {
                    let mut items = items.lock().unwrap();
                    let Some(place) = window.reserve() else {
                        drop(items);
                        if window.wait_for_room() { continue } else { return }
                    };
                    let Some(item) = items.next() else { return window.give_back() };
                    drop(items);
                    assert!(lock(&window.state).places.len() <= 2);
                    window.fill(place, item);
                }
            })
        };
        let workers: Vec<_> = (0..8).map(worker).collect();
        assert!(results.eq(0..20_000));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }

    #[test]
    fn a_window_that_is_cut_off_gives_the_last_result_alone_and_keeps_nobody() {
        let window = Window::new(0, 3);
        let mut results = window.results();
        let (first, second) = (window.reserve().unwrap(), window.reserve().unwrap());
        window.fill(second, 2);
        let cut = Arc::clone(&window);
        let cutter = thread::spawn(move || {
            while !lock(&cut.state).fetcher_waits {
                thread::yield_now();
            }
            cut.cut_off(77);
        });
        assert_eq!((results.next(), results.next()), (Some(77), None));
        cutter.join().unwrap();
        assert_eq!(window.reserve(), None);
        window.fill(first, 1);
        assert_eq!(results.next(), None);
    }

    #[test]
    fn a_source_that_ends_after_the_window_was_cut_off_takes_nothing_back() {
        let window = Window::new(0, 3);
        window.reserve();
        window.cut_off(77);
        window.give_back();
        assert!(window.results().eq([77]));
    }

    #[test]
    fn a_window_whose_last_result_was_fetched_cannot_be_cut_off() {
        let window = Window::new(0, 2);
        let mut results = window.results();
        let place = window.reserve().unwrap();
        window.fill(place, 1);
        window.reserve();
        window.give_back();
        assert_eq!(results.next(), Some(1));
        window.cut_off(77);
        assert_eq!(results.next(), None);
    }

    #[test]
    fn nobody_waits_for_a_place_once_nobody_fetches() {
        let window = Window::<()>::new(0, 1);
        let results = window.results();
        window.reserve();
        let own = Arc::clone(&window);
        let waiting = thread::spawn(move || own.wait_for_room());
        drop(results);
        assert!(!waiting.join().unwrap());
    }
}
