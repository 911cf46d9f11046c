//! A whole run, from the input to the last answer: it gives its answers in order and ends, if it is stopped at
//! any moment, too.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use world::counts::Counts;
use world::encode::Encoder;
use world::http::Outcome;
use world::input::{Input, InputError};
use world::pipeline::{self, Answer, Answers, Halt, Unsent};
use world::request::Request;
use world::sync::atomic::{AtomicBool, Ordering::SeqCst};
use world::sync::{Condvar, Mutex};
use world::time::Duration;
use world::{check, choose, thread};

use crate::switch;
use crate::upload::{Answer as Reply, Service, accepted, failed, trouble};

const FRAMES: u64 = 4;

/// What asks a run to stop.
#[derive(Clone, Copy)]
enum Event {
    Signal,
    ReaderGone,
}

/// The input behind its last frame.
#[derive(Clone, Copy)]
enum Last {
    End,
    /// It ends inside a frame.
    Cut,
    /// It gives nothing more and stays open.
    Silence,
}

/// Something that hangs, up to the end of the process.
#[derive(Default)]
struct Process {
    is_over: Mutex<bool>,
    ends: Condvar,
}

impl Process {
    fn hang(&self) {
        let mut is_over = self.is_over.lock().unwrap();
        while !*is_over {
            is_over = self.ends.wait(is_over).unwrap();
        }
    }

    fn end(&self) {
        *self.is_over.lock().unwrap() = true;
        self.ends.notify_all();
    }
}

/// A run of `FRAMES` frames. The process ends when it is dropped.
struct Run {
    answers: Option<Answers>,
    halt: Option<Halt>,
    begun: Arc<AtomicUsize>,
    counts: Arc<Counts>,
    /// Whether it has been asked to stop.
    asked: Arc<AtomicBool>,
    process: Arc<Process>,
}

impl Run {
    fn start(
        jobs: usize,
        last: Last,
        answer: impl Fn(usize, usize, u64) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Run::in_process(Arc::default(), jobs, false, last, answer)
    }

    /// Of a live source.
    fn live(
        jobs: usize,
        last: Last,
        answer: impl Fn(usize, usize, u64) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Run::in_process(Arc::default(), jobs, true, last, answer)
    }

    fn in_process(
        process: Arc<Process>,
        jobs: usize,
        latest: bool,
        last: Last,
        answer: impl Fn(usize, usize, u64) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let Service { uploader, begun } = Service::new(false, Duration::ZERO, answer);
        let counts = Arc::clone(&uploader.counts);
        let (shared, mut next) = (Arc::clone(&process), 0);
        let input = Input::of(move || {
            switch();
            let frame = next;
            next += 1;
            match last {
                _ if frame < FRAMES => return Ok(Some(frame)),
                Last::End => {}
                Last::Cut => return Err(InputError { frame }),
                Last::Silence => shared.hang(),
            }
            Ok(None)
        });
        let started = pipeline::start(input, Encoder, Arc::new(Request), uploader, jobs, latest);
        let (answers, halt) = started.unwrap();
        let (answers, halt) = (Some(answers), Some(halt));
        Run { answers, halt, begun, counts, asked: Arc::default(), process }
    }

    fn next(&mut self) -> Option<Answer> {
        self.answers.as_mut().unwrap().next()
    }

    /// The number of lines: frames in order, up to the first one that was not wanted. And the number of answers
    /// behind that one.
    fn lines(&mut self) -> (u64, u64) {
        let (mut lines, mut gap, mut beyond) = (0, 0, 0);
        while let Some(answer) = self.next() {
            match answer {
                Ok(upload) => {
                    let place = lines + gap + beyond;
                    let response = upload.upload.result.unwrap();
                    assert!(response.is_success() && response.body == place, "frame {place}");
                    *(if gap == 0 { &mut lines } else { &mut beyond }) += 1;
                }
                Err(Unsent::Dropped { .. }) => {
                    *(if gap == 0 { &mut lines } else { &mut beyond }) += 1
                }
                Err(Unsent::NotWanted) => gap += 1,
                Err(_) => panic!("frame {lines} is unsent for another reason"),
            }
        }
        assert!(
            gap > 0 || lines == FRAMES,
            "{lines} lines, and nobody says that there were to be more"
        );
        (lines, beyond)
    }

