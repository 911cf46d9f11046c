//! Memory runs out: a limit of the address space (RLIMIT_AS) at 40 steps, from the lowest at which the program says
//! something by itself up to one that is enough.
//!
//! A frame, a body or a response that can't be had is its frame's failure, or the run does not start. The message
//! has the size.

use super::invariants::{Disturbance, Outcome, check};
use super::scene::{Ended, Ground, Road, Sizes, TINY};
use super::tally::{Judged, report};
use crate::installed::needed;
use crate::support::pool;

const STEPS: u64 = 40;

/// The frames that are run, and on which roads: large answers take the memory of responses.
fn scenes() -> Vec<(&'static str, Sizes, Vec<Road>)> {
    let of_three_jobs = || Road::all().into_iter().filter(|road| road.jobs == 3);
    let (plain, raw) = (|road: &Road| !road.https, |road: &Road| !road.https && !road.npy);
    let large = Sizes { side: 1000, ..TINY };
    vec![
        ("tiny frames", TINY, Road::all()),
        ("frames of 3 MB", large, of_three_jobs().filter(plain).collect()),
        ("PNGs of 3 MB", Sizes { png: true, ..large }, of_three_jobs().filter(raw).collect()),
        ("answers of 3 MB", Sizes { padding: 3 << 20, ..TINY }, of_three_jobs().collect()),
    ]
}

#[test]
#[ignore = "takes minutes"]
fn each_limit_of_memory_ends_in_a_failure_with_a_size() {
    if needed("prlimit").is_some() {
        run(usize::MAX, usize::MAX);
    }
}

#[test]
#[ignore = "takes half a minute"]
fn some_limits_of_memory_end_in_a_failure_with_a_size() {
    if needed("prlimit").is_some() {
        run(1, 10);
    }
}

/// `most_roads` of each scene are run, and `most_steps` of each of them, by the seed.
fn run(most_roads: usize, most_steps: usize) {
    let mut runs = Vec::new();
    for (scene, sizes, roads) in scenes() {
        let ground = Ground::new("memory", sizes);
        for road in pool::sample(roads, most_roads, pool::seed()) {
            let (least, enough) = bounds(&ground, road);
            let steps = pool::sample((0..=STEPS).collect(), most_steps, pool::seed());
            runs.extend(pool::each(&steps, |step| {
                let limit = least + (enough - least) * step / STEPS;
                let row = format!("{scene}, {road}");
                let name = format!("{row}, {limit} bytes");
                Judged { row, name, result: judged(&ground, road, limit) }
            }));
        }
    }
    report("limits of memory", &runs);
}

fn judged(ground: &Ground, road: Road, limit: u64) -> Result<Outcome, String> {
    let ended = limited(ground, road, limit);
    let outcome = check(ground, road, &ended, &Disturbance::default());
    let told =
        |message: &str| message.contains("no memory for ") || message.contains("worker ended");
    match outcome {
        Ok(Outcome::Complete) => Ok(Outcome::Complete),
        Ok(outcome) if ended.stderr.lines().all(told) => Ok(outcome),
        Ok(_) => Err(format!("no size is told: {}", ended.stderr)),
        Err(why) => {
            let (lines, stderr) = (ended.stdout.lines().count(), &ended.stderr);
            Err(format!("{why}: {:?} {:?}, {lines} lines, {stderr}", ended.status, ended.signal))
        }
    }
}

fn limited(ground: &Ground, road: Road, limit: u64) -> Ended {
    let before = ["prlimit".to_owned(), format!("--as={limit}")];
    ground.run(road, &before, 0, || false)
}

/// The least limit, to a page, at which this holds of the run; below, it does not.
fn least(ground: &Ground, road: Road, holds: impl Fn(&Ended) -> bool) -> u64 {
    let (mut never, mut always) = (1 << 20, 1 << 28);
    while always - never > 4096 {
        let middle = (never + always) / 2;
        if holds(&limited(ground, road, middle)) { always = middle } else { never = middle }
    }
    always
}

/// The least limit at which the program itself says something, and one that is enough.
fn bounds(ground: &Ground, road: Road) -> (u64, u64) {
    let says_something =
        |ended: &Ended| ended.status == Some(0) || ended.stderr.starts_with("pngpost: ");
    let is_loaded = |ended: &Ended| ended.status != Some(127) && ended.signal != Some(11);
    let loaded = least(ground, road, is_loaded);
    let least = least(ground, road, says_something);
    // The heap's first step: std's start takes of it, and can't do without.
    const STEP: u64 = 256 << 10;
    assert!(least <= loaded + STEP, "{road}: says nothing from {loaded} to {least} bytes");
    let is_enough = |limit| limited(ground, road, limit).status == Some(0);
    let mut enough = least;
    while !(0..3).all(|_| is_enough(enough)) {
        enough += enough / 4;
    }
    (least, enough)
}
