//! Whether and when a frame is tried again. Pure: the clock is passed in, and nothing here sleeps.
//!
//! One `Retry` serves the whole run. While the server can't be reached, attempts of all jobs start one at a
//! time, a pause apart, so that many jobs don't hammer a server that is down; the first answer, to any frame,
//! lets all of them go. A server that asks for a wait, with Retry-After, gets it from all jobs. A refusal
//! without one holds back its own frame alone: `pace` slows the run.
//!
//! The pause doubles, so that a server in trouble gets rest. One that refuses connections needs none: while no number
//! limits the attempts, they are a second apart at most, and its return is noticed as soon. How long the server may
//! answer no frame is limited, however many attempts that takes: after that the run is over.

use std::time::{Duration, Instant};

use crate::http::Outcome;

use super::pace::Started;
use super::tries::{Totals, Tries};

/// No pause of our own is longer.
const PAUSE_AT_MOST: Duration = Duration::from_secs(60);

/// The first pause while the server can't be reached, and the longest one while trying costs the server nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A frame's own pauses after its second refusal and after later ones: with these, a frame that is always
/// refused has failed after four seconds or so.
const FIRST_OWN_PAUSE: Duration = Duration::from_millis(1);
const OWN_PAUSE_AT_MOST: Duration = Duration::from_millis(250);

/// Ten years, more than any --retry-max-time. Caps a Retry-After that would overflow the clock.
const FAR: Duration = Duration::from_secs(315_360_000);

/// The user's options.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Further attempts after the first one, whatever the cause. `None`: each cause has its own number.
    pub retries: Option<u32>,
    /// The first pause; it doubles from one round of failures to the next. `None`: each cause has its own.
    pub delay: Option<Duration>,
    /// The longest time without an answer; `None`: without limit.
    pub max_time: Option<Duration>,
    /// Whether a frame that may have arrived is sent again.
    pub all_errors: bool,
    /// The least time between the starts of two attempts.
    pub spacing: Duration,
}

/// The step after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Again(Again),
    /// The frame is not tried again.
    Done,
    /// Nor is any other frame: the server has not answered for too long.
    Over(String),
}

/// Another attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct Again {
    /// This frame pauses until then, on its own account.
    pub not_before: Option<Instant>,
    /// It starts no earlier, as far as is known now.
    pub earliest: Instant,
    /// The most attempts that the frame gets; `None`: --retry-max-time alone limits them.
    pub of: Option<u32>,
}

/// The end of an attempt.
pub struct Ended {
    pub started: Started,
    /// `None`: the frame was answered with success.
    pub outcome: Option<Outcome>,
    /// Whether a response came, a refusal too.
    pub is_response: bool,
    /// A gateway that sheds load may say 401, so that is no accept.
    pub is_unauthorized: bool,
    /// The wait that the response asks for with Retry-After.
    pub retry_after: Option<Duration>,
}

/// The state of a run: how far back-off has gone, and when the next attempt may start.
pub struct Retry<R> {
    policy: Policy,
    /// Numbers from 0 to 1, for jitter.
    random: R,
    pub totals: Totals,
    /// Rounds of failures since the last answer.
    round: u32,
    /// No pause is longer, by the last failure.
    longest: Duration,
    /// The last round, or the answer that ended it: a failure that began before says nothing.
    counted: Option<Instant>,
    /// The first failure since a frame was last answered.
    pub down_since: Option<Instant>,
    answered_at: Option<Instant>,
    /// The server would be away for longer than its limit before the next attempt could start.
    given_up: bool,
    /// No attempt starts before this: the pause.
    pause_end: Option<Instant>,
    /// No attempt starts before this: Retry-After.
    asked: Option<Instant>,
}

impl<R: FnMut() -> f64> Retry<R> {
    pub fn new(policy: Policy, random: R) -> Self {
        Retry {
            policy,
            random,
            totals: Totals::default(),
            round: 0,
            longest: PAUSE_AT_MOST,
            counted: None,
            down_since: None,
            answered_at: None,
            given_up: false,
            pause_end: None,
            asked: None,
        }
    }

