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
