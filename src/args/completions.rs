//! The completions in man/completions are written by hand. The tests here hold them against the parser.

use std::collections::BTreeSet;

use super::options::OPTIONS;
use crate::encode::Level;
use crate::frame::PixelFormat;

const BASH: &str = include_str!("../../man/completions/pngpost.bash");
const ZSH: &str = include_str!("../../man/completions/_pngpost");
const FISH: &str = include_str!("../../man/completions/pngpost.fish");

/// `-s` and `--size` of each option that `is_meant`.
fn names(is_meant: impl Fn(bool) -> bool) -> BTreeSet<String> {
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
    assert_eq!(set(list.split('\'').next().unwrap().split_whitespace()), names(|_| true));
    let patterns = before_list.split_once("case $before in").unwrap().1;
    let is_pattern = |line: &&str| {
        let line = line.trim();
        line.starts_with('-') && (line.ends_with(')') || line.ends_with('\\'))
    };
    let patterns = patterns.lines().filter(is_pattern);
    let words = patterns.flat_map(|line| line.split([' ', ')', '|', '\\']));
    assert_eq!(set(words), names(|takes_value| takes_value));
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
    assert_eq!(valued, names(|takes_value| takes_value));
    assert_eq!(flags, names(|takes_value| !takes_value));
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
    assert_eq!(valued, names(|takes_value| takes_value));
    assert_eq!(flags, names(|takes_value| !takes_value));
}

#[test]
fn all_of_them_know_the_layouts_and_the_levels() {
    let layouts: Vec<_> = PixelFormat::ALL.iter().map(|format| format.name()).collect();
    let levels: Vec<_> = Level::ALL.map(Level::name).into();
    for (file, open, close) in [(BASH, "'", "'"), (ZSH, "(", ")"), (FISH, "'", "'")] {
        for list in [&layouts, &levels] {
            let list = format!("{open}{}{close}", list.join(" "));
            assert!(file.contains(&list), "{list}");
        }
    }
}
