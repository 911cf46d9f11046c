//! All options. One row says an option's names and the value that it sets. Tests hold help, manual and
//! completions against this table; `values` turns an option's text into a value.

use std::ffi::OsStr;

use anyhow::Result;

use super::form::{parse_form, split_field};
use super::values::{
    one_of, parse_file, parse_header, parse_json, parse_method, parse_proxy, parse_range,
    parse_rate, parse_seconds, parse_size, parse_text, parse_user, parse_whole,
};
use super::{FormArg, MAX_JOBS, MAX_RETRIES, Typed};
use crate::encode::Level;
use crate::frame::PixelFormat;
use crate::request::template::Template;

pub const HELP: &str = include_str!("help.txt");

/// An option's names and its effect.
pub struct Opt {
    pub short: Option<char>,
    pub long: &'static str,
    pub action: Action,
}

pub enum Action {
    /// Prints the help; there is no run.
    Help,
    /// Prints the version; there is no run.
    Version,
    /// Takes no value.
    Flag(fn(&mut Typed)),
    /// Takes the value that follows. It gets its own long name, for errors.
    Value(fn(&mut Typed, &str, &OsStr) -> Result<()>),
}

impl Opt {
    pub fn takes_value(&self) -> bool {
        matches!(self.action, Action::Value(_))
    }
}

const fn flag(short: Option<char>, long: &'static str, set: fn(&mut Typed)) -> Opt {
    Opt { short, long, action: Action::Flag(set) }
}

const fn valued(
    short: Option<char>,
    long: &'static str,
    set: fn(&mut Typed, &str, &OsStr) -> Result<()>,
) -> Opt {
    Opt { short, long, action: Action::Value(set) }
}

/// Parses a value and sets it.
fn put<T>(place: &mut Option<T>, value: Result<T>) -> Result<()> {
    *place = Some(value?);
    Ok(())
}

/// Parses a value and appends it.
fn add<T>(list: &mut Vec<T>, value: Result<T>) -> Result<()> {
    list.push(value?);
    Ok(())
}

