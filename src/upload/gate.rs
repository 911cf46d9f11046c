//! The run's `Retry`, shared by all uploads, on the real clock. Only here does a retry wait.
//!
//! Where several frames wait, the turn is the lowest one's: its line is the one that is waited for.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::retry::{Failed, Next, Policy, Retry, Start};

type Random = Box<dyn FnMut() -> f64 + Send>;

pub struct Gate {
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    retry: Retry<Random>,
    /// The frames that wait for a turn: almost always none, and then nobody is woken.
    waiting: BTreeSet<u64>,
}

impl Gate {
    pub fn new(policy: Policy) -> Self {
        let retry = Retry::new(policy, Box::new(random()) as Random);
        let shared = Shared { retry, waiting: BTreeSet::new() };
        Gate { shared: Mutex::new(shared), changed: Condvar::new() }
    }

    /// Waits until an attempt for this frame may start, and takes the turn. Gives the round of `Start::Now`;
    /// `None` where the attempt is not wanted any more: no turn is taken then.
    pub fn wait(&self, frame: u64, is_wanted: impl Fn() -> bool) -> Option<u32> {
        let mut shared = self.lock();
        shared.waiting.insert(frame);
        let round = loop {
            if !is_wanted() {
                break None;
            }
            if shared.waiting.first() != Some(&frame) {
                shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            let later = match shared.retry.start(now) {
                Start::Now(round) => break Some(round),
                Start::WaitUntil(later) => later,
            };
            let waited = self.changed.wait_timeout(shared, later.saturating_duration_since(now));
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        shared.waiting.remove(&frame);
        self.unlock(shared);
        round
    }

    /// Lets those who wait ask again whether they are wanted.
    pub fn ask_again(&self) {
        self.change(|_| ());
    }

    /// The round is that of `wait`.
    pub fn answered(&self, round: u32) {
        self.change(|retry| retry.answered(round));
    }

    pub fn failed(&self, failed: &Failed) -> Next {
        // It may be found that the server is gone: then nobody waits any more.
        self.change(|retry| retry.failed(failed, Instant::now(), SystemTime::now()))
    }

    /// Makes the change, after which those who wait ask again.
    fn change<T>(&self, change: impl FnOnce(&mut Retry<Random>) -> T) -> T {
        let mut shared = self.lock();
        let result = change(&mut shared.retry);
        self.unlock(shared);
        result
    }

    /// Something has changed: those who wait ask again.
    fn unlock(&self, shared: MutexGuard<'_, Shared>) {
        let anybody = !shared.waiting.is_empty();
        drop(shared);
        if anybody {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers from 0 to 1 for jitter: hashes of nothing under keys that std draws from the system.
fn random() -> impl FnMut() -> f64 {
    || RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Outcome;

    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_is_not_wanted_any_more_takes_no_turn() {
        let gate = Arc::new(Gate::new(Policy {
            retries: 3,
            delay: Duration::ZERO,
            max_time: None,
            all_errors: false,
            spacing: Duration::from_secs(3600),
        }));
        assert_eq!(gate.wait(0, || true), Some(0));
        let next = gate.lock().retry.start(Instant::now());
        let wanted = Arc::new(AtomicBool::new(true));
        let (sender, turns) = mpsc::channel();
        let (waiter, is_wanted) = (Arc::clone(&gate), Arc::clone(&wanted));
        thread::spawn(move || sender.send(waiter.wait(1, || is_wanted.load(Ordering::Acquire))));
        while gate.lock().waiting.is_empty() {
            thread::yield_now();
        }
        wanted.store(false, Ordering::Release);
        gate.ask_again();
        assert_eq!(turns.recv_timeout(Duration::from_secs(60)), Ok(None));
        assert_eq!(gate.lock().retry.start(Instant::now()), next);
    }

    #[test]
    fn the_turn_is_the_lowest_frames() {
        let policy = Policy {
            retries: 3,
            delay: Duration::ZERO,
            max_time: None,
            all_errors: false,
            spacing: Duration::from_micros(1),
        };
        let gate = Arc::new(Gate::new(policy));
        let round = gate.wait(0, || true).unwrap();
        let (outcome, is_response, attempts) = (Outcome::RefusedForNow, true, 1);
        let retry_after = Some("3600");
        gate.failed(&Failed { outcome, is_response, round, attempts, retry_after });
        let frames = [7, 3, 9, 1, 5, 8, 2, 6, 4];
        let threads = frames.map(|frame| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.wait(frame, || true).unwrap();
                // All waited before the first one got its turn.
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
        gate.answered(u32::MAX);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
