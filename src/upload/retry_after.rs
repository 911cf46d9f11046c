//! The value of a Retry-After.

use std::time::{Duration, SystemTime};

/// The wait after `wall`: seconds, or a date in any of the three forms of RFC 9110, 5.6.7. A date that has
/// passed means no wait; anything else is `None`.
pub fn parse_retry_after(value: &str, wall: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(wall).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str) -> Option<Duration> {
        let wall = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        parse_retry_after(value, wall)
    }

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    #[test]
    fn digits_are_seconds_of_any_size() {
        assert_eq!(wait("7"), seconds(7));
        assert_eq!(wait("0"), seconds(0));
        assert_eq!(wait("18446744073709551615"), seconds(u64::MAX));
        assert_eq!(wait("99999999999999999999999999"), seconds(u64::MAX));
    }

    #[test]
    fn a_date_in_any_form_is_waited_for_unless_it_has_passed() {
        for date in [
            "Sun, 06 Nov 1994 08:49:57 GMT",
            "Sunday, 06-Nov-94 08:49:57 GMT",
            "Sun Nov  6 08:49:57 1994",
        ] {
            assert_eq!(wait(date), seconds(20), "{date}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT"), seconds(0));
    }

    #[test]
    fn anything_else_asks_for_nothing() {
        for garbage in ["", "soon", "-5", "1.5", "5 s", "Sun, 06 Nov 1994"] {
            assert_eq!(wait(garbage), None, "{garbage}");
        }
    }
}
