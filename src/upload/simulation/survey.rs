//! More servers, and what a run makes of them, as a table.
//! `cargo test --bin pngpost survey -- --ignored --nocapture` prints it, `PNGPOST_SURVEY_SEED=N` with other chances.
//! BAD is a row that falls short of what is asked of the servers in `cases`.

use super::cases::Trial;
use super::server::Model;
use super::*;

/// Each server with what a run gets of what it allows, the share refused beyond chance, and frames that failed.
#[test]
#[ignore = "prints a table, and asserts nothing"]
fn one_run() {
    let mut trials = [chance(), stragglers(), limiters(), limiters_with_chance()].concat();
    trials.iter_mut().for_each(|trial| trial.seed += seed());
    let bad = trials.iter().filter(|trial| is_bad(trial)).count();
    println!("{bad} of {} are bad", trials.len());
}

/// Another one, and all chances are others.
fn seed() -> u64 {
    let seed = std::env::var("PNGPOST_SURVEY_SEED").ok();
    seed.and_then(|seed| seed.parse().ok()).unwrap_or(0)
}

fn is_bad(trial: &Trial) -> bool {
    let Trial { model, takes, refuses_late, strays, stragglers, jobs, .. } = *trial;
    let (reached, refused, failed) = trial.measure(12_000.0, 1500.0);
    let of_chance = if let Model::Chance(share) = model { share } else { strays };
    let (least, most) = match model {
        Model::Chance(_) => (0.8, f64::INFINITY),
        _ => trial.asked(),
    };
    let excess = refused - of_chance;
    let is_bad = reached < least || excess > most || failed > 0;
    let mark = if is_bad { "BAD" } else { "" };
    let late = if refuses_late { "late" } else { "" };
    let model = format!("{model:?}");
    println!(
        "{mark:3} {model:55} {jobs:3} {takes:6} {late:4} {strays:4} {stragglers:5} {reached:.3} {excess:6.3} {failed}"
    );
    is_bad
}

fn chance() -> Vec<Trial> {
    let mut trials = Vec::new();
    for share in [0.01, 0.03, 0.1, 0.3] {
        for takes in [0.0003, 0.005, 0.1, 1.0] {
            // Nothing answers a quarter of a million requests a second.
            let jobs = [1, 8, 64].into_iter().filter(|&jobs| takes > 0.001 || jobs < 64);
            trials.extend(
                jobs.map(|jobs| Trial { seed: 1, ..Trial::new(Model::Chance(share), takes, jobs) }),
            );
        }
    }
    trials
}

fn stragglers() -> Vec<Trial> {
    let mut trials = Vec::new();
    for share in [0.013, 0.1] {
        for takes in [0.0005, 0.02] {
            for stragglers in [0.001, 0.01] {
                let trial = Trial::new(Model::Chance(share), takes, 8);
                trials.push(Trial { seed: 2, stragglers, ..trial });
            }
        }
    }
    trials
}

fn limiters() -> Vec<Trial> {
    let models = [
        Model::Leaky { rate: 3.0, burst: 1.0 },
        Model::Leaky { rate: 25.0, burst: 0.0 },
        Model::Leaky { rate: 200.0, burst: 10.0 },
        Model::Token { rate: 2.0, burst: 10.0 },
        Model::Token { rate: 500.0, burst: 50.0 },
        Model::Window { count: 20, seconds: 1.0, tells: true },
        Model::Window { count: 20, seconds: 1.0, tells: false },
        Model::Window { count: 1000, seconds: 60.0, tells: false },
        Model::UnderWay(3),
        Model::UnderWay(16),
    ];
    let mut trials = Vec::new();
    for model in models {
        for takes in [0.002, 0.3, 2.0] {
            for jobs in [2, 16, 64] {
                let trial = Trial { seed: 3, ..Trial::new(model, takes, jobs) };
                trials.extend([trial, Trial { refuses_late: true, ..trial }]);
            }
        }
    }
    trials
}

fn limiters_with_chance() -> Vec<Trial> {
    let mut trials = Vec::new();
    for model in
        [Model::Token { rate: 10.0, burst: 5.0 }, Model::Token { rate: 100.0, burst: 20.0 }]
    {
        for strays in [0.02, 0.1] {
            for jobs in [4, 32] {
                trials.push(Trial { seed: 4, strays, ..Trial::new(model, 0.05, jobs) });
            }
        }
    }
    trials
}

/// Runs that share a server: accepts a second of each in the first minute and later, and frames that failed.
#[test]
#[ignore = "prints a table, and asserts nothing"]
fn several_runs() {
    for (model, jobs, count) in [
        (Model::Leaky { rate: 10.0, burst: 0.0 }, 8, 2),
        (Model::Leaky { rate: 40.0, burst: 0.0 }, 8, 2),
        (Model::Token { rate: 10.0, burst: 5.0 }, 8, 2),
        (Model::Token { rate: 10.0, burst: 5.0 }, 8, 3),
        (Model::Leaky { rate: 30.0, burst: 5.0 }, 4, 2),
        (Model::Token { rate: 300.0, burst: 20.0 }, 16, 2),
        (Model::UnderWay(8), 8, 2),
    ] {
        for (number, apart) in [(0, 0.0), (5, 20.0)] {
            let server = Trial { seed: number + seed(), ..Trial::new(model, 0.03, 8) }.server();
            let mut simulation = Simulation::new(server, 0.02);
            for run in 0..count {
                simulation.run(jobs, u64::MAX, policy(), f64::from(run) * apart);
            }
            simulation.go(600.0);
            let reports: Vec<_> = simulation.runs.iter().map(|run| &run.report).collect();
            let rates = |from, to| -> Vec<f64> {
                reports.iter().map(|report| report.rate(from, to)).collect()
            };
            let failed: usize = reports.iter().map(|report| report.failed.len()).sum();
            let (early, late) = (rates(20.0, 60.0), rates(200.0, 600.0));
            println!("{model:?}, {apart} s apart: {early:.2?}, then {late:.2?}; {failed} failed");
        }
    }
}
