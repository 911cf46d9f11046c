//! The options that there are, and the help that tells of them. Tests hold help, manual and completions
//! against the one table; what an option's value means is `value`'s.

use std::ffi::OsString;

use anyhow::{Result, anyhow};

const HELP: &str = include_str!("help.txt");

/// The help, without what this build has not.
pub fn help() -> String {
    let is_there = |line: &&str| cfg!(feature = "keep-alive") || !line.contains("--keep-alive");
    HELP.split_inclusive('\n').filter(is_there).collect()
}

/// An option's names, and whether it takes a value.
pub struct Opt {
    pub short: Option<char>,
    pub long: &'static str,
    pub takes_value: bool,
}

const fn flag(short: Option<char>, long: &'static str) -> Opt {
    Opt { short, long, takes_value: false }
}

const fn valued(short: Option<char>, long: &'static str) -> Opt {
    Opt { short, long, takes_value: true }
}

/// Every option that there is: a test holds help and manual against it.
pub const OPTIONS: &[Opt] = &[
    valued(Some('s'), "size"),
    valued(Some('p'), "pix-fmt"),
    valued(None, "range"),
    valued(None, "skip"),
    valued(Some('z'), "compression"),
    valued(Some('F'), "form"),
    valued(None, "form-string"),
    flag(None, "raw"),
    valued(None, "json"),
    flag(None, "body-b64"),
    valued(Some('H'), "header"),
    valued(Some('u'), "user"),
    valued(Some('X'), "request"),
    valued(Some('j'), "jobs"),
    #[cfg(feature = "keep-alive")]
    flag(None, "keep-alive"),
    valued(None, "rate"),
    valued(Some('m'), "max-time"),
    valued(None, "retry"),
    valued(None, "retry-delay"),
    valued(None, "retry-max-time"),
    flag(None, "retry-all-errors"),
    flag(None, "keep-going"),
    flag(None, "ndjson"),
    flag(Some('v'), "verbose"),
    flag(Some('q'), "quiet"),
    flag(Some('h'), "help"),
    flag(Some('V'), "version"),
];

/// The next option; operands on the way to it are gathered.
pub fn next_option(
    parser: &mut lexopt::Parser,
    operands: &mut Vec<OsString>,
) -> Result<Option<&'static Opt>> {
    loop {
        let argument = parser.next().map_err(|error| match error {
            lexopt::Error::UnexpectedValue { option, .. } => anyhow!("{option}: takes no value"),
            error => anyhow!("{error}"),
        })?;
        return Ok(match argument {
            None => None,
            Some(lexopt::Arg::Value(operand)) => {
                operands.push(operand);
                continue;
            }
            Some(lexopt::Arg::Short(short)) => {
                Some(known(&format!("-{short}"), |option| option.short == Some(short))?)
            }
            Some(lexopt::Arg::Long(long)) => {
                Some(known(&format!("--{long}"), |option| option.long == long)?)
            }
        });
    }
}

/// The option that was typed so.
fn known(typed: &str, is_it: impl Fn(&Opt) -> bool) -> Result<&'static Opt> {
    OPTIONS.iter().find(|option| is_it(option)).ok_or_else(|| unknown(typed))
}

fn unknown(option: &str) -> anyhow::Error {
    // "--useradmin:secret" is an option with its value.
    let is_name = option.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let option = if is_name { option } else { "an option" };
    anyhow!("{option}: no such option; 'pngpost --help' lists them")
}

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
        let help = help();
        let of_help =
            names(help.lines().filter_map(option).filter(|(short, long)| {
                short.is_some() || !help.contains(&format!(", --{long} "))
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
        // The manual is that of the whole program.
        let is_there = |long: &str| cfg!(feature = "keep-alive") || long != "keep-alive";
        let of_manual = manual.lines().filter_map(option).filter(|(_, long)| is_there(long));
        assert_eq!(names(of_manual), of_parser());
    }

    #[test]
    fn the_help_fits_80_columns() {
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
    }
}
