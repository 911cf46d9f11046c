//! The end of an attempt or of its first part, and the option that sets it: what ends there says which option
//! to change.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

pub const MAX_TIME: &str = "--max-time";
pub const CONNECT_TIMEOUT: &str = "--connect-timeout";

#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
    option: &'static str,
}

impl Deadline {
    /// From now on.
    pub fn after(limit: Duration, option: &'static str) -> Self {
        Deadline { at: Instant::now() + limit, limit, option }
    }

    pub fn sooner(self, other: Deadline) -> Deadline {
        if other.at < self.at { other } else { self }
    }

    /// The time that is left; zero once it has passed.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The error of whatever ends at this deadline.
    pub fn passed(&self) -> io::Error {
        io::Error::new(ErrorKind::TimedOut, timed_out(self.limit, self.option))
    }
}

/// The message for an attempt that took too long.
pub fn timed_out(limit: Duration, option: &str) -> String {
    format!("timed out after {} s ({option})", limit.as_secs_f64())
}
