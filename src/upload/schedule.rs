//! Which upload starts next, and when. Pure: the clock is passed in. `gate` runs it on threads, a simulation
//! without any.
//!
//! Of the frames that are ready the lowest one goes first: its line is due first. One that was refused lets
//! some others go first. A frame that pauses on its own account is not ready, and holds nobody up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::http::Outcome;

use super::pace::{Pace, Started};
use super::retry::{Ended, Next, Policy, Retry};
use super::tries::Tries;

/// Late starts are caught up on, up to 100 ms, so that --rate does not drift with each wake-up; up to half a second if
/// an upload waited for its time, because then the machine was busy.
const CATCH_UP: Duration = Duration::from_millis(100);
const CATCH_UP_AWAITED: Duration = Duration::from_millis(500);

/// A frame that was refused waits until 3 to 6 others were accepted, or one of them was refused: the server may refuse
/// this frame alone. The number changes with each refusal: one that kept step with the server's limit would have the
/// same frame refused again and again.
const OTHERS: (u32, u32) = (3, 6);

/// Every 50 answers one upload more is tried at once than we had descriptors and ports for: some may be free again.
const TRY_AFTER: u64 = 50;

/// Whether the next attempt may start.
#[derive(Debug, PartialEq)]
pub enum Turn {
    /// It starts now. Its end hands this back.
    Now(Started),
    /// Ask again at that time, or after the next end.
    At(Instant),
    /// Ask again after the next end.
    AfterAnEnd,
}

pub struct Schedule<R> {
    /// The least time between two starts: --rate.
    spacing: Duration,
    retry: Retry<R>,
    pace: Pace,
    /// Frames that are ready to start and wait.
    ready: BTreeSet<u64>,
    /// Frames that were refused let the others go first.
    yields: BTreeSet<u64>,
    /// Accepts since the last refusal, and after how many the frames yield no more.
    accepts: u32,
    others: u32,
    in_flight: u32,
    /// The most uploads in flight that we have descriptors and ports for.
    room: u32,
    last_start: Option<Instant>,
    /// Whether a start had to wait for its time.
    is_awaited: bool,
}

impl<R: FnMut() -> f64> Schedule<R> {
    pub fn new(policy: Policy, random: R) -> Self {
        Schedule {
            spacing: policy.spacing,
            retry: Retry::new(policy, random),
            pace: Pace::new(),
            ready: BTreeSet::new(),
            yields: BTreeSet::new(),
            accepts: 0,
            others: OTHERS.1,
            in_flight: 0,
            room: u32::MAX,
            last_start: None,
            is_awaited: false,
        }
    }

    /// The attempts a second and the uploads in flight, where they are limited.
    pub fn limits(&self) -> (Option<f64>, Option<u32>) {
        (self.pace.rate(), Some(self.room).filter(|&room| room < u32::MAX))
    }

    /// The frame is ready, and waits.
    pub fn enter(&mut self, frame: u64) {
        self.ready.insert(frame);
    }

    /// The frame does not wait any more.
    pub fn leave(&mut self, frame: u64) {
        self.ready.remove(&frame);
    }

    /// The frame that goes first.
    pub fn first(&self) -> Option<u64> {
        let mut ready = self.ready.iter();
        ready.find(|frame| !self.yields.contains(frame)).or(self.ready.first()).copied()
    }

    /// Asks to start an attempt.
    pub fn start(&mut self, now: Instant) -> Turn {
        let due = self.due();
        let pause_end = self.retry.pause_end(now);
        if let Some(later) = due.max(pause_end).filter(|&later| later > now) {
            self.is_awaited |= due >= pause_end;
            return Turn::At(later);
        }
        if self.in_flight >= self.room {
            return Turn::AfterAnEnd;
        }
        self.in_flight += 1;
        if self.first().is_some_and(|first| self.yields.contains(&first)) {
            // All have had their turn.
            self.yields.clear();
        }
        self.retry.start(now);
        let is_awaited = std::mem::take(&mut self.is_awaited);
        let is_by_rate = self.spacing > self.pace.spacing();
        // --rate keeps the count; a pace that was found keeps the gaps.
        self.last_start = due.filter(|_| is_by_rate).map_or(Some(now), |due| {
            let late = now.saturating_duration_since(due);
            let made_up = if is_awaited { CATCH_UP_AWAITED } else { CATCH_UP };
            Some(if late <= made_up { due } else { now })
        });
        Turn::Now(self.pace.start(now, is_awaited && !is_by_rate))
    }

