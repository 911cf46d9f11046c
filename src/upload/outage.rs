//! What people are told of an outage: once that the server is away, and once that it is back. These are the only words
//! of a run that succeeds. Pure: the clock is passed in.
//!
//! `retry` knows since when there is one. One of refusals alone is told later: a server that says when to come again, or
//! that takes a frame now and then, is none that is away.

use std::time::{Duration, Instant};

/// An outage that lasts no longer is not told: one without any response, and one of refusals.
const SILENT: Duration = Duration::from_secs(10);
const REFUSING: Duration = Duration::from_secs(60);

/// What was told of an outage.
pub struct Outage {
    /// --retry-max-time.
    limit: Option<Duration>,
    /// The begin of the outage that was told, until its end is.
    told: Option<Instant>,
    /// The server has asked for a wait until then: an answer to a frame that was under way does not end it.
    until: Option<Instant>,
}

impl Outage {
    pub fn new(limit: Option<Duration>) -> Self {
        Outage { limit, told: None, until: None }
    }

    /// An attempt has failed, and there will be another one. `since`: nothing was answered from then on; `asked`: the
    /// wait of a Retry-After.
    pub fn lasts(
        &mut self,
        since: Instant,
        asked: Option<Duration>,
        is_response: bool,
        cause: &str,
        now: Instant,
    ) -> Option<String> {
        let so_far = now - since;
        let longest = if is_response { REFUSING } else { SILENT };
        if self.is_told() || so_far.saturating_add(asked.unwrap_or_default()) <= longest {
            return None;
        }
        self.told = Some(since);
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

    /// Whether an outage has been told, and its end has not.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// The server has answered a frame.
    pub fn ends(&mut self, now: Instant) -> Option<String> {
        if self.until.is_some_and(|until| now < until) {
            return None;
        }
        let lasted = now - self.told.take()?;
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
            let mut lasts =
                |seconds| outage.lasts(begin, None, false, GONE, begin + seconds * SECOND);
            assert_eq!((lasts(0), lasts(9)), (None, None));
            let told = lasts(11).unwrap();
            let expected = format!(
                "the server has been away for 11 s: {GONE}; trying for at most 600 s (--retry-max-time)"
            );
            assert_eq!(told, expected);
            assert_eq!(lasts(12), None);
            let end = outage.ends(begin + 43 * SECOND);
            assert_eq!(end.as_deref(), Some("the server is back after 43 s"));
            assert_eq!(outage.ends(begin + 44 * SECOND), None);
        }
    }

    #[test]
    fn a_short_outage_is_not_told_nor_is_its_end() {
        let (mut outage, now) = (Outage::new(None), Instant::now());
        for begin in (0..100).step_by(9).map(|second| now + second * SECOND) {
            assert_eq!(outage.lasts(begin, None, false, GONE, begin + 8 * SECOND), None);
            assert_eq!(outage.ends(begin + 9 * SECOND), None);
        }
    }

    /// It answers, so a limit may be all: that is told only if it lasts for a minute.
    #[test]
    fn a_server_that_refuses_is_told_after_a_minute() {
        let (mut outage, now) = (Outage::new(Some(600 * SECOND)), Instant::now());
        for asked in [None, Some(SECOND)] {
            assert_eq!(outage.lasts(now, asked, true, "status 503", now + 58 * SECOND), None);
            assert_eq!(outage.ends(now + 58 * SECOND), None);
            assert!(outage.lasts(now, asked, true, "status 503", now + 61 * SECOND).is_some());
            assert!(outage.ends(now + 62 * SECOND).is_some());
        }
    }

    /// Nothing happens until then, and an answer to what was under way is no end of it.
    #[test]
    fn a_wait_of_more_than_a_minute_is_told_when_the_server_asks_for_it() {
        let (mut outage, now) = (Outage::new(None), Instant::now());
        let told = outage.lasts(now, Some(3600 * SECOND), true, "status 503", now).unwrap();
        let expected = "the server asks for a wait of 3600 s, Retry-After: status 503; \
                        trying without a limit of time (--retry-max-time)";
        assert_eq!(told, expected);
        assert_eq!(outage.ends(now + SECOND), None);
        assert!(outage.is_told());
        let end = outage.ends(now + 3601 * SECOND);
        assert_eq!(end.as_deref(), Some("the server is back after 3601 s"));
        // Longer than the clock goes.
        assert!(outage.lasts(now, Some(Duration::MAX), true, "status 503", now).is_some());
    }
}
