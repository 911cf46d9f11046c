//! Where uploads wait until they may start: the run's `Schedule` on the real clock. All jobs share one gate.
//! Retries wait nowhere else.
//!
//! Waiting is cheap: under a rate or a pace each frame sleeps until its own start, as far as that is known. It is
//! woken only if it is the first one and would sleep for too long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::counts::Counts;
use crate::http::{Failure, Outcome, Response};
use crate::lock::lock;
use crate::messages::say;
use crate::random;

use super::outage::Outage;
use super::pace::Started;
use super::retry::{Ended, Next, Policy};
use super::schedule::{Schedule, Turn};
use super::tries::Tries;
use super::{cause, is_unauthorized, may_have_arrived, outcome};

type Random = fn() -> f64;

pub struct Gate {
    shared: Mutex<Shared>,
    /// Only frames below this one pass: up to the first that has failed, or none if the run is to stop.
    end: AtomicU64,
    counts: Arc<Counts>,
}

struct Shared {
    schedule: Schedule<Random>,
    outage: Outage,
    /// The frames that wait. Almost always there are none.
    waiting: BTreeMap<u64, Waiter>,
}

/// An attempt that may start. It counts as in flight until it is dropped; one whose end was not reported, because it is
/// not made after all or its worker has panicked, is given back.
pub struct Pass<'a> {
    gate: &'a Gate,
    started: Started,
    /// Whether an attempt of its frame may have arrived.
    is_posted: bool,
    is_reported: bool,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let counts = &self.gate.counts;
        counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        counts.posted.fetch_sub((!self.is_posted).into(), Ordering::Relaxed);
        if !self.is_reported {
            let mut shared = self.gate.lock();
            shared.schedule.give_back();
            self.gate.wake_first(shared, Instant::now());
        }
    }
}

/// A frame that waits.
struct Waiter {
    thread: Thread,
    /// The time at which it looks again by itself.
    until: Option<Instant>,
}

impl Gate {
    pub fn new(policy: Policy, counts: Arc<Counts>) -> Self {
        let outage = Outage::new(policy.max_time);
        let schedule = Schedule::new(policy, random as Random);
        let shared = Shared { schedule, outage, waiting: BTreeMap::new() };
        Gate { shared: Mutex::new(shared), end: AtomicU64::new(u64::MAX), counts }
    }

