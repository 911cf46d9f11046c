//! The end of an attempt or of its first part, and the option that sets it: what ends there says which option
//! to change.
//!
//! The first part, until a connection is there, ends at a stop of the run, too. Nothing wakes its waits, so each is
//! short, and looks again: that needs no descriptor, and does for a look-up as for a socket.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub const MAX_TIME: &str = "--max-time";
pub const CONNECT_TIMEOUT: &str = "--connect-timeout";

/// The longest wait of one that a stop ends, or that looks after other connections.
pub const LOOKS_AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
    option: &'static str,
    /// It has passed, too, once this is true.
    stop: Option<Arc<AtomicBool>>,
}

impl Deadline {
    /// From now on.
    pub fn after(limit: Duration, option: &'static str) -> Self {
        Deadline { at: Instant::now() + limit, limit, option, stop: None }
    }

    pub fn sooner(self, other: Deadline) -> Deadline {
        if other.at < self.at { other } else { self }
    }

    /// The same, or once the run is to stop.
    pub fn or_at(self, stop: &Arc<AtomicBool>) -> Deadline {
        Deadline { stop: Some(Arc::clone(stop)), ..self }
    }

    /// The same, but from now on this long at most.
    pub fn within(&self, limit: Duration) -> Deadline {
        Deadline { at: self.at.min(Instant::now() + limit), ..self.clone() }
    }

    pub fn prolong(&mut self, by: Duration) {
        self.at += by;
    }

    /// The longest wait before asking again; zero once it has passed.
    pub fn left(&self) -> Duration {
        let left = self.at.saturating_duration_since(Instant::now());
        match &self.stop {
            Some(stop) if stop.load(Ordering::Acquire) => Duration::ZERO,
            Some(_) => left.min(LOOKS_AGAIN),
            None => left,
        }
    }

    pub fn has_passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The error of whatever ends at this deadline. That of a stop is never told.
    pub fn passed(&self) -> io::Error {
        io::Error::new(ErrorKind::TimedOut, timed_out(self.limit, self.option))
    }
}

/// The message for an attempt that took too long.
pub fn timed_out(limit: Duration, option: &str) -> String {
    format!("timed out after {} s ({option})", limit.as_secs_f64())
}
