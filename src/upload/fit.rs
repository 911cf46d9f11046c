//! What explains the refusals: a limit, or chance.
//!
//! A server takes a share of the attempts whatever their pace, and of attempts that come faster than its limit
//! no more than the limit. So of attempts at the pace r it accepts
//!
//!     (1 - share) * min(1, limit / r)
//!
//! Attempts are counted by their pace, and share and limit are those that explain the counts best: a maximum
//! likelihood. A limit is believed at once and chance only if it is much more likely (a generalised likelihood
//! ratio), because a limit that is not there costs some time, and one that is passed costs refusals.
//!
//! Accepts at a higher pace speak against a lower limit, so refusals by chance do not cut the pace again and again.
//! A limit that has changed shows as refusals beyond what is explained; a CUSUM (Page 1954) finds them. Unless one
//! limit or chance explains them together with all that was counted before, that is forgotten.

use super::counts::{Attempt, Attempts, Count, Explanation, STRAY, UNLIMITED};

/// How unlikely chance alone is, and a limit of the attempts under way, as logarithms, before anything is counted.
const UNLIKELY: Unlikely = Unlikely { chance: 4.0, room: 3.0 };

/// Each time that one of them was believed in vain it becomes less likely, up to this.
const UNLIKELY_AT_MOST: Unlikely = Unlikely { chance: 8.0, room: 12.0 };

/// More than this share is never taken for chance.
const MOST_BY_CHANCE: f64 = 0.6;

/// The logarithm of how much more likely more refusals have to be than those that are explained. A limit that has
/// changed costs refusals until it is found out; where there is none, one that is believed costs time.
const EXCESS: f64 = 6.5;
const EXCESS_UNLIMITED: f64 = 9.0;

/// Refusals in excess are a quarter more than those that are explained, and a tenth of all attempts.
const MORE: (f64, f64) = (1.25, 0.1);

/// The logarithm of how much more likely they have to be if they are explained by themselves and not together with
/// all that was before: then the server has changed.
const CHANGED: f64 = 3.0;

pub struct Fit {
    attempts: Attempts,
    /// Attempts since refusals began to exceed the explanation.
    fresh: Attempts,
    /// The logarithm of how much more likely an excess is.
    excess: f64,
    unlikely: Unlikely,
    explanation: Explanation,
}

#[derive(Clone, Copy)]
struct Unlikely {
    chance: f64,
    room: f64,
}

impl Fit {
    pub fn new() -> Self {
        Fit {
            attempts: Attempts::new(),
            fresh: Attempts::new(),
            excess: 0.0,
            unlikely: UNLIKELY,
            explanation: UNLIMITED,
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Fit { unlikely: self.unlikely, ..Fit::new() };
    }

    /// The share that is refused whatever the pace.
    pub fn share(&self) -> f64 {
        self.explanation.share
    }

    /// Attempts that were accepted, as far as they are remembered, and the share of those that were not.
    pub fn accepted(&self) -> f64 {
        self.attempts.total().accepted
    }

    pub fn refused(&self) -> f64 {
        self.attempts.total().share()
    }

    /// Refusals are chance from now on.
    pub fn believe_in_chance(&mut self) {
        let share = self.attempts.total().share().clamp(UNLIMITED.share, MOST_BY_CHANCE);
        self.explanation = Explanation { share, ..UNLIMITED };
        self.begin_anew();
    }

    /// It was no limit of the attempts under way.
    pub fn doubt_room(&mut self) {
        self.unlikely.room = (2.0 * self.unlikely.room).min(UNLIKELY_AT_MOST.room);
    }

    /// Counts an attempt. `is_news`: it started after the last cut.
    pub fn add(&mut self, attempt: &Attempt, is_news: bool) {
        let refused = f64::from(u8::from(attempt.is_refused));
        let count = Count { accepted: 1.0 - refused, refused };
        self.attempts.fade();
        self.attempts.add(attempt, count);
        if !is_news {
            return;
        }
        let usual = 1.0 - self.explanation.accepts(attempt);
        let more = (MORE.0 * usual + MORE.1).min(0.95);
        let ratio = if attempt.is_refused { more / usual } else { (1.0 - more) / (1.0 - usual) };
        self.excess += ratio.ln();
        if self.excess > 0.0 {
            self.fresh.add(attempt, count);
        } else {
            self.begin_anew();
        }
    }

    /// What follows is held against what is explained now.
    pub fn begin_anew(&mut self) {
        self.excess = 0.0;
        self.fresh = Attempts::new();
    }

    /// Whether more is refused than what is explained. If nothing explains it together with what was before, all
    /// that is forgotten: the server has changed.
    pub fn is_exceeded(&mut self) -> bool {
        let is_limited = self.explanation.limit.is_finite();
        if self.excess < if is_limited { EXCESS } else { EXCESS_UNLIMITED } {
            return false;
        }
        let (of_all, of_fresh) =
            (best(&self.attempts, self.unlikely), best(&self.fresh, self.unlikely));
        if self.fresh.likelihood(&of_fresh) - self.fresh.likelihood(&of_all) > CHANGED {
            if self.explanation.limit.is_infinite() && self.explanation != UNLIMITED {
                self.unlikely.chance = (2.0 * self.unlikely.chance).min(UNLIKELY_AT_MOST.chance);
            }
            std::mem::swap(&mut self.attempts, &mut self.fresh);
        }
        self.begin_anew();
        true
    }

    /// Finds what explains the refusals best.
    pub fn explain(&mut self) -> Explanation {
        self.explanation = best(&self.attempts, self.unlikely);
        self.explanation
    }

    /// Whether most refusals have nothing to do with the pace.
    pub fn is_mostly_chance(&self) -> bool {
        let Explanation { share, room, .. } = self.explanation;
        room.is_none() && share > STRAY && share > 0.75 * self.attempts.total().share()
    }
}

/// What explains them best.
fn best(attempts: &Attempts, unlikely: Unlikely) -> Explanation {
    let share = attempts.total().share();
    let chance = Explanation { share: share.max(STRAY), ..UNLIMITED };
    let mut best = (chance, attempts.likelihood(&chance) - unlikely.chance);
    if share > MOST_BY_CHANCE {
        best.1 = f64::NEG_INFINITY;
    }
    let rooms = attempts.rooms().map(|room| (room, unlikely.room));
    for (explanation, cost) in attempts.limits().chain(rooms) {
        let likelihood = attempts.likelihood(&explanation) - cost;
        if likelihood > best.1 {
            best = (explanation, likelihood);
        }
    }
    best.0
}