/// All options, in the order of the help.
pub const OPTIONS: &[Opt] = &[
    valued(Some('s'), "size", |typed, _, value| put(&mut typed.size, parse_size(value))),
    valued(Some('p'), "pix-fmt", |typed, long, value| {
        put(&mut typed.format, one_of(long, value, &PixelFormat::ALL, PixelFormat::name))
    }),
    valued(None, "range", |typed, _, value| put(&mut typed.range, parse_range(value))),
    valued(None, "skip", |typed, long, value| {
        put(&mut typed.skip, parse_whole(long, value, 0, u64::MAX))
    }),
    valued(Some('z'), "compression", |typed, long, value| {
        put(&mut typed.level, one_of(long, value, &Level::ALL, Level::name))
    }),
    valued(Some('F'), "form", |typed, _, value| add(&mut typed.form, parse_form(value))),
    valued(None, "form-string", |typed, long, value| {
        let (name, value) = split_field(long, value)?;
        typed.form.push(FormArg::Field { name, value: Template::literal(value) });
        Ok(())
    }),
    flag(None, "raw", |typed| typed.raw = true),
    valued(None, "json", |typed, _, value| put(&mut typed.json, parse_json(value))),
    flag(None, "body-b64", |typed| typed.base64 = true),
    valued(Some('H'), "header", |typed, _, value| add(&mut typed.headers, parse_header(value))),
    valued(Some('u'), "user", |typed, _, value| put(&mut typed.user, parse_user(value))),
    valued(Some('X'), "request", |typed, long, value| {
        put(&mut typed.method, parse_method(long, value))
    }),
    valued(Some('j'), "jobs", |typed, long, value| {
        put(&mut typed.jobs, parse_whole(long, value, 1, MAX_JOBS))
    }),
    flag(None, "latest", |typed| typed.latest = true),
    flag(None, "no-http-keep-alive", |typed| typed.no_keep_alive = true),
    flag(None, "minreq", |typed| typed.minreq = true),
    valued(Some('x'), "proxy", |typed, _, value| put(&mut typed.reach.proxy, parse_proxy(value))),
    valued(None, "noproxy", |typed, long, value| {
        put(&mut typed.reach.noproxy, parse_text(long, value))
    }),
    valued(None, "cacert", |typed, long, value| {
        put(&mut typed.reach.cacert, parse_file(long, value))
    }),
    flag(Some('k'), "insecure", |typed| typed.reach.insecure = true),
    valued(None, "cert", |typed, long, value| put(&mut typed.reach.cert, parse_file(long, value))),
    valued(None, "key", |typed, long, value| put(&mut typed.reach.key, parse_file(long, value))),
    valued(None, "unix-socket", |typed, long, value| {
        put(&mut typed.reach.unix_socket, parse_file(long, value))
    }),
    valued(None, "connect-timeout", |typed, long, value| {
        put(&mut typed.reach.connect_timeout, parse_seconds(long, value, 0.0))
    }),
    valued(None, "rate", |typed, _, value| put(&mut typed.spacing, parse_rate(value))),
    valued(Some('m'), "max-time", |typed, long, value| {
        put(&mut typed.max_time, parse_seconds(long, value, 0.001))
    }),
    valued(None, "retry", |typed, long, value| {
        put(&mut typed.retries, parse_whole(long, value, 0, MAX_RETRIES))
    }),
    valued(None, "retry-delay", |typed, long, value| {
        put(&mut typed.retry_delay, parse_seconds(long, value, 0.0))
    }),
    valued(None, "retry-max-time", |typed, long, value| {
        put(&mut typed.retry_max_time, parse_seconds(long, value, 0.0))
    }),
    flag(None, "retry-all-errors", |typed| typed.retry_all_errors = true),
    flag(None, "keep-going", |typed| typed.keep_going = true),
    flag(None, "ndjson", |typed| typed.ndjson = true),
    flag(Some('n'), "dry-run", |typed| typed.dry_run = true),
    flag(Some('v'), "verbose", |typed| typed.verbose = true),
    flag(Some('q'), "quiet", |typed| typed.quiet = true),
    Opt { short: Some('h'), long: "help", action: Action::Help },
    Opt { short: Some('V'), long: "version", action: Action::Version },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `(-s, --size)` and so on, sorted.
    fn names(options: impl Iterator<Item = (Option<char>, String)>) -> Vec<(Option<char>, String)> {
        let mut names: Vec<_> = options.collect();
        names.sort_by(|a, b| a.1.cmp(&b.1));
        names.dedup();
        names
    }

    fn of_parser() -> Vec<(Option<char>, String)> {
        names(OPTIONS.iter().map(|option| (option.short, option.long.to_owned())))
    }

    #[test]
    fn the_help_lists_exactly_the_options_that_there_are() {
        let option = |line: &str| {
            let line = line.strip_prefix("  ").filter(|line| line.trim_start().starts_with('-'))?;
            let long = line.split("--").nth(1)?.split([' ', ',']).next()?.to_owned();
            let short = line.strip_prefix('-').and_then(|rest| rest.split_once(", "));
            Some((short.and_then(|(short, _)| short.chars().next()), long))
        };
        // "--form NAME=<FILE" and the like repeat an option that has its short name elsewhere.
        let of_help =
            names(HELP.lines().filter_map(option).filter(|(short, long)| {
                short.is_some() || !HELP.contains(&format!(", --{long} "))
            }));
        assert_eq!(of_help, of_parser());
    }

    #[test]
    fn the_manual_lists_exactly_the_options_that_there_are() {
        // .It Fl s , Fl -size Ar WxH
        let option = |line: &str| {
            let flags = line.strip_prefix(".It Fl ")?;
            let names: Vec<_> = flags.split_whitespace().filter(|&word| word != "Fl").collect();
            let long = names.iter().find_map(|name| name.strip_prefix('-'))?.to_owned();
            let short = names[0].chars().next().filter(|_| !names[0].starts_with('-'));
            Some((short, long))
        };
        let manual = include_str!("../../man/pngpost.1");
        assert_eq!(names(manual.lines().filter_map(option)), of_parser());
    }

    #[test]
    fn the_help_fits_80_columns() {
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
    }
}
