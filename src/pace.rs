//! The run's `Retry`, shared by all uploads, on the real clock. Only here does a retry wait.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::retry::{Failed, Next, Policy, Retry, Turn};

type Random = Box<dyn FnMut() -> f64 + Send>;

pub struct Pace {
    retry: Mutex<Retry<Random>>,
    changed: Condvar,
}

impl Pace {
    pub fn new(policy: Policy) -> Self {
        let retry = Retry::new(policy, Box::new(random()) as Random);
        Pace { retry: Mutex::new(retry), changed: Condvar::new() }
    }

    /// Waits until an attempt may start, and takes the turn. Gives the level of `Turn::Go`.
    pub fn wait_turn(&self) -> u32 {
        let mut retry = self.lock();
        loop {
            let now = Instant::now();
            let later = match retry.turn(now) {
                Turn::Go(level) => return level,
                Turn::WaitUntil(later) => later,
            };
            let waited = self.changed.wait_timeout(retry, later.saturating_duration_since(now));
            retry = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The level is that of `wait_turn`.
    pub fn answered(&self, level: u32) {
        self.lock().answered(level);
        self.changed.notify_all();
    }

    pub fn failed(&self, failed: &Failed) -> Next {
        let next = self.lock().failed(failed, Instant::now(), SystemTime::now());
        // It may have been found that the server is gone: then nobody waits any more.
        self.changed.notify_all();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Retry<Random>> {
        self.retry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers from 0 to 1 for jitter: hashes of nothing under keys that std draws from the system.
fn random() -> impl FnMut() -> f64 {
    || RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}
