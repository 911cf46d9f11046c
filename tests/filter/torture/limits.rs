//! Descriptors and threads run out: RLIMIT_NOFILE and RLIMIT_NPROC at each number up to what a run with three jobs has
//! on a machine of many cores.
//!
//! The system counts the threads of a user, and root's not at all. So the program runs as a user that has no others,
//! which root alone can arrange.

use std::ops::RangeInclusive;
use std::process::{self, Command};

use super::invariants::{Disturbance, Struck, check};
use super::scene::{Ground, Road};
use super::tally::{Judged, report};
use crate::installed::needed;
use crate::skipped::skip;
use crate::support::pool;

/// The least number of descriptors at which the loader finds its libraries. std's start has one open, too.
const LEAST_DESCRIPTORS: usize = 4;

#[test]
#[ignore = "takes half a minute"]
fn each_number_of_descriptors_is_enough_or_ends_in_a_failure() {
    limit_descriptors(usize::MAX);
}

#[test]
#[ignore = "a sample of the other"]
fn some_numbers_of_descriptors_are_enough_or_end_in_a_failure() {
    limit_descriptors(60);
}

#[test]
#[ignore = "takes half a minute"]
fn each_number_of_threads_is_enough_or_ends_in_a_failure() {
    limit_threads(usize::MAX);
}

#[test]
#[ignore = "a sample of the other"]
fn some_numbers_of_threads_are_enough_or_end_in_a_failure() {
    limit_threads(60);
}

fn limit_descriptors(most: usize) {
    let ground = Ground::new("descriptors");
    run(&ground, "nofile", LEAST_DESCRIPTORS..=32, most, |_| Vec::new());
}

fn limit_threads(most: usize) {
    // Each run has a user of its own, so that they don't count each other's threads. A container often has 65,536.
    let first_user = 20_000 + process::id() as usize % 64 * 512;
    if as_other(first_user).is_some() {
        let ground = Ground::readable("threads");
        run(&ground, "nproc", 1..=24, most, |index| as_other(first_user + index).unwrap());
    }
}

/// The command that runs another as a user of its own; `None` if that is not allowed.
fn as_other(user: usize) -> Option<Vec<String>> {
    let setpriv = needed("setpriv")?.display().to_string();
    let ids = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
    let words = [vec![setpriv], ids.to_vec()].concat();
    let status = Command::new(&words[0]).args(&words[1..]).arg("true").status();
    if !status.unwrap().success() {
        skip("only root can run a program as another user");
        return None;
    }
    Some(words)
}

/// Runs with these limits, each behind the command that is told its index.
fn run(
    ground: &Ground,
    limit: &str,
    numbers: RangeInclusive<usize>,
    most: usize,
    before: impl Fn(usize) -> Vec<String> + Sync,
) {
    if needed("prlimit").is_none() {
        return;
    }
    let all = |road| numbers.clone().map(move |number| (road, number));
    let cases = Road::all().into_iter().flat_map(all).collect();
    let cases: Vec<_> = pool::sample(cases, most, pool::seed()).into_iter().enumerate().collect();
    let runs = pool::each(&cases, |&(index, (road, number))| {
        let mut words = before(index);
        words.extend(["prlimit".to_owned(), format!("--{limit}={number}")]);
        let ended = ground.run(road, &words, 0, || false);
        let is_early = limit == "nofile" && number == LEAST_DESCRIPTORS;
        let struck = if is_early { vec![Struck::BeforeMain] } else { Vec::new() };
        let by = Disturbance { struck, ..Disturbance::default() };
        let result = check(ground, road, &ended, &by).map_err(|why| format!("{why}: {ended:?}"));
        Judged { row: road.to_string(), name: format!("{road}, {limit} {number}"), result }
    });
    report(limit, &runs);
}
