//! One option's text into a checked value. Each error says what the option takes; the caller names the option.

use std::ffi::OsStr;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::files;
use crate::frame::{FrameSize, MAX_SIDE, PixelFormat, SampleRange};
use crate::headers::{Parse, Source, bearer, lines, user};
use crate::messages::shown;
use crate::request::template::Template;
use crate::request::{HeaderRule, Proxy, is_token, json};

/// The longest time of an option, in seconds: a year.
const MAX_SECONDS: f64 = 31_536_000.0;

/// The lowest and the highest N of a rate.
const MIN_RATE: f64 = 0.001;
const MAX_RATE: f64 = 1_000_000.0;

/// Names in lower case, and the layout that is meant. Those of an array's samples leave the channels open.
const LAYOUTS_ELSEWHERE: [(&str, &str); 7] = [
    ("gray8", "gray"),
    ("grey", "gray"),
    ("l", "gray"),
    ("uint8", "rgb24, or gray"),
    ("uint16", "rgb48le, or gray16le"),
    ("float32", "rgbf32le, or grayf32le"),
    ("float64", "rgbf64le, or grayf64le"),
];

/// How the names of layouts in luminance and color differences begin, those of films and cameras: yuvj420p, NV12.
const LUMINANCE: [&str; 6] = ["yuv", "yuy", "yv", "uyvy", "nv", "i420"];

/// `MIN:MAX`, toimage's cmin and cmax.
pub fn parse_range(value: &OsStr) -> Result<SampleRange> {
    let ends = value.to_str().and_then(|text| text.split_once(':'));
    let ends = ends.and_then(|(min, max)| min.parse::<f64>().ok().zip(max.parse::<f64>().ok()));
    let range = ends.and_then(|(min, max)| SampleRange::new(min, max));
    let takes = "takes MIN:MAX, such as 0:1 or -1:1, MIN below MAX, neither too near nor too far";
    range.ok_or_else(|| anyhow!("{}: {takes}", shown(value)))
}

pub fn parse_size(value: &OsStr) -> Result<FrameSize> {
    let sides = value.to_str().and_then(|text| text.split_once('x'));
    let sides = sides.and_then(|(width, height)| digits(width).zip(digits(height)));
    let size = sides.and_then(|(width, height)| FrameSize::new(width, height));
    size.ok_or_else(|| {
        let shown = shown(value);
        anyhow!("{shown}: takes WxH in pixels, such as 64x64, each from 1 to {MAX_SIDE}")
    })
}

pub fn one_of<T: Copy>(value: &OsStr, all: &[T], name: fn(T) -> &'static str) -> Result<T> {
    let found = all.iter().copied().find(|&item| value == name(item));
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().copied().map(name).collect();
        anyhow!("{}: takes one of {}", shown(value), names.join(" "))
    })
}

pub fn parse_format(value: &OsStr) -> Result<PixelFormat> {
    one_of(value, &PixelFormat::ALL, |format| format.name).map_err(|error| {
        if let Some(meant) = meant_layout(value) {
            return anyhow!("{}: no such layout; write {meant}", shown(value));
        }
        let name = value.to_string_lossy().to_ascii_lowercase();
        if LUMINANCE.iter().any(|begin| name.starts_with(begin)) {
            let advice = "is not read; ffmpeg -pix_fmt rgb24 makes rgb24 of it";
            return anyhow!("{}: {advice}", shown(value));
        }
        error
    })
}

/// What is meant by a name of another program: in capitals, with an x for the byte that means nothing, with an
/// underscore before the byte order, or without an end (GRAY16_LE and BGRx of GStreamer, gray16 of ffmpeg, rgb).
fn meant_layout(value: &OsStr) -> Option<&'static str> {
    let name = value.to_str()?.to_ascii_lowercase().replace('x', "0").replace('_', "");
    let is_ours = |ours: &&str| {
        ours.strip_prefix(&*name).is_some_and(|rest| ["", "le", "24"].contains(&rest))
    };
    let ours = PixelFormat::ALL.iter().map(|format| format.name).find(is_ours);
    ours.or_else(|| LAYOUTS_ELSEWHERE.iter().find(|row| row.0 == name).map(|row| row.1))
}

/// A number without a sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

pub fn parse_whole<T>(value: &OsStr, range: RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + Display,
{
    let number = value.to_str().and_then(digits).filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (min, max) = range.into_inner();
        anyhow!("{}: takes a whole number from {min} to {max}", shown(value))
    })
}

pub fn parse_seconds(value: &OsStr, min: f64) -> Result<Duration> {
    let seconds = value.to_str().and_then(|text| decimal(text, min..=MAX_SECONDS));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| anyhow!("{}: takes seconds from {min} to {MAX_SECONDS}", shown(value)))
}

/// A number without sign and exponent.
fn decimal(text: &str, range: RangeInclusive<f64>) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number| is_plain && range.contains(number))
}

