//! --rate: the starts of all attempts keep their distance.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::program::run;
use crate::support::server::{Server, ok, response_with};
use crate::support::tiny_frames;

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
