//! Retry-After: the wait that a server asks for.

use std::time::{Duration, SystemTime};

/// The wait from now on.
pub fn parse(value: &str) -> Option<Duration> {
    parse_at(value, SystemTime::now())
}

/// The wait after `wall`: seconds, or a date in any of the three forms of RFC 9110, 5.6.7. A date that has
/// passed means no wait; anything else is `None`.
fn parse_at(value: &str, wall: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(wall).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let wall = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        parse_at(value, wall)
    }

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    #[test]
    fn digits_are_seconds_of_any_size() {
        assert_eq!(asked("7"), seconds(7));
        assert_eq!(asked("0"), seconds(0));
        assert_eq!(asked("18446744073709551615"), seconds(u64::MAX));
        assert_eq!(asked("99999999999999999999999999"), seconds(u64::MAX));
    }

    #[test]
    fn a_date_in_any_form_is_waited_for_unless_it_has_passed() {
        for date in [
            "Sun, 06 Nov 1994 08:49:57 GMT",
            "Sunday, 06-Nov-94 08:49:57 GMT",
            "Sun Nov  6 08:49:57 1994",
        ] {
            assert_eq!(asked(date), seconds(20), "{date}");
        }
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:00 GMT"), seconds(0));
    }

    #[test]
    fn anything_else_asks_for_nothing() {
        for garbage in ["", "soon", "-5", "1.5", "5 s", "Sun, 06 Nov 1994"] {
            assert_eq!(asked(garbage), None, "{garbage}");
        }
    }
}
