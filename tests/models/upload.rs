//! The gate: uploads that wait for each other, for a pause or for room all have their turn, and none passes
//! once the gate is closed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use world::counts::Counts;
use world::headers::Headers;
use world::http::{Client, Failure, Outcome, Response};
use world::request::Body;
use world::time::Duration;
use world::upload::{Policy, Upload, Uploader};
use world::{check, choose, sync, thread};

use crate::{join, spawn, switch};

pub type Answer = Result<Response, Failure>;

pub fn accepted() -> Answer {
    Ok(Response { status: 200, ..Response::default() })
}

fn refused(retry_after: Option<u64>) -> Answer {
    let retry_after = retry_after.map(Duration::from_secs);
    Ok(Response { status: 503, retry_after, ..Response::default() })
}

pub fn failed(outcome: Outcome) -> Answer {
    let has_sent = !matches!(outcome, Outcome::NeverSent | Outcome::Away | Outcome::NoRoom);
    Err(Failure { outcome, has_sent, cause: String::new(), retry_after: None })
}

/// Something after which the frame is sent again.
pub fn trouble() -> Answer {
    match choose(7) {
        0 => refused(None),
        1 => refused(Some(0)),
        2 => refused(Some(3)),
        3 => failed(Outcome::NeverSent),
        4 => failed(Outcome::NoRoom),
        5 => failed(Outcome::Away),
        _ => failed(Outcome::Unknown),
    }
}

/// An uploader whose server does as `answer` says, which gets the number of attempts before this one, that of
/// those under way, and the frame.
pub struct Service {
    pub uploader: Uploader,
    pub begun: Arc<AtomicUsize>,
}

impl Service {
    pub fn new(
        keep_going: bool,
        spacing: Duration,
        answer: impl Fn(usize, usize, u64) -> Answer + Send + Sync + 'static,
    ) -> Service {
        let begun = Arc::new(AtomicUsize::new(0));
        let (counted, under_way) = (Arc::clone(&begun), AtomicUsize::new(0));
        let client = Client(Box::new(move |frame| {
            let before = counted.fetch_add(1, Relaxed);
            let others = under_way.fetch_add(1, Relaxed);
            switch();
            let answer = answer(before, others, frame);
            under_way.fetch_sub(1, Relaxed);
            answer
        }));
        let (retries, delay) = (Some(99), None);
        let policy = Policy { retries, delay, max_time: None, all_errors: true, spacing };
        let counts: Arc<Counts> = Arc::default();
        Service { uploader: Uploader::new(client, Headers, policy, keep_going, counts), begun }
    }

    fn upload(&self, frame: u64) -> Option<Upload> {
        let pass = self.uploader.pass_gate(frame, || ())?;
        self.uploader.upload(&Body { frame, bytes: Vec::new() }, pass)
    }

    fn in_flight(&self) -> u64 {
        self.uploader.counts.in_flight.load(sync::atomic::Ordering::SeqCst)
    }

    /// So many jobs that take frames in order, to the last one or to the first that is not wanted.
    fn jobs(self: &Arc<Self>, jobs: u64, frames: u64) -> Vec<thread::JoinHandle<()>> {
        let (service, next) = (Arc::clone(self), Arc::new(AtomicU64::new(0)));
        spawn(jobs, move |_| {
            loop {
                let frame = next.fetch_add(1, Relaxed);
                if frame >= frames {
                    break;
                }
                match service.upload(frame) {
                    Some(upload) => assert!(upload.result.is_ok_and(|it| it.is_success())),
                    None => assert!(!service.uploader.gate.wants(frame)),
                }
            }
        })
    }

    /// All frames are answered.
    fn answers(self, jobs: u64, frames: u64) {
        let service = Arc::new(self);
        join(service.jobs(jobs, frames));
        assert!(service.uploader.gate.wants(frames));
        assert_eq!(service.in_flight(), 0);
    }
}

#[test]
fn every_frame_is_answered_in_the_end_whatever_the_server_says_before() {
    check(|| {
        let answer = |before, _, _| if before < 4 { trouble() } else { accepted() };
        Service::new(false, Duration::ZERO, answer).answers(3, 4);
    });
}

#[test]
fn an_upload_that_finds_no_room_goes_once_another_one_has_ended() {
    check(|| {
        let answer = |_, others, _| match others {
            0 => accepted(),
            _ => failed(Outcome::NoRoom),
        };
        Service::new(false, Duration::ZERO, answer).answers(3, 4);
    });
}

#[test]
fn a_server_that_takes_one_upload_at_a_time_gets_all_of_them() {
    check(|| {
        let answer = |_, others, _| if others == 0 { accepted() } else { refused(None) };
        Service::new(false, Duration::ZERO, answer).answers(3, 4);
    });
}

