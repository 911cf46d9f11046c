//! The stop, without the signals that ask for it.

#[path = "../../../src/stop/stopping.rs"]
mod stopping;

use std::sync::atomic::Ordering;

pub use stopping::{Asked, Event, Stopping};

/// What the handler of a signal does first.
pub fn set_signal(asked: &Asked, number: usize) {
    asked.signal.store(number, Ordering::SeqCst);
}
