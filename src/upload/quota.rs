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
    is_renewed: bool,
}

/// The time from one renewal to the next, or from the run's beginning.
pub struct Period {
    /// Accepts a second, and how many there were.
    pub pace: f64,
    accepts: u64,
    is_first: bool,
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
        let is_first = !std::mem::replace(&mut self.is_renewed, true);
        Period { pace: (accepts as f64 / seconds.max(1e-3)).max(SLOWEST), accepts, is_first }
    }
}

impl Period {
    /// Whether the run began while the quota was used up: then nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.is_first && self.accepts == 0
    }

    /// The pace, if so many accepts tell it.
    pub fn limit(&self, now: Instant) -> Limit {
        if self.accepts >= u64::from(TELLING) {
            Limit::of(self.pace, CUT, now)
        } else {
            Limit::first(CUT * self.pace, now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    #[test]
    fn a_run_that_begins_while_a_quota_is_used_up_knows_nothing_of_it_at_first() {
        let mut quota = Quota::default();
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        quota.begin(now);
        assert!(quota.renewed(now + minute).is_unknown());
        (0..30).for_each(|_| quota.accepted());
        let period = quota.renewed(now + 2 * minute);
        assert!(!period.is_unknown());
        assert!((period.pace - 0.5).abs() < 1e-9, "{}", period.pace);
        let rate = period.limit(now).rate;
        assert!((rate - 0.45).abs() < 1e-9, "{rate}");
        let nothing = quota.renewed(now + 3 * minute);
        assert!(!nothing.is_unknown());
        assert!((nothing.pace - SLOWEST).abs() < 1e-9, "{}", nothing.pace);
    }
}
