//! The pace that a server allows, found out from its refusals. Pure: the clock is passed in.
//!
//! Nothing is limited until an attempt is refused with 408, 425, 429 or 503. From then on attempts of all jobs
//! together start a pace apart. The pace follows CUBIC (RFC 9438): a pace that was refused is remembered,
//! approached ever more slowly, and left behind ever faster if it is not refused again. Three things differ,
//! because a limiter is no network:
//!
//! - It has no queue to drain, so a cut is a tenth and not three. If that is much too little, the rate of
//!   accepts says how much it takes (as BBR goes by what was delivered), and if nothing is accepted, halves.
//! - Time is counted in answers as well as in seconds, so that one rule serves one frame a minute and
//!   thousands a second.
//! - Refusals may be chance: a server may refuse a tenth of all attempts, and a rule that goes by every refusal
//!   comes to a halt there. `chance` tells them apart.
//!
//! A server may limit the uploads under way and not their pace: `room`.

use std::time::{Duration, Instant};

use super::chance::{Chance, Tally};
use super::recent::{Recent, State};
use super::room::Room;

/// A cut leaves this much of the refused pace. The curve fills three quarters of the gap, so a run goes at 0.975
/// of the limit on average.
const CUT: f64 = 0.9;

/// The time from a cut back to the remembered pace. A cycle costs a refusal or two, so fifty answers keep
/// refusals below one in twenty. Where seconds count, all runs grow by the same factor in the same time and
/// the fastest one meets most refusals: two runs get equal shares.
const CYCLE: f64 = 10.0;
const CYCLE_ANSWERS: f64 = 50.0;

/// No cycle is shorter than as many times the time that a refusal takes: later ones must not come in a heap.
const CYCLE_FEEDBACKS: f64 = 4.0;

/// Without a pace to remember, the pace doubles in the time of as many answers.
const DOUBLING_ANSWERS: f64 = 8.0;

/// While nothing is accepted, a pace is not halved below this. Twenty refusals then take a bit more than a
/// minute, which is the time that most quotas are for.
const SLOWEST_BLIND: f64 = 1.0 / 6.0;

/// If that pace is refused and accepted by turns, so many times it is tried.
const OUT_OF_BLIND: f64 = 16.0;

/// The share of accepts says something with as many of them.
const TELLING: f64 = 8.0;

/// The time that a refusal takes at most is forgotten by this factor with each one.
const SLOWEST_FADES: f64 = 0.95;

/// Refusals that were chance are put to the proof again after this time: half the pace costs something.
const PROVEN_FOR: Duration = Duration::from_secs(30);

/// How an attempt started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    pub at: Instant,
    /// Attempts under way, this one included.
    pub under_way: u32,
}

pub struct Pace {
    limit: Option<Limit>,
    room: Room,
    chance: Chance,
    recent: Recent,
    /// The last cut. Attempts that started before are no news.
    cut_at: Option<Instant>,
}

struct Limit {
    /// Attempts a second.
    rate: f64,
    /// The pace that was refused; `None` while it is only known that attempts were too many.
    remembered: Option<f64>,
    /// The share of the remembered pace that the cut took.
    depth: f64,
    /// Cycles since the cut.
    progress: f64,
    last_start: Instant,
    /// The seconds that a refusal takes: the slowest one, fading.
    feedback: f64,
}

impl Pace {
    pub fn new() -> Self {
        let (room, chance, recent) = (Room::new(), Chance::new(), Recent::default());
        Pace { limit: None, room, chance, recent, cut_at: None }
    }

    /// Whether nothing is limited. Then the time of an answer does not matter.
    pub fn is_open(&self) -> bool {
        self.limit.is_none() && self.room.size().is_none()
    }

    /// Attempts a second, if they are limited.
    pub fn rate(&self) -> Option<f64> {
        self.limit.as_ref().map(|limit| limit.rate)
    }

    /// The most uploads under way, if they are limited.
    pub fn room(&self) -> Option<u32> {
        self.room.size()
    }