    /// The frame was refused. As long as the server has taken none at all, the first one shall soon have been refused
    /// too often.
    fn let_others_go_first(&mut self, frame: u64) {
        if std::mem::take(&mut self.accepts) > 0 {
            self.yields.clear();
            self.others = if self.others < OTHERS.1 { self.others + 1 } else { OTHERS.0 };
        }
        if self.retry.totals.accepted > 0 {
            self.yields.insert(frame);
        }
    }

    /// The least time between two starts, by the rate and by the pace; `None`: neither is limited.
    fn least_spacing(&self) -> Option<Duration> {
        Some(self.spacing.max(self.pace.spacing())).filter(|spacing| !spacing.is_zero())
    }

    /// The time of the next start, as far as the rate and the pace go.
    fn due(&self) -> Option<Instant> {
        Some(self.last_start? + self.least_spacing()?)
    }

    /// When a frame that is ready and not the first one starts, if nothing changes; `None`: nobody can say.
    pub fn start_of(&self, frame: u64, now: Instant) -> Option<Instant> {
        let spacing = self.least_spacing()?;
        let place = u32::try_from(self.ready.range(..frame).count()).unwrap_or(u32::MAX);
        let earliest = self.earliest(now)?.max(now);
        earliest.checked_add(spacing.saturating_mul(place))
    }

    /// The earliest start; `None`: none is held back.
    pub fn earliest(&self, now: Instant) -> Option<Instant> {
        self.due().max(self.retry.pause_end(now))
    }

    /// Since when nothing was answered, if an attempt that began then has failed.
    pub fn silent_since(&self, began: Instant) -> Option<Instant> {
        self.retry.silent_since(began)
    }

    /// Whether nothing is limited and nothing has failed. Then the time of an answer does not matter.
    pub fn is_calm(&self) -> bool {
        self.pace.is_open() && self.room == u32::MAX && self.retry.down_since.is_none()
    }

    /// An attempt was not made after all. Its time is spent.
    pub fn give_back(&mut self) {
        self.in_flight -= 1;
    }

    /// The server has taken a frame, or judged it.
    fn accepted(&mut self) {
        self.accepts += 1;
        if self.accepts == self.others {
            self.yields.clear();
        }
        if self.retry.totals.accepted.is_multiple_of(TRY_AFTER) {
            self.room = self.room.saturating_add(1);
        }
        self.pace.accepted();
    }

