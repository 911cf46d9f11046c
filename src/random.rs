//! Random bits, for boundaries and jitter: the hash of nothing, under keys that std takes from the system.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

pub fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}
