//! Descriptors run out: RLIMIT_NOFILE at each number from 4 up, the least at which the loader finds its libraries.

use super::invariants::{Disturbance, Struck, check};
use super::scene::{Ground, Road, TINY};
use super::tally::{Judged, report};
use crate::installed::needed;
use crate::support::pool;

/// More than a run with three jobs holds.
const ENOUGH: u32 = 32;

#[test]
#[ignore = "takes half a minute"]
fn each_number_of_descriptors_is_enough_or_ends_in_a_failure() {
    run(usize::MAX);
}

#[test]
#[ignore = "a sample of the other"]
fn some_numbers_of_descriptors_are_enough_or_end_in_a_failure() {
    run(60);
}

fn run(most: usize) {
    if needed("prlimit").is_none() {
        return;
    }
    let ground = Ground::new("descriptors", TINY);
    let numbers = |road| (4..=ENOUGH).map(move |number| (road, number));
    let cases = Road::all().into_iter().flat_map(numbers).collect();
    let cases = pool::sample(cases, most, pool::seed());
    let runs = pool::each(&cases, |&(road, number)| {
        let before = ["prlimit".to_owned(), format!("--nofile={number}")];
        let ended = ground.run(road, &before, 0, || false);
        // std's start has one open, too.
        let struck = if number == 4 { vec![Struck::BeforeMain] } else { Vec::new() };
        let by = Disturbance { struck, ..Disturbance::default() };
        let result = check(&ground, road, &ended, &by).map_err(|why| format!("{why}: {ended:?}"));
        Judged { row: road.to_string(), name: format!("{road}, {number} descriptors"), result }
    });
    report("numbers of descriptors", &runs);
}
