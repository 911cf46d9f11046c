//! Memory for a size that the input or the server decides: a frame, a body, a response.
//!
//! A `Vec` that can't grow ends the process. Such a size may be larger than the machine, so its memory is asked for
//! here, and a refusal is an error that names the size. All other memory is small, or as large as what was had here.
//!
//! What all responses of a run hold together has a limit, the `Budget`, as a server decides the size of each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lock::{lock, wait};

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    let needed = bytes.len().saturating_add(more);
    let error = || io::Error::new(ErrorKind::OutOfMemory, format!("no memory for {needed} bytes"));
    bytes.try_reserve_exact(more).map_err(|_| error())
}

/// The bytes that responses hold from their frames' attempts to their lines. A frame that asks for more than is left waits
/// until lines are out; the frame whose line is next never does, so lines go on.
pub struct Budget {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The frame whose line is next.
    next: u64,
    /// Of each frame that has an attempt under way, or has been answered.
    held: BTreeMap<u64, usize>,
    total: usize,
    /// Frames that ask for more.
    waiting: BTreeSet<u64>,
}

/// A frame's part of the budget. Dropping it gives it back.
pub struct Share<'a> {
    budget: &'a Budget,
    frame: u64,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Budget { limit, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Begins an attempt of this frame.
    pub fn share(&self, frame: u64) -> Share<'_> {
        lock(&self.state).set(frame, 0);
        Share { budget: self, frame }
    }

    /// The lines of all frames before this one are out.
    pub fn line_is_next(&self, frame: u64) {
        self.change(|state| {
            state.next = frame;
            while let Some(held) = state.held.first_entry().filter(|held| *held.key() < frame) {
                state.total -= held.remove();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        if !state.waiting.is_empty() {
            self.changed.notify_all();
        }
    }
}

impl State {
    fn set(&mut self, frame: u64, bytes: usize) {
        self.total = self.total + bytes - self.held.insert(frame, bytes).unwrap_or(0);
    }

    /// If the frame whose line is next has no attempt under way, that may have to wait for the end of another one: so the
    /// lowest frame goes on.
    fn may_hold(&self, frame: u64, bytes: usize, limit: usize) -> bool {
        let others = self.total - self.held.get(&frame).unwrap_or(&0);
        let is_lowest = self.waiting.first().is_none_or(|&lowest| frame <= lowest);
        frame <= self.next
            || others + bytes <= limit
            || is_lowest && !self.held.contains_key(&self.next)
    }
}

impl Share<'_> {
    /// Waits until the frame may hold this many bytes. Returns how long that took.
    pub fn grow(&self, bytes: usize) -> Duration {
        let Share { budget, frame } = *self;
        let begin = Instant::now();
        let mut state = lock(&budget.state);
        while !state.may_hold(frame, bytes, budget.limit) {
            state.waiting.insert(frame);
            state = wait(&budget.changed, state);
        }
        state.waiting.remove(&frame);
        state.set(frame, bytes);
        begin.elapsed()
    }

    /// The frame is answered: it holds this many bytes until its line is out.
    pub fn keep(self, bytes: usize) {
        self.budget.change(|state| state.set(self.frame, bytes));
        std::mem::forget(self);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.change(|state| state.total -= state.held.remove(&self.frame).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_had_is_refused_with_its_size() {
        let mut bytes = vec![1, 2, 3];
        let error = reserve(&mut bytes, usize::MAX / 2).unwrap_err();
        assert_eq!(error.to_string(), format!("no memory for {} bytes", 3 + usize::MAX / 2));
        assert_eq!(bytes, [1, 2, 3]);
        reserve(&mut bytes, 100).unwrap();
        assert!(bytes.capacity() >= 103);
    }

    /// Whether the frame has to wait for these bytes, until `end` has been called.
    fn waits(budget: &Budget, share: &Share, bytes: usize, end: impl FnOnce()) -> bool {
        let is_waiting = || lock(&budget.state).waiting.contains(&share.frame);
        std::thread::scope(|scope| {
            let growing = scope.spawn(|| share.grow(bytes));
            while !growing.is_finished() && !is_waiting() {
                std::thread::yield_now();
            }
            let waits = is_waiting();
            end();
            growing.join().unwrap();
            waits
        })
    }

    #[test]
    fn a_frame_waits_for_room_until_a_line_is_out_but_the_next_line_is_never_held_up() {
        let budget = Budget::new(10);
        budget.line_is_next(4);
        let [first, second, third] = [4, 5, 6].map(|frame| budget.share(frame));
        assert!(!waits(&budget, &third, 10, || ()));
        assert!(!waits(&budget, &first, 100, || ()));
        // Of the second the budget is too small for one byte, until both others have left.
        let end = || {
            first.keep(7);
            drop(third);
            budget.line_is_next(5);
        };
        assert!(waits(&budget, &second, 1, end));
        second.keep(3);
        budget.line_is_next(9);
        assert_eq!(lock(&budget.state).total, 0);
    }

    #[test]
    fn a_frame_that_waits_for_the_end_of_an_attempt_is_not_waited_for() {
        let budget = Budget::new(10);
        let shares = [1, 2, 3].map(|frame| budget.share(frame));
        let [first, second, third] = &shares;
        // Frame 0 has no attempt under way.
        assert!(!waits(&budget, first, 20, || ()));
        let zeroth = budget.share(0);
        // Another answer is waited for, but that of frame 0 fails.
        assert!(waits(&budget, second, 20, || drop(zeroth)));
        budget.line_is_next(2);
        assert!(waits(&budget, third, 20, || budget.line_is_next(3)));
    }
}
