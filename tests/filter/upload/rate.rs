//! --rate: the starts of all attempts keep their distance.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::program::{posting, run};
use crate::support::server::{Server, ok, response, response_with};
use crate::support::{tiny_frames, tiny_number, wait_until};

#[test]
fn a_rate_spaces_the_starts_of_all_attempts_at_any_number_of_jobs() {
    for jobs in ["1", "8"] {
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let server = Server::answering(move |number, _| {
            seen.lock().unwrap().push(Instant::now());
            match number % 3 {
                1 => response_with("503 x", "Retry-After: 0\r\n", ""),
                _ => ok(""),
            }
        });
        let options = ["-s", "1x1", "--rate", "20/s", "--retry", "9", "-j", jobs];
        run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(8)).ok();
        let times = times.lock().unwrap();
        assert!(times.len() > 8);
        // Arrivals waver; the whole cannot be shorter than its gaps.
        let least = Duration::from_millis(50) * (times.len() as u32 - 1);
        assert!(*times.last().unwrap() - times[0] >= least - Duration::from_millis(25), "{jobs}");
    }
}

#[test]
fn frames_after_a_failed_one_take_no_turns_of_the_rate() {
    // Frame 0 is turned away once frame 1 has failed, and goes again at the next turn: frames 2 to 63,
    // which wait for theirs, don't hold it up.
    let failed = Arc::new(Mutex::new(None::<Instant>));
    let (again, seen) = (Arc::new(Mutex::new(None::<Instant>)), Arc::new(AtomicUsize::new(0)));
    let (fail, told) = (Arc::new(AtomicBool::new(false)), Arc::clone(&failed));
    let (is_to_fail, times, arrived) = (Arc::clone(&fail), Arc::clone(&again), Arc::clone(&seen));
    let server = Server::answering(move |number, request| match tiny_number(&request.body) {
        0 if number == 0 => {
            wait_until("frame 1 has failed", || told.lock().unwrap().is_some());
            response_with("503 x", "Retry-After: 0\r\n", "")
        }
        0 => {
            *times.lock().unwrap() = Some(Instant::now());
            ok("again")
        }
        1 => {
            arrived.store(1, Ordering::Release);
            wait_until("frame 1 is to fail", || is_to_fail.load(Ordering::Acquire));
            *told.lock().unwrap() = Some(Instant::now());
            response("404 x", "no")
        }
        _ => ok(""),
    });
    let mut program = posting(&["--rate", "2/s", "-j", "64"], &server.url());
    let frames = tiny_frames(64);
    program.write(&frames[..6]);
    wait_until("frame 1 has arrived", || seen.load(Ordering::Acquire) > 0);
    // Each frame that waits has a thread.
    let threads = program.memory("Threads");
    program.write(&frames[6..]);
    wait_until("the others wait", || program.memory("Threads") >= threads + 58);
    fail.store(true, Ordering::Release);
    let run = program.finish();
    assert_eq!((run.status, run.lines()), (Some(1), vec!["again".to_owned(), "no".to_owned()]));
    let late = again.lock().unwrap().unwrap() - failed.lock().unwrap().unwrap();
    assert!(late < Duration::from_secs(4), "{late:?}");
}
