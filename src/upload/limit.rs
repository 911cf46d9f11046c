//! A pace that is kept, and how it grows: the curve of CUBIC (RFC 9438). A pace that was refused is remembered,
//! approached ever more slowly, and left behind ever faster if it is not refused again. Two things differ,
//! because a limiter is no network:
//!
//! - It has no queue to drain, so a cut takes a tenth and not three.
//! - Time is counted in answers as well as in seconds, so that one rule serves one frame a minute and thousands a
//!   second.

use std::time::Instant;

/// A cut leaves this much of the pace. The curve fills three quarters of the gap, so a run goes at 0.975 of the
/// limit on average.
pub const CUT: f64 = 0.9;

/// The time from a cut back to the remembered pace. A cycle costs a refusal or two, so 35 answers keep
/// refusals below one in twenty. Where seconds count, all runs grow by the same factor in the same time and
/// the fastest one meets most refusals: two runs get equal shares.
const CYCLE: f64 = 10.0;
const CYCLE_ANSWERS: f64 = 35.0;

/// No cycle is shorter than as many times the time that a refusal takes: later ones must not come in a heap.
const CYCLE_FEEDBACKS: f64 = 4.0;

/// Without a pace to remember, the pace doubles in the time of as many answers: as long as nothing but the first
/// refusals are known, and while most refusals are chance.
const DOUBLING_ANSWERS: f64 = 8.0;
const DOUBLING_BY_CHANCE: f64 = 12.0;

pub struct Limit {
    /// Attempts a second.
    pub rate: f64,
    /// The pace to come back to; `None` while none is known.
    remembered: Option<f64>,
    /// The share of the remembered pace that the cut took.
    depth: f64,
    /// Cycles since the cut.
    progress: f64,
    /// Answers in whose time the pace doubles, if none is remembered.
    doubling: f64,
    last_start: Instant,
}

impl Limit {
    /// A pace of which it is only known that a faster one was too fast.
    pub fn first(rate: f64, now: Instant) -> Self {
        let (remembered, depth, progress) = (None, 0.0, 0.0);
        Limit { rate, remembered, depth, progress, doubling: DOUBLING_ANSWERS, last_start: now }
    }

    /// This share of a pace, which it comes back to.
    pub fn of(pace: f64, share: f64, now: Instant) -> Self {
        let remembered = Some(pace);
        Limit { remembered, depth: 1.0 - share, ..Limit::first(share * pace, now) }
    }

    pub fn cut_to(&mut self, rate: f64) {
        // A limiter without any burst accepts every second attempt just above its pace.
        let remembered = self.rate.min(2.0 * rate / CUT);
        (self.remembered, self.depth) = (Some(remembered), 1.0 - rate / remembered);
        (self.rate, self.progress) = (rate, 0.0);
    }

    /// Comes back to a pace that was accepted, if it is more.
    pub fn come_back_to(&mut self, pace: f64) {
        if CUT * pace > self.rate {
            (self.rate, self.remembered) = (CUT * pace, Some(pace));
            (self.depth, self.progress) = (1.0 - CUT, 0.0);
        }
    }

    /// Refusals have little to do with the pace.
    pub fn hurry(&mut self) {
        (self.remembered, self.doubling) = (None, DOUBLING_BY_CHANCE);
    }

    /// Grows by the time since the last start, if the pace has held this start back. `feedback` is the time in
    /// seconds that a refusal takes.
    pub fn grow(&mut self, now: Instant, is_awaited: bool, feedback: f64) {
        let passed = (now - self.last_start).as_secs_f64().min(2.0 / self.rate);
        self.last_start = now;
        if !is_awaited {
            return;
        }
        let Some(remembered) = self.remembered else {
            let doubling = (self.doubling / self.rate).max(feedback);
            self.rate *= (passed / doubling).exp2();
            return;
        };
        let cycle = CYCLE.max(CYCLE_ANSWERS / self.rate).max(CYCLE_FEEDBACKS * feedback);
        self.progress += passed / cycle;
        // From the cut up to the remembered pace at 1; as steeply as after a small cut behind it.
        let depth = if self.progress < 1.0 { self.depth } else { 1.0 - CUT };
        self.rate = remembered * (1.0 + depth * (self.progress - 1.0).powi(3));
    }
}
