//! Threads run out: RLIMIT_NPROC at each number from 1 up.
//!
//! The system counts the threads of a user, and root's not at all. So the program runs as a user that has no others,
//! which root alone can arrange.

use std::process::{self, Command};

use super::invariants::{Disturbance, check};
use super::scene::{Ground, Road, TINY};
use super::tally::{Judged, report};
use crate::installed::needed;
use crate::skipped::skip;
use crate::support::pool;

/// More than a run with three jobs has, on a machine of many cores.
const ENOUGH: usize = 24;

/// The command that runs another as a user of its own; `None` if that is not allowed.
fn as_other(user: u32) -> Option<Vec<String>> {
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

#[test]
#[ignore = "takes half a minute"]
fn each_number_of_threads_is_enough_or_ends_in_a_failure() {
    run(usize::MAX);
}

#[test]
#[ignore = "a sample of the other"]
fn some_numbers_of_threads_are_enough_or_end_in_a_failure() {
    run(60);
}

fn run(most: usize) {
    // Each run has a user of its own, so that they don't count each other's threads. A container often has 65,536.
    let first_user = 20_000 + process::id() % 64 * 512;
    if needed("prlimit").is_none() || as_other(first_user).is_none() {
        return;
    }
    let ground = Ground::readable("threads", TINY);
    let numbers = |road| (1..=ENOUGH).map(move |number| (road, number));
    let cases = Road::all().into_iter().flat_map(numbers).collect();
    let cases = pool::sample(cases, most, pool::seed());
    let cases: Vec<_> = cases.into_iter().zip(first_user..).collect();
    let runs = pool::each(&cases, |&((road, number), user)| {
        let mut before = as_other(user).unwrap();
        before.extend(["prlimit".to_owned(), format!("--nproc={number}")]);
        let ended = ground.run(road, &before, 0, || false);
        let result = check(&ground, road, &ended, &Disturbance::default());
        let result = result.map_err(|why| format!("{why}: {ended:?}"));
        Judged { row: road.to_string(), name: format!("{road}, {number} threads"), result }
    });
    report("numbers of threads", &runs);
}
