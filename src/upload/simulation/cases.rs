//! What is asked of runs against the models.

use super::server::{Model, Server};
use super::*;

/// A model, what it allows, and what became of a run against it.
#[derive(Clone, Copy)]
pub struct Trial {
    pub model: Model,
    /// Seconds that an accepted request takes, and whether a refused one takes as long.
    pub takes: f64,
    pub refuses_late: bool,
    pub strays: f64,
    pub stragglers: f64,
    /// The seconds of a Retry-After that comes with each refusal.
    pub tells: Option<f64>,
    pub jobs: u64,
    pub seed: u64,
}

impl Trial {
    pub fn new(model: Model, takes: f64, jobs: u64) -> Self {
        let (refuses_late, strays, stragglers, tells, seed) = (false, 0.0, 0.0, None, 0);
        Trial { model, takes, refuses_late, strays, stragglers, tells, jobs, seed }
    }

    /// A tenth of a millisecond as on one machine, or 20 ms as to another town.
    pub fn round_trip(&self) -> f64 {
        if self.takes < 0.1 { 0.0001 } else { 0.02 }
    }

    /// What is asked: the share of the possible that is reached at least, and the share of attempts that is refused at
    /// most.
    pub fn asked(&self) -> (f64, f64) {
        match self.model {
            Model::Window { .. } => (0.85, 0.05),
            Model::Leaky { burst: 0.0, .. } => (0.9, 0.1),
            _ => (0.9, 0.05),
        }
    }

    pub fn server(&self) -> Server {
        let mut server = Server::new(self.model, self.takes);
        // With one job the time that a request takes is the gap between two.
        server.wavers = self.jobs > 1;
        server.refuses_late = self.refuses_late;
        (server.strays, server.stragglers) = (self.strays, self.stragglers);
        server.tells = self.tells;
        server.noise.0 ^= self.seed << 20;
        server
    }

    /// Accepts a second, by a run that knows the limit.
    pub fn allowed(&self) -> f64 {
        let accept = self.takes + 2.0 * self.stragglers + self.round_trip();
        let most = self.jobs as f64 / accept;
        match self.model {
            Model::Leaky { rate, .. } | Model::Token { rate, .. } => rate.min(most),
            Model::Window { count, seconds, .. } => most.min(f64::from(count) / seconds),
            Model::UnderWay(limit) => most.min(f64::from(limit) / accept),
            Model::Chance(share) => {
                let refusal = if self.refuses_late { accept } else { self.round_trip() };
                // All jobs wait for a Retry-After.
                let wait = self.tells.unwrap_or(0.0) * self.jobs as f64;
                self.jobs as f64 / (accept + share / (1.0 - share) * (refusal + wait))
            }
        }
    }

    pub fn run(&self, seconds: f64) -> Report {
        let mut simulation = Simulation::new(self.server(), self.round_trip());
        simulation.run(self.jobs, u64::MAX, policy(), 0.0);
        simulation.go(seconds);
        std::mem::take(&mut simulation.runs[0].report)
    }

    /// A run of so many accepts, or so many seconds: the share of what is allowed that is reached in the
    /// second half, the share that is refused after 30 frames, and the frames that have failed.
    pub fn measure(&self, accepts: f64, seconds: f64) -> (f64, f64, usize) {
        let allowed = self.allowed();
        let is_fast = allowed > 600.0 || self.stragglers > 0.0;
        let (accepts, least) = if is_fast { (200_000.0, 40.0) } else { (accepts, 200.0) };
        let seconds = seconds.min((accepts / allowed).max(least));
        let report = self.run(seconds);
        let reached = report.rate(seconds / 2.0, seconds);
        let allowed = if self.stragglers > 0.0 { self.without_refusals(seconds) } else { allowed };
        (reached / allowed, report.refused_after(30), report.failed.len())
    }

    /// Accepts a second if nothing is refused: a straggler holds up those behind it.
    fn without_refusals(&self, seconds: f64) -> f64 {
        let report = Trial { model: Model::Chance(0.0), ..*self }.run(seconds);
        report.rate(seconds / 2.0, seconds)
    }
}

