//! The pace that a server allows, found out from its refusals. Pure: the clock is passed in.
//!
//! Nothing is limited until more is refused (with 408, 425, 429 or 503) than chance would. From then on attempts of
//! all jobs together start a pace apart: a bit below what `fit` finds that the server takes, and from there up
//! again along the curve of `limit`.
//!
//! A server may take nothing for a while: then attempts get rare, and the pace is that of its `quota`. And it may
//! limit the uploads under way and not their pace: `room`.

use std::time::{Duration, Instant};

use super::counts::{Attempt, Explanation};
use super::fit::Fit;
use super::limit::{CUT, Limit};
use super::quota::{Quota, SLOWEST, TELLING};
use super::recent::{Recent, Started};
use super::room::Room;
use super::row::Row;

/// The first limit is at least this share of the pace that was refused: attempts that were all refused tell no pace.
const DEEPEST: f64 = 0.25;

/// A limit that is so many times what is needed is none.
const NEEDLESS: f64 = 4.0;

/// The time that a refusal takes at most is forgotten by this factor with each one.
const SLOWEST_FADES: f64 = 0.95;

/// After so many times that long an attempt that is under way counts as accepted.
const SILENT: f64 = 2.0;

/// So many accepts without a refusal, and all is as if there had never been one.
const FORGOTTEN: u32 = 2000;

/// Chance is put to the proof again after this time, if it is more than this share. Two runs that both take the
/// other one's load for chance would both go too fast.
const PROVEN_FOR: Duration = Duration::from_secs(30);
const PROVEN_SHARE: f64 = 0.05;

pub struct Pace {
    limit: Option<Limit>,
    room: Room,
    fit: Fit,
    recent: Recent,
    /// The last cut. Attempts that started before are no news.
    cut_at: Option<Instant>,
    /// Accepts since the last refusal.
    accepted_in_a_row: u32,
    /// The last refusals, between two accepts.
    row: Row,
    /// The seconds that a refusal takes: the slowest one, fading.
    feedback: f64,
    quota: Quota,
}

impl Pace {
    pub fn new() -> Self {
        Pace {
            limit: None,
            room: Room::new(),
            fit: Fit::new(),
            recent: Recent::default(),
            cut_at: None,
            accepted_in_a_row: 0,
            row: Row::default(),
            feedback: 0.0,
            quota: Quota::default(),
        }
    }

    /// Whether nothing is limited or was refused of late. Then the time of an answer does not matter.
    pub fn is_open(&self) -> bool {
        self.limit.is_none() && self.room.size().is_none() && self.fit.is_empty()
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
        self.quota.begin(now);
        if let Some(limit) = &mut self.limit {
            limit.grow(now, is_awaited, self.feedback);
            let needed = self.recent.pace_since(self.cut_at, now);
            if !is_awaited && needed.is_some_and(|needed| needed < limit.rate / NEEDLESS) {
                self.limit = None;
                self.fit.believe_in_chance();
            }
        }
        let limit = self.rate().unwrap_or(f64::INFINITY);
        self.recent.start(now, under_way, limit, is_awaited && limit.is_finite())
    }

    /// The attempt was not made after all.
    pub fn give_back(&mut self, started: &Started) {
        self.recent.forget(started);
    }

    /// The server has taken the frame.
    pub fn accepted(&mut self, started: &Started, now: Instant) {
        let is_first = self.quota.accepted();
        self.accepted_in_a_row = self.accepted_in_a_row.saturating_add(1);
        if self.is_open() {
            return;
        }
        self.room.accepted(started.under_way);
        if self.row.is_dark_until(started.at, self.rate()) {
            if is_first {
                return self.begin_run(now);
            }
            self.end_of_dark(started.at, now);
        }
        self.end(started, false, now);
        if self.limit.is_none() && self.accepted_in_a_row >= FORGOTTEN {
            self.fit.clear();
        }
        self.prove(now);
    }

    /// The server has refused the frame for now, and perhaps said how long to wait.
    pub fn refused(&mut self, started: &Started, now: Instant, wait: Option<Duration>) {
        self.accepted_in_a_row = 0;
        self.feedback = (now - started.at).as_secs_f64().max(SLOWEST_FADES * self.feedback);
        self.row.last = Some(now);
        self.quota.refused();
        // Before the first accept the time is told, and no pace is known.
        let tells_no_pace = wait.is_some_and(|wait| {
            self.quota.is_unknown()
                || self.quota.is_told_anew(started.at, now) && self.keep_quota(now + wait, now)
        });
        if tells_no_pace {
            // Left waiting for its end, it would count as accepted.
            self.recent.forget(started);
        } else {
            self.end(started, true, now);
        }
    }

    /// An attempt has ended; it is looked at as soon as the ends of all earlier ones are known.
    fn end(&mut self, started: &Started, is_refused: bool, now: Instant) {
        if !self.recent.end(started, is_refused) && is_refused {
            self.settle(started, true, now);
        }
        let silent = Duration::try_from_secs_f64(SILENT * self.feedback).unwrap_or(Duration::MAX);
        while let Some((started, is_refused)) = self.recent.settled(now, silent) {
            self.settle(&started, is_refused, now);
        }
    }

    fn settle(&mut self, started: &Started, is_refused: bool, now: Instant) {
        let pace = started.pace.min(self.recent.pace(now));
        let attempt = Attempt { pace, under_way: started.under_way, is_refused };
        let is_news = self.is_news(started);
        self.fit.add(&attempt, is_news);
        match (is_news, is_refused) {
            (true, true) => self.slow_down(&attempt, now),
            (true, false) => self.row.end(),
            (false, _) => {}
        }
    }

