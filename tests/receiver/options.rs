//! The receiver's command line, checked: what is wrong is told with the option's name and what it takes.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Result, anyhow};
use axum::http::StatusCode;

/// What each upload is answered with, and when.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub port: u16,
    pub delay: Duration,
    pub fail: Share,
    pub status: StatusCode,
}

/// A share of the uploads, in millionths: whole numbers, so that the count comes out exactly.
#[derive(Clone, Copy, Debug)]
pub struct Share(u64);

impl Share {
    const WHOLE: u64 = 1_000_000;

    /// Whether the upload with this number, from 0, is one of them. They are spread evenly: of the first
    /// n uploads as many are as the share of n is, rounded down.
    pub fn has(self, number: u64) -> bool {
        let share = |count: u64| u128::from(count) * u128::from(self.0) / u128::from(Self::WHOLE);
        share(number + 1) > share(number)
    }
}

/// `None` asks for help.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>> {
    use lexopt::Arg::{Long, Short};
    let mut options =
        Options { port: 0, delay: Duration::ZERO, fail: Share(0), status: StatusCode::OK };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => options.port = port(&text(parser.value()?))?,
            Long("delay") => options.delay = delay(&text(parser.value()?))?,
            Long("fail") => options.fail = share(&text(parser.value()?))?,
            Long("status") => options.status = status(&text(parser.value()?))?,
            Long("help") | Short('h') => return Ok(None),
            argument => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}

/// What is not UTF-8 is no value of any option, with its replacement characters neither.
fn text(value: OsString) -> String {
    value.to_string_lossy().into_owned()
}

fn port(value: &str) -> Result<u16> {
    value.parse().map_err(|_| anyhow!("--port: takes a whole number from 0 to 65535"))
}

fn delay(value: &str) -> Result<Duration> {
    let seconds = number(value).filter(|&seconds| seconds <= 3600.0);
    let seconds = seconds.map(Duration::from_secs_f64);
    seconds.ok_or_else(|| anyhow!("--delay: takes seconds from 0 to 3600, such as 0.5"))
}

fn share(value: &str) -> Result<Share> {
    let rate = number(value).filter(|&rate| rate <= 1.0);
    let rate = rate.ok_or_else(|| anyhow!("--fail: takes a share from 0 to 1, such as 0.25"))?;
    Ok(Share((rate * Share::WHOLE as f64).round() as u64))
}

fn status(value: &str) -> Result<StatusCode> {
    let code = value.parse().ok().filter(|code| (200..=599).contains(code));
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    status.ok_or_else(|| anyhow!("--status: takes a whole number from 200 to 599"))
}

/// A number from 0 on; neither signs nor words such as inf.
fn number(value: &str) -> Option<f64> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    value.parse().ok().filter(|_| is_plain)
}