    /// No attempt starts before this; `None`: there is no pause.
    pub fn pause_end(&self, now: Instant) -> Option<Instant> {
        self.pause_end.max(self.asked).filter(|_| !self.is_gone(now))
    }

    /// An attempt starts.
    pub fn start(&mut self, now: Instant) {
        if self.round > 0 && !self.is_gone(now) {
            // One at a time: the next attempt, of any job, is a pause away.
            self.pause_end = Some(now + self.pause());
        }
    }

    /// A frame was answered, so the server is up, whenever the attempt began.
    pub fn answered(&mut self, is_accepted: bool, now: Instant) {
        self.totals.accepted += u64::from(is_accepted);
        self.down_since = None;
        self.answered_at = Some(now);
        if std::mem::take(&mut self.given_up) {
            self.asked = None;
        }
        self.heard(now);
    }

    /// Since when nothing was answered, if an attempt that began then has failed: a single one may take half a minute.
    pub fn silent_since(&self, began: Instant) -> Option<Instant> {
        let silent = self.answered_at.map_or(began, |answered| answered.max(began));
        self.down_since.map(|since| since.min(silent))
    }

    /// The server has said something, so it can be reached.
    fn heard(&mut self, now: Instant) {
        self.totals.has_responded = true;
        if self.round > 0 {
            (self.round, self.counted, self.pause_end) = (0, Some(now), None);
        }
    }

    /// Whether an attempt with this outcome may be repeated at all.
    pub fn may_repeat(&self, outcome: Outcome) -> bool {
        self.policy.retries != Some(0)
            && match outcome {
                Outcome::Refused => false,
                Outcome::Unknown | Outcome::HungUp => self.policy.all_errors,
                _ => true,
            }
    }

    /// Counts a failure that may be repeated. Returns how many attempts its frame may still get; `None`: any number.
    pub fn count(&mut self, tries: &mut Tries, outcome: Outcome) -> Option<u32> {
        let own = tries.count(outcome, &mut self.totals);
        let of = self.policy.retries;
        of.map_or(own, |retries| Some(retries.saturating_sub(tries.attempts - 1)))
    }

    /// We had no descriptor or port. One of our own uploads will end, so there is no pause, and without --retry
    /// it costs no attempt.
    pub fn had_no_room(&self, tries: &Tries, earliest: Instant) -> Next {
        match self.policy.retries.map(|retries| retries.saturating_add(1)) {
            Some(of) if tries.attempts >= of => Next::Done,
            of => Next::Again(Again { not_before: None, earliest, of }),
        }
    }

    /// An attempt that may be repeated has failed. `left` is that of `count`, and `due` the time until which the rate or
    /// the pace holds the next attempt back.
    pub fn failed(
        &mut self,
        tries: &Tries,
        left: Option<u32>,
        ended: &Ended,
        due: Option<Instant>,
        now: Instant,
    ) -> Next {
        let down_since = *self.down_since.get_or_insert(now);
        self.totals.has_responded |= ended.is_response;
        let is_free = left.is_none() && ended.outcome == Some(Outcome::Away);
        self.longest = if is_free { FIRST_PAUSE } else { PAUSE_AT_MOST };
        let not_before = self.hold_back(tries, ended, now);
        let later = not_before.max(due).max(self.pause_end).max(self.asked);
        let earliest = later.unwrap_or(now).max(now);
        let outage = earliest.saturating_duration_since(down_since);
        let passed = self.policy.max_time.filter(|&limit| self.given_up || outage > limit);
        // Set even if this frame has no attempts left, or the others would sit out a Retry-After beyond the limit.
        self.given_up = passed.is_some();
        match passed {
            _ if left == Some(0) => Next::Done,
            Some(limit) => Next::Over(given_up(ended.retry_after, limit)),
            None => {
                let of = left.map(|left| tries.attempts.saturating_add(left));
                Next::Again(Again { not_before, earliest, of })
            }
        }
    }

