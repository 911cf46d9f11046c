//! The latest attempts in the order of their starts.
//!
//! A refusal comes sooner than an accept, so the ends of attempts are looked at in that order: otherwise the first
//! ones that are known would all be refusals. An attempt that is under way for longer than a refusal takes will
//! be accepted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Attempts whose end is waited for, the latest ones.
const PENDING: usize = 256;

/// The starts that a pace is measured over.
const MEASURED: usize = 32;

/// How an attempt started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    pub at: Instant,
    /// Attempts under way, this one included.
    pub under_way: u32,
    /// Attempts a second by then.
    pub pace: f64,
}

#[derive(Default)]
pub struct Recent {
    starts: VecDeque<Instant>,
    pending: VecDeque<Pending>,
}

struct Pending {
    started: Started,
    /// `None`: it is under way, or nobody asked for its end.
    is_refused: Option<bool>,
}

impl Recent {
    /// An attempt starts under a limit in attempts a second, which may be infinite. `is_held`: until now the limit
    /// has held it back, so it is the pace, however many attempts there were.
    pub fn start(&mut self, now: Instant, under_way: u32, limit: f64, is_held: bool) -> Started {
        if self.starts.len() == MEASURED {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
        let pace = if is_held { limit } else { limit.min(self.pace(now)) };
        let started = Started { at: now, under_way, pace };
        if self.pending.len() == PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending { started, is_refused: None });
        started
    }

    /// Attempts a second, up to now.
    pub fn pace(&self, now: Instant) -> f64 {
        let Some(&first) = self.starts.front() else { return f64::INFINITY };
        let seconds = now.saturating_duration_since(first).as_secs_f64();
        self.starts.len() as f64 / seconds.max(1e-6)
    }

    /// The pace of the latest starts, if all of them were after this time.
    pub fn pace_since(&self, time: Option<Instant>, now: Instant) -> Option<f64> {
        let is_since = self.starts.len() == MEASURED && self.starts.front().copied() > time;
        is_since.then(|| self.pace(now))
    }

    /// An attempt has ended. Returns whether it is still waited for: if not, it was taken for accepted.
    pub fn end(&mut self, started: &Started, is_refused: bool) -> bool {
        let first = self.pending.partition_point(|it| it.started.at < started.at);
        let mut same = self.pending.range_mut(first..).take_while(|it| it.started.at == started.at);
        let found = same.find(|it| it.is_refused.is_none() && it.started == *started);
        found.map(|it| it.is_refused = Some(is_refused)).is_some()
    }

    /// The attempt was none.
    pub fn forget(&mut self, started: &Started) {
        if let Some(index) = self.pending.iter().rposition(|it| it.started == *started) {
            self.pending.remove(index);
        }
    }

    /// The next attempt whose end is known, and whether it is refused. One that has been silent for so long is
    /// not.
    pub fn settled(&mut self, now: Instant, silent: Duration) -> Option<(Started, bool)> {
        let &Pending { started, is_refused } = self.pending.front()?;
        if is_refused.is_none() && now - started.at <= silent {
            return None;
        }
        self.pending.pop_front();
        Some((started, is_refused == Some(true)))
    }
}
