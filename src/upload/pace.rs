//! The pace that a server allows, found out from its refusals: the law that the head of `upload` says. Pure: the clock
//! is passed in. The state has a fixed size.
//!
//! A CUSUM (Page 1954) tells when a pace is too much: it adds up how much likelier the ends of the attempts are if a
//! tenth more is refused than chance refuses, and never falls below nothing. The pace at which it last was nothing is
//! the one at which the trouble began. A climb follows the curve of CUBIC (RFC 9438), which is flat near that pace.

use std::time::{Duration, Instant};

/// A cut leaves this share of the pace at which the trouble began; and this one if too few were accepted to tell.
const CUT: f64 = 0.85;
const HALF: f64 = 0.5;

/// If less than this share of that pace was accepted since the last cut, the accepted pace is the one to climb back to:
/// its mean divided by that of a climb.
const HARDLY: f64 = 0.8;
const MEAN: f64 = 0.9625;

/// A climb takes 45 attempts at one a second; they grow with the cube root of the pace. With fewer a limit that rises is
/// found sooner, and more is refused.
const CLIMB: f64 = 45.0;

/// How steep the curve is behind its top.
const STEEPNESS: f64 = 0.15;

/// The first part of a climb, which is far enough below its top for a refusal to be chance. One from half a pace teaches
/// nothing: where the limit is was not known.
const CLEAR: f64 = 0.3;

/// Fewer accepts than 8 tell no pace. Before the first climb the pace doubles in 8 attempts.
const TELLING: f64 = 8.0;

/// The latest accepts are those of 16 attempts, and chance is told by 64.
const LATEST: f64 = 16.0;
const MEMORY: f64 = 64.0;

/// The share that chance refuses: at first, and its bounds; and by how much more a limit refuses. One climb teaches no more
/// than that either, or a pace above the limit would pass its own refusals off as chance.
const CHANCE: f64 = 0.065;
const CHANCES: (f64, f64) = (0.01, 0.5);
const LIMITED: f64 = 0.1;

/// More refusals in a row than 3 are no matter of the pace: the server takes nothing, so attempts get rare. Between them
/// the first gap doubles up to the longest, in seconds.
const CLOSED: i32 = 3;
const FIRST_GAP: f64 = 0.04;
const LONGEST_GAP: f64 = 6.0;

/// Attempts a second that need no limit: no thread sleeps for shorter.
const FASTEST: f64 = 10_000.0;

/// How an attempt started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    pub at: Instant,
    /// Whether a refusal of it is chance.
    is_clear: bool,
}

/// A way from a share of a pace, `top`, back to it, where the progress is 1, and beyond.
struct Climb {
    top: f64,
    depth: f64,
    progress: f64,
}

pub struct Pace {
    /// Attempts a second; infinite without a limit.
    rate: f64,
    climb: Option<Climb>,
    /// The last cut, or the first start. A refusal of an earlier attempt says nothing about the pace since then.
    since: Option<Instant>,
    starts: f64,
    accepts: f64,
    /// The share of the latest attempts that was accepted.
    taken: f64,
    /// The share that chance refuses, and what it was at the last cut.
    chance: f64,
    chance_at_cut: f64,
    /// The CUSUM, and the rate at which it was last nothing.
    excess: f64,
    calm_rate: f64,
    last_start: Option<Instant>,
    /// Refusals since the last accept, each of an attempt that started after the refusal before.
    in_a_row: i32,
    refused_at: Option<Instant>,
}

impl Pace {
    pub fn new() -> Self {
        Pace {
            rate: f64::INFINITY,
            climb: None,
            since: None,
            starts: 0.0,
            accepts: 0.0,
            taken: 1.0,
            chance: CHANCE,
            chance_at_cut: CHANCE,
            excess: 0.0,
            calm_rate: f64::INFINITY,
            last_start: None,
            in_a_row: 0,
            refused_at: None,
        }
    }

    /// Whether nothing is limited. Then nobody waits for an accept, and its time does not matter.
    pub fn is_open(&self) -> bool {
        self.rate.is_infinite() && self.in_a_row == 0
    }

    /// Attempts a second, if they are limited.
    pub fn rate(&self) -> Option<f64> {
        Some(self.rate).filter(|rate| rate.is_finite())
    }

    /// The least time between two starts.
    pub fn spacing(&self) -> Duration {
        let gap = if self.in_a_row < 2 { 0.0 } else { FIRST_GAP * 2f64.powi(self.in_a_row - 2) };
        Duration::from_secs_f64(gap.max(1.0 / self.rate).min(LONGEST_GAP))
    }

    /// An attempt starts. `is_awaited`: the pace has held it back.
    pub fn start(&mut self, now: Instant, is_awaited: bool) -> Started {
        self.since.get_or_insert(now);
        let last = self.last_start.replace(now).unwrap_or(now);
        if is_awaited && self.rate.is_finite() {
            self.grow((now - last).as_secs_f64().min(2.0 / self.rate));
        }
        let is_clear = self.climb.as_ref().is_some_and(|it| it.depth < HALF && it.progress < CLEAR);
        // It counts as accepted until it is refused, so the order of the ends does not matter.
        self.starts += 1.0;
        self.taken += (1.0 - self.taken) / LATEST;
        self.chance -= if is_clear { self.chance / MEMORY } else { 0.0 };
        let (chance, limited) = self.shares();
        self.excess = (self.excess + ((1.0 - limited) / (1.0 - chance)).ln()).max(0.0);
        if self.excess == 0.0 {
            self.calm_rate = self.rate;
        }
        Started { at: now, is_clear }
    }