    /// Extends the pause of all jobs, or returns the end of the frame's own pause. A refused frame pauses alone, unless
    /// there is a Retry-After and the server does not refuse this frame alone. So does a frame whose attempt began before
    /// the last round, or whose connection alone has ended.
    fn hold_back(&mut self, tries: &Tries, ended: &Ended, now: Instant) -> Option<Instant> {
        let asked = ended.retry_after.map(|after| now + after.min(FAR));
        let is_refused = ended.outcome == Some(Outcome::RefusedForNow);
        let (is_own, failures) = if is_refused {
            self.heard(now);
            (asked.is_none() || tries.is_refused_alone, tries.refused)
        } else {
            let is_late = self.counted.is_some_and(|counted| ended.started.at < counted);
            (is_late || ended.outcome == Some(Outcome::HungUp), tries.never_sent + tries.unknown)
        };
        if is_own {
            let end = asked.unwrap_or_else(|| now + self.own_pause(failures));
            return Some(end).filter(|&end| end > now);
        }
        if !is_refused {
            (self.round, self.counted) = (self.round.saturating_add(1), Some(now));
            self.pause_end = if asked.is_some() { None } else { Some(now + self.pause()) };
        }
        self.asked = self.asked.max(asked);
        None
    }

    /// Full jitter: anything up to the delay, doubled for each round, up to the cap.
    fn pause(&mut self) -> Duration {
        let first = self.policy.delay.unwrap_or(FIRST_PAUSE).min(PAUSE_AT_MOST);
        doubled(first, self.round, self.longest.max(first)).mul_f64((self.random)())
    }

    /// The pause of one frame after a number of failures.
    fn own_pause(&mut self, failures: u32) -> Duration {
        match self.policy.delay {
            Some(first) => doubled(first, failures, PAUSE_AT_MOST).mul_f64((self.random)()),
            None if failures < 2 => Duration::ZERO,
            None => doubled(FIRST_OWN_PAUSE, failures - 1, OWN_PAUSE_AT_MOST)
                .mul_f64(0.5 + (self.random)() / 2.0),
        }
    }

    /// Whether the server has been away for longer than its limit.
    fn is_gone(&self, now: Instant) -> bool {
        let Some(limit) = self.policy.max_time else { return false };
        let outlasted = |since| now.saturating_duration_since(since) >= limit;
        self.given_up || self.down_since.is_some_and(outlasted)
    }
}

/// The first pause, doubled with each failure after the first one.
fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(31)).min(longest)
}

