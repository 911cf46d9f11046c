//! When to try again. Pure: the clock is passed in, and nothing here sleeps.
//!
//! One `Retry` serves the whole run, so that many jobs don't hammer a server that is down: a pause holds all
//! jobs back, not one frame. While the server is down, attempts of all jobs start one at a time, a pause
//! apart; the first answer lets all of them go. How long an outage may last is limited. After that nothing is
//! repeated, and nothing waits.

use std::time::{Duration, Instant, SystemTime};

use crate::http::Outcome;

/// No pause of our own is longer.
const PAUSE_AT_MOST: Duration = Duration::from_secs(60);

/// Ten years. Caps a Retry-After that would overflow the clock when --retry-max-time is 0.
const FAR: Duration = Duration::from_secs(315_360_000);

/// The user's options.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Further attempts after the first one.
    pub retries: u32,
    /// The first pause; it doubles from one round of failures to the next.
    pub delay: Duration,
    /// The longest outage; `None`: without limit.
    pub max_time: Option<Duration>,
    /// Whether a frame that may have arrived is sent again.
    pub all_errors: bool,
    /// The least time between the starts of two attempts.
    pub spacing: Duration,
}

/// Whether an attempt may start.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// It starts now. Its failure hands the round back.
    Now(u32),
    /// Ask again at that time, or after the next answer.
    At(Instant),
}

/// The step after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, after a pause of about this length.
    Again(Duration),
    /// None, and the reason, unless the result says it.
    Done(Option<String>),
}

/// A failed attempt.
pub struct Failed<'a> {
    pub outcome: Outcome,
    /// Whether the server has answered, if only with an error.
    pub is_response: bool,
    /// The round of `Start::Now`.
    pub round: u32,
    /// Attempts of this frame so far, this one included.
    pub attempts: u32,
    /// The value of the response's Retry-After.
    pub retry_after: Option<&'a str>,
}

/// The state of a run: how far back-off has gone, and when the next attempt may start.
pub struct Retry<R> {
    policy: Policy,
    /// Numbers from 0 to 1, for jitter.
    random: R,
    /// Rounds of failures since the last answer. Attempts that were under way together count as one round.
    round: u32,
    /// The first failure since the last answer.
    down_since: Option<Instant>,
    /// The outage would outlast its limit before the next attempt could start.
    given_up: bool,
    /// No attempt starts before this: the pause.
    not_before: Option<Instant>,
    /// No attempt starts before this: the rate.
    next_start: Option<Instant>,
}

impl<R: FnMut() -> f64> Retry<R> {
    pub fn new(policy: Policy, random: R) -> Self {
        let (down_since, given_up, not_before, next_start) = (None, false, None, None);
        Retry { policy, random, round: 0, down_since, given_up, not_before, next_start }
    }

    /// Asks to start an attempt. `Start::Now` counts as started.
    pub fn start(&mut self, now: Instant) -> Start {
        let pause = self.not_before.filter(|_| !self.is_gone(now));
        if let Some(later) = pause.max(self.next_start).filter(|&later| later > now) {
            return Start::At(later);
        }
        if self.policy.spacing > Duration::ZERO {
            self.next_start = Some(now + self.policy.spacing);
        }
        if self.round > 0 && !self.is_gone(now) {
            // One at a time: the next attempt, of any job, is a pause away.
            self.not_before = Some(now + self.pause());
        }
        Start::Now(self.round)
    }

    /// The server has answered an attempt of this round, so it is up. An attempt that began before the latest
    /// round of failures proves nothing.
    pub fn answered(&mut self, round: u32) {
        if round < self.round {
            return;
        }
        self.round = 0;
        self.down_since = None;
        self.given_up = false;
        self.not_before = None;
    }

