//! A server that takes nothing until its quota is renewed. If it takes an attempt again, the pace is that of all
//! accepts since the last such time, which is the quota's share of its period (BBR goes by what was delivered,
//! too). If it has said how long to wait, that time is known at once.

use std::time::Instant;

use super::limit::{CUT, Limit};

/// While nothing is accepted, attempts get no rarer than this. Twenty refusals then take a bit more than a
/// minute, which is the time that most quotas are for.
pub const SLOWEST: f64 = 1.0 / 6.0;

/// So many accepts tell a pace. If nothing was accepted for less than the time of twice as many, that was an
/// accident, and the pace is what it was.
pub const TELLING: u16 = 16;

#[derive(Default)]
pub struct Quota {
    /// Accepts since the run began, or since the server began to take some again.
    accepts: u64,
    since: Option<Instant>,
}

/// The time from one renewal to the next.
pub struct Period {
    /// Accepts a second, and how many there were.
    pub pace: f64,
    accepts: u64,
}

impl Quota {
    /// The run begins, at the latest.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    pub fn accepted(&mut self) {
        self.accepts += 1;
    }

    /// The server takes frames again at that time. Returns the period that ends then.
    pub fn renewed(&mut self, at: Instant) -> Period {
        let accepts = std::mem::take(&mut self.accepts);
        let since = self.since.replace(at).unwrap_or(at);
        let seconds = at.saturating_duration_since(since).as_secs_f64();
        Period { pace: (accepts as f64 / seconds.max(1e-3)).max(SLOWEST), accepts }
    }
}

impl Period {
    /// The pace, if so many accepts tell it.
    pub fn limit(&self, now: Instant) -> Limit {
        if self.accepts >= u64::from(TELLING) {
            Limit::of(self.pace, CUT, now)
        } else {
            Limit::first(CUT * self.pace, now)
        }
    }
}
