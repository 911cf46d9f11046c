//! What people are told of an outage: once that the server is away, and once that it is back. These are the only words
//! of a run that succeeds. Pure: the clock is passed in.
//!
//! An outage begins with the first failure after an answer, as for --retry-max-time. One of refusals alone is told
//! later: a server that says when to come again, or that takes a frame now and then, is none that is away.

use std::time::{Duration, Instant};

/// An outage that lasts no longer is not told: one without any response, and one of refusals.
const SILENT: Duration = Duration::from_secs(10);
const REFUSING: Duration = Duration::from_secs(60);

/// The state of a run: whether there is an outage, and whether it was told.
pub struct Outage {
    /// --retry-max-time.
    limit: Option<Duration>,
    since: Option<Instant>,
    /// The server has asked for a wait until then: an answer to a frame that was under way does not end it.
    until: Option<Instant>,
    is_told: bool,
}

impl Outage {
    pub fn new(limit: Option<Duration>) -> Self {
        Outage { limit, since: None, until: None, is_told: false }
    }

    /// An attempt has failed, and there will be another one. `asked`: the wait of a Retry-After.
    pub fn lasts(
        &mut self,
        asked: Option<Duration>,
        is_response: bool,
        cause: &str,
        now: Instant,
    ) -> Option<String> {
        let so_far = now - *self.since.get_or_insert(now);
        let longest = if is_response { REFUSING } else { SILENT };
        if self.is_told || so_far.saturating_add(asked.unwrap_or_default()) <= longest {
            return None;
        }
        self.is_told = true;
        self.until = asked.and_then(|asked| now.checked_add(asked));
        let what = match asked {
            Some(asked) => format!("asks for a wait of {} s, Retry-After", asked.as_secs()),
            None => format!("has been away for {} s", so_far.as_secs()),
        };
        let limit = match self.limit {
            Some(limit) => format!("trying for at most {} s", limit.as_secs_f64()),
            None => "trying without a limit of time".to_owned(),
        };
        Some(format!("the server {what}: {cause}; {limit} (--retry-max-time)"))
    }

    pub fn is_over(&self) -> bool {
        self.since.is_none()
    }

    /// The server has answered a frame.
    pub fn ends(&mut self, now: Instant) -> Option<String> {
        if self.until.is_some_and(|until| now < until) {
            return None;
        }
        let ended = std::mem::replace(self, Outage::new(self.limit));
        let lasted = now - ended.since.filter(|_| ended.is_told)?;
        Some(format!("the server is back after {} s", lasted.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const GONE: &str = "h:80: connection refused";

    #[test]
    fn an_outage_of_more_than_ten_seconds_is_told_once_and_so_is_its_end() {
        let (mut outage, now) = (Outage::new(Some(600 * SECOND)), Instant::now());
        for begin in [now, now + 100 * SECOND] {
            assert_eq!(outage.lasts(None, false, GONE, begin), None);
            assert_eq!(outage.lasts(None, false, GONE, begin + 9 * SECOND), None);
            let told = outage.lasts(None, false, GONE, begin + 11 * SECOND).unwrap();
            let expected = format!(
                "the server has been away for 11 s: {GONE}; trying for at most 600 s (--retry-max-time)"
            );
            assert_eq!(told, expected);
            assert_eq!(outage.lasts(None, false, GONE, begin + 12 * SECOND), None);
            let end = outage.ends(begin + 43 * SECOND);
            assert_eq!(end.as_deref(), Some("the server is back after 43 s"));
            assert_eq!(outage.ends(begin + 44 * SECOND), None);
        }
    }

    #[test]
    fn a_short_outage_is_not_told_nor_is_its_end() {
        let (mut outage, now) = (Outage::new(None), Instant::now());
        for second in (0..100).step_by(9) {
            assert_eq!(outage.lasts(None, false, GONE, now + second * SECOND), None);
            assert_eq!(outage.ends(now + (second + 1) * SECOND), None);
        }
    }

    /// It answers, so a limit may be all: that is told only if it lasts for a minute.
    #[test]
    fn a_server_that_refuses_is_told_after_a_minute() {
        let (mut outage, now) = (Outage::new(Some(600 * SECOND)), Instant::now());
        let second = Some(SECOND);
        for asked in [None, second] {
            assert_eq!(outage.lasts(asked, true, "status 503", now + 58 * SECOND), None);
            assert_eq!(outage.ends(now + 58 * SECOND), None);
            assert_eq!(outage.lasts(asked, true, "status 503", now), None);
            assert!(outage.lasts(asked, true, "status 503", now + 61 * SECOND).is_some());
            assert!(outage.ends(now + 62 * SECOND).is_some());
        }
    }

    /// Nothing happens until then, and an answer to what was under way is no end of it.
    #[test]
    fn a_wait_of_more_than_a_minute_is_told_when_the_server_asks_for_it() {
        let (mut outage, now) = (Outage::new(None), Instant::now());
        let told = outage.lasts(Some(3600 * SECOND), true, "status 503", now).unwrap();
        let expected = "the server asks for a wait of 3600 s, Retry-After: status 503; \
                        trying without a limit of time (--retry-max-time)";
        assert_eq!(told, expected);
        assert_eq!(outage.ends(now + SECOND), None);
        assert!(!outage.is_over());
        let end = outage.ends(now + 3601 * SECOND);
        assert_eq!(end.as_deref(), Some("the server is back after 3601 s"));
        // Longer than the clock goes.
        assert!(outage.lasts(Some(Duration::MAX), true, "status 503", now).is_some());
    }
}
