//! Memory for a size that the input or the server decides: a frame, a body, a response.
//!
//! A `Vec` that can't grow ends the process. Such a size may be larger than the machine, so its memory is asked for
//! here, and a refusal is an error that names the size. All other memory is small, or as large as what was had here.
//!
//! What all responses of a run hold together has a limit, the `Budget`, as a server decides the size of each.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lock::{lock, wait_for};

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    let needed = bytes.len().saturating_add(more);
    let error = || io::Error::new(ErrorKind::OutOfMemory, format!("no memory for {needed} bytes"));
    bytes.try_reserve_exact(more).map_err(|_| error())
}

/// The bytes that long responses hold, until their lines are out. One that asks for more than is left waits for others to
/// go; that of the frame whose line is next never does, so lines go on. That frame may have to wait for the end of another
/// one's attempt, for a descriptor of ours or a worker of the server's: so once in a while one goes on without room, if
/// the next line's answer does not come.
pub struct Budget {
    limit: usize,
    /// How long the next line's answer is waited for until another frame goes on.
    patience: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The frame whose line is next.
    next: u64,
    /// Since when its answer is waited for; `None` while a line is being written.
    awaited: Option<Instant>,
    held: usize,
    /// Responses that ask for more.
    waiting: usize,
}

/// A response's part of the budget. Dropping it gives it back.
pub struct Share {
    budget: Arc<Budget>,
    frame: u64,
    bytes: usize,
    goes_on: bool,
}

impl Budget {
    pub fn new(limit: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Budget { limit, patience, state: Mutex::default(), changed: Condvar::new() })
    }

    /// That of a response to this frame: nothing yet.
    pub fn share(self: &Arc<Self>, frame: u64) -> Share {
        Share { budget: Arc::clone(self), frame, bytes: 0, goes_on: false }
    }

    /// Fetches the answer of this frame. The lines of all before it are out.
    pub fn fetching<T>(&self, frame: u64, fetch: impl FnOnce() -> T) -> T {
        self.change(|state| (state.next, state.awaited) = (frame, Some(Instant::now())));
        let answer = fetch();
        lock(&self.state).awaited = None;
        answer
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }
}

impl Share {
    /// Waits until the response may hold this many bytes, which are more than before. Returns how long that took.
    pub fn grow(&mut self, bytes: usize) -> Duration {
        let (begin, more, patience) = (Instant::now(), bytes - self.bytes, self.budget.patience);
        let mut state = lock(&self.budget.state);
        while !self.goes_on && self.frame > state.next && state.held + more > self.budget.limit {
            if state.awaited.is_some_and(|since| since.elapsed() >= patience) {
                state.awaited = Some(Instant::now());
                self.goes_on = true;
            } else {
                state.waiting += 1;
                state = wait_for(&self.budget.changed, state, patience);
                state.waiting -= 1;
            }
        }
        state.held += more;
        self.bytes = bytes;
        begin.elapsed()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Most responses are short, and have asked for nothing.
        if self.bytes > 0 {
            self.budget.change(|state| state.held -= self.bytes);
        }
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

    /// Whether the response has to wait for these bytes, until `end` has been called.
    fn waits(budget: &Budget, share: &mut Share, bytes: usize, end: impl FnOnce()) -> bool {
        let is_waiting = || lock(&budget.state).waiting > 0;
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
        let [mut first, mut second, mut third] = [4, 5, 6].map(|frame| budget.share(frame));
        assert!(!waits(&budget, &mut third, 10, || ()));
        assert!(!waits(&budget, &mut first, 100, || ()));
        // There is not one byte for the second, until both others have left.
        let end = || {
            drop(third);
            drop(first);
        };
        assert!(waits(&budget, &mut second, 1, end));
        let mut third = budget.share(6);
        assert!(waits(&budget, &mut third, 10, || budget.fetching(6, || ())));
        drop([second, third]);
        assert_eq!(lock(&budget.state).held, 0);
    }

    #[test]
    fn a_frame_goes_on_without_room_if_the_answer_for_the_next_line_does_not_come() {
        let budget = Budget::new(10, Duration::from_millis(1));
        // One comes from the end of another's attempt.
        let shares = budget.fetching(0, || {
            [1, 2].map(|frame| {
                let mut share = budget.share(frame);
                share.grow(20);
                share
            })
        });
        assert!(shares.iter().all(|share| share.goes_on));
        // A line that nobody reads is no reason.
        assert!(lock(&budget.state).awaited.is_none());
    }
}
