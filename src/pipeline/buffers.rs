//! Buffers that are used again. A large new allocation means new pages, and the system clears each of them
//! first.
//!
//! Keeps at most `limit` buffers. Their contents are garbage.

use std::sync::Mutex;

use crate::lock::lock;

pub struct Buffers {
    limit: usize,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    pub fn new(limit: usize) -> Self {
        Buffers { limit, kept: Mutex::default() }
    }

    pub fn keep(&self, bytes: Vec<u8>) {
        let mut kept = lock(&self.kept);
        if kept.len() < self.limit {
            kept.push(bytes);
        }
    }

    /// The buffer kept last, or else a new one.
    pub fn take(&self) -> Vec<u8> {
        lock(&self.kept).pop().unwrap_or_default()
    }
}
