//! The window of a stage: places for results. They are given out in input order, filled in any order, and
//! emptied in input order.
//!
//! The worker that has the turn holds the next place, takes the item for it, and passes the turn on. There
//! are never more places than the limit: while all are taken, nobody has the turn. A ticket fills its place
//! once. If it is dropped unused, its place is lost, so nobody waits for it for ever. We wake a thread only
//! if it can go on: for small frames, wake-ups cost more than everything else here.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The way in.
pub struct Window<T> {
    limit: usize,
    state: Mutex<State<T>>,
    turn_is_free: Condvar,
    first_is_done: Condvar,
}

/// The way out. Once it is dropped there are no more turns.
pub struct Results<T>(Arc<Window<T>>);

/// The right to fill one place.
pub struct Ticket<T> {
    /// `None` once it is used.
    place: Option<u64>,
    has_turn: bool,
    window: Arc<Window<T>>,
}

/// The ticket was dropped, so there is no result.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost;

struct State<T> {
    /// The places from the first result that has not been fetched.
    places: VecDeque<Place<T>>,
    /// The number of the first place.
    first: u64,
    turn_is_taken: bool,
    /// How many workers wait for the turn, and whether one of them has been woken for it.
    waiting: usize,
    one_is_woken: bool,
    fetcher_waits: bool,
    /// There are no more turns.
    is_closed: bool,
    /// There are no more results either, though some were to come.
    is_cut_off: bool,
}

enum Place<T> {
    Open,
    Done(Result<T, Lost>),
}

/// A window of `limit` places.
pub fn open<T>(limit: usize) -> (Arc<Window<T>>, Results<T>) {
    let window = Arc::new(Window {
        limit,
        state: Mutex::new(State {
            places: VecDeque::new(),
            first: 0,
            turn_is_taken: false,
            waiting: 0,
            one_is_woken: false,
            fetcher_waits: false,
            is_closed: false,
            is_cut_off: false,
        }),
        turn_is_free: Condvar::new(),
        first_is_done: Condvar::new(),
    });
    (Arc::clone(&window), Results(window))
}

impl<T> Window<T> {
    /// Waits for the turn; `None` if there are no more. The ticket holds the turn until it is passed on.
    pub fn turn(self: &Arc<Self>) -> Option<Ticket<T>> {
        let mut state = self.lock();
        while !state.is_closed && (state.turn_is_taken || state.places.len() >= self.limit) {
            state.waiting += 1;
            state = self.turn_is_free.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.is_closed {
            return None;
        }
        (state.turn_is_taken, state.one_is_woken) = (true, false);
        let place = state.first + state.places.len() as u64;
        state.places.push_back(Place::Open);
        Some(Ticket { place: Some(place), has_turn: true, window: Arc::clone(self) })
    }

    /// There are no more turns.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.turn_is_free.notify_all();
        self.first_is_done.notify_one();
    }

    /// There are no more turns, and nobody waits for results any more. Those that have not been fetched are
    /// dropped.
    pub fn cut_off(&self) {
        let mut state = self.lock();
        state.is_cut_off |= !state.is_closed || !state.places.is_empty();
        drop(state);
        self.close();
    }

    /// Unlocks. If the turn is free, wakes one worker that waits for it.
    fn offer_turn(&self, mut state: MutexGuard<'_, State<T>>) {
        let is_free = !state.turn_is_taken && state.places.len() < self.limit;
        let wakes = is_free && state.waiting > 0 && !mem::replace(&mut state.one_is_woken, true);
        drop(state);
        if wakes {
            self.turn_is_free.notify_one();
        }
    }

