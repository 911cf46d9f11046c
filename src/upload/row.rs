//! Refusals in a row, between two accepts: what they tell that single ones don't.
//!
//! One refusal may be chance, so it takes little of the pace. Many in a row are none: the server takes nothing for a
//! while, or its limit has fallen far.

use std::time::Instant;

/// So many refusals in a row are no chance: the logarithm of how unlikely they are, where chance was to explain them,
/// and where the server is to take nothing at all.
const UNLIKELY: f64 = 12.0;
const UNLIKELY_DARK: f64 = 6.0;

/// The share that is refused by chance, if too few attempts are known to say.
const UNKNOWN: f64 = 0.3;

/// After so many refusals in a row that cut the pace to less than this share, it was no matter of the pace.
const DARK: u32 = 4;
const DARK_SHARE: f64 = 0.3;

#[derive(Default)]
pub struct Row {
    length: u32,
    /// The last refusal of all.
    pub last: Option<Instant>,
    began: Option<Instant>,
    /// The pace before the first one, how much of it was accepted (0: unknown), and the share that was refused.
    pace: f64,
    accepted: f64,
    share: f64,
}

impl Row {
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The first refusal comes at this pace. `share`: of the attempts before, those that were refused, if known.
    pub fn begin(&mut self, pace: f64, share: Option<f64>, now: Instant) {
        (self.began, self.pace) = (Some(now), pace);
        self.accepted = share.map_or(0.0, |share| pace * (1.0 - share));
        self.share = share.unwrap_or(UNKNOWN).clamp(0.01, 0.9);
    }

    pub fn refused(&mut self) {
        self.length += 1;
    }

    pub fn end(&mut self) {
        self.length = 0;
    }

    /// How much of the pace a cut leaves at least.
    pub fn leaves(&self) -> f64 {
        match self.length {
            0..=2 => 0.7,
            3 => 0.5,
            _ => 0.25,
        }
    }

    /// Whether there are too many for a server that refuses this share by chance.
    pub fn is_no_chance(&self, share: f64) -> bool {
        self.unlikely(share) > UNLIKELY
    }

    fn unlikely(&self, share: f64) -> f64 {
        f64::from(self.length) * -share.ln()
    }

    /// Whether the server has taken nothing at any pace down to `rate`, until it took an attempt that began then.
    pub fn is_dark_until(&self, began: Instant, rate: Option<f64>) -> bool {
        self.last.is_some_and(|last| began > last)
            && self.length >= DARK
            && self.unlikely(self.share) > UNLIKELY_DARK
            && rate.is_some_and(|rate| rate < DARK_SHARE * self.pace)
    }

    /// Accepts a second before the row; 0 if that is not known.
    pub fn accepted(&self) -> f64 {
        self.accepted
    }

    /// How many would have been accepted since the row began.
    pub fn missed(&self, now: Instant) -> f64 {
        let began = self.began.unwrap_or(now);
        now.saturating_duration_since(began).as_secs_f64() * self.accepted
    }
}
