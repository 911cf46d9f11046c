//! What is asked of runs against the models, by what a user would notice: a row a scene.
//! `cargo test --bin pngpost scenes -- --nocapture` prints the rows, `PNGPOST_SCENES_SEED=N` with other chances.

use super::server::Model;
use super::trial::Trial;
use super::*;

/// Each row is asked of three seeds. No constant was chosen with these.
fn seeds() -> [u64; 3] {
    let first = std::env::var("PNGPOST_SCENES_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = first.unwrap_or(1009);
    [first, first + 1000, first + 2000]
}

/// Of a run: `least`, the share of the allowed that is reached in its second half; `most`, the share that is refused after
/// 30 accepts; and that no frame fails.
fn asks(name: &str, trial: Trial, seconds: f64, least: f64, most: f64) {
    let rows = seeds().map(|seed| {
        let trial = Trial { seed, ..trial };
        let report = trial.run(seconds);
        let reached = report.rate(seconds / 2.0, seconds) / trial.allowed();
        (reached, report.refused_after(30), report.failed.len())
    });
    let Trial { jobs, takes, .. } = trial;
    let [reached, refused] = [rows.map(|row| row.0), rows.map(|row| row.1)];
    let name = format!("{name}, -j {jobs}, {takes} s");
    println!("{name:52} {reached:.2?} of {least}, refused {refused:.3?} of {most}");
    for (reached, refused, failed) in rows {
        assert!(reached >= least && refused <= most, "{name}: {reached}, {refused} refused");
        assert_eq!(failed, 0, "{name}");
    }
}

const JOBS: [u64; 3] = [1, 8, 64];
const NO_BURST: Model = Model::Leaky { rate: 10.0, burst: 0.0 };
const QUEUE: Model = Model::Leaky { rate: 10.0, burst: 5.0 };
const BURST: Model = Model::Token { rate: 10.0, burst: 5.0 };

#[test]
fn nearly_all_that_a_limiter_with_a_burst_allows_is_used() {
    for takes in [0.02, 0.2] {
        for jobs in JOBS {
            asks("10/s, burst 5", Trial::new(QUEUE, takes, jobs), 400.0, 0.9, 0.15);
            asks("10/s, burst 5 nodelay", Trial::new(BURST, takes, jobs), 400.0, 0.9, 0.15);
        }
    }
    for takes in [0.005, 0.3] {
        for jobs in [8, 64] {
            let (fast, deep) = (
                Model::Token { rate: 100.0, burst: 20.0 },
                Model::Token { rate: 10.0, burst: 100.0 },
            );
            asks("100/s, burst 20 nodelay", Trial::new(fast, takes, jobs), 60.0, 0.9, 0.15);
            asks("10/s, burst 100 nodelay", Trial::new(deep, takes, jobs), 600.0, 0.9, 0.15);
        }
    }
}

#[test]
fn most_of_what_a_limiter_without_a_burst_allows_is_used() {
    for takes in [0.02, 0.2] {
        for jobs in JOBS {
            asks("10/s, no burst", Trial::new(NO_BURST, takes, jobs), 400.0, 0.85, 0.1);
        }
    }
    for takes in [0.005, 0.3] {
        for jobs in [8, 64] {
            let slow = Model::Leaky { rate: 1.0, burst: 0.0 };
            asks("1/s, no burst", Trial::new(slow, takes, jobs), 600.0, 0.85, 0.1);
        }
    }
}

#[test]
fn a_quota_is_used_up_in_each_of_its_windows() {
    for jobs in JOBS {
        for (count, seconds) in [(100, 10.0), (60, 60.0)] {
            let model = Model::Window { count, seconds, tells: true };
            let name = format!("{count} in {seconds} s, Retry-After");
            asks(&name, Trial::new(model, 0.05, jobs), 1200.0, 0.95, 0.15);
        }
    }
    for jobs in [8, 64] {
        for takes in [0.005, 0.3] {
            let model = Model::Window { count: 1000, seconds: 60.0, tells: false };
            asks("1000 in 60 s, silent", Trial::new(model, takes, jobs), 600.0, 0.9, 0.15);
            let model = Model::Window { count: 20, seconds: 1.0, tells: false };
            asks("20 in 1 s, silent", Trial::new(model, takes, jobs), 600.0, 0.9, 0.15);
        }
    }
}

#[test]
fn a_limit_of_uploads_at_once_leaves_more_than_half_without_j() {
    for takes in [0.02, 0.2, 1.0] {
        for jobs in [8, 64] {
            let seconds = f64::clamp(4000.0 * takes, 100.0, 400.0);
            asks("2 at once", Trial::new(Model::UnderWay(2), takes, jobs), seconds, 0.6, 0.35);
        }
        asks("2 at once", Trial::new(Model::UnderWay(2), takes, 2), 100.0, 0.9, 0.05);
    }
}

#[test]
fn refusals_at_random_slow_nothing_down() {
    for (name, share) in [("2 % at random", 0.02), ("a tenth at random", 0.1)] {
        for takes in [0.02, 0.2] {
            for jobs in JOBS {
                let seconds = (20_000.0 * takes / jobs as f64).clamp(20.0, 100.0);
                asks(name, Trial::new(Model::Chance(share), takes, jobs), seconds, 0.85, 0.15);
            }
        }
    }
    for strays in [0.02, 0.1] {
        for jobs in [4, 32] {
            let trial = Trial { strays, ..Trial::new(BURST, 0.05, jobs) };
            asks(&format!("10/s, burst 5 nodelay, {strays} at random"), trial, 600.0, 0.85, 0.25);
        }
    }
}

#[test]
fn a_retry_after_costs_its_wait_and_tells_no_pace() {
    for jobs in JOBS {
        let told = |model| Trial { tells: Some(1.0), ..Trial::new(model, 0.07, jobs) };
        for share in [0.02, 0.05] {
            asks("at random, Retry-After 1", told(Model::Chance(share)), 400.0, 0.75, 0.1);
        }
        asks("10/s, no burst, Retry-After 1", told(NO_BURST), 400.0, 0.7, 0.1);
    }
}

/// A model that is being loaded, or a server that starts.
#[test]
fn a_server_that_takes_nothing_at_first_has_told_no_pace() {
    for (seconds, most) in [(1.0, 3.0), (3.0, 3.0), (20.0, 7.0)] {
        for jobs in JOBS {
            let ends = seeds().map(|seed| {
                let trial = Trial { seed, ..Trial::new(Model::Chance(0.0), 0.02, jobs) };
                let mut simulation = trial.simulation();
                simulation.server.opens_at = seconds;
                simulation.run(jobs, u64::MAX, policy(), 0.0);
                simulation.go(seconds + 10.0);
                let report = &simulation.runs[0].report;
                assert_eq!(report.failed, []);
                let is_full = |from: f64| report.rate(from, from + 1.0) >= 0.9 * trial.allowed();
                (0..90).map(|tenth| f64::from(tenth) / 10.0).find(|after| is_full(seconds + after))
            });
            println!("refuses all for {seconds} s, -j {jobs}: full pace after {ends:.1?} s");
            assert!(ends.iter().all(|end| end.is_some_and(|end| end <= most)), "{ends:?}");
        }
    }
}

/// While it is away, trying costs it nothing, but it is no flood.
#[test]
fn the_return_of_a_server_that_refuses_connections_is_noticed_within_a_second_or_two() {
    for jobs in JOBS {
        let mut late = Vec::new();
        for seed in 0..10 {
            let trial = Trial { seed, ..Trial::new(Model::Chance(0.0), 0.1, jobs) };
            let mut simulation = trial.simulation();
            let ends = [7.0, 24.0, 130.0].map(|end| end + seed as f64 / 10.0);
            let outages = [3.0, 20.0, 30.0].into_iter().zip(ends);
            simulation.server.outages = outages.collect();
            simulation.run(jobs, u64::MAX, policy(), 0.0);
            simulation.go(140.0);
            let report = &simulation.runs[0].report;
            assert_eq!(report.failed, []);
            late.extend(ends.map(|end| {
                report.accepts.iter().find(|&&at| at >= end).map_or(f64::INFINITY, |at| at - end)
            }));
            let tries = report.misses.iter().filter(|&&at| (31.0..130.0).contains(&at)).count();
            assert!((99..250).contains(&tries), "{tries} attempts in 99 s");
        }
        late.sort_by(f64::total_cmp);
        let (median, most) = (late[late.len() / 2], late[late.len() - 1]);
        println!("away, -j {jobs}: back after {median:.2} s at the median, {most:.2} s at most");
        assert!(median < 1.0 && most < 2.0, "{median}, {most}");
    }
}

#[test]
fn a_limit_that_changes_is_followed() {
    for (name, model, least) in
        [("no burst", NO_BURST, 0.85), ("burst 5", QUEUE, 0.9), ("burst 5 nodelay", BURST, 0.9)]
    {
        for jobs in [8, 64] {
            for seed in seeds() {
                let trial = Trial { seed, ..Trial::new(model, 0.1, jobs) };
                let mut simulation = trial.simulation();
                simulation.run(jobs, u64::MAX, policy(), 0.0);
                for (at, thousandths) in [(120, 4000), (300, 250), (480, 250)] {
                    simulation.at(nanos(f64::from(at)), Event::Change { thousandths });
                }
                simulation.go(700.0);
                let report = &simulation.runs[0].report;
                let followed = [(120.0, 40.0), (300.0, 10.0), (480.0, 2.5)].map(|(at, limit)| {
                    let is_there = |from: f64| report.rate(from, from + 10.0) >= least * limit;
                    (0..160).map(f64::from).find(|&after| is_there(at + after))
                });
                println!("10/s, then 40, 10, 2.5, {name}, -j {jobs}: after {followed:?} s");
                let is_soon = |after: Option<f64>| after.is_some_and(|after| after <= 90.0);
                assert!(followed.into_iter().all(is_soon), "{followed:?}");
                assert_eq!(report.failed, []);
            }
        }
    }
}

/// How it is shared is a matter of chance; without a burst a run may get nothing, and its frames fail: --rate.
#[test]
fn two_runs_use_up_a_limit_with_a_burst() {
    for (rate, after) in [(10.0, 60.0), (20.0, 0.0), (50.0, 60.0)] {
        for seed in seeds() {
            let trial = Trial { seed, ..Trial::new(Model::Token { rate, burst: 5.0 }, 0.1, 16) };
            let mut simulation = trial.simulation();
            simulation.run(16, u64::MAX, policy(), 0.0);
            simulation.run(16, u64::MAX, policy(), after);
            simulation.go(600.0);
            let [a, b] = [0, 1].map(|run| simulation.runs[run].report.rate(200.0, 600.0) / rate);
            println!("two runs, {rate}/s, burst 5 nodelay, {after} s apart: {a:.2} {b:.2}");
            assert!(a + b >= 0.9, "{a} {b}");
            assert!(simulation.runs.iter().all(|run| run.report.failed.is_empty()));
        }
    }
}

#[test]
fn sixty_frames_at_ten_a_second_take_less_than_nine_seconds() {
    for takes in [0.001, 0.02, 0.1] {
        for (burst, most) in [(0.0, 9.0), (5.0, 7.0)] {
            let model = Model::Leaky { rate: 10.0, burst };
            let ends = seeds().map(|seed| {
                let report = Trial { seed, ..Trial::new(model, takes, 8) }.run(20.0);
                report.accepts[59]
            });
            println!("60 frames, 10/s, burst {burst}, {takes} s: {ends:.2?} s");
            assert!(ends.iter().all(|&end| end < most), "{ends:?}");
        }
    }
}

#[test]
fn a_frame_that_is_refused_for_good_holds_nobody_up() {
    for (retries, jobs, most) in
        [(Some(5), 8, 0.5), (None, 8, 5.0), (None, 2, 5.0), (None, 1, 80.0)]
    {
        let ends = seeds().map(|seed| {
            let trial = Trial { seed, ..Trial::new(Model::UnderWay(1000), 0.005, jobs) };
            let mut simulation = trial.simulation();
            simulation.run(jobs, 200, Policy { retries, ..policy() }, 0.0);
            simulation.runs[0].bad = Some(50);
            simulation.go(600.0);
            let report = &simulation.runs[0].report;
            let failed: Vec<_> = report.failed.iter().map(|failed| failed.1).collect();
            assert_eq!((failed, report.accepts.len()), (vec![50], 199));
            report.accepts[198].max(report.failed[0].0)
        });
        println!("a frame always refused, --retry {retries:?} -j {jobs}: {ends:.2?} s");
        assert!(ends.iter().all(|&end| end < most), "{ends:?}");
    }
}

/// The pace over time, for the plot that tests/bench/pace.py draws: scene, seconds, attempts a second.
#[test]
#[ignore = "prints what tests/bench/pace.py draws"]
fn trace() {
    let print = |scene: &str, report: &Report| {
        report.paces.iter().for_each(|(at, pace)| println!("trace {scene} {at:.3} {pace:.4}"));
    };
    let trial = Trial::new(NO_BURST, 0.1, 8);
    let mut simulation = trial.simulation();
    simulation.run(8, u64::MAX, policy(), 0.0);
    simulation.at(nanos(60.0), Event::Change { thousandths: 4000 });
    simulation.at(nanos(150.0), Event::Change { thousandths: 250 });
    simulation.go(240.0);
    print("limit", &simulation.runs[0].report);
    let trial = Trial::new(Model::Chance(0.1), 0.1, 4);
    print("chance", &trial.run(240.0));
}