    /// Asks the run to stop on a thread of its own, which checks that nothing begins once it has stopped. Returns
    /// whether the run then ends by itself.
    fn stop(&mut self, event: Event) -> thread::JoinHandle<bool> {
        let (asked, counts) = (Arc::clone(&self.asked), Arc::clone(&self.counts));
        let (halt, begun) = (self.halt.take().unwrap(), Arc::clone(&self.begun));
        let process = Arc::clone(&self.process);
        thread::spawn(move || {
            asked.store(true, SeqCst);
            let ends = match event {
                Event::Signal => {
                    halt.finish();
                    true
                }
                Event::ReaderGone => halt.finish_unread(),
            };
            let (under_way, before) = (counts.in_flight.load(SeqCst), begun.load(Relaxed));
            let is_left_alone = matches!(event, Event::ReaderGone) && ends;
            assert!(!is_left_alone || under_way == 0, "answers come that nobody reads");
            process.hang();
            let later = begun.load(Relaxed) - before;
            assert!(later as u64 <= under_way, "{later} begin, {under_way} are under way");
            ends
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.process.end();
    }
}

fn always(_: usize, _: usize, _: u64) -> Reply {
    accepted()
}

fn undisturbed(jobs: usize) {
    let mut run = Run::start(jobs, Last::End, always);
    assert_eq!(run.lines(), (FRAMES, 0));
    assert_eq!(run.begun.load(Relaxed), FRAMES as usize);
}

#[test]
fn every_frame_is_answered_in_order() {
    check(|| undisturbed(1));
    check(|| undisturbed(3));
}

#[test]
fn the_workers_that_the_system_has_threads_for_are_enough() {
    check(|| {
        // Two of five: which stage gets the third is for the schedule to say.
        thread::allow(3);
        let mut run = Run::start(3, Last::End, always);
        assert_eq!(run.lines(), (FRAMES, 0));
    });
}

/// What is under way is waited for, nothing is lost, and nothing else begins.
fn stopped_by_a_signal(jobs: usize, last: Last) {
    let mut run = Run::start(jobs, last, always);
    let stopped = run.stop(Event::Signal);
    let (lines, beyond) = run.lines();
    assert_eq!(
        run.begun.load(Relaxed) as u64,
        lines + beyond,
        "a frame that was posted has no answer"
    );
    assert!(lines == FRAMES || run.asked.load(SeqCst));
    drop(run);
    assert!(stopped.join().unwrap());
}

#[test]
fn a_signal_stops_a_run_at_any_moment() {
    check(|| stopped_by_a_signal(1, Last::End));
    check(|| stopped_by_a_signal(3, Last::End));
}

#[test]
fn a_signal_stops_a_run_whose_input_gives_nothing_more() {
    check(|| stopped_by_a_signal(1, Last::Silence));
    check(|| stopped_by_a_signal(2, Last::Silence));
}

/// Uploads that wait at the gate hear of it.
#[test]
fn a_signal_stops_a_run_whose_server_refuses() {
    check(|| {
        let answer = |_, _, _| if choose(2) == 0 { trouble() } else { accepted() };
        let mut run = Run::start(3, Last::Silence, answer);
        let stopped = run.stop(Event::Signal);
        run.lines();
        drop(run);
        assert!(stopped.join().unwrap());
    });
}

#[test]
fn a_second_signal_ends_the_process_at_once_whatever_hangs() {
    check(|| {
        let process = Arc::new(Process::default());
        let hanging = Arc::clone(&process);
        let answer = move |_, _, _| {
            hanging.hang();
            accepted()
        };
        let mut run = Run::in_process(Arc::clone(&process), 2, false, Last::Silence, answer);
        let halt = run.halt.take().unwrap();
        let signals = thread::spawn(move || {
            halt.finish();
            process.end();
        });
        run.lines();
        signals.join().unwrap();
    });
}

/// Either nothing is under way, and the run ends by itself; or the process is to end at once.
fn stopped_by_its_reader(jobs: usize, last: Last) {
    let mut run = Run::start(jobs, last, always);
    let stopped = run.stop(Event::ReaderGone);
    let (lines, _) = run.lines();
    assert!(lines == FRAMES || run.asked.load(SeqCst));
    drop(run);
    stopped.join().unwrap();
}

#[test]
fn a_reader_that_goes_stops_a_run_at_any_moment() {
    check(|| stopped_by_its_reader(1, Last::End));
    check(|| stopped_by_its_reader(3, Last::End));
}

/// The process is not left in the middle of something, so it does not end at once.
#[test]
fn a_reader_that_goes_while_nothing_is_under_way_ends_the_run() {
    check(|| {
        let mut run = Run::start(2, Last::Silence, always);
        for _ in 0..FRAMES {
            assert!(matches!(run.next(), Some(Ok(_))));
        }
        let stopped = run.stop(Event::ReaderGone);
        assert!(matches!(run.next(), Some(Err(Unsent::NotWanted))));
        assert!(run.next().is_none());
        drop(run);
        assert!(stopped.join().unwrap());
    });
}

/// As that of the last frame: those before it are answered first.
#[test]
fn an_input_that_is_cut_ends_the_answers_with_that() {
    check(|| {
        let mut run = Run::start(2, Last::Cut, always);
        for _ in 0..FRAMES {
            assert!(matches!(run.next(), Some(Ok(_))));
        }
        let cut = run.next();
        assert!(matches!(cut, Some(Err(Unsent::NotRead(InputError { frame: FRAMES })))));
        assert!(run.next().is_none());
    });
}

#[test]
fn a_frame_that_fails_ends_the_run_behind_its_answer() {
    check(|| {
        let answer = |_, _, frame| if frame == 1 { failed(Outcome::Refused) } else { accepted() };
        let mut run = Run::start(3, Last::End, answer);
        let is_answered = |answer: Option<Answer>| match answer {
            Some(Ok(upload)) => upload.upload.result.is_ok(),
            _ => panic!("no answer"),
        };
        assert!(is_answered(run.next()));
        assert!(!is_answered(run.next()));
        // Those behind it that were under way.
        while let Some(answer) = run.next() {
            assert!(matches!(answer, Ok(_) | Err(Unsent::NotWanted)));
        }
    });
}

/// The last frame is answered, and none twice.
fn live(jobs: usize) {
    let mut run = Run::live(jobs, Last::End, always);
    assert_eq!(run.lines(), (FRAMES, 0));
    assert!((1..=FRAMES as usize).contains(&run.begun.load(Relaxed)));
}

#[test]
fn a_live_source_is_answered_in_order() {
    check(|| live(1));
    check(|| live(3));
}

#[test]
fn a_live_source_whose_server_refuses_is_answered_all_the_same() {
    check(|| {
        let answer = |_, _, _| if choose(4) == 0 { trouble() } else { accepted() };
        let mut run = Run::live(2, Last::End, answer);
        while let Some(answer) = run.next() {
            assert!(matches!(answer, Ok(_) | Err(Unsent::Dropped { .. })));
        }
    });
}

/// What is under way is waited for, and nothing else begins.
fn live_stopped_by_a_signal(jobs: usize, last: Last) {
    let mut run = Run::live(jobs, last, always);
    let stopped = run.stop(Event::Signal);
    run.lines();
    drop(run);
    assert!(stopped.join().unwrap());
}

#[test]
fn a_signal_stops_a_live_source_at_any_moment() {
    check(|| live_stopped_by_a_signal(3, Last::End));
    check(|| live_stopped_by_a_signal(2, Last::Silence));
}

#[test]
fn a_reader_that_goes_at_any_moment_stops_a_live_source() {
    check(|| {
        let mut run = Run::live(2, Last::End, always);
        let stopped = run.stop(Event::ReaderGone);
        run.lines();
        drop(run);
        stopped.join().unwrap();
    });
}

fn with_a_panic(jobs: usize) {
    let answer = |_, _, frame| if frame == 1 { resume_unwind(Box::new(())) } else { accepted() };
    let mut run = Run::start(jobs, Last::End, answer);
    for frame in 0..FRAMES {
        match run.next() {
            Some(Ok(upload)) => assert_eq!(upload.upload.result.unwrap().body, frame),
            Some(Err(Unsent::Lost { frame: lost })) => assert_eq!((frame, lost), (1, 1)),
            _ => panic!("frame {frame} is forgotten"),
        }
    }
    assert!(run.next().is_none());
    // The lost frame is the one that its message is about, and none of the others that will be posted again.
    assert_eq!(run.counts.in_flight.load(SeqCst), 0);
    assert_eq!(run.counts.posted.load(SeqCst), FRAMES - 1);
}

#[test]
fn a_worker_that_panics_loses_its_frame_alone() {
    check(|| with_a_panic(1));
    check(|| with_a_panic(3));
}

/// As when stdout fails: all threads end.
#[test]
fn answers_that_nobody_fetches_hold_nobody() {
    check(|| {
        let mut run = Run::start(2, Last::End, always);
        run.next();
        drop(run.answers.take());
    });
    // One job has fewer places than there are frames.
    check(|| drop(Run::start(1, Last::End, always).answers.take()));
}

#[test]
fn answers_of_a_live_source_that_nobody_fetches_hold_nobody() {
    check(|| {
        let mut run = Run::live(2, Last::End, always);
        run.next();
        drop(run.answers.take());
    });
    check(|| drop(Run::live(1, Last::End, always).answers.take()));
}
