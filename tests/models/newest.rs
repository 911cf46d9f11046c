//! The place of the newest frame: the reader never waits, each frame comes out once, in order, and nobody is
//! forgotten.

use std::sync::Arc;
// What a model notes is no part of it: no other thread goes on there.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use world::newest::Newest;
use world::places::Fetched;
use world::{check, choose, thread};

use crate::{join, spawn, switch};

const FRAMES: u64 = 5;
const BEHIND: u64 = 77;

type Frames = Arc<Newest<u64, u64>>;

fn newest(jobs: u64, limit: usize) -> Frames {
    let newest = Arc::new(Newest::new(limit));
    (0..jobs).for_each(|_| newest.add_job());
    newest
}

fn read(newest: &Frames) {
    for frame in 0..FRAMES {
        switch();
        newest.put(frame, frame);
    }
    newest.end(Some(BEHIND));
}

/// A job, until there are no more frames. Some starts have to be waited for, and some answers are lost.
fn work(newest: &Frames, taken: &AtomicU64) {
    while let Some(turn) = newest.turn() {
        if choose(3) == 0 {
            turn.hold();
            switch();
        }
        let Some((frame, ticket)) = turn.take() else { return };
        taken.fetch_add(1, Relaxed);
        switch();
        match choose(8) {
            0 => drop(ticket),
            _ => ticket.fill(frame),
        }
    }
}

/// Fetches all, in order. Returns the frames that were taken, and whether the end came out behind them.
fn fetch(newest: &Frames) -> (u64, u64, bool) {
    let (mut next, mut taken) = (0, 0);
    while let Some(fetched) = newest.fetch() {
        match fetched {
            Fetched::Answer(BEHIND) => return (next, taken, true),
            Fetched::Answer(frame) => {
                assert_eq!(frame, next);
                (next, taken) = (next + 1, taken + 1);
            }
            Fetched::Lost => (next, taken) = (next + 1, taken + 1),
            Fetched::Dropped(count) => {
                assert!(count > 0);
                next += count;
            }
        }
    }
    (next, taken, false)
}

fn undisturbed(jobs: u64, limit: usize) {
    let (newest, taken) = (newest(jobs, limit), Arc::new(AtomicU64::new(0)));
    let (own, count) = (Arc::clone(&newest), Arc::clone(&taken));
    let workers = spawn(jobs, move |_| work(&own, &count));
    let own = Arc::clone(&newest);
    let reader = thread::spawn(move || read(&own));
    let (next, fetched, is_at_end) = fetch(&newest);
    assert_eq!((next, is_at_end), (FRAMES, true));
    reader.join().unwrap();
    join(workers);
    assert_eq!(fetched, taken.load(Relaxed));
    assert!(newest.fetch().is_none());
}

#[test]
fn one_job_takes_frames_in_order_and_each_comes_out_once() {
    check(|| undisturbed(1, 3));
}

#[test]
fn many_jobs_take_frames_in_order_and_each_comes_out_once() {
    check(|| undisturbed(3, 7));
}

#[test]
fn jobs_that_wait_for_answers_to_be_fetched_go_on() {
    check(|| undisturbed(2, 1));
}

/// Nobody fetches, and no job works: the reader gets to its end.
#[test]
fn the_reader_waits_for_nobody() {
    check(|| {
        let newest = newest(2, 5);
        let own = Arc::clone(&newest);
        let holder = thread::spawn(move || drop(own.turn().map(|turn| (turn.hold(), turn))));
        read(&newest);
        holder.join().unwrap();
    });
}

#[test]
fn a_run_that_is_cut_off_at_any_moment_gives_out_what_was_taken() {
    check(|| {
        let (newest, taken) = (newest(2, 5), Arc::new(AtomicU64::new(0)));
        let (own, count) = (Arc::clone(&newest), Arc::clone(&taken));
        let workers = spawn(2, move |_| work(&own, &count));
        let own = Arc::clone(&newest);
        let reader = thread::spawn(move || read(&own));
        let own = Arc::clone(&newest);
        let cutter = thread::spawn(move || own.cut_off());
        let (next, fetched, is_at_end) = fetch(&newest);
        cutter.join().unwrap();
        assert_eq!(is_at_end, !newest.is_cut_off());
        assert!(next == FRAMES || newest.is_cut_off());
        join(workers);
        assert_eq!(fetched, taken.load(Relaxed));
        reader.join().unwrap();
    });
}
