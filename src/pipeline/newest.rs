//! The frames of a live source that wait, and the answers of those that were taken. Putting a frame in never waits.
//!
//! As many frames wait as there are free jobs, which take them at once, and one more: the newest. A newer one
//! takes its place. While the start of the next upload has to be waited for no job is free, and only the newest
//! frame waits. The last frame before the end is never dropped, since none comes after it.
//!
//! What was dropped is a gap in the numbers: the frames between the last one that is out and the next one that was
//! taken, or waits. A gap comes out as soon as all before it is out, even if it still grows.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use super::{Answer, Unsent};
use crate::frame::Frame;
use crate::lock::{lock, wait};

pub struct Newest {
    /// The most frames that have been taken and whose answers have not been fetched.
    limit: usize,
    /// The job that takes the next frame holds it.
    turn: Mutex<()>,
    state: Mutex<State>,
    /// Two wait for it at most: the job whose turn it is, and the fetcher. Both are woken by each change, as changes
    /// are few: a job starts with a frame, and each frame has a line.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The oldest first. The last one is the newest.
    waiting: VecDeque<Frame>,
    /// The numbers of the frames that were taken, in order. `None`: its job is busy with it.
    taken: VecDeque<(u64, Option<Answer>)>,
    /// All frames before this one are out.
    next: u64,
    /// The start of the next upload is waited for.
    is_held: bool,
    /// There are no more frames.
    is_ended: bool,
    /// No more frames are taken, though some were to be.
    is_cut_off: bool,
    /// Comes out behind all frames.
    last: Option<Unsent>,
}