/// Of six that are under way, two are refused: one before any was accepted, and one that lets three others go first.
#[test]
fn frames_that_wait_are_not_forgotten_as_their_order_changes() {
    check(|| {
        let answer = |before, _, _| match before {
            0 | 2 => refused(Some(3)),
            _ => accepted(),
        };
        Service::new(false, Duration::ZERO, answer).answers(6, 6);
    });
    check(|| {
        let is_in_trouble = |before| before < 8 && choose(2) == 0;
        let answer = move |before, _, _| if is_in_trouble(before) { trouble() } else { accepted() };
        Service::new(false, Duration::ZERO, answer).answers(6, 8);
    });
}

/// A server that answers is up: the pause of the others is over, of any length.
#[test]
fn a_frame_that_pauses_goes_as_soon_as_another_one_is_answered() {
    check(|| {
        thread::hold_timers();
        let (has_failed, other_begun) = (AtomicBool::new(false), AtomicBool::new(false));
        let answer = move |_, _, frame| match frame {
            0 if !has_failed.swap(true, Relaxed) => {
                wait_until(|| other_begun.load(Relaxed));
                failed(Outcome::NeverSent)
            }
            0 => accepted(),
            _ => {
                other_begun.store(true, Relaxed);
                wait_until(|| thread::parked().len() == 1);
                accepted()
            }
        };
        Service::new(false, Duration::ZERO, answer).answers(2, 2);
    });
}

/// Order at the gate: nobody sleeps there whose frame is lower than the one that goes.
#[test]
fn of_the_frames_that_wait_the_lowest_goes_first() {
    check(|| {
        thread::hold_timers();
        let jobs: Arc<Mutex<Vec<thread::Thread>>> = Arc::default();
        let shared = Arc::clone(&jobs);
        let service = Arc::new(Service::new(false, Duration::ZERO, move |before, _, frame| {
            if before == 0 {
                return refused(Some(3));
            }
            let parked = thread::parked();
            let lower = &shared.lock().unwrap()[..frame as usize];
            assert!(lower.iter().all(|job| !parked.contains(&job.id())), "{frame} goes first");
            accepted()
        }));
        let upload = |frame| {
            let service = Arc::clone(&service);
            thread::spawn(move || assert!(service.upload(frame).is_some()))
        };
        let last = upload(3);
        wait_until(|| thread::ever_parked().len() == 1);
        let mut threads: Vec<_> = (0..3).map(upload).collect();
        threads.push(last);
        *jobs.lock().unwrap() = threads.iter().map(|it| it.thread().clone()).collect();
        wait_until(|| thread::ever_parked().len() == 4);
        thread::release_timers();
        // It may come when the wait is over, and those before it are about to wake up.
        threads.push(upload(4));
        join(threads);
    });
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// A run that is told to stop: those under way are known, nobody else begins, and nobody waits until the time is
/// up that the server has asked for.
#[test]
fn no_upload_begins_after_the_gate_was_closed_and_none_waits_behind_it() {
    check(|| {
        thread::hold_timers();
        let answer = |_, _, _| if choose(2) == 0 { trouble() } else { accepted() };
        let service = Arc::new(Service::new(false, Duration::from_millis(10), answer));
        let jobs = service.jobs(3, 4);
        service.uploader.gate.close_from(0);
        let (under_way, begun) = (service.in_flight(), service.begun.load(Relaxed));
        join(jobs);
        let later = service.begun.load(Relaxed) - begun;
        assert!(later as u64 <= under_way, "{later} begin, {under_way} are under way");
        assert_eq!(service.in_flight(), 0);
    });
}

/// A frame that fails: those before it are answered, those after it are not waited for.
#[test]
fn a_frame_that_fails_lets_the_earlier_ones_go_on_and_the_later_ones_go() {
    check(|| {
        let answer = |before, _, frame| match frame {
            1 => failed(Outcome::Refused),
            _ if before < 3 => trouble(),
            _ => accepted(),
        };
        let service = Arc::new(Service::new(false, Duration::ZERO, answer));
        let shared = Arc::clone(&service);
        let jobs = spawn(4, move |frame| {
            let upload = shared.upload(frame);
            let is_answered = upload.map(|it| it.result.is_ok_and(|it| it.is_success()));
            match frame {
                0 => assert_eq!(is_answered, Some(true)),
                1 => assert_eq!(is_answered, Some(false)),
                _ => assert_ne!(is_answered, Some(false)),
            }
        });
        join(jobs);
        assert!(service.uploader.gate.wants(1) && !service.uploader.gate.wants(2));
        assert_eq!(service.in_flight(), 0);
    });
}

/// As that of a live frame that can't be encoded: neither the run nor another upload waits for it.
#[test]
fn a_start_that_is_not_used_is_not_under_way() {
    check(|| {
        let answer = |_, others, _| match others {
            0 => accepted(),
            _ => failed(Outcome::NoRoom),
        };
        let service = Arc::new(Service::new(false, Duration::ZERO, answer));
        let jobs = service.jobs(2, 3);
        drop(service.uploader.pass_gate(3, || ()));
        join(jobs);
        assert_eq!(service.in_flight(), 0);
    });
}
