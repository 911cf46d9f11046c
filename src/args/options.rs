//! All options. One row says an option's names and the value that it sets. Tests hold help, manual and
//! completions against this table; `values` turns an option's text into a value.

use std::ffi::OsStr;

use anyhow::Result;

use super::form::{parse_form, parse_form_string};
use super::values::{
    one_of, parse_bearer, parse_file, parse_format, parse_header, parse_json, parse_method,
    parse_proxy, parse_range, parse_rate, parse_seconds, parse_size, parse_text, parse_user,
    parse_whole, unless_zero,
};
use super::{Args, JSON, MAX_JOBS, MAX_RETRIES};
use crate::encode::Level;
use crate::request::template::{Piece, Template};

/// An option's names and its effect.
pub struct Opt {
    pub short: Option<char>,
    pub long: &'static str,
    pub action: Action,
}

pub enum Action {
    /// Prints this text; there is no run.
    Print(&'static str),
    /// Takes no value.
    Flag(fn(&mut Args)),
    /// Takes the value that follows.
    Value(fn(&mut Args, &OsStr) -> Result<()>),
}

impl Opt {
    pub fn takes_value(&self) -> bool {
        matches!(self.action, Action::Value(_))
    }
}

const fn flag(short: Option<char>, long: &'static str, set: fn(&mut Args)) -> Opt {
    Opt { short, long, action: Action::Flag(set) }
}

const fn valued(
    short: Option<char>,
    long: &'static str,
    set: fn(&mut Args, &OsStr) -> Result<()>,
) -> Opt {
    Opt { short, long, action: Action::Value(set) }
}

const fn print(short: Option<char>, long: &'static str, text: &'static str) -> Opt {
    Opt { short, long, action: Action::Print(text) }
}

/// Sets a value. Where there is no default, it is `Some` value.
fn put<T, U: From<T>>(field: &mut U, value: Result<T>) -> Result<()> {
    *field = value?.into();
    Ok(())
}

/// Scripts read the first line: it stays as it is.
const VERSION: &str = concat!(
    concat!("pngpost ", env!("CARGO_PKG_VERSION"), "\n"),
    concat!("built ", env!("PNGPOST_BUILD"), "\n"),
    "TLS by rustls, with aws-lc-rs\n",
);

/// All options, in the order of the manual.
pub const OPTIONS: &[Opt] = &[
    valued(Some('s'), "size", |args, value| put(&mut args.size, parse_size(value))),
    valued(Some('p'), "pix-fmt", |args, value| put(&mut args.format, parse_format(value))),
    valued(None, "range", |args, value| put(&mut args.encoder.range, parse_range(value))),
    valued(None, "skip", |args, value| put(&mut args.skip, parse_whole(value, 0..=u64::MAX))),
    valued(None, "show", |args, value| put(&mut args.show, parse_whole(value, 0..=u64::MAX))),
    valued(Some('z'), "compression", |args, value| {
        put(&mut args.encoder.level, one_of(value, &Level::ALL, |level| level.name))
    }),
    valued(Some('F'), "form", |args, value| parse_form(value).map(|part| args.parts.push(part))),
    valued(None, "form-string", |args, value| {
        parse_form_string(value).map(|part| args.parts.push(part))
    }),
    flag(None, "raw", |args| args.body_type = "image/png"),
    valued(None, "json", |args, value| {
        args.body_type = JSON;
        put(&mut args.request.template, parse_json(value))
    }),
    flag(None, "body-b64", |args| {
        // curl -d sends this type: the documents of servers with such a body say so, and some servers insist.
        args.body_type = "application/x-www-form-urlencoded";
        args.request.template = Template::of(Piece::Base64);
    }),
    valued(Some('H'), "header", |args, value| {
        parse_header(value).map(|header| args.headers.push(header))
    }),
    valued(Some('u'), "user", |args, value| put(&mut args.authorization, parse_user(value))),
    valued(None, "oauth2-bearer", |args, value| put(&mut args.authorization, parse_bearer(value))),
    valued(Some('X'), "request", |args, value| put(&mut args.request.method, parse_method(value))),
    valued(Some('j'), "jobs", |args, value| put(&mut args.jobs, parse_whole(value, 1..=MAX_JOBS))),
    flag(None, "latest", |args| args.latest = true),
    flag(None, "no-http-keep-alive", |args| args.keeps_connections = false),
    flag(None, "minreq", |args| args.reach.minreq = true),
    valued(Some('x'), "proxy", |args, value| put(&mut args.reach.proxy, parse_proxy(value))),
    valued(None, "noproxy", |args, value| put(&mut args.reach.noproxy, parse_text(value))),
    valued(None, "cacert", |args, value| put(&mut args.reach.cacert, parse_file(value))),
    flag(Some('k'), "insecure", |args| args.reach.insecure = true),
    valued(None, "cert", |args, value| put(&mut args.reach.cert, parse_file(value))),
    valued(None, "key", |args, value| put(&mut args.reach.key, parse_file(value))),
    valued(None, "unix-socket", |args, value| put(&mut args.reach.unix_socket, parse_file(value))),
    valued(None, "connect-timeout", |args, value| {
        put(&mut args.reach.connect_timeout, parse_seconds(value, 0.0).map(unless_zero))
    }),
    valued(None, "rate", |args, value| put(&mut args.policy.spacing, parse_rate(value))),
    valued(Some('m'), "max-time", |args, value| {
        put(&mut args.max_time, parse_seconds(value, 0.001))
    }),
    valued(None, "retry", |args, value| {
        put(&mut args.policy.retries, parse_whole(value, 0..=MAX_RETRIES))
    }),
    valued(None, "retry-delay", |args, value| {
        put(&mut args.policy.delay, parse_seconds(value, 0.0).map(unless_zero))
    }),
    valued(None, "retry-max-time", |args, value| {
        put(&mut args.policy.max_time, parse_seconds(value, 0.0).map(unless_zero))
    }),
    flag(None, "retry-all-errors", |args| args.policy.all_errors = true),
    flag(Some('f'), "fail", |args| args.fail = true),
    flag(None, "keep-going", |args| args.keep_going = true),
    flag(None, "ndjson", |args| args.ndjson = true),
    flag(Some('n'), "dry-run", |args| args.is_dry = true),
    flag(None, "progress", |args| args.progress = true),
    flag(Some('v'), "verbose", |args| args.verbose = true),
    flag(Some('q'), "quiet", |args| args.quiet = true),
    print(Some('h'), "help", include_str!("help.txt")),
    print(Some('V'), "version", VERSION),
];
