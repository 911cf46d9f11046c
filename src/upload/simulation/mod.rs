//! Runs against models of servers: the real schedule, with its retries and its pace, on a clock that jumps from
//! one event to the next. Nothing sleeps, so an hour of a run takes a moment.
//!
//! `server` has the models, `scenes` what is asked of runs against them.

mod scenes;
mod server;
mod trial;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use super::pace::Started;
use super::retry::{Ended, Next, Policy};
use super::schedule::{Schedule, Turn};
use super::tries::Tries;
use crate::http::Outcome;
use server::{Noise, Server, Verdict};

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
    /// Nobody is there.
    Miss {
        run: usize,
        frame: u64,
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
    /// Attempts that have reached nobody.
    misses: Vec<f64>,
    failed: Vec<(f64, u64)>,
    is_over: bool,
    /// Time, and the pace that was found.
    paces: Vec<(f64, f64)>,
}

impl Report {
    /// Accepts a second between these times.
    fn rate(&self, from: f64, to: f64) -> f64 {
        let count = self.accepts.iter().filter(|&&at| at >= from && at < to).count();
        count as f64 / (to - from)
    }

    /// The share of attempts refused, after a number of accepts.
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

    /// Adds a run that begins `after` seconds.
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

    /// Goes on until all is done, or until that number of seconds has passed.
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
                    let outcome = refused.then_some(Outcome::RefusedForNow);
                    self.answer(run, frame, outcome, retry_after);
                    self.look(run);
                }
                Event::Miss { run, frame } => {
                    self.answer(run, frame, Some(Outcome::Away), None);
                    self.look(run);
                }
                Event::Change { thousandths } => self.server.change(thousandths as f64 / 1000.0),
            }
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
            Verdict::Refused(after) => (self.now + back, true, after.map(|after| after as u64)),
            Verdict::Away => return self.at(self.now + back, Event::Miss { run, frame }),
        };
        self.at(time, Event::Answer { run, frame, refused, retry_after });
    }

    fn answer(&mut self, at: usize, frame: u64, outcome: Option<Outcome>, after: Option<u64>) {
        let (now, seconds, begin) = (self.instant(), self.seconds(), self.begin);
        let run = &mut self.runs[at];
        let (tries, started) = run.open.get_mut(&frame).unwrap();
        let started = started.take().unwrap();
        let ended = Ended {
            started,
            outcome,
            is_response: outcome != Some(Outcome::Away),
            is_unauthorized: false,
            retry_after: after.map(Duration::from_secs),
        };
        let next = run.schedule.end(frame, tries, &ended, now);
        match outcome {
            None => run.report.accepts.push(seconds),
            Some(Outcome::Away) => run.report.misses.push(seconds),
            Some(_) => run.report.refusals.push(seconds),
        }
        if let Some(rate) = run.schedule.limits().0 {
            run.report.paces.push((seconds, rate));
        }
        match next {
            Next::Again(again) => match again.not_before {
                Some(then) => {
                    let time = (then - begin).as_nanos() as u64;
                    self.at(time, Event::Ready { run: at, frame });
                }
                None => run.schedule.enter(frame),
            },
            Next::Done | Next::Over(_) => {
                run.report.is_over |= matches!(next, Next::Over(_));
                if outcome.is_some() {
                    run.report.failed.push((seconds, frame));
                }
                run.open.remove(&frame);
                run.first_open = run.open.keys().next().copied().unwrap_or(run.next);
            }
        }
    }
}