    /// Whether it started after the last cut. Attempts that were under way with a refused one count once, all
    /// together.
    fn is_news(&self, started: &Started) -> bool {
        self.cut_at.is_none_or(|cut_at| started.at > cut_at)
    }

    /// An attempt was refused: whether the pace has to do with it.
    fn slow_down(&mut self, refused: &Attempt, now: Instant) {
        if self.row.is_empty() {
            self.begin_row(refused.pace, now);
        }
        self.row.refused();
        if self.room.size().is_some() {
            let is_explained = self.room.refused(refused.under_way);
            if is_explained && self.fit.explain().room.is_some() {
                return self.unlimit(now);
            }
            return self.limit_to_delivered(now);
        }
        // What is counted changes with this.
        let is_exceeded = self.fit.is_exceeded();
        let Some(rate) = self.rate() else {
            if is_exceeded {
                self.limit_first(refused.pace, now);
            }
            return;
        };
        let Explanation { limit, room, share } = self.fit.explain();
        if let Some((size, _)) = room {
            self.limit_room(size, now);
        } else if self.row.is_no_chance(share) {
            // Whatever the limit seems to be, it is lower now.
            self.cut(0.0, refused.pace, now);
        } else if limit.is_infinite() {
            self.unlimit(now);
            self.fit.believe_in_chance();
        } else if self.fit.is_mostly_chance() {
            self.limit.iter_mut().for_each(Limit::hurry);
        } else if limit < rate {
            // What is delivered at the limit: if chance was a wrong guess, refusals end below that.
            self.cut(limit * (1.0 - share), refused.pace, now);
        }
    }

    fn begin_row(&mut self, pace: f64, now: Instant) {
        let pace = self.rate().unwrap_or(f64::INFINITY).min(pace);
        let is_telling = self.fit.accepted() >= f64::from(TELLING);
        self.row.begin(pace, is_telling.then(|| self.fit.refused()), now);
    }

    fn begin_anew(&mut self, now: Instant) {
        self.fit.begin_anew();
        self.cut_at = Some(now);
    }

    fn unlimit(&mut self, now: Instant) {
        self.limit = None;
        self.begin_anew(now);
    }

    fn limit_room(&mut self, size: u32, now: Instant) {
        self.hold_room(size);
        self.unlimit(now);
    }

    /// It was no limit of the uploads under way. The pace that it has led to is known to do.
    fn limit_to_delivered(&mut self, now: Instant) {
        self.room = Room::new();
        self.fit.doubt_room();
        self.limit = Some(Limit::of(self.recent.pace(now), CUT, now));
        self.begin_anew(now);
    }

    fn limit_first(&mut self, refused: f64, now: Instant) {
        let Explanation { limit, room, .. } = self.fit.explain();
        if let Some((size, _)) = room {
            return self.limit_room(size, now);
        }
        let rate = CUT * limit.min(refused).max(DEEPEST * refused);
        self.limit = Some(Limit::first(rate, now));
        self.begin_anew(now);
    }

    /// Goes a bit below the limit that was found.
    fn cut(&mut self, found: f64, pace: f64, now: Instant) {
        if let Some(limit) = &mut self.limit {
            let refused = limit.rate.min(pace);
            let rate = (CUT * found).max(self.row.leaves() * refused).min(CUT * limit.rate);
            limit.cut_to(rate.max(SLOWEST.min(refused)));
        }
        self.begin_anew(now);
    }

    /// The server takes frames again, this one the first.
    fn end_of_dark(&mut self, at: Instant, now: Instant) {
        let period = self.quota.renewed(at);
        self.cut_at = Some(now);
        let (accepted, missed) = (self.row.accepted(), self.row.missed(now));
        self.row.end();
        if accepted > 0.0 && missed < 2.0 * f64::from(TELLING) {
            self.limit.iter_mut().for_each(|limit| limit.come_back_to(accepted));
            return;
        }
        self.fit.clear();
        if self.rate().is_some_and(|rate| CUT * period.pace > rate) {
            self.limit = Some(period.limit(now));
        }
    }

    /// The server has said that it takes frames again at that time. Returns whether that tells its quota, which is kept
    /// from now on.
    fn keep_quota(&mut self, at: Instant, now: Instant) -> bool {
        let period = self.quota.renewed(at);
        if !period.is_of_quota() {
            return false;
        }
        self.cut_at = Some(now);
        self.fit.clear();
        if self.rate().is_none_or(|rate| CUT * period.pace < rate) {
            self.limit = Some(period.limit(now));
        }
        true
    }

    /// The server takes frames, and has taken none before: that has told no pace.
    fn begin_run(&mut self, now: Instant) {
        let mut quota = std::mem::take(&mut self.quota);
        quota.renewed(now);
        *self = Pace { quota, ..Pace::new() };
    }

    /// Puts chance to the proof, every now and then: only a limiter takes more of them at half the pace.
    fn prove(&mut self, now: Instant) {
        let is_recent = self.cut_at.is_some_and(|cut_at| now - cut_at < PROVEN_FOR);
        if self.limit.is_none() && !is_recent && self.fit.share() >= PROVEN_SHARE {
            self.limit = Some(Limit::of(self.recent.pace(now), 0.5, now));
            self.begin_anew(now);
        }
    }

    /// We have no descriptor or port for more than `under_way` uploads.
    pub fn hold_room(&mut self, under_way: u32) {
        self.room.hold(under_way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_tells_no_pace_does_not_count_as_accepted_later() {
        let (mut pace, now, second) = (Pace::new(), Instant::now(), Duration::from_secs(1));
        let started = pace.start(now, 1, false);
        pace.refused(&started, now, Some(second));
        let started = pace.start(now + 2 * second, 1, false);
        pace.refused(&started, now + 2 * second, None);
        assert_eq!((pace.fit.accepted(), pace.fit.refused()), (0.0, 1.0));
    }
}
