//! A server that takes nothing until its quota is renewed. If it takes an attempt again, the pace is that of all
//! accepts since the last such time, which is the quota's share of its period (BBR goes by what was delivered,
//! too).
//!
//! If it has said how long to wait, that time is known at once. But a Retry-After alone makes no quota: servers send it
//! with refusals of every kind. A quota lets as many pass in each period.

use std::time::Instant;

use super::limit::{CUT, Limit};

/// While nothing is accepted, attempts get no rarer than this. Twenty refusals then take a bit more than a
/// minute, which is the time that most quotas are for.
pub const SLOWEST: f64 = 1.0 / 6.0;

/// So many accepts tell a pace. If nothing was accepted for less than the time of twice as many, that was an
/// accident, and the pace is what it was.
pub const TELLING: u16 = 16;

/// Periods with numbers of accepts that differ by no more than this share have the same.
const SAME: f64 = 0.1;

/// As many refusals at once are those of a quota that has come to its end under many jobs; and fewer than one for so
/// many accepts cost less than a pace that may be wrong.
const HEAP: u64 = 4;
const ACCEPTS_TO_ONE: u64 = 20;

#[derive(Default)]
pub struct Quota {
    /// Accepts since the run began, or since the server began to take some again.
    accepts: u64,
    since: Option<Instant>,
    /// Accepts of the period before.
    before: u64,
    /// Refusals of this period.
    refusals: u64,
    /// When the server last said how long to wait.
    told_at: Option<Instant>,
    has_accepted: bool,
}

/// The time from one renewal to the next, or from the run's beginning.
pub struct Period {
    /// Accepts a second, and how many there were.
    pub pace: f64,
    accepts: u64,
    before: u64,
    refusals: u64,
}

impl Quota {
    /// The run begins, at the latest.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Returns whether it is the first one of the run.
    pub fn accepted(&mut self) -> bool {
        self.accepts += 1;
        !std::mem::replace(&mut self.has_accepted, true)
    }

    pub fn refused(&mut self) {
        self.refusals += 1;
    }

    /// The server says now how long to wait, to an attempt that began then. Returns whether it had not said so before:
    /// attempts that are under way together are all refused.
    pub fn is_told_anew(&mut self, began: Instant, now: Instant) -> bool {
        let is_anew = self.told_at.is_none_or(|told_at| began > told_at);
        if is_anew {
            self.told_at = Some(now);
        }
        is_anew
    }

    /// Whether the run has begun in a period in which the server takes nothing, and nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        !self.has_accepted
    }

    /// The server takes frames again at that time. Returns the period that ends then.
    pub fn renewed(&mut self, at: Instant) -> Period {
        let accepts = std::mem::take(&mut self.accepts);
        let since = self.since.replace(at).unwrap_or(at);
        let seconds = at.saturating_duration_since(since).as_secs_f64();
        let before = std::mem::replace(&mut self.before, accepts);
        let refusals = std::mem::take(&mut self.refusals);
        let pace = (accepts as f64 / seconds.max(1e-3)).max(SLOWEST);
        Period { pace, accepts, before, refusals }
    }
}

impl Period {
    /// Whether as many were accepted as in the period before, enough to say so, and so many were refused that a pace
    /// costs less.
    pub fn is_of_quota(&self) -> bool {
        let most = self.accepts.max(self.before);
        self.refusals >= HEAP.max(self.accepts / ACCEPTS_TO_ONE)
            && self.accepts.min(self.before) >= u64::from(TELLING)
            && self.accepts.abs_diff(self.before) as f64 <= SAME * most as f64
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

    const PERIOD: Duration = Duration::from_secs(100);

    /// Periods that end after these accepts, and as many refusals.
    fn periods(accepts: &[u64], refusals: u64) -> Vec<Period> {
        let mut quota = Quota::default();
        let mut now = Instant::now();
        quota.begin(now);
        let end = |&accepts: &u64| {
            for _ in 0..accepts {
                quota.accepted();
            }
            (0..refusals).for_each(|_| quota.refused());
            now += PERIOD;
            quota.renewed(now)
        };
        accepts.iter().map(end).collect()
    }

    #[test]
    fn the_pace_is_that_of_the_accepts_in_a_period() {
        let paces: Vec<_> = periods(&[30, 0, 90], 1).iter().map(|period| period.pace).collect();
        for (pace, expected) in paces.iter().zip([0.3, SLOWEST, 0.9]) {
            assert!((pace - expected).abs() < 1e-9, "{pace} {expected}");
        }
    }

    #[test]
    fn periods_are_those_of_a_quota_if_as_many_are_accepted_in_each() {
        let accepts = [120, 119, 111, 40, 44, 40, 16, 15, 15];
        let of_quota = |refusals| -> Vec<_> {
            periods(&accepts, refusals).iter().map(Period::is_of_quota).collect()
        };
        assert_eq!(of_quota(6), [false, true, true, false, true, true, false, false, false]);
        // Fewer refusals cost less than a pace that may be wrong.
        assert_eq!(of_quota(4), [false, false, false, false, true, true, false, false, false]);
        assert_eq!(of_quota(3), [false; 9]);
    }

    #[test]
    fn nothing_is_known_before_the_first_accept() {
        let mut quota = Quota::default();
        assert!(quota.is_unknown());
        assert!(quota.accepted() && !quota.is_unknown() && !quota.accepted());
    }
}
