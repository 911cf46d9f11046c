//! Threads run out: RLIMIT_NPROC at each number from 1 up.
//!
//! The system counts the threads of a user, and root's not at all. So the program runs as a user that has no others,
//! which root alone can arrange.

use std::process::{self, Command};

use super::invariants::{Disturbance, check};
use super::pool;
use super::scene::{Ground, Road, TINY, Tally};
use crate::installed::needed;
use crate::skipped::skip;

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
fn each_number_of_threads_is_enough_or_ends_in_a_failure() {
    // Each run has a user of its own, so that they don't count each other's threads.
    let first_user = 1 << 20 | process::id() << 10 & 0x3fff_ffff;
    if needed("prlimit").is_none() || as_other(first_user).is_none() {
        return;
    }
    let ground = Ground::readable("threads", TINY);
    let roads = Road::all();
    let cases: Vec<_> =
        roads.into_iter().flat_map(|road| (1..=ENOUGH).map(move |it| (road, it))).collect();
    let numbered: Vec<_> = cases.iter().zip(first_user..).collect();
    let results = pool::each(&numbered, |&(&(road, limit), user)| {
        let mut before = as_other(user).unwrap();
        before.extend(["prlimit".to_owned(), format!("--nproc={limit}")]);
        let ended = ground.run(road, &before, 0, || false);
        check(&ground, road, &ended, &Disturbance::default())
            .map_err(|why| format!("{why}: {ended:?}"))
    });
    let (mut tally, mut broken) = (Tally::default(), Vec::new());
    for ((road, limit), result) in cases.iter().zip(results) {
        match result {
            Ok(outcome) => tally.add(&road.to_string(), &outcome.to_string()),
            Err(why) => broken.push(format!("{road}, {limit} threads: {why}")),
        }
    }
    tally.print("numbers of threads; outcome");
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}