    /// An attempt has ended.
    pub fn end(&mut self, frame: u64, tries: &mut Tries, ended: &Ended, now: Instant) -> Next {
        self.in_flight -= 1;
        tries.attempts += 1;
        let Some(outcome) = ended.outcome.filter(|&outcome| self.retry.may_repeat(outcome)) else {
            // Success, or an error that is never repeated: if that is a response, the server is up.
            if ended.is_response {
                if !ended.is_unauthorized {
                    self.accepted();
                }
                self.retry.answered(!ended.is_unauthorized, now);
            }
            return Next::Done;
        };
        if outcome == Outcome::NoRoom && self.in_flight > 0 {
            self.room = self.in_flight;
            return self.retry.had_no_room(tries, self.due().map_or(now, |due| due.max(now)));
        }
        let left = self.retry.count(tries, outcome);
        match outcome {
            Outcome::RefusedForNow => {
                self.let_others_go_first(frame);
                if !tries.is_refused_alone {
                    self.pace.refused(&ended.started, now);
                }
            }
            Outcome::Unknown if ended.is_response => self.pace.accepted(),
            _ => {}
        }
        let next = self.retry.failed(tries, left, ended, self.due(), now);
        if !matches!(next, Next::Again(_)) {
            self.yields.remove(&frame);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(spacing: Duration) -> Schedule<fn() -> f64> {
        let (retries, delay) = (None, None);
        let policy = Policy { retries, delay, max_time: None, all_errors: false, spacing };
        Schedule::new(policy, || 1.0)
    }

    /// A frame is accepted.
    fn answer(started: Started) -> Ended {
        let (is_unauthorized, retry_after) = (false, None);
        Ended { started, outcome: None, is_response: true, is_unauthorized, retry_after }
    }

    fn starts(schedule: &mut Schedule<fn() -> f64>, now: Instant) -> bool {
        matches!(schedule.start(now), Turn::Now(_))
    }

    #[test]
    fn a_rate_spaces_all_starts() {
        let mut schedule = schedule(2 * SECOND);
        let now = Instant::now();
        assert!(starts(&mut schedule, now));
        assert_eq!(schedule.start(now + SECOND), Turn::At(now + 2 * SECOND));
        // Unused time is not made up for.
        assert!(starts(&mut schedule, now + 9 * SECOND));
        assert_eq!(schedule.start(now + 10 * SECOND), Turn::At(now + 11 * SECOND));
    }

    #[test]
    fn a_start_that_is_given_back_leaves_its_room_and_its_time_is_spent() {
        let mut schedule = schedule(SECOND);
        let now = Instant::now();
        assert!(starts(&mut schedule, now));
        let Turn::Now(second) = schedule.start(now + SECOND) else { panic!("one at once") };
        let no_room =
            Ended { outcome: Some(Outcome::NoRoom), is_response: false, ..answer(second) };
        let mut tries = Tries::default();
        schedule.end(1, &mut tries, &no_room, now + SECOND);
        assert_eq!(schedule.start(now + 2 * SECOND), Turn::AfterAnEnd);
        schedule.give_back();
        assert_eq!(schedule.start(now + SECOND), Turn::At(now + 2 * SECOND));
        assert!(starts(&mut schedule, now + 2 * SECOND));
    }

    #[test]
    fn a_rate_does_not_drift_with_late_starts() {
        let mut schedule = schedule(SECOND / 1000);
        let begin = Instant::now();
        let mut now = begin;
        for _ in 0..1000 {
            while let Turn::At(later) = schedule.start(now) {
                // A thread wakes up late.
                now = later + SECOND / 3000;
            }
        }
        let late = now.saturating_duration_since(begin + 999 * SECOND / 1000);
        assert!(late < SECOND / 500, "{late:?}");
    }

    #[test]
    fn a_retry_after_of_any_size_is_taken() {
        let now = Instant::now();
        for wait in [Duration::ZERO, SECOND, Duration::MAX] {
            let mut schedule = schedule(Duration::ZERO);
            let Turn::Now(started) = schedule.start(now) else { panic!("nothing is limited") };
            let (outcome, retry_after) = (Some(Outcome::RefusedForNow), Some(wait));
            let ended = Ended { outcome, retry_after, ..answer(started) };
            let next = schedule.end(0, &mut Tries::default(), &ended, now);
            assert!(matches!(next, Next::Again(_)), "{wait:?}: {next:?}");
            assert_eq!(starts(&mut schedule, now), wait.is_zero(), "{wait:?}");
        }
    }

    #[test]
    fn a_401_between_refusals_does_not_raise_the_pace() {
        let spacings = [false, true].map(|is_unauthorized| {
            let mut schedule = schedule(Duration::ZERO);
            let mut now = Instant::now();
            for number in 0..20 {
                let started = loop {
                    match schedule.start(now) {
                        Turn::Now(started) => break started,
                        Turn::At(later) => now = later,
                        Turn::AfterAnEnd => panic!("nothing is in flight"),
                    }
                };
                now += SECOND / 100;
                let outcome = match number {
                    0..10 => None,
                    _ if number % 2 == 0 => Some(Outcome::RefusedForNow),
                    _ => Some(Outcome::Refused),
                };
                let is_unauthorized = is_unauthorized && outcome == Some(Outcome::Refused);
                let ended = Ended { outcome, is_unauthorized, ..answer(started) };
                schedule.end(number, &mut Tries::default(), &ended, now);
            }
            schedule.least_spacing().unwrap_or_default()
        });
        assert!(spacings[1] > 2 * spacings[0], "{spacings:?}");
    }

    #[test]
    fn a_frame_is_not_refused_alone_if_the_others_get_401() {
        let is_alone = [false, true].map(|is_unauthorized| {
            let mut schedule = schedule(Duration::ZERO);
            let (mut now, mut tries) = (Instant::now(), Tries::default());
            for _ in 0..3 {
                for _ in 0..4 {
                    now += 9 * SECOND;
                    let Turn::Now(started) = schedule.start(now) else { panic!("it is time") };
                    let outcome = Some(Outcome::Refused);
                    let other = Ended { outcome, is_unauthorized, ..answer(started) };
                    schedule.end(9, &mut Tries::default(), &other, now);
                }
                now += 9 * SECOND;
                let Turn::Now(started) = schedule.start(now) else { panic!("it is time") };
                let refused = Ended { outcome: Some(Outcome::RefusedForNow), ..answer(started) };
                schedule.end(0, &mut tries, &refused, now);
            }
            tries.is_refused_alone
        });
        assert_eq!(is_alone, [true, false]);
    }

    /// The frames that go, of four that are there at a time, if the server refuses the attempts with certain numbers. It
    /// has taken the one before them.
    fn order(count: usize, refuses: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut schedule = schedule(Duration::ZERO);
        let mut now = Instant::now();
        let mut tries: Vec<_> = (0..count + 4).map(|_| Tries::default()).collect();
        (0..4).for_each(|frame| schedule.enter(frame));
        let mut next = 4;
        let Turn::Now(started) = schedule.start(now) else { panic!("nothing is limited") };
        schedule.end(9, &mut Tries::default(), &answer(started), now);
        let go = |number| {
            let frame = schedule.first().unwrap();
            let started = loop {
                match schedule.start(now) {
                    Turn::Now(started) => break started,
                    Turn::At(later) => now = later,
                    Turn::AfterAnEnd => panic!("nothing is in flight"),
                }
            };
            schedule.leave(frame);
            let outcome = refuses(number).then_some(Outcome::RefusedForNow);
            let ended = Ended { outcome, ..answer(started) };
            let tries = &mut tries[usize::try_from(frame).unwrap()];
            schedule.end(frame, tries, &ended, now);
            let ready = if refuses(number) { frame } else { next };
            next += u64::from(!refuses(number));
            schedule.enter(ready);
            frame
        };
        (0..count).map(go).collect()
    }

    #[test]
    fn a_frame_that_was_refused_lets_three_others_go_first() {
        assert_eq!(order(6, |number| number == 0), [0, 1, 2, 3, 0, 4]);
    }

    #[test]
    fn as_long_as_none_was_accepted_the_first_one_stays_first() {
        let mut schedule = schedule(Duration::ZERO);
        let now = Instant::now();
        let Turn::Now(started) = schedule.start(now) else { panic!("nothing is limited") };
        let outcome = Some(Outcome::RefusedForNow);
        let refused = Ended { outcome, ..answer(started) };
        schedule.end(3, &mut Tries::default(), &refused, now);
        schedule.enter(5);
        schedule.enter(3);
        assert_eq!(schedule.first(), Some(3));
    }

    #[test]
    fn a_server_that_refuses_at_regular_intervals_does_not_always_meet_the_same_frame() {
        for interval in [2, 3, 4, 5, 6, 7] {
            let order = order(400, |number| number % interval == 0);
            for frame in 0..190 {
                let attempts = order.iter().filter(|&&it| it == frame).count();
                assert!(
                    (1..5).contains(&attempts),
                    "{interval}, frame {frame}: {attempts} attempts in {order:?}"
                );
            }
        }
    }

    #[test]
    fn a_server_that_refuses_all_refuses_each_frame_as_often() {
        assert_eq!(order(8, |_| true), [0, 1, 2, 3, 0, 1, 2, 3]);
    }
}
