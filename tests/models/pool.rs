//! The pool of connections: each is used by one job at a time, and there are no more than jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use world::pool::Pool;
use world::time::{Duration, Instant};
use world::{check, check_all, thread};

use crate::{join, spawn, switch};

/// A connection is not used again after this, and after three quarters of what the server says.
const MAX_IDLE: Duration = Duration::from_millis(1500);

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    made: AtomicUsize,
}

/// A connection that counts those that are open.
struct Connection {
    counts: Arc<Counts>,
    uses: usize,
    used: Instant,
}

impl Connection {
    fn open(counts: &Arc<Counts>, most: usize) -> Self {
        assert!(counts.open.fetch_add(1, Relaxed) < most, "more connections than jobs");
        counts.made.fetch_add(1, Relaxed);
        Connection { counts: Arc::clone(counts), uses: 0, used: Instant::now() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Relaxed);
    }
}

/// Jobs that send so many requests each. `keeps_idle`: that of the server; `rest`: the time between two.
fn jobs(number: usize, requests: usize, keeps_idle: Option<Duration>, rest: Duration) {
    let (pool, counts) = (Arc::new(Pool::default()), Arc::new(Counts::default()));
    let limit = keeps_idle.map_or(MAX_IDLE, |time| MAX_IDLE.min(time * 3 / 4));
    let (shared, counted) = (Arc::clone(&pool), Arc::clone(&counts));
    let job = move |_| {
        for _ in 0..requests {
            let taken = shared.take(|connection: &mut Connection| {
                assert!(connection.used.elapsed() < limit, "idle for too long");
                switch();
                // The server closes each after two requests.
                connection.uses < 2
            });
            let mut connection = taken.unwrap_or_else(|| Connection::open(&counted, number));
            switch();
            connection.uses += 1;
            assert!(connection.uses <= 2, "one that the server has closed");
            connection.used = Instant::now();
            shared.put(connection, keeps_idle);
            if rest > Duration::ZERO {
                thread::sleep(rest);
            }
        }
    };
    join(spawn(number as u64, job));
    assert!((1..=number).contains(&counts.open.load(Relaxed)));
    let may_idle_too_long = rest * (number * requests) as u32 >= limit;
    // Each serves two requests; of those that have served one, there is never more than one for each job.
    let enough = number * (requests + 1) / 2;
    assert!(
        may_idle_too_long || counts.made.load(Relaxed) <= enough,
        "one that is good is not used again"
    );
    drop(pool);
    assert_eq!(counts.open.load(Relaxed), 0, "a connection has got lost");
}

#[test]
fn there_are_never_more_connections_than_jobs() {
    check(|| jobs(3, 3, None, Duration::ZERO));
}

#[test]
fn there_are_never_more_connections_than_jobs_under_all_schedules() {
    check_all(|| jobs(2, 1, None, Duration::ZERO));
}

#[test]
fn a_connection_that_was_idle_for_too_long_is_closed() {
    // Three rests are the limit, three quarters of the server's.
    check(|| jobs(3, 4, Some(Duration::from_millis(1600)), Duration::from_millis(400)));
}

#[test]
fn a_connection_is_closed_after_a_second_and_a_half_whatever_the_server_says() {
    check(|| jobs(3, 4, None, MAX_IDLE / 3));
    check(|| jobs(3, 4, Some(Duration::from_secs(60)), MAX_IDLE / 3));
}

#[test]
fn a_connection_that_was_idle_for_less_is_used_again() {
    // As long as all rests together are less than the limit.
    check(|| jobs(2, 3, Some(Duration::from_millis(1600)), Duration::from_millis(199)));
    check(|| jobs(2, 3, None, Duration::from_millis(249)));
}
