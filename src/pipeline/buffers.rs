//! Allocations that have been used and will be used again: a large one anew means pages anew, each of
//! which the system clears first.
//!
//! There are never more than the limit; what they hold is of no use.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Buffers {
    limit: usize,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    pub fn new(limit: usize) -> Self {
        Buffers { limit, kept: Mutex::default() }
    }

    pub fn keep(&self, bytes: Vec<u8>) {
        let mut kept = self.lock();
        if kept.len() < self.limit {
            kept.push(bytes);
        }
    }

    /// The one kept last, or else a new one.
    pub fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