    /// Waits until an attempt for this frame may start, and at least until `not_before`. `None` if the gate is closed
    /// for this frame. `is_posted`: whether an earlier attempt of it may have arrived. `on_wait` is called if it has
    /// to wait.
    pub fn wait(
        &self,
        frame: u64,
        not_before: Option<Instant>,
        is_posted: bool,
        on_wait: impl FnOnce(),
    ) -> Option<Pass<'_>> {
        let mut on_wait = Some(on_wait);
        let mut shared = self.lock();
        let pass = loop {
            if !self.wants(frame) {
                break None;
            }
            // Under the lock, or two starts might stand in the wrong order.
            let now = Instant::now();
            let until = match not_before.filter(|&then| then > now) {
                Some(then) => Some(then),
                None => match shared.turn(frame, now) {
                    Turn::Now(started) => break Some(self.let_in(started, is_posted)),
                    Turn::At(then) => Some(then),
                    Turn::AfterAnEnd => None,
                },
            };
            if let Some(on_wait) = on_wait.take() {
                on_wait();
            }
            shared.waiting.insert(frame, Waiter { thread: thread::current(), until });
            drop(shared);
            match until {
                Some(then) => thread::park_timeout(then.saturating_duration_since(now)),
                None => thread::park(),
            }
            shared = self.lock();
        };
        shared.schedule.leave(frame);
        if shared.waiting.remove(&frame).is_some() {
            self.wake_first(shared, Instant::now());
        }
        pass
    }

    /// Counts the attempt, under the lock: once `close_from` returns, each attempt that was let in is in the count.
    fn let_in(&self, started: Started, is_posted: bool) -> Pass<'_> {
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        self.counts.posted.fetch_add((!is_posted).into(), Ordering::Relaxed);
        Pass { gate: self, started, is_posted, is_reported: false }
    }

    /// Reports the end of an attempt.
    pub fn report(
        &self,
        frame: u64,
        mut pass: Pass,
        tries: &mut Tries,
        result: &Result<Response, Failure>,
    ) -> Next {
        tries.is_posted |= may_have_arrived(result);
        (pass.is_posted, pass.is_reported) = (tries.is_posted, true);
        let outcome = outcome(result);
        let ended = Ended {
            started: pass.started,
            outcome,
            // A refusal whose body can't be used is one all the same.
            is_response: result.is_ok() || outcome == Some(Outcome::RefusedForNow),
            is_unauthorized: is_unauthorized(result),
            retry_after: result.as_ref().map_or_else(|it| it.retry_after, |it| it.retry_after),
        };
        let mut shared = self.lock();
        let is_calm = shared.schedule.is_calm() && !shared.outage.is_told();
        if ended.outcome.is_none() && is_calm && shared.waiting.is_empty() {
            // Nothing is limited, so the time of this does not matter. Nobody waits, so it cannot change who goes first.
            return shared.schedule.end(frame, tries, &ended, pass.started.at);
        }
        let now = Instant::now();
        let next = shared.schedule.end(frame, tries, &ended, now);
        *lock(&self.counts.figures.allowed) = shared.schedule.limits();
        let Ended { retry_after, is_response, .. } = ended;
        let since = shared.schedule.silent_since(pass.started.at);
        let outage = &mut shared.outage;
        let mut last_cause = lock(&self.counts.figures.outage);
        let news = match (since, &next) {
            (Some(since), Next::Again(_)) => {
                let cause = last_cause.insert(cause(result));
                outage.lasts(since, retry_after, is_response, cause, now)
            }
            (Some(_), _) => None,
            (None, _) => {
                let news = outage.ends(now);
                last_cause.take_if(|_| !outage.is_told());
                news
            }
        };
        drop(last_cause);
        self.wake_first(shared, now);
        news.into_iter().for_each(say);
        next
    }

    /// Closes the gate for this frame and all later ones: none of them passes after this.
    pub fn close_from(&self, frame: u64) {
        self.end.fetch_min(frame, Ordering::AcqRel);
        // A frame that has read `end` before this holds the lock until it has passed.
        self.lock().waiting.values().for_each(|waiter| waiter.thread.unpark());
    }

    /// Whether an attempt of this frame may still start.
    pub fn wants(&self, frame: u64) -> bool {
        frame < self.end.load(Ordering::Acquire)
    }

    /// Whether the gate is closed after some frame, and not for all.
    pub fn is_closed_by_a_frame(&self) -> bool {
        (1..u64::MAX).contains(&self.end.load(Ordering::Acquire))
    }

    /// Unlocks, and wakes the frame that goes first if it would sleep for too long.
    fn wake_first(&self, shared: MutexGuard<'_, Shared>, now: Instant) {
        let first = shared.schedule.first().and_then(|first| shared.waiting.get(&first));
        let start = shared.schedule.earliest(now).map_or(now, |earliest| earliest.max(now));
        let late = first.filter(|first| first.until.is_none_or(|until| until > start));
        let thread = late.map(|late| late.thread.clone());
        drop(shared);
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Shared {
    /// Whether this frame may start, or when to ask again.
    fn turn(&mut self, frame: u64, now: Instant) -> Turn {
        self.schedule.enter(frame);
        if self.schedule.first() == Some(frame) {
            return self.schedule.start(now);
        }
        self.schedule.start_of(frame, now).map_or(Turn::AfterAnEnd, Turn::At)
    }
}

/// A number from 0 to 1 for jitter.
fn random() -> f64 {
    random::bits() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::Cell;
    use std::sync::mpsc;
    use std::time::Duration;

    fn gate(spacing: Duration) -> Arc<Gate> {
        let (retries, delay) = (Some(3), Some(Duration::ZERO));
        let policy = Policy { retries, delay, max_time: None, all_errors: false, spacing };
        Arc::new(Gate::new(policy, Arc::default()))
    }

    fn refused(retry_after: Option<u64>) -> Result<Response, Failure> {
        let retry_after = retry_after.map(Duration::from_secs);
        Ok(Response { status: 503, retry_after, ..Response::default() })
    }

    fn accepted() -> Result<Response, Failure> {
        Ok(Response { status: 200, ..Response::default() })
    }

    #[test]
    fn a_start_that_is_given_back_was_none() {
        let gate = gate(Duration::ZERO);
        let in_flight = || {
            let counts = [&gate.counts.in_flight, &gate.counts.posted];
            counts.map(|count| count.load(Ordering::Relaxed))
        };
        let pass = gate.wait(0, None, false, || ());
        assert_eq!(in_flight(), [1, 1]);
        drop(pass);
        assert_eq!(in_flight(), [0, 0]);
    }

    #[test]
    fn starts_stand_in_the_order_in_which_they_were_made() {
        let gate = gate(Duration::ZERO);
        let mut shared = gate.lock();
        let (sender, comes) = mpsc::channel();
        let waiter = Arc::clone(&gate);
        let later = thread::spawn(move || {
            sender.send(()).unwrap();
            waiter.wait(1, None, false, || ()).unwrap().started.at
        });
        comes.recv().unwrap();
        // It comes to the lock, most likely, and has to wait there.
        (0..1000).for_each(|_| thread::yield_now());
        let now = Instant::now();
        assert!(matches!(shared.schedule.start(now), Turn::Now(_)));
        drop(shared);
        assert!(later.join().unwrap() >= now);
    }

    #[test]
    fn a_gate_that_is_closed_for_all_is_not_closed_by_a_frame() {
        let gate = gate(Duration::ZERO);
        assert!(!gate.is_closed_by_a_frame());
        gate.close_from(3);
        assert!(gate.is_closed_by_a_frame());
        gate.close_from(0);
        assert!(!gate.is_closed_by_a_frame());
    }

    #[test]
    fn a_frame_that_is_not_wanted_any_more_takes_no_start() {
        let gate = gate(Duration::from_secs(3600));
        assert!(gate.wait(0, None, false, || ()).is_some());
        let next = gate.lock().schedule.start(Instant::now());
        let (sender, starts) = mpsc::channel();
        let waiter = Arc::clone(&gate);
        thread::spawn(move || sender.send(waiter.wait(1, None, false, || ()).is_some()));
        while gate.lock().waiting.is_empty() {
            thread::yield_now();
        }
        gate.close_from(1);
        assert_eq!(starts.recv_timeout(Duration::from_secs(60)), Ok(false));
        assert_eq!(gate.lock().schedule.start(Instant::now()), next);
    }

    #[test]
    fn a_frame_that_pauses_on_its_own_account_hears_that_it_is_not_wanted() {
        let gate = gate(Duration::ZERO);
        let (sender, starts) = mpsc::channel();
        let waiter = Arc::clone(&gate);
        let later = Instant::now() + Duration::from_secs(3600);
        thread::spawn(move || sender.send(waiter.wait(1, Some(later), false, || ()).is_some()));
        while gate.lock().waiting.is_empty() {
            thread::yield_now();
        }
        // And holds nobody up until then.
        assert!(gate.wait(2, None, false, || ()).is_some());
        gate.close_from(1);
        assert_eq!(starts.recv_timeout(Duration::from_secs(60)), Ok(false));
    }

    #[test]
    fn the_lowest_frame_goes_first() {
        let gate = gate(Duration::from_micros(1));
        let pass = gate.wait(0, None, false, || ()).unwrap();
        gate.report(0, pass, &mut Tries::default(), &refused(Some(1)));
        let frames = [7, 3, 9, 1, 5, 8, 2, 6, 4];
        let threads = frames.map(|frame| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                let _pass = gate.wait(frame, None, false, || ()).unwrap();
                // All waited before the first one went.
                let lowest = gate.lock().waiting.keys().next().copied();
                assert!(
                    lowest.is_none_or(|lowest| lowest > frame),
                    "{lowest:?} waits, {frame} goes"
                );
            })
        });
        let waits = || gate.lock().waiting.len();
        let began = Instant::now();
        while waits() < frames.len() && began.elapsed() < Duration::from_millis(900) {
            thread::yield_now();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    }

    /// The first to go is 4 as long as 3 yields, then 3, which sleeps behind 4.
    #[test]
    fn a_frame_that_becomes_the_first_when_the_others_have_had_their_turn_is_woken() {
        let gate = gate(Duration::ZERO);
        let passes: Vec<_> =
            (0..6).map(|frame| Cell::new(gate.wait(frame, None, false, || ()))).collect();
        let report = |frame: u64, result: &Result<Response, Failure>| {
            let pass = passes[frame as usize].take().unwrap();
            gate.report(frame, pass, &mut Tries::default(), result);
        };
        let (sender, goes) = mpsc::channel();
        let refuse = |frame| {
            report(frame, &refused(Some(1)));
            let (waiter, sender) = (Arc::clone(&gate), sender.clone());
            let before = gate.lock().waiting.len();
            thread::spawn(move || {
                let pass = waiter.wait(frame, None, false, || ()).unwrap();
                waiter.report(frame, pass, &mut Tries::default(), &accepted());
                sender.send(frame).unwrap();
            });
            while gate.lock().waiting.len() == before {
                thread::yield_now();
            }
        };
        refuse(4);
        report(0, &accepted());
        refuse(3);
        [1, 2, 5].iter().for_each(|&frame| report(frame, &accepted()));
        for _ in 0..2 {
            goes.recv_timeout(Duration::from_secs(60)).expect("each frame has its turn");
        }
    }

    #[test]
    fn a_frame_that_becomes_the_first_while_others_yield_is_woken() {
        let gate = gate(Duration::from_micros(10));
        let next = Arc::new(AtomicU64::new(0));
        let (sender, done) = mpsc::channel();
        for _ in 0..8 {
            let (gate, next, sender) = (Arc::clone(&gate), Arc::clone(&next), sender.clone());
            thread::spawn(move || {
                loop {
                    let frame = next.fetch_add(1, Ordering::Relaxed);
                    if frame >= 100 {
                        return;
                    }
                    let mut tries = Tries::default();
                    // Every other frame is refused once.
                    for refuses in [true, false].into_iter().skip(usize::from(frame % 2 == 0)) {
                        let pass = gate.wait(frame, None, false, || ()).unwrap();
                        let result = if refuses { refused(None) } else { accepted() };
                        gate.report(frame, pass, &mut tries, &result);
                    }
                    sender.send(frame).unwrap();
                }
            });
        }
        for _ in 0..100 {
            done.recv_timeout(Duration::from_secs(60)).expect("each frame has its turn");
        }
    }
}