fn given_up(retry_after: Option<Duration>, limit: Duration) -> String {
    let cause = match retry_after {
        Some(after) => format!("Retry-After of {} s passes", after.as_secs()),
        None => "no retry within".to_owned(),
    };
    format!("{cause} the limit of {} s, --retry-max-time", limit.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::pace::Pace;
    use super::super::tries::{FEW, REFUSALS};

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> Policy {
        Policy {
            retries: Some(3),
            delay: Some(SECOND),
            max_time: Some(600 * SECOND),
            all_errors: false,
            spacing: Duration::ZERO,
        }
    }

    /// The user has said nothing about retries.
    fn own() -> Policy {
        Policy { retries: None, delay: None, ..policy() }
    }

    /// A run whose jitter is always the longest pause, and one frame of it.
    struct Trial<R> {
        retry: Retry<R>,
        tries: Tries,
        now: Instant,
    }

    fn trial(policy: Policy) -> Trial<impl FnMut() -> f64> {
        trial_with(policy, || 1.0)
    }

    fn trial_with<R: FnMut() -> f64>(policy: Policy, random: R) -> Trial<R> {
        Trial { retry: Retry::new(policy, random), tries: Tries::default(), now: Instant::now() }
    }

    impl<R: FnMut() -> f64> Trial<R> {
        /// An attempt of the frame that began at `at` has failed now.
        fn fails_from(
            &mut self,
            outcome: Outcome,
            retry_after: Option<Duration>,
            at: Instant,
        ) -> Next {
            self.tries.attempts += 1;
            let (is_response, is_unauthorized) = (outcome == Outcome::RefusedForNow, false);
            let left = self.retry.count(&mut self.tries, outcome);
            let (started, outcome) = (Pace::new().start(at, false), Some(outcome));
            let ended = Ended { started, outcome, is_response, is_unauthorized, retry_after };
            self.retry.failed(&self.tries, left, &ended, None, self.now)
        }

        fn down(&mut self) -> Next {
            self.retry.start(self.now);
            self.fails_from(Outcome::NeverSent, None, self.now)
        }

        fn busy(&mut self, retry_after: Duration) -> Next {
            self.fails_from(Outcome::RefusedForNow, Some(retry_after), self.now)
        }

        fn refused(&mut self) -> Next {
            self.fails_from(Outcome::RefusedForNow, None, self.now)
        }

        fn next_frame(&mut self) {
            self.tries = Tries::default();
        }

        /// The pause of all jobs.
        fn pause(&self) -> Option<Duration> {
            let end = self.retry.pause_end(self.now)?;
            Some(end.saturating_duration_since(self.now)).filter(|pause| !pause.is_zero())
        }
    }

    /// In how long the attempt comes, and how many there are.
    fn again(next: Next, now: Instant) -> (Duration, Option<u32>) {
        match next {
            Next::Again(again) => (again.earliest - now, again.of),
            next => panic!("{next:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let mut trial = trial(Policy { retries: Some(100), ..policy() });
        let mut pauses = Vec::new();
        for _ in 1..=9 {
            let next = trial.down();
            let (pause, _) = again(next, trial.now);
            assert_eq!(trial.pause(), Some(pause));
            pauses.push(pause.as_secs());
            trial.now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn while_a_server_that_has_answered_refuses_connections_the_pause_stays_short() {
        let pauses = |policy: Policy, outcomes: [Outcome; 5]| {
            let mut trial = trial(policy);
            trial.retry.answered(true, trial.now);
            outcomes.map(|outcome| {
                let next = trial.fails_from(outcome, None, trial.now);
                let (pause, _) = again(next, trial.now);
                trial.now += pause;
                pause.as_secs_f64()
            })
        };
        use Outcome::{Away, NeverSent};
        assert_eq!(pauses(own(), [Away; 5]), [1.0; 5]);
        // A timeout costs the server something.
        let mixed = [Away, NeverSent, NeverSent, Away, NeverSent];
        assert_eq!(pauses(own(), mixed), [1.0, 2.0, 4.0, 1.0, 16.0]);
        let delayed = |seconds| Policy { delay: Some(Duration::from_secs_f64(seconds)), ..own() };
        assert_eq!(pauses(delayed(0.25), [Away; 5]), [0.25, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(pauses(delayed(5.0), [Away; 5]), [5.0; 5]);
        // Attempts that are counted have to last.
        let counted = Policy { retries: Some(9), ..own() };
        assert_eq!(pauses(counted, [Away; 5]), [1.0, 2.0, 4.0, 8.0, 16.0]);
    }

    #[test]
    fn jitter_shortens_a_pause() {
        let mut trial = trial_with(policy(), || 0.25);
        let next = trial.down();
        assert_eq!(again(next, trial.now), (SECOND / 4, Some(4)));
    }

    #[test]
    fn failures_of_one_round_count_once_and_attempts_then_start_one_at_a_time() {
        let mut trial = trial(policy());
        let begin = trial.now;
        trial.now += SECOND;
        for _ in 0..8 {
            trial.next_frame();
            let next = trial.fails_from(Outcome::NeverSent, None, begin);
            assert_eq!(again(next, trial.now), (SECOND, Some(4)));
        }
        trial.now += SECOND;
        assert_eq!(trial.pause(), None);
        trial.retry.start(trial.now);
        assert_eq!(trial.pause(), Some(SECOND));
        trial.retry.answered(true, trial.now);
        assert_eq!(trial.pause(), None);
        trial.retry.start(trial.now);
        assert_eq!(trial.pause(), None);
    }

    #[test]
    fn the_number_of_retries_is_the_users_whatever_the_cause() {
        for outcome in [Outcome::NeverSent, Outcome::RefusedForNow, Outcome::Unknown] {
            let mut trial = trial(Policy { all_errors: true, ..policy() });
            for _ in 0..3 {
                let next = trial.fails_from(outcome, None, trial.now);
                assert_eq!(again(next, trial.now).1, Some(4));
            }
            assert_eq!(trial.fails_from(outcome, None, trial.now), Next::Done);
        }
    }

    #[test]
    fn without_a_number_each_cause_has_its_own() {
        let attempts = |outcome, has_responded: bool| {
            let mut trial = trial(Policy { all_errors: true, max_time: None, ..own() });
            if has_responded {
                trial.retry.answered(true, trial.now);
            }
            let last = (1..1000).find(|_| {
                trial.now += SECOND;
                let done = Next::Done;
                trial.fails_from(outcome, None, trial.now) == done
            });
            last.unwrap_or(1000)
        };
        assert_eq!(attempts(Outcome::RefusedForNow, true), 21);
        assert_eq!(attempts(Outcome::RefusedForNow, false), 21);
        assert_eq!(attempts(Outcome::Unknown, true), 4);
        assert_eq!(attempts(Outcome::NeverSent, false), 4);
        assert_eq!(attempts(Outcome::NeverSent, true), 1000);
    }

    #[test]
    fn a_number_that_is_told_is_that_of_the_last_attempt() {
        let mut trial = trial(own());
        let mut told = |outcome| {
            let next = trial.fails_from(outcome, None, trial.now);
            again(next, trial.now).1
        };
        assert_eq!(told(Outcome::NeverSent), Some(4));
        assert_eq!(told(Outcome::RefusedForNow), Some(22));
        assert_eq!(told(Outcome::RefusedForNow), Some(22));
        // It has answered, if only with a refusal: now it is waited for.
        assert_eq!(told(Outcome::NeverSent), None);
    }

    #[test]
    fn a_refused_frame_pauses_on_its_own_account_and_has_failed_in_seconds() {
        let mut trial = trial(own());
        let begin = trial.now;
        let mut pauses = Vec::new();
        while let Next::Again(next) = trial.refused() {
            assert_eq!(trial.pause(), None);
            let pause = next.not_before.map_or(0, |then| (then - trial.now).as_millis());
            trial.now = next.earliest;
            pauses.push(pause);
        }
        assert_eq!(pauses[..8], [0, 1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(pauses.len(), 20);
        assert!(trial.now - begin < 5 * SECOND);
    }

    #[test]
    fn a_frame_that_is_refused_while_others_are_taken_is_refused_alone() {
        let mut trial = trial(own());
        for alone in [false, false, true, true] {
            trial.refused();
            assert_eq!(trial.tries.is_refused_alone, alone);
            (0..2).for_each(|_| trial.retry.answered(true, trial.now));
        }
        // A wait that it is asked for is its own.
        let next = trial.busy(7 * SECOND);
        assert_eq!(again(next, trial.now).0, 7 * SECOND);
        assert_eq!(trial.pause(), None);
        trial.next_frame();
        for _ in 0..10 {
            trial.refused();
            assert!(!trial.tries.is_refused_alone);
        }
    }

    #[test]
    fn nobody_waits_beyond_the_limit_after_a_last_attempt_either() {
        let mut trial = trial(policy());
        trial.tries.attempts = 3;
        assert_eq!(trial.busy(601 * SECOND), Next::Done);
        assert_eq!(trial.pause(), None);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_not_ended_by_an_answer() {
        let mut trial = trial(policy());
        trial.busy(7 * SECOND);
        trial.retry.answered(true, trial.now);
        assert_eq!(trial.pause(), Some(7 * SECOND));
        trial.now += 7 * SECOND;
        assert_eq!(trial.pause(), None);
    }

    #[test]
    fn any_answer_ends_an_outage_and_a_late_failure_does_not_bring_it_back() {
        let mut trial = trial(policy());
        let begin = trial.now;
        trial.now += SECOND;
        trial.down();
        assert_eq!(trial.pause(), Some(SECOND));
        trial.retry.answered(true, trial.now);
        assert_eq!(trial.pause(), None);
        trial.now += SECOND / 2;
        let next = trial.fails_from(Outcome::NeverSent, None, begin);
        assert!(matches!(next, Next::Again(Again { not_before: Some(_), .. })), "{next:?}");
        assert_eq!(trial.pause(), None);
        trial.down();
        assert_eq!(trial.pause(), Some(SECOND));
    }

    #[test]
    fn without_retries_nothing_waits() {
        let trial = trial(Policy { retries: Some(0), ..policy() });
        assert!(!trial.retry.may_repeat(Outcome::RefusedForNow));
        assert!(!trial.retry.may_repeat(Outcome::NeverSent));
    }

    #[test]
    fn only_what_is_safe_is_repeated_unless_the_user_asks() {
        for all_errors in [false, true] {
            let trial = trial(Policy { all_errors, ..policy() });
            let may_repeat = |outcome| trial.retry.may_repeat(outcome);
            assert!(may_repeat(Outcome::NeverSent) && may_repeat(Outcome::NoRoom));
            assert!(may_repeat(Outcome::RefusedForNow));
            assert!(!may_repeat(Outcome::Refused));
            assert_eq!(may_repeat(Outcome::Unknown), all_errors);
            assert_eq!(may_repeat(Outcome::HungUp), all_errors);
        }
    }

    #[test]
    fn retry_after_wins_over_the_pause() {
        for wait in [7 * SECOND, Duration::ZERO] {
            let mut trial = trial(policy());
            let next = trial.busy(wait);
            assert_eq!(again(next, trial.now).0, wait);
        }
    }

    #[test]
    fn a_retry_after_past_the_limit_ends_it_at_once_for_all() {
        let mut trial = trial(policy());
        for far in [601 * SECOND, Duration::MAX] {
            trial.next_frame();
            let Next::Over(why) = trial.busy(far) else { panic!("{far:?} is waited for") };
            assert!(why.ends_with("passes the limit of 600 s, --retry-max-time"), "{why}");
        }
        // Frames that are on their way get one attempt each, without a pause.
        trial.next_frame();
        assert_eq!(trial.pause(), None);
        assert!(matches!(trial.down(), Next::Over(_)));
        assert_eq!(trial.pause(), None);
        trial.retry.answered(true, trial.now);
        assert_eq!(trial.pause(), None);
        trial.next_frame();
        let next = trial.down();
        assert_eq!(again(next, trial.now).0, SECOND);
    }

    #[test]
    fn without_a_limit_an_outage_may_last() {
        let mut trial = trial(Policy { max_time: None, retries: Some(1000), ..policy() });
        trial.down();
        trial.now += 1_000_000 * SECOND;
        let next = trial.down();
        assert_eq!(again(next, trial.now).0, 2 * SECOND);
        assert_eq!(trial.pause(), Some(2 * SECOND));
        let next = trial.busy(Duration::MAX);
        assert_eq!(again(next, trial.now).0, FAR);
    }

    #[test]
    fn an_outage_is_over_when_a_frame_is_answered_and_not_when_time_passes() {
        let mut trial = trial(Policy { retries: Some(1000), ..policy() });
        trial.down();
        trial.now += 601 * SECOND;
        let why = "no retry within the limit of 600 s, --retry-max-time".to_owned();
        assert_eq!(trial.down(), Next::Over(why));
        assert_eq!(trial.pause(), None);
        // Hours without a frame are no outage.
        trial.retry.answered(true, trial.now);
        trial.now += 10_000 * SECOND;
        let next = trial.down();
        assert_eq!(again(next, trial.now).0, SECOND);
    }

    #[test]
    fn the_server_is_up_until_a_failure_and_after_an_answer() {
        let mut trial = trial(policy());
        assert_eq!(trial.retry.down_since, None);
        trial.down();
        assert!(trial.retry.down_since.is_some());
        trial.retry.answered(true, trial.now);
        assert_eq!(trial.retry.down_since, None);
    }

    #[test]
    fn the_server_is_silent_since_the_attempt_began_or_since_it_answered_another_one() {
        let mut trial = trial(policy());
        let began = trial.now;
        trial.now += 30 * SECOND;
        trial.down();
        assert_eq!(trial.retry.silent_since(began), Some(began));
        trial.retry.answered(true, began + SECOND);
        assert_eq!(trial.retry.silent_since(began), None);
        trial.down();
        assert_eq!(trial.retry.silent_since(began), Some(began + SECOND));
    }

    #[test]
    fn without_a_descriptor_only_the_users_number_ends_a_frame() {
        let no_room = |retries, attempts| {
            let trial = trial(Policy { retries, ..policy() });
            let mut tries = Tries::default();
            tries.attempts += attempts;
            trial.retry.had_no_room(&tries, trial.now)
        };
        let of = |next| match next {
            Next::Again(again) => again.of,
            next => panic!("{next:?}"),
        };
        assert_eq!(of(no_room(Some(1), 1)), Some(2));
        assert_eq!(no_room(Some(1), 2), Next::Done);
        assert_eq!(of(no_room(None, 1000)), None);
    }

    #[test]
    fn a_wait_of_exactly_the_limit_is_waited_and_a_longer_one_ends_the_run() {
        let mut trial = trial(policy());
        let next = trial.busy(600 * SECOND);
        assert_eq!(again(next, trial.now).0, 600 * SECOND);
        assert!(matches!(trial.busy(601 * SECOND), Next::Over(_)));
        let mut hasty = trial_with(Policy { max_time: Some(SECOND), ..policy() }, || 1.0);
        assert!(matches!(hasty.busy(Duration::MAX), Next::Over(_)));
    }

    #[test]
    fn a_wait_that_a_failed_answer_asks_for_is_for_all_jobs() {
        let mut trial = trial(Policy { all_errors: true, ..policy() });
        let next = trial.fails_from(Outcome::Unknown, Some(7 * SECOND), trial.now);
        assert_eq!(again(next, trial.now).0, 7 * SECOND);
        assert_eq!(trial.pause(), Some(7 * SECOND));
    }

    #[test]
    fn the_first_refusal_is_tried_again_without_a_pause_and_so_is_a_frame_whose_connection_ended() {
        for (outcome, further) in [(Outcome::RefusedForNow, REFUSALS), (Outcome::HungUp, FEW)] {
            let mut trial = trial(Policy { all_errors: true, ..own() });
            let next = trial.fails_from(outcome, None, trial.now);
            let again = Again { not_before: None, earliest: trial.now, of: Some(1 + further) };
            assert_eq!((next, trial.pause()), (Next::Again(again), None));
        }
    }

    #[test]
    fn an_attempt_that_began_before_an_outage_ended_holds_back_its_own_frame_alone() {
        let policy = Policy { all_errors: true, retries: Some(100), ..policy() };
        let mut trial = trial(policy);
        let begin = trial.now;
        trial.now += SECOND;
        trial.down();
        trial.retry.answered(true, trial.now);
        trial.next_frame();
        for (outcome, seconds) in
            [(Outcome::NeverSent, 1), (Outcome::Unknown, 2), (Outcome::NeverSent, 4)]
        {
            let next = trial.fails_from(outcome, None, begin);
            assert_eq!(again(next, trial.now).0, seconds * SECOND);
            assert_eq!(trial.pause(), None);
        }
        // One that began later is news: there is another outage, whoever was answered meanwhile.
        let begin = trial.now;
        trial.now += SECOND;
        trial.retry.answered(true, trial.now);
        trial.fails_from(Outcome::NeverSent, None, begin);
        assert_eq!(trial.pause(), Some(SECOND));
    }
}