impl Newest {
    pub fn new(limit: usize) -> Self {
        Newest { limit, turn: Mutex::new(()), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts the next frame in. Returns the one that is dropped for it. `jobs`: all there are, busy or not.
    pub fn put(&self, frame: Frame, jobs: usize) -> Option<Frame> {
        let mut state = lock(&self.state);
        state.waiting.push_back(frame);
        let (count, free) = (state.waiting.len(), state.free_jobs(jobs, self.limit));
        let dropped = if count > free + 1 { state.waiting.remove(count - 2) } else { None };
        self.changed.notify_all();
        dropped
    }

    /// There are no more frames. Those that wait are still taken, and then `last` comes out.
    pub fn end(&self, last: Option<Unsent>) {
        let mut state = lock(&self.state);
        state.is_ended = true;
        if !state.is_cut_off {
            state.last = last;
        }
        self.changed.notify_all();
    }

    /// No more frames are taken. Answers to those that were taken still come out, and behind them that more were to come.
    pub fn cut_off(&self) {
        let mut state = lock(&self.state);
        if !state.is_over() {
            (state.is_cut_off, state.last) = (true, Some(Unsent::NotWanted));
        }
        self.changed.notify_all();
    }

    pub fn is_cut_off(&self) -> bool {
        lock(&self.state).is_cut_off
    }

    /// Waits for a frame, then for what `start` waits for, and takes the frame that is due by then; `None` if there are
    /// no more, or if `start` says so. It gets the number of a frame, which may be dropped meanwhile.
    pub fn take<S>(&self, start: impl FnOnce(u64) -> Option<S>) -> Option<(Frame, S)> {
        let _turn = lock(&self.turn);
        let mut state = lock(&self.state);
        while !state.has_frame(self.limit) {
            state = wait(&self.changed, state);
        }
        let oldest = state.waiting.front().filter(|_| !state.is_cut_off)?.number;
        drop(state);
        let start = start(oldest)?;
        let mut state = lock(&self.state);
        state.is_held = false;
        if state.is_cut_off {
            return None;
        }
        let frame = state.waiting.pop_front()?;
        state.taken.push_back((frame.number, None));
        Some((frame, start))
    }

    /// The start of the next upload has to be waited for: only the newest frame waits, and a newer one takes its place.
    pub fn hold(&self) {
        let mut state = lock(&self.state);
        state.is_held = true;
        let newest = state.waiting.len().saturating_sub(1);
        state.waiting.drain(..newest);
        self.changed.notify_all();
    }

    /// The answer to a frame that was taken.
    pub fn fill(&self, frame: u64, answer: Answer) {
        let mut state = lock(&self.state);
        if let Some(taken) = state.taken.iter_mut().find(|taken| taken.0 == frame) {
            taken.1 = Some(answer);
        }
        self.changed.notify_all();
    }

    /// Waits for what comes out next; `None` after the last.
    pub fn fetch(&self) -> Option<Answer> {
        let mut state = lock(&self.state);
        loop {
            if let Some(answer) = state.fetch() {
                self.changed.notify_all();
                return Some(answer);
            }
            if state.is_over() && state.taken.is_empty() {
                return state.last.take().map(Err);
            }
            state = wait(&self.changed, state);
        }
    }
}

impl State {
    /// How many jobs could take a frame and start at once.
    fn free_jobs(&self, jobs: usize, limit: usize) -> usize {
        let busy = self.taken.iter().filter(|(_, answer)| answer.is_none()).count();
        let free = (jobs - busy).min(limit - self.taken.len());
        if self.is_held { 0 } else { free }
    }

    /// Whether a frame may be taken, or none ever will.
    fn has_frame(&self, limit: usize) -> bool {
        self.is_over() || !self.waiting.is_empty() && self.taken.len() < limit
    }

    /// The frame that comes out next and is not dropped, as far as it is known.
    fn upcoming(&self) -> Option<u64> {
        let taken = self.taken.front().map(|taken| taken.0);
        taken.or(self.waiting.front().map(|frame| frame.number))
    }

    /// What comes out next, if it is there.
    fn fetch(&mut self) -> Option<Answer> {
        let frame = self.next;
        let answer = if self.upcoming()? > frame {
            Err(Unsent::Dropped { frame })
        } else {
            let answer = self.taken.front_mut()?.1.take()?;
            self.taken.pop_front();
            answer
        };
        self.next += 1;
        Some(answer)
    }

    /// Whether no more frames are taken.
    fn is_over(&self) -> bool {
        self.is_cut_off || self.is_ended && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use crate::frame::{Content, FrameSize};
    use crate::input::{Cause, InputError};

    fn newest(jobs: usize) -> Arc<Newest> {
        Arc::new(Newest::new(1 + 2 * jobs))
    }

    fn put_one(newest: &Newest, number: u64) -> Option<u64> {
        let (size, content, read_at) =
            (FrameSize::new(1, 1).unwrap(), Content::Png, Instant::now());
        let frame = Frame { number, size, content, bytes: Vec::new(), read_at };
        newest.put(frame, newest.limit / 2).map(|dropped| dropped.number)
    }

    /// Puts these frames in, and returns those that were dropped for them.
    fn put(newest: &Newest, frames: impl IntoIterator<Item = u64>) -> Vec<u64> {
        frames.into_iter().filter_map(|frame| put_one(newest, frame)).collect()
    }

    fn take(newest: &Newest) -> u64 {
        newest.take(Some).expect("a frame waits").0.number
    }

    fn fill(newest: &Newest, frame: u64) {
        newest.fill(frame, Err(Unsent::Lost { frame }));
    }

    fn end(newest: &Newest) {
        let cause = Cause::Malformed(String::new());
        newest.end(Some(Unsent::NotRead(InputError { frame: 99, cause })));
    }

    #[derive(Debug, PartialEq)]
    enum Out {
        Filled(u64),
        Dropped(u64),
        NotRead,
        CutOff,
    }
    use Out::{CutOff, Dropped, Filled, NotRead};

    fn fetch(newest: &Newest) -> Option<Out> {
        match newest.fetch()? {
            Err(Unsent::Lost { frame }) => Some(Filled(frame)),
            Err(Unsent::Dropped { frame }) => Some(Dropped(frame)),
            Err(Unsent::NotRead(_)) => Some(NotRead),
            _ => Some(CutOff),
        }
    }

    #[test]
    fn no_frame_is_dropped_for_which_a_job_is_free() {
        let newest = newest(2);
        assert_eq!(put(&newest, 0..5), [2, 3]);
        assert_eq!([take(&newest), take(&newest)], [0, 1]);
        assert_eq!(put(&newest, 5..8), [4, 5, 6]);
        fill(&newest, 1);
        fill(&newest, 0);
        assert_eq!([fetch(&newest), fetch(&newest)], [Some(Filled(0)), Some(Filled(1))]);
        // Nobody has taken the next frame yet, and those before it are dropped for certain.
        (2..7).for_each(|frame| assert_eq!(fetch(&newest), Some(Dropped(frame))));
        assert_eq!(take(&newest), 7);
    }

    #[test]
    fn the_limit_holds_for_answers_that_are_not_fetched() {
        let newest = newest(1);
        for frame in 0..3 {
            put(&newest, [frame]);
            fill(&newest, take(&newest));
        }
        assert_eq!(put(&newest, 3..9), [3, 4, 5, 6, 7]);
        assert!(!lock(&newest.state).has_frame(3));
        assert_eq!(fetch(&newest), Some(Filled(0)));
        assert_eq!(take(&newest), 8);
    }

    #[test]
    fn while_the_start_is_waited_for_only_the_newest_frame_waits() {
        let newest = newest(3);
        assert!(put(&newest, 0..3).is_empty());
        let start = |oldest| {
            assert_eq!(oldest, 0);
            newest.hold();
            assert_eq!([fetch(&newest), fetch(&newest)], [Some(Dropped(0)), Some(Dropped(1))]);
            assert_eq!(put(&newest, 3..5), [2, 3]);
            assert_eq!([fetch(&newest), fetch(&newest)], [Some(Dropped(2)), Some(Dropped(3))]);
            Some(())
        };
        assert_eq!(newest.take(start).unwrap().0.number, 4);
        assert!(put(&newest, 5..7).is_empty());
    }

    #[test]
    fn the_last_frame_is_never_dropped_and_the_end_comes_behind_it() {
        let newest = newest(1);
        put(&newest, 0..9);
        end(&newest);
        fill(&newest, take(&newest));
        assert_eq!(take(&newest), 8);
        assert!(newest.take(Some).is_none());
        fill(&newest, 8);
        let out = std::iter::from_fn(|| fetch(&newest)).collect::<Vec<_>>();
        assert_eq!(out[..3], [Filled(0), Dropped(1), Dropped(2)]);
        assert_eq!(out[7..], [Dropped(7), Filled(8), NotRead]);
    }

    #[test]
    fn a_run_that_is_cut_off_takes_no_more_and_gives_out_what_was_taken() {
        let newest = newest(1);
        put(&newest, 0..9);
        let taken = take(&newest);
        put(&newest, 9..12);
        let start = |_| {
            newest.cut_off();
            Some(())
        };
        assert!(newest.take(start).is_none());
        end(&newest);
        assert!(newest.take(Some).is_none());
        fill(&newest, taken);
        assert_eq!(fetch(&newest), Some(Filled(0)));
        (1..11).for_each(|frame| assert_eq!(fetch(&newest), Some(Dropped(frame))));
        assert_eq!([fetch(&newest), fetch(&newest)], [Some(CutOff), None]);
    }

    #[test]
    fn a_run_that_is_complete_cannot_be_cut_off() {
        let newest = newest(1);
        put(&newest, [0]);
        fill(&newest, take(&newest));
        end(&newest);
        newest.cut_off();
        assert_eq!([fetch(&newest), fetch(&newest)], [Some(Filled(0)), Some(NotRead)]);
        assert_eq!((fetch(&newest), newest.is_cut_off()), (None, false));
    }

    /// Many threads for few frames: a wake-up that is missing would show as a test that hangs.
    #[test]
    fn every_frame_comes_out_once_in_order_and_nobody_is_forgotten() {
        const COUNT: u64 = 50_000;
        let newest = newest(4);
        let job = |holds: bool| {
            let newest = Arc::clone(&newest);
            thread::spawn(move || {
                let start = |oldest: u64| {
                    if holds && oldest.is_multiple_of(3) {
                        newest.hold();
                        thread::yield_now();
                    }
                    Some(())
                };
                let mut taken = 0;
                while let Some((frame, ())) = newest.take(start) {
                    fill(&newest, frame.number);
                    taken += 1;
                }
                taken
            })
        };
        let jobs: Vec<_> = [false, true, false, true].map(job).into();
        let own = Arc::clone(&newest);
        let reader = thread::spawn(move || {
            for frame in 0..COUNT {
                put_one(&own, frame);
                assert!(lock(&own.state).waiting.len() <= 5);
                if frame.is_multiple_of(7) {
                    thread::yield_now();
                }
            }
            own.end(None);
        });
        let (mut next, mut answers) = (0, 0);
        while let Some(out) = fetch(&newest) {
            match out {
                Filled(frame) => {
                    assert_eq!(frame, next);
                    (next, answers) = (next + 1, answers + 1);
                }
                Dropped(frame) => {
                    assert_eq!(frame, next);
                    next += 1;
                }
                NotRead | CutOff => panic!("there is none"),
            }
        }
        reader.join().unwrap();
        let taken: u64 = jobs.into_iter().map(|job| job.join().unwrap()).sum();
        assert_eq!((next, answers), (COUNT, taken));
    }
}
