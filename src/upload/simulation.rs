//! Runs against models of servers: the real schedule, with its retries and its pace, on a clock that jumps from
//! one event to the next. Nothing sleeps, so an hour of a run takes a moment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant, SystemTime};

use super::pace::Started;
use super::retry::{Next, Policy};
use super::schedule::{Ended, Schedule, Turn};
use super::tries::Tries;
use crate::http::Outcome;

/// Numbers from 0 to 1 that look random and are the same every time (xorshift64, Marsaglia 2003).
#[derive(Clone)]
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What a server refuses.
#[derive(Clone, Copy, Debug)]
enum Model {
    /// nginx's limit_req: what comes early waits for its turn, as many as `burst`.
    Leaky { rate: f64, burst: f64 },
    /// nginx's limit_req with nodelay: a bucket that is full at first.
    Token { rate: f64, burst: f64 },
    /// So many in each window, and a Retry-After to the end of it.
    Window { count: u32, seconds: f64 },
    /// So many under way at once: nginx's limit_conn.
    UnderWay(u32),
    /// This share of all attempts, at random.
    Chance(f64),
}

/// A server under a model, with the time that an accepted request takes there.
struct Server {
    model: Model,
    noise: Noise,
    /// Seconds.
    takes: f64,
    /// Whether it takes a random time, from half of it to one and a half.
    wavers: bool,
    /// Whether a refusal takes as long as an accept.
    refuses_late: bool,
    excess: f64,
    last: f64,
    in_window: u32,
    window: f64,
    under_way: u32,
}

enum Verdict {
    /// Answered after so many seconds.
    Accepted(f64),
    Refused(Option<f64>),
}

impl Server {
    fn new(model: Model, takes: f64) -> Self {
        let noise = Noise(0x9e37_79b9_7f4a_7c15);
        Server {
            model,
            noise,
            takes,
            wavers: false,
            refuses_late: false,
            excess: 0.0,
            last: f64::NEG_INFINITY,
            in_window: 0,
            window: 0.0,
            under_way: 0,
        }
    }

    fn takes(&mut self) -> f64 {
        if self.wavers { self.takes * (0.5 + self.noise.next()) } else { self.takes }
    }

    fn judge(&mut self, now: f64) -> Verdict {
        let takes = self.takes();
        match self.model {
            Model::Leaky { rate, burst } => match self.fill(now, rate, burst) {
                Some(excess) => Verdict::Accepted(takes + excess / rate),
                None => Verdict::Refused(None),
            },
            Model::Token { rate, burst } => match self.fill(now, rate, burst) {
                Some(_) => Verdict::Accepted(takes),
                None => Verdict::Refused(None),
            },
            Model::Window { count, seconds } => {
                let window = (now / seconds).floor();
                if window != self.window {
                    (self.window, self.in_window) = (window, 0);
                }
                if self.in_window < count {
                    self.in_window += 1;
                    return Verdict::Accepted(takes);
                }
                Verdict::Refused(Some(((window + 1.0) * seconds - now).ceil()))
            }
            Model::UnderWay(limit) if self.under_way < limit => Verdict::Accepted(takes),
            Model::Chance(share) if self.noise.next() >= share => Verdict::Accepted(takes),
            Model::UnderWay(_) | Model::Chance(_) => Verdict::Refused(None),
        }
    }