/// As in curl, a time of 0 is none.
pub fn unless_zero(time: Duration) -> Option<Duration> {
    Some(time).filter(|time| !time.is_zero())
}

/// `N/UNIT` as the time between two starts.
pub fn parse_rate(value: &OsStr) -> Result<Duration> {
    let rate = value.to_str().and_then(|text| text.split_once('/')).and_then(|(count, unit)| {
        let seconds = match unit {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            _ => return None,
        };
        decimal(count, MIN_RATE..=MAX_RATE).map(|count| Duration::from_secs_f64(seconds / count))
    });
    rate.ok_or_else(|| {
        let takes = "takes N/UNIT, such as 5/s or 0.5/s";
        anyhow!("{}: {takes}, N from {MIN_RATE} to {MAX_RATE}, UNIT s, m or h", shown(value))
    })
}

pub fn parse_json(value: &OsStr) -> Result<Template> {
    match file_named(value) {
        Some(file) => files::read("@FILE", &file, json),
        None => json(value.as_bytes()).map_err(Error::msg),
    }
}

/// A header line, or with `@FILE` a file of them.
pub fn parse_header(value: &OsStr) -> Result<Source> {
    source("--header", value, lines, |line| HeaderRule::parse_template(line).map(|it| vec![it]))
}

pub fn parse_user(value: &OsStr) -> Result<Source> {
    source("--user", value, user, user)
}

pub fn parse_bearer(value: &OsStr) -> Result<Source> {
    source("--oauth2-bearer", value, bearer, bearer)
}

/// `parse` is for a file, and `typed` for the value itself.
fn source(option: &'static str, value: &OsStr, parse: Parse, typed: Parse) -> Result<Source> {
    match file_named(value) {
        Some(path) => Ok(Source::File { option, path, parse }),
        None => typed(value.as_bytes()).map(Source::Typed).map_err(Error::msg),
    }
}

/// The file of `@FILE`; `None` for another value.
fn file_named(value: &OsStr) -> Option<PathBuf> {
    let name = value.as_bytes().strip_prefix(b"@")?;
    Some(PathBuf::from(OsStr::from_bytes(name)))
}

pub fn parse_method(value: &OsStr) -> Result<String> {
    let token = value.to_str().filter(|text| is_token(text) && !text.starts_with('-'));
    match token {
        // With these methods a request carries no body, or its response has none (RFC 9110, 9.3).
        Some("CONNECT" | "HEAD" | "TRACE") => bail!("{}: carries no upload", shown(value)),
        Some(method) => Ok(method.to_owned()),
        None => bail!("{}: takes an HTTP method, such as PUT", shown(value)),
    }
}

/// Nothing at all means no proxy.
pub fn parse_proxy(value: &OsStr) -> Result<Option<Proxy>> {
    let text = parse_text(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    Proxy::parse(&text).map(Some).map_err(Error::msg)
}

pub fn parse_text(value: &OsStr) -> Result<String> {
    value.to_str().map(str::to_owned).context("is not UTF-8")
}

pub fn parse_file(value: &OsStr) -> Result<PathBuf> {
    Ok(PathBuf::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_themselves_are_taken() {
        let size = |text: &str| parse_size(text.as_ref()).ok();
        assert_eq!(size("1x1"), FrameSize::new(1, 1));
        assert_eq!(size("2147483647x640"), FrameSize::new(2_147_483_647, 640));
        assert_eq!(size("0640x0480"), FrameSize::new(640, 480));
        let whole = |text: &str| parse_whole(text.as_ref(), 3..=30).ok();
        assert_eq!(["2", "3", "30", "31"].map(whole), [None, Some(3), Some(30), None]);
        let seconds = |text: &str| parse_seconds(text.as_ref(), 0.001).ok();
        assert_eq!(seconds("0.001"), Some(Duration::from_millis(1)));
        assert_eq!(seconds(".5"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("31536000"), Some(Duration::from_secs(31_536_000)));
        let range = |text: &str| parse_range(text.as_ref()).ok();
        assert_eq!(range("-1:1e3"), SampleRange::new(-1.0, 1000.0));
        assert_eq!(["1:1", "2:1", "nan:1", "0:inf", "-inf:0"].map(range), [None; 5]);
    }

    #[test]
    fn a_rate_is_the_time_between_two_starts() {
        let rate = |text: &str| parse_rate(text.as_ref()).ok().map(|time| time.as_secs_f64());
        for (text, seconds) in [
            ("1/s", 1.0),
            ("4/s", 0.25),
            ("1/m", 60.0),
            ("30/m", 2.0),
            ("1/h", 3600.0),
            ("0.5/sec", 2.0),
            ("6/minute", 10.0),
            (".001/hour", 3_600_000.0),
            ("1000000/s", 0.000_001),
        ] {
            assert_eq!(rate(text), Some(seconds), "{text}");
        }
        assert_eq!(rate("1000001/s"), None);
    }
}