    fn grow(&mut self, seconds: f64) {
        self.rate = match &mut self.climb {
            Some(climb) => climb.go_on(seconds * self.rate.cbrt().powi(2) / CLIMB),
            None => self.rate * (seconds * self.rate / TELLING).exp2(),
        };
        if self.rate > FASTEST {
            (self.rate, self.climb) = (f64::INFINITY, None);
        }
    }

    /// The share that chance refuses, and the one that a limit refuses.
    fn shares(&self) -> (f64, f64) {
        let chance = self.chance.clamp(CHANCES.0, CHANCES.1);
        (chance, chance + LIMITED)
    }

    /// The server has taken the frame.
    pub fn accepted(&mut self) {
        self.accepts += 1.0;
        self.in_a_row = 0;
    }

    /// The server has refused the frame for now.
    pub fn refused(&mut self, started: &Started, now: Instant) {
        if self.refused_at.is_none_or(|at| started.at > at) {
            (self.in_a_row, self.refused_at) = (self.in_a_row + 1, Some(now));
        }
        if started.is_clear && self.in_a_row < CLOSED {
            self.chance = (self.chance + 1.0 / MEMORY).min(self.chance_at_cut + LIMITED);
        }
        if self.since.is_some_and(|since| started.at < since) {
            return;
        }
        self.taken -= 1.0 / LATEST;
        let (chance, limited) = self.shares();
        self.excess += (limited / chance * (1.0 - chance) / (1.0 - limited)).ln();
        // By chance that comes once in that number of attempts. Without any accept no pace is known.
        let is_too_much = self.excess > (self.starts + TELLING).ln();
        if is_too_much && self.in_a_row <= CLOSED && (self.accepts > 0.0 || self.rate.is_finite()) {
            self.cut(now);
        }
    }

    fn cut(&mut self, now: Instant) {
        let seconds = self.since.map_or(0.0, |since| (now - since).as_secs_f64());
        let accepted = (self.accepts / seconds.max(1e-3)).max(1.0 / LONGEST_GAP);
        if self.rate.is_infinite() {
            self.rate = CUT * accepted;
        } else {
            let (top, left) = if self.accepts < TELLING {
                (self.rate, HALF)
            } else if accepted > HARDLY * self.calm_rate {
                (self.calm_rate, CUT)
            } else {
                ((accepted / MEAN).max(self.taken * self.rate).min(self.rate), CUT)
            };
            // No pace is slower than the rarest attempts: it would take hours to climb back.
            let top = top.max(1.0 / (left * LONGEST_GAP));
            self.rate = left * top;
            self.climb = Some(Climb { top, depth: 1.0 - left, progress: 0.0 });
        }
        (self.starts, self.accepts, self.excess, self.taken) = (0.0, 0.0, 0.0, 1.0);
        (self.since, self.calm_rate, self.chance_at_cut) = (Some(now), self.rate, self.chance);
    }
}

impl Climb {
    /// The pace after another step.
    fn go_on(&mut self, step: f64) -> f64 {
        self.progress += step;
        let depth = if self.progress < 1.0 { self.depth } else { STEEPNESS };
        self.top * (1.0 + depth * (self.progress - 1.0).powi(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_a_frame_an_hour_does_not_wait_for_an_hour_after_refusals() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        for number in 0..12 {
            let started = pace.start(now, false);
            match number {
                0..4 => pace.accepted(),
                _ => pace.refused(&started, now),
            }
            now += Duration::from_secs(if number < 4 { 3600 } else { 7 });
        }
        assert!(pace.rate().is_some());
        assert_eq!(pace.spacing(), Duration::from_secs(6));
        for _ in 0..60 {
            pace.accepted();
            now += pace.spacing();
            pace.start(now, true);
        }
        assert!(pace.spacing() < Duration::from_secs(3), "{:?}", pace.spacing());
    }

    #[test]
    fn no_pace_is_slower_than_the_rarest_attempts_however_rare_the_frames_are() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        for number in 0..2000 {
            let started = pace.start(now, false);
            match number % 2 {
                0 => pace.accepted(),
                _ => pace.refused(&started, now),
            }
            assert!(pace.rate().is_none_or(|rate| CUT / rate <= LONGEST_GAP), "{:?}", pace.rate());
            now += Duration::from_secs(60);
        }
        assert!(pace.rate().is_some());
    }

    #[test]
    fn nothing_is_limited_once_the_pace_is_faster_than_threads_are() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        let mut was_limited = false;
        for number in 0..20_000 {
            let started = pace.start(now, true);
            match number {
                4..7 => pace.refused(&started, now),
                _ => pace.accepted(),
            }
            now += pace.spacing().max(Duration::from_micros(100));
            was_limited |= pace.rate().is_some();
            if was_limited && pace.is_open() {
                return;
            }
        }
        panic!("{was_limited}, {:?}", pace.rate());
    }
}