    /// An attempt has failed. `wall` is the time to compare dates with.
    pub fn failed(&mut self, failed: &Failed, now: Instant, wall: SystemTime) -> Next {
        // Without retries there is no back-off either: frames after this one don't wait.
        if self.policy.retries == 0 || !self.may_repeat(failed.outcome) {
            if failed.is_response {
                self.answered(failed.round);
            }
            return Next::Done(None);
        }
        let down_since = *self.down_since.get_or_insert(now);
        let retry_after = failed.retry_after.and_then(|value| parse_retry_after(value, wall));
        let resume = self.back_off(failed.round, retry_after, now);
        // The rate may hold the next attempt back for longer than the pause.
        let resume = self.next_start.map_or(resume, |start| resume.max(start));
        let outage = resume.saturating_duration_since(down_since);
        let passed = self.policy.max_time.filter(|&limit| self.given_up || outage > limit);
        // Even if this frame has no attempts left: the others must not wait for this Retry-After.
        self.given_up = passed.is_some();
        if failed.attempts > self.policy.retries {
            return Next::Done(None);
        }
        let Some(limit) = passed else {
            return Next::Again(resume.saturating_duration_since(now));
        };
        Next::Done(Some(match retry_after {
            Some(after) => format!(
                "Retry-After of {} s passes the limit of {} s, --retry-max-time",
                after.as_secs(),
                limit.as_secs_f64()
            ),
            None => {
                format!("no retry within the limit of {} s, --retry-max-time", limit.as_secs_f64())
            }
        }))
    }

    /// Extends the pause, and returns its end.
    fn back_off(&mut self, round: u32, retry_after: Option<Duration>, now: Instant) -> Instant {
        let begins_round = round >= self.round;
        self.round = self.round.max(round.saturating_add(1));
        // A far-off Retry-After must not overflow the clock.
        let far = self.policy.max_time.map_or(FAR, |limit| limit * 2 + PAUSE_AT_MOST);
        let after = retry_after.map(|after| after.min(far));
        match after {
            Some(after) if begins_round => self.not_before = Some(now + after),
            Some(after) => self.not_before = self.not_before.max(Some(now + after)),
            None if begins_round => self.not_before = Some(now + self.pause()),
            None => {}
        }
        self.not_before.unwrap_or(now)
    }

    /// Full jitter: anything up to the delay, doubled for each round, up to the cap.
    fn pause(&mut self) -> Duration {
        let doublings = self.round.saturating_sub(1).min(31);
        let longest = self.policy.delay.saturating_mul(1 << doublings).min(PAUSE_AT_MOST);
        longest.mul_f64((self.random)().clamp(0.0, 1.0))
    }

    fn may_repeat(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::NeverSent | Outcome::RefusedForNow => true,
            Outcome::Unknown => self.policy.all_errors,
            Outcome::Refused | Outcome::Hopeless => false,
        }
    }

    /// Whether the outage has outlasted its limit.
    fn is_gone(&self, now: Instant) -> bool {
        let Some(limit) = self.policy.max_time else { return false };
        let outlasted = |since| now.saturating_duration_since(since) >= limit;
        self.given_up || self.down_since.is_some_and(outlasted)
    }
}