    /// nginx's own arithmetic; `None`: it overflows.
    fn fill(&mut self, now: f64, rate: f64, burst: f64) -> Option<f64> {
        let excess = (self.excess - rate * (now - self.last).min(1e9) + 1.0).max(0.0);
        if excess > burst + 1e-9 && self.last.is_finite() {
            return None;
        }
        self.excess = if self.last.is_finite() { excess } else { 0.0 };
        self.last = now;
        Some(self.excess)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The run asks whether a frame may start.
    Look {
        run: usize,
    },
    /// A frame's own pause is over.
    Ready {
        run: usize,
        frame: u64,
    },
    Arrive {
        run: usize,
        frame: u64,
    },
    /// An accepted request has left the server.
    Leave,
    Answer {
        run: usize,
        frame: u64,
        refused: bool,
        retry_after: Option<u64>,
    },
    /// The limit changes to this many thousandths.
    Change {
        thousandths: u64,
    },
}

type Random = Box<dyn FnMut() -> f64>;

struct Run {
    schedule: Schedule<Random>,
    jobs: u64,
    frames: u64,
    next: u64,
    /// When the run looks next.
    looks: Option<u64>,
    first_open: u64,
    open: BTreeMap<u64, (Tries, Option<Started>)>,
    /// The frame that is always refused.
    bad: Option<u64>,
    report: Report,
}

/// What became of a run.
#[derive(Default)]
struct Report {
    /// When each accept came, in seconds.
    accepts: Vec<f64>,
    refusals: Vec<f64>,
    failed: Vec<(f64, u64)>,
    is_over: bool,
    /// Time, and the pace that was found.
    paces: Vec<(f64, f64)>,
    rooms: Vec<(f64, u32)>,
}

impl Report {
    /// Accepts a second between these times.
    fn rate(&self, from: f64, to: f64) -> f64 {
        let count = self.accepts.iter().filter(|&&at| at >= from && at < to).count();
        count as f64 / (to - from)
    }

    /// The share of attempts refused, after so many accepts.
    fn refused_after(&self, accepts: usize) -> f64 {
        let from = self.accepts.get(accepts).copied().unwrap_or(f64::INFINITY);
        let refused = self.refusals.iter().filter(|&&at| at >= from).count() as f64;
        let accepted = self.accepts.iter().filter(|&&at| at >= from).count() as f64;
        refused / (refused + accepted).max(1.0)
    }
}

struct Simulation {
    begin: Instant,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    server: Server,
    /// The network's round trip, in seconds.
    round_trip: f64,
    noise: Noise,
    runs: Vec<Run>,
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

fn policy() -> Policy {
    Policy {
        retries: None,
        delay: None,
        max_time: Some(Duration::from_secs(600)),
        all_errors: false,
        spacing: Duration::ZERO,
    }
}

impl Simulation {
    fn new(server: Server, round_trip: f64) -> Self {
        Simulation {
            begin: Instant::now(),
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            server,
            round_trip,
            noise: Noise(0x2545_f491_4f6c_dd1d),
            runs: Vec::new(),
        }
    }

    /// Adds a run that begins after so many seconds.
    fn run(&mut self, jobs: u64, frames: u64, policy: Policy, after: f64) -> usize {
        let mut noise = Noise(0xdead_beef_cafe_f00d + self.runs.len() as u64);
        let random: Random = Box::new(move || noise.next());
        let schedule = Schedule::new(policy, random);
        let (open, report) = (BTreeMap::new(), Report::default());
        let run = Run {
            schedule,
            jobs,
            frames,
            next: 0,
            looks: None,
            first_open: 0,
            open,
            bad: None,
            report,
        };
        self.runs.push(run);
        let run = self.runs.len() - 1;
        self.at(nanos(after), Event::Look { run });
        run
    }

    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((time, self.sequence, event)));
    }

    fn seconds(&self) -> f64 {
        self.now as f64 / 1e9
    }

    fn instant(&self) -> Instant {
        self.begin + Duration::from_nanos(self.now)
    }

    /// Goes on until all is done, or until so many seconds have passed.
    fn go(&mut self, seconds: f64) {
        while let Some(Reverse((time, _, event))) = self.events.pop() {
            if time > nanos(seconds) {
                return;
            }
            self.now = time;
            match event {
                Event::Look { run } => {
                    if self.runs[run].looks == Some(time) {
                        self.runs[run].looks = None;
                    }
                    self.look(run);
                }
                Event::Ready { run, frame } => {
                    self.runs[run].schedule.enter(frame);
                    self.look(run);
                }
                Event::Arrive { run, frame } => self.arrive(run, frame),
                Event::Leave => self.server.under_way -= 1,
                Event::Answer { run, frame, refused, retry_after } => {
                    self.answer(run, frame, refused, retry_after);
                    self.look(run);
                }
                Event::Change { thousandths } => self.change(thousandths as f64 / 1000.0),
            }
        }
    }