    /// The least time between two starts.
    pub fn spacing(&self) -> Duration {
        self.rate().map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// Whether an attempt may start beside `under_way` others.
    pub fn has_room(&self, under_way: u32) -> bool {
        self.room.is_for(under_way)
    }

    /// An attempt starts, the last of `under_way`. `is_awaited`: the pace has held it back.
    pub fn start(&mut self, now: Instant, under_way: u32, is_awaited: bool) -> Started {
        self.recent.start(now);
        if let Some(limit) = &mut self.limit {
            limit.grow(now, is_awaited);
        }
        Started { at: now, under_way }
    }

    /// The attempt was not made after all.
    pub fn give_back(&mut self, started: &Started) {
        self.recent.forget(started.at);
    }

    /// The server has taken the frame.
    pub fn accepted(&mut self, started: &Started, now: Instant) {
        if self.is_open() {
            return;
        }
        self.recent.end(started.at, State::Accepted);
        self.room.accepted(started.under_way);
        self.chance.learn(false);
        self.prove(now);
    }

    /// The server has refused the frame for now.
    pub fn refused(&mut self, started: &Started, now: Instant) {
        self.recent.end(started.at, State::Refused);
        self.chance.learn(true);
        if self.prove(now) {
            return;
        }
        // Attempts that were under way with the one before count once, all together.
        if self.cut_at.is_some_and(|cut_at| started.at <= cut_at) {
            return;
        }
        if self.room.refused(started.under_way) {
            self.limit = None;
            self.start_anew(now);
            return;
        }
        let known = self.limit.as_ref().map_or(0.0, |limit| limit.feedback);
        let feedback = (now - started.at).as_secs_f64().max(SLOWEST_FADES * known);
        let tally = self.tally(started.at, now, feedback);
        if let Some(limit) = &mut self.limit {
            limit.feedback = feedback;
        }
        if tally.accepted + tally.refused < 1.0 {
            return;
        }
        match &mut self.limit {
            None => self.limit = Some(Limit::first(&tally, feedback, now)),
            Some(limit) => {
                if !self.chance.is_exceeded(&tally, limit.attempts_a_cycle()) {
                    return;
                }
                limit.cut(&tally, self.chance.share());
                if let Some(rate) = self.chance.explains(tally) {
                    limit.go_back_up(rate);
                } else if limit.rate <= SLOWEST_BLIND && self.chance.is_stuck(limit.rate) {
                    limit.go_back_up(OUT_OF_BLIND * limit.rate);
                }
            }
        }
        self.start_anew(now);
    }

    /// Puts chance to the proof, every now and then. Returns whether a proof is under way.
    fn prove(&mut self, now: Instant) -> bool {
        let Some(feedback) = self.limit.as_ref().map(|limit| limit.feedback) else { return false };
        if self.chance.is_in_proof() {
            let tally = self.tally(now, now, feedback);
            if let (Some(proof), Some(limit)) = (self.chance.end_proof(tally), &mut self.limit) {
                if let Some(rate) = proof {
                    limit.go_back_up(rate);
                }
                self.start_anew(now);
            }
            return true;
        }
        let is_recent = self.cut_at.is_some_and(|cut_at| now - cut_at < PROVEN_FOR);
        if is_recent || !self.chance.wants_proof() {
            return false;
        }
        let tally = self.tally(now, now, feedback);
        if tally.accepted < TELLING {
            return false;
        }
        if let Some(limit) = &mut self.limit {
            limit.halve(tally.rate);
        }
        self.chance.begin_proof(tally);
        self.start_anew(now);
        true
    }

    fn start_anew(&mut self, now: Instant) {
        self.recent.clear();
        self.cut_at = Some(now);
    }

    /// What became of the attempts since the last cut that started up to `last`.
    fn tally(&self, last: Instant, now: Instant, feedback: f64) -> Tally {
        let feedback = Duration::try_from_secs_f64(feedback).ok();
        let silent_until = feedback.and_then(|feedback| now.checked_sub(feedback));
        let drift = self.chance.share() + self.chance.slack();
        let mut tally = self.recent.tally(last, self.cut_at, silent_until, drift);
        tally.rate = tally.rate.min(self.rate().unwrap_or(f64::INFINITY));
        tally
    }

    /// We have no descriptor or port for more than `under_way` uploads.
    pub fn hold_room(&mut self, under_way: u32) {
        self.room.hold(under_way);
    }
}

impl Limit {
    fn first(tally: &Tally, feedback: f64, now: Instant) -> Self {
        let seconds = (tally.accepted + tally.refused) / tally.rate + feedback;
        let rate = CUT * tally.accepted.max(1.0) / seconds;
        let (remembered, depth, progress) = (None, 0.0, 0.0);
        Limit { rate, remembered, depth, progress, last_start: now, feedback }
    }

    /// `chance`: the share that is refused at any pace.
    fn cut(&mut self, tally: &Tally, chance: f64) {
        let refused = self.rate;
        let by_accepts = CUT * tally.rate * tally.share() / (1.0 - chance);
        let rate = if tally.accepted >= TELLING {
            by_accepts
        } else {
            let least = if tally.in_a_row > 1 { 0.0 } else { by_accepts };
            least.max(refused / 2.0).max(SLOWEST_BLIND.min(refused))
        };
        // So few attempts say little about so slow a pace.
        let is_blind = tally.accepted < TELLING && refused <= SLOWEST_BLIND;
        self.rate = if is_blind { refused } else { rate.min(CUT * refused) };
        // A limiter without any burst accepts every second attempt just above its pace.
        let remembered = refused.min(2.0 * self.rate / CUT);
        self.remembered = Some(remembered);
        self.depth = 1.0 - self.rate / remembered;
        self.progress = 0.0;
    }

    /// Goes at half this rate, and for so long as that takes.
    fn halve(&mut self, rate: f64) {
        (self.rate, self.remembered, self.depth) = (rate / 2.0, Some(rate), 0.5);
        self.progress = 0.0;
    }

    /// The refusals had nothing to do with the pace.
    fn go_back_up(&mut self, rate: f64) {
        (self.rate, self.remembered) = (self.rate.max(rate), None);
    }

    /// Grows by the time since the last start, if the pace has held this start back.
    fn grow(&mut self, now: Instant, is_awaited: bool) {
        let passed = (now - self.last_start).as_secs_f64().min(2.0 / self.rate);
        self.last_start = now;
        if !is_awaited {
            return;
        }
        let Some(remembered) = self.remembered else {
            let doubling = (DOUBLING_ANSWERS / self.rate).max(self.feedback);
            self.rate *= (passed / doubling).exp2();
            return;
        };
        self.progress += passed / self.cycle();
        // From the cut up to the remembered pace at 1; as steeply as after a small cut behind it.
        let depth = if self.progress < 1.0 { self.depth } else { 1.0 - CUT };
        self.rate = remembered * (1.0 + depth * (self.progress - 1.0).powi(3));
    }

    /// Seconds from a cut back to the remembered pace.
    fn cycle(&self) -> f64 {
        CYCLE.max(CYCLE_ANSWERS / self.rate).max(CYCLE_FEEDBACKS * self.feedback)
    }

    fn attempts_a_cycle(&self) -> f64 {
        self.cycle() * self.rate
    }
}
