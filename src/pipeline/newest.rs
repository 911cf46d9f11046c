//! The frames of a live source that wait, and the places of their answers. Putting a frame in never waits.
//!
//! As many frames wait as there are free jobs, which take them at once, and one more: the newest. A newer one
//! takes its place. While the start of the next upload has to be waited for no job is free, and only the newest
//! frame waits. The last frame before the end is never dropped, since none comes after it. Answers and counts of
//! dropped frames come out in the order of the frames, and a count as soon as all before it is out, even if it
//! still grows.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::places::{Fetched, Places};

/// Frames of type `F` on the way in, answers of type `A` on the way out.
pub struct Newest<F, A> {
    /// The most frames that have been taken and whose answers have not been fetched.
    limit: usize,
    state: Mutex<State<F, A>>,
    turn_is_free: Condvar,
    next_is_there: Condvar,
}

struct State<F, A> {
    jobs: usize,
    /// Frames with their numbers, the oldest first. The last one is the newest.
    waiting: VecDeque<(u64, F)>,
    places: Places<A>,
    /// Frames that have been taken and have no answer.
    busy: usize,
    turn: TurnState,
    /// How many jobs wait for the turn.
    idle: usize,
    fetcher_waits: bool,
    /// There are no more frames.
    is_ended: bool,
    /// Comes out behind all frames.
    last: Option<A>,
    /// No more frames are taken, though some were to be.
    is_cut_off: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum TurnState {
    Free,
    Taken,
    /// Its job waits until it may start.
    Held,
}

/// The right to take the next frame. One job has it at a time.
pub struct Turn<F, A> {
    /// The number of the oldest frame that waited when the turn came.
    pub frame: u64,
    newest: Arc<Newest<F, A>>,
    is_passed_on: bool,
}

/// The right to fill one place. If it is dropped unused, the answer is lost.
pub struct Ticket<F, A> {
    newest: Arc<Newest<F, A>>,
    /// `None` once it is used.
    place: Option<u64>,
}

impl<F, A> Newest<F, A> {
    pub fn new(limit: usize) -> Self {
        let state = State {
            jobs: 0,
            waiting: VecDeque::new(),
            places: Places::new(),
            busy: 0,
            turn: TurnState::Free,
            idle: 0,
            fetcher_waits: false,
            is_ended: false,
            last: None,
            is_cut_off: false,
        };
        let (turn_is_free, next_is_there) = (Condvar::new(), Condvar::new());
        Newest { limit, state: Mutex::new(state), turn_is_free, next_is_there }
    }

    /// From now on there is one job more.
    pub fn add_job(&self) {
        self.lock().jobs += 1;
    }

    /// Puts the next frame in; frames count from 0. Returns the one that is dropped for it.
    pub fn put(&self, number: u64, frame: F) -> Option<F> {
        let mut state = self.lock();
        state.waiting.push_back((number, frame));
        let count = state.waiting.len();
        let is_full = count > 1 + self.free_jobs(&state);
        let dropped = if is_full { state.waiting.remove(count - 2) } else { None };
        self.wake(state);
        dropped.map(|(_, frame)| frame)
    }

    /// There are no more frames. Those that wait are still taken, and then `last` comes out.
    pub fn end(&self, last: Option<A>) {
        let mut state = self.lock();
        (state.is_ended, state.last) = (true, last);
        self.wake_all(state);
    }

    /// No more frames are taken. Answers to those that were taken still come out, and `last` does not.
    pub fn cut_off(&self) {
        let mut state = self.lock();
        state.is_cut_off |= !state.is_over();
        self.wake_all(state);
    }

    pub fn is_cut_off(&self) -> bool {
        self.lock().is_cut_off
    }