    fn change(&mut self, factor: f64) {
        match &mut self.server.model {
            Model::Leaky { rate, .. } | Model::Token { rate, .. } => *rate *= factor,
            Model::UnderWay(limit) => *limit = (f64::from(*limit) * factor) as u32,
            Model::Window { count, .. } => *count = (f64::from(*count) * factor) as u32,
            Model::Chance(_) => {}
        }
    }

    /// Jobs that are free take frames, and frames that may start do.
    fn look(&mut self, at: usize) {
        let (now, round_trip) = (self.instant(), self.round_trip);
        let mut starts = Vec::new();
        let run = &mut self.runs[at];
        let window = if run.jobs == 1 { 1 } else { 1 + 2 * run.jobs };
        while !run.report.is_over
            && (run.open.len() as u64) < run.jobs
            && run.next < run.frames
            && run.next < run.first_open + window
        {
            run.open.insert(run.next, (Tries::default(), None));
            run.schedule.enter(run.next);
            run.next += 1;
        }
        let later = loop {
            let Some(first) = run.schedule.first() else { break None };
            match run.schedule.start(now) {
                Turn::Now(started) => {
                    run.schedule.leave(first);
                    run.open.get_mut(&first).unwrap().1 = Some(started);
                    starts.push(first);
                }
                Turn::At(later) => break Some(later),
                Turn::AfterAnEnd => break None,
            }
        };
        for frame in starts {
            let there = nanos(round_trip / 2.0 * (1.0 + 0.1 * self.noise.next()));
            self.at(self.now + there, Event::Arrive { run: at, frame });
        }
        if let Some(later) = later {
            // A thread wakes up late by a tenth of a millisecond.
            let late = nanos(1e-4 * (0.5 + self.noise.next()));
            let time = (later - self.begin).as_nanos() as u64 + late;
            if self.runs[at].looks.is_none_or(|planned| time < planned) {
                self.runs[at].looks = Some(time);
                self.at(time, Event::Look { run: at });
            }
        }
    }

    fn arrive(&mut self, run: usize, frame: u64) {
        let verdict = match self.runs[run].bad == Some(frame) {
            true => Verdict::Refused(None),
            false => self.server.judge(self.seconds()),
        };
        let back = nanos(self.round_trip / 2.0);
        let (time, refused, retry_after) = match verdict {
            Verdict::Accepted(takes) => {
                self.server.under_way += 1;
                self.at(self.now + nanos(takes), Event::Leave);
                (self.now + nanos(takes) + back, false, None)
            }
            Verdict::Refused(after) => {
                let takes = if self.server.refuses_late { self.server.takes() } else { 0.0 };
                (self.now + nanos(takes) + back, true, after.map(|after| after as u64))
            }
        };
        self.at(time, Event::Answer { run, frame, refused, retry_after });
    }

    fn answer(&mut self, at: usize, frame: u64, refused: bool, retry_after: Option<u64>) {
        let (now, seconds, begin) = (self.instant(), self.seconds(), self.begin);
        let run = &mut self.runs[at];
        let (tries, started) = run.open.get_mut(&frame).unwrap();
        let started = started.take().unwrap();
        let retry_after = retry_after.map(|seconds| seconds.to_string());
        let ended = Ended {
            outcome: refused.then_some(Outcome::RefusedForNow),
            is_response: true,
            retry_after: retry_after.as_deref(),
        };
        let next = run.schedule.end(frame, &started, tries, &ended, now, SystemTime::now);
        match refused {
            true => run.report.refusals.push(seconds),
            false => run.report.accepts.push(seconds),
        }
        if let Some(rate) = run.schedule.pace().rate() {
            run.report.paces.push((seconds, rate));
        }
        if let Some(room) = run.schedule.pace().room() {
            run.report.rooms.push((seconds, room));
        }
        match next {
            Next::Again(again) => match again.not_before {
                Some(then) => {
                    let time = (then - begin).as_nanos() as u64;
                    self.at(time, Event::Ready { run: at, frame });
                }
                None => run.schedule.enter(frame),
            },
            Next::Done(_) | Next::Over(_) => {
                run.report.is_over |= matches!(next, Next::Over(_));
                if refused {
                    run.report.failed.push((seconds, frame));
                }
                run.open.remove(&frame);
                run.first_open = run.open.keys().next().copied().unwrap_or(run.next);
            }
        }
    }
}

