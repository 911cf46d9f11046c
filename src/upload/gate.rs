//! Where uploads wait until they may start. All jobs share one gate, and with it the run's `Retry`, on the
//! real clock. Retries wait nowhere else.
//!
//! If several frames wait, the lowest one goes first: its line is due first.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::http::{Failure, Outcome, Response};

use super::retry::{Failed, Next, Policy, Retry, Start};

type Random = fn() -> f64;

pub struct Gate {
    shared: Mutex<Shared>,
    changed: Condvar,
    /// Only frames below this one pass: up to the first that has failed, or none if the run is to stop.
    end: AtomicU64,
}

struct Shared {
    retry: Retry<Random>,
    /// The frames that wait to start. Almost always there are none, and then no thread is woken.
    waiting: BTreeSet<u64>,
}

impl Gate {
    pub fn new(policy: Policy) -> Self {
        let retry = Retry::new(policy, random as Random);
        let shared = Shared { retry, waiting: BTreeSet::new() };
        let end = AtomicU64::new(u64::MAX);
        Gate { shared: Mutex::new(shared), changed: Condvar::new(), end }
    }

    /// Waits until an attempt for this frame may start. Returns the round of `Start::Now`, or `None` if the
    /// gate is closed for this frame.
    pub fn wait(&self, frame: u64) -> Option<u32> {
        let mut shared = self.lock();
        shared.waiting.insert(frame);
        let round = loop {
            if !self.lets_pass(frame) {
                break None;
            }
            if shared.waiting.first() != Some(&frame) {
                shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            let later = match shared.retry.start(now) {
                Start::Now(round) => break Some(round),
                Start::At(later) => later,
            };
            let waited = self.changed.wait_timeout(shared, later.saturating_duration_since(now));
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        shared.waiting.remove(&frame);
        self.unlock(shared);
        round
    }

    /// Reports a failed attempt. `round` is that of `wait`; `attempts` counts those of this frame.
    pub fn report(&self, round: u32, attempts: u32, result: &Result<Response, Failure>) -> Next {
        let (outcome, retry_after) = match result {
            Ok(response) => (response.outcome(), response.retry_after.as_deref()),
            Err(failure) => (Some(failure.outcome), None),
        };
        let is_response = result.is_ok();
        let mut shared = self.lock();
        // A refusal that is never repeated is an answer: the server is up.
        let failed = outcome.filter(|&outcome| !is_response || outcome != Outcome::Refused);
        let next = match failed {
            None => {
                shared.retry.answered(round);
                Next::Done(None)
            }
            Some(outcome) => {
                let failed = Failed { outcome, is_response, round, attempts, retry_after };
                shared.retry.failed(&failed, Instant::now(), SystemTime::now())
            }
        };
        // This failure may exhaust --retry-max-time. Then the threads that wait must give up as well.
        self.unlock(shared);
        next
    }

    /// Closes the gate for this frame and all later ones.
    pub fn close_from(&self, frame: u64) {
        self.end.fetch_min(frame, Ordering::AcqRel);
        self.unlock(self.lock());
    }

    pub fn lets_pass(&self, frame: u64) -> bool {
        frame < self.end.load(Ordering::Acquire)
    }

    /// Whether the gate is closed after some frame, and not for all.
    pub fn is_closed_by_a_frame(&self) -> bool {
        (1..u64::MAX).contains(&self.end.load(Ordering::Acquire))
    }

    /// Unlocks after a change, so that waiting threads look again.
    fn unlock(&self, shared: MutexGuard<'_, Shared>) {
        let is_awaited = !shared.waiting.is_empty();
        drop(shared);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number from 0 to 1 for jitter: the hash of nothing, under keys that std takes from the system.
fn random() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    fn gate(spacing: Duration) -> Arc<Gate> {
        let delay = Duration::ZERO;
        let policy = Policy { retries: 3, delay, max_time: None, all_errors: false, spacing };
        Arc::new(Gate::new(policy))
    }

    #[test]
    fn a_frame_that_is_not_wanted_any_more_takes_no_start() {
        let gate = gate(Duration::from_secs(3600));
        assert_eq!(gate.wait(0), Some(0));
        let next = gate.lock().retry.start(Instant::now());
        let (sender, starts) = mpsc::channel();
        let waiter = Arc::clone(&gate);
        thread::spawn(move || sender.send(waiter.wait(1)));
        while gate.lock().waiting.is_empty() {
            thread::yield_now();
        }
        gate.close_from(1);
        assert_eq!(starts.recv_timeout(Duration::from_secs(60)), Ok(None));
        assert_eq!(gate.lock().retry.start(Instant::now()), next);
    }

    #[test]
    fn the_lowest_frame_goes_first() {
        let gate = gate(Duration::from_micros(1));
        let round = gate.wait(0).unwrap();
        let busy = Response {
            status: 503,
            location: None,
            retry_after: Some("3600".into()),
            body: Vec::new(),
        };
        gate.report(round, 1, &Ok(busy));
        let frames = [7, 3, 9, 1, 5, 8, 2, 6, 4];
        let threads = frames.map(|frame| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.wait(frame).unwrap();
                // All waited before the first one went.
                let lowest = gate.lock().waiting.first().copied();
                assert!(
                    lowest.is_none_or(|lowest| lowest > frame),
                    "{lowest:?} waits, {frame} goes"
                );
            })
        });
        while gate.lock().waiting.len() < frames.len() {
            thread::yield_now();
        }
        let mut shared = gate.lock();
        shared.retry.answered(u32::MAX);
        gate.unlock(shared);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