    fn put(&self, place: u64, result: Result<T, Lost>) {
        let mut state = self.lock();
        // It is still open, so it has not been fetched.
        #[expect(clippy::cast_possible_truncation, reason = "less than the places there are")]
        let index = (place - state.first) as usize;
        state.places[index] = Place::Done(result);
        let wakes = index == 0 && mem::take(&mut state.fetcher_waits);
        drop(state);
        if wakes {
            self.first_is_done.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Ticket<T> {
    /// Its item has been taken: passes the turn on.
    pub fn pass_turn(&mut self) {
        if mem::take(&mut self.has_turn) {
            let mut state = self.window.lock();
            state.turn_is_taken = false;
            self.window.offer_turn(state);
        }
    }

    /// There is no item for it, so there are none later.
    pub fn give_back(mut self) {
        // This ticket has the turn, so its place is the last one.
        if self.has_turn && self.place.take().is_some() {
            self.window.lock().places.pop_back();
        }
        self.window.close();
    }

    pub fn fill(mut self, result: T) {
        if let Some(place) = self.place.take() {
            self.window.put(place, Ok(result));
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.window.put(place, Err(Lost));
        }
        self.pass_turn();
    }
}

impl<T> Results<T> {
    pub fn window(&self) -> Arc<Window<T>> {
        Arc::clone(&self.0)
    }

    /// Whether the last result is not the last that was to come.
    pub fn is_cut_off(&self) -> bool {
        self.0.lock().is_cut_off
    }
}

impl<T> Iterator for Results<T> {
    type Item = Result<T, Lost>;

    /// Waits for the next result; `None` after the last one, or after `cut_off`.
    fn next(&mut self) -> Option<Result<T, Lost>> {
        let window = &self.0;
        let mut state = window.lock();
        while !state.is_cut_off {
            match state.places.pop_front() {
                Some(Place::Done(result)) => {
                    state.first += 1;
                    window.offer_turn(state);
                    return Some(result);
                }
                Some(Place::Open) => state.places.push_front(Place::Open),
                None if state.is_closed => return None,
                None => {}
            }
            state.fetcher_waits = true;
            state = window.first_is_done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
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
    use std::iter;
    use std::thread;

    fn ticket<T>(window: &Arc<Window<T>>) -> Option<Ticket<T>> {
        let mut ticket = window.turn()?;
        ticket.pass_turn();
        Some(ticket)
    }

    #[test]
    fn results_come_out_in_the_order_of_their_tickets() {
        let (window, results) = open(3);
        let tickets: Vec<_> = iter::from_fn(|| ticket(&window)).take(3).collect();
        for (result, ticket) in tickets.into_iter().enumerate().rev() {
            ticket.fill(result);
        }
        window.close();
        let fetched: Vec<_> = results.collect();
        assert_eq!(fetched, [Ok(0), Ok(1), Ok(2)]);
    }

    #[test]
    fn an_unused_ticket_is_a_lost_result_and_passes_the_turn_on() {
        let (window, mut results) = open(2);
        drop(window.turn());
        ticket(&window).unwrap().fill(2);
        assert_eq!(results.next(), Some(Err(Lost)));
        assert_eq!(results.next(), Some(Ok(2)));
    }

    #[test]
    fn a_ticket_without_an_item_leaves_no_result() {
        let (window, mut results) = open(2);
        let first = ticket(&window).unwrap();
        window.turn().unwrap().give_back();
        assert!(window.turn().is_none());
        first.fill(1);
        assert_eq!(results.next(), Some(Ok(1)));
        assert_eq!(results.next(), None);
    }

    /// Many threads for few places: a wake-up that is missing would show as a test that hangs.
    #[test]
    fn there_are_never_more_places_than_the_limit_and_nobody_is_forgotten() {
        let (window, results) = open(2);
        let items = Arc::new(Mutex::new(0..20_000));
        let worker = || {
            let (window, items) = (Arc::clone(&window), Arc::clone(&items));
            thread::spawn(move || {
                while let Some(mut ticket) = window.turn() {
                    let Some(item) = items.lock().unwrap().next() else {
                        return ticket.give_back();
                    };
                    ticket.pass_turn();
                    assert!(window.lock().places.len() <= 2);
                    ticket.fill(item);
                }
            })
        };
        let workers: Vec<_> = iter::repeat_with(worker).take(8).collect();
        let fetched = results.map(|result| result.unwrap());
        assert!(fetched.eq(0..20_000));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }

    #[test]
    fn a_window_that_is_cut_off_gives_no_result_and_says_so() {
        let (window, mut results) = open(3);
        let (first, second) = (ticket(&window).unwrap(), ticket(&window).unwrap());
        second.fill(2);
        let cut = Arc::clone(&window);
        let cutter = thread::spawn(move || {
            while !cut.lock().fetcher_waits {
                thread::yield_now();
            }
            cut.cut_off();
        });
        assert_eq!((results.next(), results.is_cut_off()), (None, true));
        cutter.join().unwrap();
        assert!(window.turn().is_none());
        first.fill(1);
        assert_eq!(results.next(), None);
    }

    #[test]
    fn a_window_whose_last_result_was_fetched_cannot_be_cut_off() {
        let (window, mut results) = open(2);
        ticket(&window).unwrap().fill(1);
        window.turn().unwrap().give_back();
        assert_eq!(results.next(), Some(Ok(1)));
        window.cut_off();
        assert_eq!((results.next(), results.is_cut_off()), (None, false));
    }

    #[test]
    fn nobody_waits_for_a_turn_once_nobody_fetches() {
        let (window, results) = open::<()>(1);
        let ticket = ticket(&window);
        let waiting = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.turn().is_none())
        };
        drop(results);
        assert!(waiting.join().unwrap());
        drop(ticket);
    }
}
