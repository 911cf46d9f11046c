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

#[derive(Clone, Copy, PartialEq)]
enum Source {
    File,
    Live,
}

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
        source: Source,
        jobs: usize,
        last: Last,
        answer: impl Fn(usize, usize, u64) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Run::in_process(Arc::default(), source, jobs, last, answer)
    }

    fn in_process(
        process: Arc<Process>,
        source: Source,
        jobs: usize,
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
        let latest = source == Source::Live;
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

#[test]
fn every_frame_is_answered_in_order() {
    for jobs in [1, 3] {
        check(move || {
            let mut run = Run::start(Source::File, jobs, Last::End, always);
            assert_eq!(run.lines(), (FRAMES, 0));
            assert_eq!(run.begun.load(Relaxed), FRAMES as usize);
        });
    }
}

#[test]
fn the_workers_that_the_system_has_threads_for_are_enough() {
    check(|| {
        // Two of five: which stage gets the third is for the schedule to say.
        thread::allow(3);
        let mut run = Run::start(Source::File, 3, Last::End, always);
        assert_eq!(run.lines(), (FRAMES, 0));
    });
}

/// Asks a run to stop: what is under way is waited for, and nothing else begins. After a signal the run ends by itself; if
/// its reader is gone, it does or the process is to end at once. Returns the number of answers and of attempts.
fn stop(event: Event, mut run: Run) -> (u64, u64) {
    let stopped = run.stop(event);
    let (lines, beyond) = run.lines();
    assert!(lines == FRAMES || run.asked.load(SeqCst));
    let begun = run.begun.load(Relaxed) as u64;
    drop(run);
    assert!(stopped.join().unwrap() || matches!(event, Event::ReaderGone));
    (lines + beyond, begun)
}

#[test]
fn a_signal_stops_a_run_at_any_moment_even_if_its_input_gives_nothing_more() {
    for (jobs, last) in [(1, Last::End), (3, Last::End), (1, Last::Silence), (2, Last::Silence)] {
        check(move || {
            let run = Run::start(Source::File, jobs, last, always);
            let (answers, begun) = stop(Event::Signal, run);
            assert_eq!(answers, begun, "a frame that was posted has no answer");
        });
    }
}

/// Uploads that wait at the gate hear of it.
#[test]
fn a_signal_stops_a_run_whose_server_refuses() {
    check(|| {
        let answer = |_, _, _| if choose(2) == 0 { trouble() } else { accepted() };
        stop(Event::Signal, Run::start(Source::File, 3, Last::Silence, answer));
    });
}

#[test]
fn a_signal_stops_a_live_source_at_any_moment() {
    for (jobs, last) in [(3, Last::End), (2, Last::Silence)] {
        check(move || _ = stop(Event::Signal, Run::start(Source::Live, jobs, last, always)));
    }
}

#[test]
fn a_reader_that_goes_stops_a_run_at_any_moment() {
    for (source, jobs) in [(Source::File, 1), (Source::File, 3), (Source::Live, 2)] {
        check(move || _ = stop(Event::ReaderGone, Run::start(source, jobs, Last::End, always)));
    }
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
        let mut run = Run::in_process(Arc::clone(&process), Source::File, 2, Last::Silence, answer);
        let halt = run.halt.take().unwrap();
        let signals = thread::spawn(move || {
            halt.finish();
            process.end();
        });
        run.lines();
        signals.join().unwrap();
    });
}

/// The process is not left in the middle of something, so it does not end at once.
#[test]
fn a_reader_that_goes_while_nothing_is_under_way_ends_the_run() {
    check(|| {
        let mut run = Run::start(Source::File, 2, Last::Silence, always);
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
        let mut run = Run::start(Source::File, 2, Last::Cut, always);
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
        let mut run = Run::start(Source::File, 3, Last::End, answer);
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
#[test]
fn a_live_source_is_answered_in_order() {
    for jobs in [1, 3] {
        check(move || {
            let mut run = Run::start(Source::Live, jobs, Last::End, always);
            assert_eq!(run.lines(), (FRAMES, 0));
            assert!((1..=FRAMES as usize).contains(&run.begun.load(Relaxed)));
        });
    }
}

#[test]
fn a_live_source_whose_server_refuses_is_answered_all_the_same() {
    check(|| {
        let answer = |_, _, _| if choose(4) == 0 { trouble() } else { accepted() };
        let mut run = Run::start(Source::Live, 2, Last::End, answer);
        while let Some(answer) = run.next() {
            assert!(matches!(answer, Ok(_) | Err(Unsent::Dropped { .. })));
        }
    });
}

#[test]
fn a_worker_that_panics_loses_its_frame_alone() {
    for jobs in [1, 3] {
        check(move || {
            let answer =
                |_, _, frame| if frame == 1 { resume_unwind(Box::new(())) } else { accepted() };
            let mut run = Run::start(Source::File, jobs, Last::End, answer);
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
        });
    }
}

/// As when stdout fails: all threads end.
#[test]
fn answers_that_nobody_fetches_hold_nobody() {
    for source in [Source::File, Source::Live] {
        check(move || {
            let mut run = Run::start(source, 2, Last::End, always);
            run.next();
            drop(run.answers.take());
        });
        // One job has fewer places than there are frames.
        check(move || drop(Run::start(source, 1, Last::End, always).answers.take()));
    }
}