/// The wait after `wall`: seconds, or a date in any of the three forms of RFC 9110, 5.6.7. A date that has
/// passed means no wait; anything else is `None`.
fn parse_retry_after(value: &str, wall: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(wall).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> Policy {
        Policy {
            retries: 3,
            delay: SECOND,
            max_time: Some(600 * SECOND),
            all_errors: false,
            spacing: Duration::ZERO,
        }
    }

    /// A run whose jitter is always the longest pause.
    fn retry(policy: Policy) -> Retry<impl FnMut() -> f64> {
        Retry::new(policy, || 1.0)
    }

    fn down(round: u32, attempts: u32) -> Failed<'static> {
        Failed {
            outcome: Outcome::NeverSent,
            is_response: false,
            round,
            attempts,
            retry_after: None,
        }
    }

    fn busy(retry_after: &str) -> Failed<'_> {
        let retry_after = Some(retry_after);
        Failed {
            outcome: Outcome::RefusedForNow,
            is_response: true,
            round: 0,
            attempts: 1,
            retry_after,
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let mut retry = retry(Policy { retries: 100, ..policy() });
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for attempts in 1..=9 {
            let Start::Now(round) = retry.start(now) else { panic!("the pause is over") };
            let Next::Again(pause) = retry.failed(&down(round, attempts), now, SystemTime::now())
            else {
                panic!("there are retries left")
            };
            assert_eq!(retry.start(now), Start::At(now + pause));
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_shortens_a_pause() {
        let mut retry = Retry::new(policy(), || 0.25);
        let next = retry.failed(&down(0, 1), Instant::now(), SystemTime::now());
        assert_eq!(next, Next::Again(SECOND / 4));
    }

    #[test]
    fn failures_of_one_round_count_once_and_attempts_then_start_one_at_a_time() {
        let mut retry = retry(policy());
        let now = Instant::now();
        for _ in 0..8 {
            assert_eq!(retry.start(now), Start::Now(0));
        }
        for _ in 0..8 {
            assert_eq!(retry.failed(&down(0, 1), now, SystemTime::now()), Next::Again(SECOND));
        }
        assert_eq!(retry.start(now + SECOND), Start::Now(1));
        assert_eq!(retry.start(now + SECOND), Start::At(now + 2 * SECOND));
        retry.answered(1);
        assert_eq!(retry.start(now + SECOND), Start::Now(0));
        assert_eq!(retry.start(now + SECOND), Start::Now(0));
    }

    #[test]
    fn the_number_of_retries_is_the_users() {
        let mut retry = retry(policy());
        let now = Instant::now();
        assert_ne!(retry.failed(&down(0, 3), now, SystemTime::now()), Next::Done(None));
        assert_eq!(retry.failed(&down(0, 4), now, SystemTime::now()), Next::Done(None));
    }

    #[test]
    fn nobody_waits_beyond_the_limit_after_a_last_attempt_either() {
        let mut retry = retry(policy());
        let now = Instant::now();
        let last = Failed { attempts: 4, ..busy("601") };
        assert_eq!(retry.failed(&last, now, SystemTime::now()), Next::Done(None));
        assert_eq!(retry.start(now), Start::Now(1));
    }

    #[test]
    fn an_answer_to_an_older_attempt_ends_no_pause() {
        let mut retry = retry(policy());
        let now = Instant::now();
        assert_eq!((retry.start(now), retry.start(now)), (Start::Now(0), Start::Now(0)));
        retry.failed(&busy("7"), now, SystemTime::now());
        retry.answered(0);
        assert_eq!(retry.start(now), Start::At(now + 7 * SECOND));
        assert_eq!(retry.start(now + 7 * SECOND), Start::Now(1));
        retry.answered(1);
        assert_eq!(retry.start(now + 7 * SECOND), Start::Now(0));
    }

    #[test]
    fn an_error_that_is_not_repeated_is_an_answer() {
        let mut retry = retry(policy());
        let now = Instant::now();
        retry.failed(&down(0, 1), now, SystemTime::now());
        let outcome = Outcome::Unknown;
        let failed =
            Failed { outcome, is_response: true, round: 1, attempts: 1, retry_after: None };
        assert_eq!(retry.failed(&failed, now, SystemTime::now()), Next::Done(None));
        assert_eq!(retry.start(now), Start::Now(0));
    }

    #[test]
    fn without_retries_nothing_waits() {
        let mut retry = retry(Policy { retries: 0, ..policy() });
        let now = Instant::now();
        assert_eq!(retry.failed(&busy("30"), now, SystemTime::now()), Next::Done(None));
        assert_eq!(retry.start(now), Start::Now(0));
    }

    #[test]
    fn only_what_is_safe_is_repeated_unless_the_user_asks() {
        let next = |outcome, all_errors| {
            let failed =
                Failed { outcome, is_response: false, round: 0, attempts: 1, retry_after: None };
            retry(Policy { all_errors, ..policy() }).failed(
                &failed,
                Instant::now(),
                SystemTime::now(),
            )
        };
        let again = Next::Again(SECOND);
        for all_errors in [false, true] {
            assert_eq!(next(Outcome::NeverSent, all_errors), again);
            assert_eq!(next(Outcome::RefusedForNow, all_errors), again);
            assert_eq!(next(Outcome::Refused, all_errors), Next::Done(None));
        }
        assert_eq!(next(Outcome::Unknown, false), Next::Done(None));
        assert_eq!(next(Outcome::Unknown, true), again);
    }

    #[test]
    fn retry_after_wins_over_the_pause() {
        let wall = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let next = |value| retry(policy()).failed(&busy(value), Instant::now(), wall);
        assert_eq!(next("7"), Next::Again(7 * SECOND));
        assert_eq!(next("0"), Next::Again(Duration::ZERO));
        for date in [
            "Sun, 06 Nov 1994 08:49:57 GMT",
            "Sunday, 06-Nov-94 08:49:57 GMT",
            "Sun Nov  6 08:49:57 1994",
        ] {
            assert_eq!(next(date), Next::Again(20 * SECOND), "{date}");
        }
        assert_eq!(next("Sun, 06 Nov 1994 08:49:00 GMT"), Next::Again(Duration::ZERO));
        for garbage in ["", "soon", "-5", "1.5", "5 s", "Sun, 06 Nov 1994"] {
            assert_eq!(next(garbage), Next::Again(SECOND), "{garbage}");
        }
    }

    #[test]
    fn a_retry_after_past_the_limit_ends_it_at_once_for_all() {
        let mut retry = retry(policy());
        let now = Instant::now();
        for far in ["601", "99999999999999999999999999"] {
            let next = retry.failed(&busy(far), now, SystemTime::now());
            let Next::Done(Some(why)) = next else { panic!("{next:?}") };
            assert!(why.ends_with("passes the limit of 600 s, --retry-max-time"), "{why}");
        }
        // Frames after it get one attempt each, without a pause.
        assert_eq!(retry.start(now), Start::Now(1));
        assert!(matches!(retry.failed(&down(1, 1), now, SystemTime::now()), Next::Done(_)));
        assert!(matches!(retry.start(now), Start::Now(_)));
        retry.answered(u32::MAX);
        assert_eq!(retry.failed(&down(0, 1), now, SystemTime::now()), Next::Again(SECOND));
    }

    #[test]
    fn without_a_limit_an_outage_may_last() {
        let mut retry = retry(Policy { max_time: None, retries: 1000, ..policy() });
        let begin = Instant::now();
        retry.failed(&down(0, 1), begin, SystemTime::now());
        let late = begin + 1_000_000 * SECOND;
        let next = retry.failed(&down(1, 2), late, SystemTime::now());
        assert_eq!(next, Next::Again(2 * SECOND));
        assert_eq!(retry.start(late), Start::At(late + 2 * SECOND));
        let next = retry.failed(&busy("99999999999999999999999999"), late, SystemTime::now());
        assert_eq!(next, Next::Again(FAR));
    }

    #[test]
    fn an_outage_is_over_when_a_frame_is_answered_and_not_when_time_passes() {
        let mut retry = retry(Policy { retries: 1000, ..policy() });
        let begin = Instant::now();
        retry.failed(&down(0, 1), begin, SystemTime::now());
        let late = begin + 601 * SECOND;
        let next = retry.failed(&down(1, 2), late, SystemTime::now());
        let why = "no retry within the limit of 600 s, --retry-max-time".to_owned();
        assert_eq!(next, Next::Done(Some(why)));
        assert!(matches!(retry.start(late), Start::Now(_)));
        // Hours without a frame are no outage.
        retry.answered(u32::MAX);
        let later = late + 10_000 * SECOND;
        assert_eq!(retry.failed(&down(0, 1), later, SystemTime::now()), Next::Again(SECOND));
    }

    #[test]
    fn a_rate_spaces_all_starts() {
        let mut retry = retry(Policy { spacing: 2 * SECOND, ..policy() });
        let now = Instant::now();
        assert_eq!(retry.start(now), Start::Now(0));
        assert_eq!(retry.start(now + SECOND), Start::At(now + 2 * SECOND));
        // Unused time is not made up for.
        assert_eq!(retry.start(now + 9 * SECOND), Start::Now(0));
        assert_eq!(retry.start(now + 10 * SECOND), Start::At(now + 11 * SECOND));
    }
}