const LIMITERS: [Model; 9] = [
    Model::Leaky { rate: 10.0, burst: 0.0 },
    Model::Leaky { rate: 10.0, burst: 5.0 },
    Model::Leaky { rate: 1.0, burst: 0.0 },
    Model::Token { rate: 10.0, burst: 5.0 },
    Model::Token { rate: 10.0, burst: 100.0 },
    Model::Token { rate: 100.0, burst: 20.0 },
    Model::Window { count: 100, seconds: 10.0, tells: true },
    Model::Window { count: 60, seconds: 60.0, tells: true },
    Model::UnderWay(2),
];

const LATENCIES: [f64; 4] = [0.005, 0.1, 1.0, 5.0];
const JOBS: [u64; 3] = [1, 8, 64];

fn trials(models: &[Model]) -> Vec<Trial> {
    let of_model = |&model| {
        LATENCIES.into_iter().flat_map(move |takes| JOBS.map(|jobs| Trial::new(model, takes, jobs)))
    };
    models.iter().flat_map(of_model).collect()
}

#[test]
fn nearly_all_that_a_server_allows_is_used_and_little_is_refused() {
    println!("model                                     -j  seconds  reached  refused");
    for trial in trials(&LIMITERS) {
        let (reached, refused, failed) = trial.measure(8000.0, 1500.0);
        let Trial { model, takes, jobs, .. } = trial;
        let name = format!("{model:?}");
        println!("{name:40} {jobs:3} {takes:8} {reached:8.3} {refused:8.3}");
        let (least, most) = trial.asked();
        assert!(reached >= least && refused <= most, "{name} -j {jobs}, {takes} s: {refused}");
        assert_eq!(failed, 0, "{name} -j {jobs}, {takes} s");
    }
}

#[test]
fn refusals_at_random_slow_nothing_down() {
    for (share, least) in [(0.1, 0.8), (0.5, 0.4)] {
        for refuses_late in [false, true] {
            for jobs in [4, 1, 8, 64] {
                let trial = Trial { refuses_late, ..Trial::new(Model::Chance(share), 0.1, jobs) };
                let (reached, _, failed) = trial.measure(5_000.0, 1000.0);
                println!("{share} -j {jobs:2} {refuses_late:5} {reached:.3}");
                assert!(reached >= least, "{share} -j {jobs} {refuses_late}: {reached}");
                assert_eq!(failed, 0);
            }
        }
    }
}

#[test]
fn a_retry_after_costs_its_wait_and_tells_no_pace() {
    let leaky = Model::Leaky { rate: 10.0, burst: 0.0 };
    for model in [Model::Chance(0.02), Model::Chance(0.05), leaky] {
        for jobs in [1, 4, 8, 64] {
            for seed in 0..3 {
                let tells = Some(1.0);
                let trial = Trial { tells, seed, ..Trial::new(model, 0.07, jobs) };
                let reached = trial.run(400.0).rate(100.0, 400.0) / trial.allowed();
                println!("{model:?} -j {jobs:2}: {reached:.3}");
                assert!(reached >= 0.75, "{model:?} -j {jobs} seed {seed}: {reached}");
            }
        }
    }
}

/// A model that is being loaded, or a server that starts.
#[test]
fn a_server_that_takes_nothing_at_first_has_told_no_pace() {
    for seconds in [1.0, 3.0, 20.0] {
        for jobs in [1, 4, 64] {
            let trial = Trial::new(Model::Chance(0.0), 0.02, jobs);
            let mut server = trial.server();
            server.opens_at = seconds;
            let mut simulation = Simulation::new(server, trial.round_trip());
            simulation.run(jobs, u64::MAX, policy(), 0.0);
            // The rarest attempts are six seconds apart.
            let from = seconds + 7.0;
            simulation.go(from + 10.0);
            let report = &simulation.runs[0].report;
            let reached = report.rate(from, from + 10.0) / trial.allowed();
            println!("{seconds} s -j {jobs:2}: {reached:.3}");
            assert!(reached >= 0.9, "{seconds} s -j {jobs}: {reached}");
            assert_eq!(report.failed, []);
        }
    }
}

