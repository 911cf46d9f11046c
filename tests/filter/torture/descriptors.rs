//! Descriptors run out: RLIMIT_NOFILE at each number from 4 up, the least at which the loader finds its libraries.

use super::invariants::{Disturbance, Struck, check};
use super::pool;
use super::scene::{Ground, Road, TINY, Tally};
use crate::installed::needed;

/// More than a run with three jobs holds.
const ENOUGH: u32 = 32;

#[test]
fn each_number_of_descriptors_is_enough_or_ends_in_a_failure() {
    if needed("prlimit").is_none() {
        return;
    }
    let ground = Ground::new("descriptors", TINY);
    let roads = Road::all();
    let cases: Vec<_> =
        roads.into_iter().flat_map(|road| (4..=ENOUGH).map(move |it| (road, it))).collect();
    let results = pool::each(&cases, |&(road, limit)| {
        let before = ["prlimit".to_owned(), format!("--nofile={limit}")];
        let ended = ground.run(road, &before, 0, || false);
        // std's start has one open, too.
        let struck = if limit == 4 { vec![Struck::BeforeMain] } else { Vec::new() };
        let by = Disturbance { struck, ..Disturbance::default() };
        check(&ground, road, &ended, &by).map_err(|why| format!("{why}: {ended:?}"))
    });
    let (mut tally, mut broken) = (Tally::default(), Vec::new());
    for ((road, limit), result) in cases.iter().zip(results) {
        match result {
            Ok(outcome) => tally.add(&road.to_string(), &outcome.to_string()),
            Err(why) => broken.push(format!("{road}, {limit} descriptors: {why}")),
        }
    }
    tally.print("numbers of descriptors; outcome");
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}
