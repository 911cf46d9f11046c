//! Help, manual and completions are written by hand. The tests here hold them against the table of options.

use std::collections::BTreeSet;

use super::conflicts::{EXCLUDED, NEEDED};
use super::*;
use crate::encode::Level;

const HELP: &str = include_str!("help.txt");
const BASH: &str = include_str!("../../man/completions/pngpost.bash");
const ZSH: &str = include_str!("../../man/completions/_pngpost");
const FISH: &str = include_str!("../../man/completions/pngpost.fish");

fn args(options: &[&str]) -> Args {
    match parse([&["http://h/"], options].concat().into_iter().map(OsString::from)) {
        Ok(Command::Post(args)) => *args,
        _ => panic!("{options:?}"),
    }
}

#[test]
fn zero_is_what_it_is_in_curl() {
    let parsed = |seconds: &str| {
        let options = ["--retry-delay", "--retry-max-time", "--connect-timeout"];
        let args = args(&options.map(|option| [option, seconds]).concat());
        (args.policy.delay, args.policy.max_time, args.reach.connect_timeout)
    };
    let ms = Duration::from_millis;
    assert_eq!(parsed("0.5"), (Some(ms(500)), Some(ms(500)), Some(ms(500))));
    assert_eq!(parsed("0"), (None, None, None));
    assert_eq!(parsed("0.0"), (None, None, None));
}

#[test]
fn options_that_exclude_or_need_each_other_are_there() {
    let rows = EXCLUDED.iter().chain(NEEDED);
    for long in rows.flat_map(|(options, others, _)| options.split(' ').chain(others.split(' '))) {
        assert!(OPTIONS.iter().any(|option| option.long == long), "{long}");
    }
}

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
    let of_help = names(
        HELP.lines()
            .filter_map(option)
            .filter(|(short, long)| short.is_some() || !HELP.contains(&format!(", --{long} "))),
    );
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
fn the_help_fits_two_screens_and_begins_with_examples() {
    assert!(HELP.lines().all(|line| line.chars().count() <= 80));
    assert!(HELP.lines().count() <= 60);
    assert!(HELP.lines().skip(3).take(3).all(|line| line.contains("pngpost ")));
}

/// `-s` and `--size` of each option that `is_meant`.
fn spellings(is_meant: impl Fn(bool) -> bool) -> BTreeSet<String> {
    let meant = OPTIONS.iter().filter(|option| is_meant(option.takes_value()));
    let both = meant.flat_map(|option| {
        [option.short.map(|short| format!("-{short}")), Some(format!("--{}", option.long))]
    });
    both.flatten().collect()
}

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let options = words.into_iter().filter(|word| word.starts_with('-'));
    options.map(str::to_owned).collect()
}

#[test]
fn bash_knows_the_options_and_which_take_a_value() {
    let (before_list, list) = BASH.split_once("compgen -W '\n").unwrap();
    assert_eq!(set(list.split('\'').next().unwrap().split_whitespace()), spellings(|_| true));
    let patterns = before_list.split_once("case $before in").unwrap().1;
    let is_pattern = |line: &&str| {
        let line = line.trim();
        line.starts_with('-') && (line.ends_with(')') || line.ends_with('\\'))
    };
    let patterns = patterns.lines().filter(is_pattern);
    let words = patterns.flat_map(|line| line.split([' ', ')', '|', '\\']));
    assert_eq!(set(words), spellings(|takes_value| takes_value));
}

#[test]
fn zsh_knows_the_options_and_which_take_a_value() {
    let specs = ZSH
        .lines()
        .filter_map(|line| line.trim().split_once('['))
        .filter(|(head, _)| head.starts_with('\'') && head.contains('-'));
    let (mut valued, mut flags) = (BTreeSet::new(), BTreeSet::new());
    for (head, rest) in specs {
        // zsh lists the options that one excludes before it, in parentheses.
        let head = head.rsplit(')').next().unwrap();
        let words = set(head.split(['\'', '*', '{', '}', ',']));
        if words.is_empty() {
            continue;
        }
        let is_valued = words.iter().all(|word| word.ends_with(['+', '=']));
        assert_eq!(is_valued, rest.split_once(']').unwrap().1.starts_with(':'), "{head}");
        let words = words.iter().map(|word| word.trim_end_matches(['+', '=']).to_owned());
        if is_valued {
            valued.extend(words)
        } else {
            flags.extend(words)
        };
    }
    assert_eq!(valued, spellings(|takes_value| takes_value));
    assert_eq!(flags, spellings(|takes_value| !takes_value));
}

#[test]
fn fish_knows_the_options_and_which_take_a_value() {
    let (mut valued, mut flags) = (BTreeSet::new(), BTreeSet::new());
    for line in FISH.lines().filter(|line| line.starts_with("complete ") && line.contains(" -l ")) {
        let words: Vec<_> = line.split(" -d ").next().unwrap().split(' ').collect();
        let after = |name| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
        let known = if words.contains(&"-x") { &mut valued } else { &mut flags };
        known.extend(after("-s").map(|short| format!("-{short}")));
        known.extend(after("-l").map(|long| format!("--{long}")));
    }
    assert_eq!(valued, spellings(|takes_value| takes_value));
    assert_eq!(flags, spellings(|takes_value| !takes_value));
}

#[test]
fn all_of_them_know_the_layouts_and_the_levels() {
    let layouts: Vec<_> = PixelFormat::ALL.iter().map(|format| format.name).collect();
    let levels: Vec<_> = Level::ALL.map(|level| level.name).into();
    for (file, open, close) in [(BASH, "'", "'"), (ZSH, "(", ")"), (FISH, "'", "'")] {
        for list in [&layouts, &levels] {
            let list = format!("{open}{}{close}", list.join(" "));
            assert!(file.contains(&list), "{list}");
        }
    }
}