#[test]
fn a_limit_that_changes_is_followed() {
    for burst in [0.0, 5.0] {
        for jobs in [8, 64] {
            let trial = Trial::new(Model::Leaky { rate: 10.0, burst }, 0.1, jobs);
            let mut simulation = Simulation::new(trial.server(), trial.round_trip());
            simulation.run(jobs, u64::MAX, policy(), 0.0);
            for (at, thousandths) in [(120, 4000), (300, 250), (480, 250)] {
                simulation.at(nanos(f64::from(at)), Event::Change { thousandths });
            }
            simulation.go(700.0);
            let report = &simulation.runs[0].report;
            // Back at 0.9 of the new one within a minute, and soon enough at a lower one.
            let rates = [(180.0, 300.0, 40.0), (310.0, 480.0, 10.0), (500.0, 700.0, 2.5)];
            for (from, to, limit) in rates {
                let reached = report.rate(from, to) / limit;
                println!("burst {burst} -j {jobs:2} {limit}/s: {reached:.3}");
                assert!(reached > 0.9, "burst {burst} -j {jobs} {limit}/s: {reached}");
            }
            assert_eq!(report.failed, []);
        }
    }
}

#[test]
fn two_runs_share_a_limit() {
    for (rate, after, seed) in
        [(10.0, 60.0, 0), (10.0, 60.0, 1), (20.0, 0.0, 2), (20.0, 60.0, 3), (50.0, 60.0, 4)]
    {
        let model = Model::Token { rate, burst: 5.0 };
        let server = Trial { seed, ..Trial::new(model, 0.1, 8) }.server();
        let mut simulation = Simulation::new(server, 0.02);
        // One comes when the other has got all of it.
        simulation.run(16, u64::MAX, policy(), 0.0);
        simulation.run(16, u64::MAX, policy(), after);
        simulation.go(1200.0);
        let [a, b] = [0, 1].map(|run| simulation.runs[run].report.rate(400.0, 1200.0));
        let refused = [0, 1].map(|run| simulation.runs[run].report.refused_after(30));
        println!(
            "{model:?}: {:.3} {:.3} of {:.3} {refused:?}",
            a / (a + b),
            b / (a + b),
            (a + b) / rate
        );
        assert!((0.35..=0.65).contains(&(a / (a + b))), "{model:?} {a} {b}");
        assert!(simulation.runs.iter().all(|run| run.report.failed.is_empty()));
    }
}

#[test]
fn sixty_frames_at_ten_a_second_take_less_than_eight_seconds() {
    for takes in [0.001, 0.02, 0.1] {
        let trial = Trial::new(Model::Leaky { rate: 10.0, burst: 0.0 }, takes, 8);
        let report = trial.run(60.0);
        println!("{takes}: {:.2} s", report.accepts[59]);
        assert!(report.accepts[59] < 8.0, "{takes}: {}", report.accepts[59]);
    }
}

#[test]
fn a_frame_that_is_refused_for_good_holds_nobody_up() {
    for (retries, jobs, longest) in [(Some(5), 8, 0.5), (None, 8, 5.0), (None, 2, 5.0)] {
        let trial = Trial::new(Model::UnderWay(1000), 0.005, jobs);
        let mut simulation = Simulation::new(trial.server(), trial.round_trip());
        simulation.run(jobs, 200, Policy { retries, ..policy() }, 0.0);
        simulation.runs[0].bad = Some(50);
        simulation.go(600.0);
        let report = &simulation.runs[0].report;
        let end = report.accepts.last().copied().unwrap().max(report.failed[0].0);
        println!("--retry {retries:?} -j {jobs}: {end:.3} s");
        println!("{:?} {}", report.failed, report.accepts.len());
        assert!(end < longest, "{end}");
    }
}

/// The pace over time, for the plot that tests/bench/pace.py draws: scene, seconds, attempts a second.
#[test]
#[ignore = "prints what tests/bench/pace.py draws"]
fn trace() {
    let print = |scene: &str, report: &Report| {
        report.paces.iter().for_each(|(at, pace)| println!("trace {scene} {at:.3} {pace:.4}"));
    };
    let trial = Trial::new(Model::Leaky { rate: 10.0, burst: 0.0 }, 0.1, 8);
    let mut simulation = Simulation::new(trial.server(), trial.round_trip());
    simulation.run(8, u64::MAX, policy(), 0.0);
    simulation.at(nanos(60.0), Event::Change { thousandths: 4000 });
    simulation.at(nanos(150.0), Event::Change { thousandths: 250 });
    simulation.go(240.0);
    print("limit", &simulation.runs[0].report);
    let trial = Trial::new(Model::Chance(0.1), 0.1, 4);
    print("chance", &trial.run(240.0));
}