    /// Waits until a frame is there and the job may take it; `None` if there are no more.
    pub fn turn(self: &Arc<Self>) -> Option<Turn<F, A>> {
        let mut state = self.lock();
        while !self.turn_is_due(&state) {
            if state.is_cut_off || state.is_over() {
                return None;
            }
            state.idle += 1;
            state = self.turn_is_free.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
        let frame = state.oldest()?;
        state.turn = TurnState::Taken;
        Some(Turn { frame, newest: Arc::clone(self), is_passed_on: false })
    }

    /// Waits for what comes out next; `None` after the last.
    pub fn fetch(&self) -> Option<Fetched<A>> {
        let mut state = self.lock();
        loop {
            let oldest = state.oldest();
            if let Some(fetched) = state.places.fetch(oldest) {
                self.wake(state);
                return Some(fetched);
            }
            if state.has_all_out() {
                return state.last.take().filter(|_| !state.is_cut_off).map(Fetched::Answer);
            }
            state.fetcher_waits = true;
            state = self.next_is_there.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many jobs could take a frame and start at once.
    fn free_jobs(&self, state: &State<F, A>) -> usize {
        match state.turn {
            TurnState::Held => 0,
            _ => (state.jobs - state.busy).min(self.limit - state.places.unfetched()),
        }
    }

    fn turn_is_due(&self, state: &State<F, A>) -> bool {
        let is_free = state.turn == TurnState::Free && self.free_jobs(state) > 0;
        is_free && !state.waiting.is_empty() && !state.is_cut_off
    }

    /// Unlocks. Wakes a job and the fetcher, each if it waits and can go on.
    fn wake(&self, mut state: MutexGuard<'_, State<F, A>>) {
        let wakes_job = state.idle > 0 && self.turn_is_due(&state);
        let is_due = state.places.is_due(state.oldest()) || state.has_all_out();
        let wakes_fetcher = is_due && mem::take(&mut state.fetcher_waits);
        drop(state);
        if wakes_job {
            self.turn_is_free.notify_one();
        }
        if wakes_fetcher {
            self.next_is_there.notify_one();
        }
    }

    /// Unlocks, and wakes all.
    fn wake_all(&self, state: MutexGuard<'_, State<F, A>>) {
        drop(state);
        self.turn_is_free.notify_all();
        self.next_is_there.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<F, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F, A> State<F, A> {
    fn oldest(&self) -> Option<u64> {
        self.waiting.front().map(|(number, _)| *number)
    }

    /// Whether all frames have been taken, and no more come.
    fn is_over(&self) -> bool {
        self.is_ended && self.waiting.is_empty()
    }

    /// Whether no more frames are taken, and nothing is left of those that were.
    fn has_all_out(&self) -> bool {
        (self.is_over() || self.is_cut_off) && self.places.is_empty()
    }
}

impl<F, A> Turn<F, A> {
    /// The start has to be waited for: only the newest frame waits, and a newer one takes its place.
    pub fn hold(&self) {
        let mut state = self.newest.lock();
        state.turn = TurnState::Held;
        let newest = state.waiting.len().saturating_sub(1);
        let dropped: Vec<_> = state.waiting.drain(..newest).collect();
        self.newest.wake(state);
        drop(dropped);
    }

    /// Takes the frame, and passes the turn on; `None` if no more are taken.
    pub fn take(mut self) -> Option<(F, Ticket<F, A>)> {
        let newest = Arc::clone(&self.newest);
        let mut state = newest.lock();
        if state.is_cut_off {
            return None;
        }
        let (number, frame) = state.waiting.pop_front()?;
        let place = Some(state.places.take(number));
        state.busy += 1;
        (state.turn, self.is_passed_on) = (TurnState::Free, true);
        match state.is_over() {
            true => newest.wake_all(state),
            false => newest.wake(state),
        }
        Some((frame, Ticket { newest, place }))
    }
}

impl<F, A> Drop for Turn<F, A> {
    fn drop(&mut self) {
        if !self.is_passed_on {
            let mut state = self.newest.lock();
            state.turn = TurnState::Free;
            self.newest.wake(state);
        }
    }
}

impl<F, A> Ticket<F, A> {
    pub fn fill(mut self, answer: A) {
        self.put(Fetched::Answer(answer));
    }

    fn put(&mut self, fetched: Fetched<A>) {
        if let Some(place) = self.place.take() {
            let mut state = self.newest.lock();
            state.places.fill(place, fetched);
            state.busy -= 1;
            self.newest.wake(state);
        }
    }
}

impl<F, A> Drop for Ticket<F, A> {
    fn drop(&mut self) {
        self.put(Fetched::Lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    use super::Fetched::{Answer, Dropped, Lost};

    type Frames = Arc<Newest<u64, u64>>;

    fn newest(jobs: usize, limit: usize) -> Frames {
        let newest = Arc::new(Newest::new(limit));
        (0..jobs).for_each(|_| newest.add_job());
        newest
    }

    /// Puts these frames in, and returns those that were dropped for them.
    fn put(newest: &Frames, frames: impl IntoIterator<Item = u64>) -> Vec<u64> {
        frames.into_iter().filter_map(|frame| newest.put(frame, frame)).collect()
    }

    fn take(newest: &Frames) -> (u64, Ticket<u64, u64>) {
        newest.turn().and_then(Turn::take).expect("a frame waits")
    }

    #[test]
    fn no_frame_is_dropped_for_which_a_job_is_free() {
        let newest = newest(2, 9);
        assert_eq!(put(&newest, 0..5), [2, 3]);
        let ((first, one), (second, two)) = (take(&newest), take(&newest));
        assert_eq!((first, second), (0, 1));
        assert_eq!(put(&newest, 5..8), [4, 5, 6]);
        two.fill(1);
        one.fill(0);
        assert_eq!([newest.fetch(), newest.fetch()], [Some(Answer(0)), Some(Answer(1))]);
        // Nobody has taken the next frame yet, and those before it are dropped for certain.
        assert_eq!(newest.fetch(), Some(Dropped(5)));
        assert_eq!(take(&newest).0, 7);
    }

    #[test]
    fn a_run_of_dropped_frames_takes_one_place() {
        let newest = newest(1, 3);
        put(&newest, [0]);
        for round in 0..100 {
            let (_, ticket) = take(&newest);
            put(&newest, 1000 * round + 1..=1000 * round + 1000);
            ticket.fill(round);
            assert_eq!(newest.lock().waiting.len(), 1);
            assert_eq!(newest.fetch(), Some(Answer(round)));
            assert_eq!(newest.fetch(), Some(Dropped(999)));
        }
        assert!(!newest.lock().places.is_due(None));
    }

    #[test]
    fn the_limit_holds_for_answers_that_are_not_fetched() {
        let newest = newest(1, 3);
        for frame in 0..3 {
            put(&newest, [frame]);
            take(&newest).1.fill(frame);
        }
        assert_eq!(put(&newest, 3..9), [3, 4, 5, 6, 7]);
        assert!(!newest.turn_is_due(&newest.lock()));
        assert_eq!(newest.fetch(), Some(Answer(0)));
        assert_eq!(take(&newest).0, 8);
    }

    #[test]
    fn while_the_start_is_waited_for_only_the_newest_frame_waits() {
        let newest = newest(3, 9);
        assert!(put(&newest, 0..3).is_empty());
        let turn = newest.turn().unwrap();
        turn.hold();
        assert_eq!(newest.fetch(), Some(Dropped(2)));
        assert_eq!(put(&newest, 3..5), [2, 3]);
        assert_eq!(newest.fetch(), Some(Dropped(2)));
        let (frame, _ticket) = turn.take().unwrap();
        assert_eq!(frame, 4);
        assert!(put(&newest, 5..7).is_empty());
    }

    #[test]
    fn the_last_frame_is_never_dropped_and_the_end_comes_behind_it() {
        let newest = newest(1, 3);
        put(&newest, 0..9);
        newest.end(Some(77));
        let (_, ticket) = take(&newest);
        ticket.fill(0);
        let (last, ticket) = take(&newest);
        assert_eq!(last, 8);
        assert!(newest.turn().is_none());
        drop(ticket);
        let out = std::iter::from_fn(|| newest.fetch()).collect::<Vec<_>>();
        assert_eq!(out, [Answer(0), Dropped(7), Lost, Answer(77)]);
    }

    #[test]
    fn a_run_that_is_cut_off_takes_no_more_and_gives_out_what_was_taken() {
        let newest = newest(1, 3);
        put(&newest, 0..9);
        let (_, ticket) = take(&newest);
        put(&newest, 9..12);
        let turn = {
            let newest = Arc::clone(&newest);
            thread::spawn(move || newest.turn().is_none())
        };
        newest.cut_off();
        newest.end(Some(77));
        assert!(turn.join().unwrap());
        ticket.fill(0);
        assert_eq!([newest.fetch(), newest.fetch()], [Some(Answer(0)), Some(Dropped(10))]);
        assert_eq!((newest.fetch(), newest.is_cut_off()), (None, true));
    }

    #[test]
    fn a_run_that_is_complete_cannot_be_cut_off() {
        let newest = newest(1, 3);
        put(&newest, [0]);
        take(&newest).1.fill(0);
        newest.end(Some(77));
        newest.cut_off();
        assert_eq!([newest.fetch(), newest.fetch()], [Some(Answer(0)), Some(Answer(77))]);
        assert_eq!((newest.fetch(), newest.is_cut_off()), (None, false));
    }

    /// Many threads for few frames: a wake-up that is missing would show as a test that hangs.
    #[test]
    fn every_frame_comes_out_once_in_order_and_nobody_is_forgotten() {
        const COUNT: u64 = 50_000;
        let newest = newest(4, 9);
        let job = |held: bool| {
            let newest = Arc::clone(&newest);
            thread::spawn(move || {
                let mut taken = 0;
                while let Some(turn) = newest.turn() {
                    if held && turn.frame.is_multiple_of(3) {
                        turn.hold();
                        thread::yield_now();
                    }
                    let (frame, ticket) = turn.take().unwrap();
                    ticket.fill(frame);
                    taken += 1;
                }
                taken
            })
        };
        let jobs: Vec<_> = [false, true, false, true].map(job).into();
        let reader = {
            let newest = Arc::clone(&newest);
            thread::spawn(move || {
                for frame in 0..COUNT {
                    newest.put(frame, frame);
                    assert!(newest.lock().waiting.len() <= 5);
                    if frame.is_multiple_of(7) {
                        thread::yield_now();
                    }
                }
                newest.end(None);
            })
        };
        let (mut next, mut answers) = (0, 0);
        while let Some(fetched) = newest.fetch() {
            match fetched {
                Answer(frame) => {
                    assert_eq!(frame, next);
                    (next, answers) = (next + 1, answers + 1);
                }
                Dropped(count) => next += count,
                Lost => panic!("no ticket was dropped"),
            }
        }
        reader.join().unwrap();
        let taken: u64 = jobs.into_iter().map(|job| job.join().unwrap()).sum();
        assert_eq!((next, answers), (COUNT, taken));
    }
}
