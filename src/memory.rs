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

use crate::lock::{lock, wait_for};

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    let needed = bytes.len().saturating_add(more);
    let error = || io::Error::new(ErrorKind::OutOfMemory, format!("no memory for {needed} bytes"));
    bytes.try_reserve_exact(more).map_err(|_| error())
}

/// The bytes that responses hold from their frames' attempts to their lines. A frame that asks for more than is left waits
/// until lines are out; the frame whose line is next never does, so lines go on. That frame may have to wait for the end of
/// another one's attempt, for a descriptor of ours or a worker of the server's: so once in a while the
/// lowest goes on without room, if the next line's answer does not come.
pub struct Budget {
    limit: usize,
    /// How long the next line's answer is waited for until another frame goes on.
    patience: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Frames up to this one never wait: it is the one whose line is next, or a later one that is let go on.
    free: u64,
    /// Since when the answer for the next line is waited for; `None` while a line is being written.
    awaited: Option<Instant>,
    /// Of each frame whose response is being received, or is there.
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
    pub fn new(limit: usize, patience: Duration) -> Self {
        Budget { limit, patience, state: Mutex::default(), changed: Condvar::new() }
    }

    /// That of this frame's attempt.
    pub fn share(&self, frame: u64) -> Share<'_> {
        Share { budget: self, frame }
    }

    /// Fetches the answer of this frame. The lines of all before it are out.
    pub fn fetching<T>(&self, frame: u64, fetch: impl FnOnce() -> T) -> T {
        self.change(|state| {
            state.free = state.free.max(frame);
            state.awaited = Some(Instant::now());
            while let Some(held) = state.held.first_entry().filter(|held| *held.key() < frame) {
                state.total -= held.remove();
            }
        });
        let answer = fetch();
        lock(&self.state).awaited = None;
        answer
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

    fn may_hold(&mut self, frame: u64, bytes: usize, budget: &Budget) -> bool {
        let is_overdue = self.awaited.is_some_and(|since| since.elapsed() >= budget.patience);
        if is_overdue && self.waiting.first() == Some(&frame) {
            (self.free, self.awaited) = (frame, Some(Instant::now()));
        }
        let others = self.total - self.held.get(&frame).unwrap_or(&0);
        frame <= self.free || others + bytes <= budget.limit
    }
}

impl Share<'_> {
    /// Waits until the frame may hold this many bytes. Returns how long that took.
    pub fn grow(&self, bytes: usize) -> Duration {
        let Share { budget, frame } = *self;
        let begin = Instant::now();
        let mut state = lock(&budget.state);
        while !state.may_hold(frame, bytes, budget) {
            state.waiting.insert(frame);
            state = wait_for(&budget.changed, state, budget.patience);
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
        let budget = Budget::new(10, Duration::MAX);
        budget.fetching(4, || ());
        let [first, second, third] = [4, 5, 6].map(|frame| budget.share(frame));
        assert!(!waits(&budget, &third, 10, || ()));
        assert!(!waits(&budget, &first, 100, || ()));
        // Of the second the budget is too small for one byte, until both others have left.
        let end = || {
            first.keep(7);
            drop(third);
            budget.fetching(5, || ());
        };
        assert!(waits(&budget, &second, 1, end));
        second.keep(3);
        budget.fetching(9, || ());
        assert_eq!(lock(&budget.state).total, 0);
    }

    #[test]
    fn the_lowest_frame_goes_on_if_the_answer_for_the_next_line_does_not_come() {
        let budget = Budget::new(10, Duration::from_millis(1));
        // One comes from the end of another's attempt.
        budget.fetching(0, || [1, 2].map(|frame| budget.share(frame).grow(20)));
        assert_eq!(lock(&budget.state).free, 2);
        // A line that nobody reads is no reason.
        assert!(lock(&budget.state).awaited.is_none());
    }
}