/// A model, what it allows, and what became of a run against it.
struct Trial {
    model: Model,
    /// Seconds that an accepted request takes, and whether a refused one takes as long.
    takes: f64,
    refuses_late: bool,
    jobs: u64,
}

impl Trial {
    fn new(model: Model, takes: f64, jobs: u64) -> Self {
        Trial { model, takes, refuses_late: false, jobs }
    }

    /// A tenth of a millisecond as on one machine, or 20 ms as to another town.
    fn round_trip(&self) -> f64 {
        if self.takes < 0.1 { 0.0001 } else { 0.02 }
    }

    fn server(&self) -> Server {
        let mut server = Server::new(self.model, self.takes);
        // With one job the time that a request takes is the gap between two.
        server.wavers = self.jobs > 1;
        server.refuses_late = self.refuses_late;
        server
    }

    /// Accepts a second, by a run that knows the limit.
    fn allowed(&self) -> f64 {
        let accept = self.takes + self.round_trip();
        let most = self.jobs as f64 / accept;
        match self.model {
            Model::Leaky { rate, .. } | Model::Token { rate, .. } => rate.min(most),
            Model::Window { count, seconds } => most.min(f64::from(count) / seconds),
            Model::UnderWay(limit) => most.min(f64::from(limit) / accept),
            Model::Chance(share) => {
                let refusal = if self.refuses_late { accept } else { self.round_trip() };
                self.jobs as f64 / (accept + share / (1.0 - share) * refusal)
            }
        }
    }

    fn run(&self, seconds: f64) -> Report {
        let mut simulation = Simulation::new(self.server(), self.round_trip());
        simulation.run(self.jobs, u64::MAX, policy(), 0.0);
        simulation.go(seconds);
        std::mem::take(&mut simulation.runs[0].report)
    }

    /// A run of so many accepts, or so many seconds: the share of what is allowed that is reached in the
    /// second half, the share that is refused after 30 frames, and the frames that have failed.
    fn measure(&self, accepts: f64, seconds: f64) -> (f64, f64, usize) {
        let seconds = seconds.min((accepts / self.allowed()).max(200.0));
        let report = self.run(seconds);
        let reached = report.rate(seconds / 2.0, seconds) / self.allowed();
        (reached, report.refused_after(30), report.failed.len())
    }
}

const LIMITERS: [Model; 9] = [
    Model::Leaky { rate: 10.0, burst: 0.0 },
    Model::Leaky { rate: 10.0, burst: 5.0 },
    Model::Leaky { rate: 1.0, burst: 0.0 },
    Model::Token { rate: 10.0, burst: 5.0 },
    Model::Token { rate: 10.0, burst: 100.0 },
    Model::Token { rate: 100.0, burst: 20.0 },
    Model::Window { count: 100, seconds: 10.0 },
    Model::Window { count: 60, seconds: 60.0 },
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
        let (least, most) = match model {
            Model::Window { .. } => (0.85, 0.05),
            Model::Leaky { burst: 0.0, .. } => (0.9, 0.1),
            _ => (0.9, 0.05),
        };
        assert!(reached >= least && refused <= most, "{name} -j {jobs}, {takes} s");
        assert_eq!(failed, 0, "{name} -j {jobs}, {takes} s");
    }
}

#[test]
fn refusals_at_random_slow_nothing_down() {
    for (share, least) in [(0.1, 0.8), (0.5, 0.3)] {
        for refuses_late in [false, true] {
            for jobs in [4, 1, 8, 64] {
                let trial = Trial { refuses_late, ..Trial::new(Model::Chance(share), 0.1, jobs) };
                let (reached, _, failed) = trial.measure(12_000.0, 3000.0);
                println!("{share} -j {jobs:2} {refuses_late:5} {reached:.3}");
                assert!(reached >= least, "{share} -j {jobs} {refuses_late}: {reached}");
                assert_eq!(failed, 0);
            }
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
    for (burst, rate, after) in
        [(5.0, 10.0, 60.0), (5.0, 20.0, 0.0), (5.0, 20.0, 60.0), (5.0, 50.0, 60.0)]
    {
        let model = Model::Token { rate, burst };
        let mut simulation = Simulation::new(Trial::new(model, 0.1, 8).server(), 0.02);
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
