//! A time limit round calls that cannot be cancelled.
//!
//! Whoever makes a call leaves what it answers for (its charge) with the `Deadlines` while the call
//! runs. If the call returns in time, the charge comes back with the result. If not, the charge goes
//! to `expired` instead, exactly once, and the call that still runs owns nothing that matters.
//!
//! All calls have the same limit. So the one thread that watches needs no wake-up: while nothing is
//! under way, nothing can expire sooner than one limit from now.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Calls under way, each with its charge `C`.
pub struct Deadlines<C> {
    limit: Duration,
    calls: Mutex<Calls<C>>,
}

struct Calls<C> {
    /// The next call's number. None comes twice: a call that expired must not find another's charge.
    next: u64,
    /// By number, so the first entry is the one that expires first.
    under_way: BTreeMap<u64, (Instant, C)>,
}

impl<C: Send + 'static> Deadlines<C> {
    /// Starts the watching thread; it calls `expired` for each charge whose call outlasts `limit`.
    pub fn watch(
        limit: Duration,
        expired: impl Fn(C) + Send + 'static,
    ) -> io::Result<Arc<Deadlines<C>>> {
        let deadlines = Arc::new(Deadlines {
            limit,
            calls: Mutex::new(Calls { next: 0, under_way: BTreeMap::new() }),
        });
        let watched = Arc::clone(&deadlines);
        thread::Builder::new().name("deadline".into()).spawn(move || {
            loop {
                let (charges, pause) = watched.take_expired();
                charges.into_iter().for_each(&expired);
                thread::sleep(pause);
            }
        })?;
        Ok(deadlines)
    }

    /// Makes the call. `None`: it outlasted the limit, and `expired` has the charge.
    pub fn call<R>(&self, charge: C, call: impl FnOnce() -> R) -> Option<(C, R)> {
        let number = self.enter(charge);
        let result = call();
        let (_, charge) = self.lock().under_way.remove(&number)?;
        Some((charge, result))
    }

    fn enter(&self, charge: C) -> u64 {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next += 1;
        calls.under_way.insert(number, (Instant::now() + self.limit, charge));
        number
    }

    /// The charges that have expired, and how long until the next one can.
    fn take_expired(&self) -> (Vec<C>, Duration) {
        let mut calls = self.lock();
        let now = Instant::now();
        let mut charges = Vec::new();
        while let Some(first) = calls.under_way.first_entry() {
            let deadline = first.get().0;
            if deadline > now {
                return (charges, deadline - now);
            }
            charges.push(first.remove().1);
        }
        (charges, self.limit)
    }

    fn lock(&self) -> MutexGuard<'_, Calls<C>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn watched(limit: Duration) -> (Arc<Deadlines<&'static str>>, Receiver<&'static str>) {
        let (expired, charges) = channel();
        (Deadlines::watch(limit, move |charge| expired.send(charge).unwrap()).unwrap(), charges)
    }

    #[test]
    fn a_call_in_time_gets_its_charge_back() {
        let (deadlines, _) = watched(Duration::from_secs(600));
        assert_eq!(deadlines.call("charge", || 7), Some(("charge", 7)));
    }

    #[test]
    fn an_expired_call_never_gets_a_charge_even_that_of_a_later_call() {
        let (deadlines, expired) = watched(Duration::from_millis(1));
        let (let_first_end, wait) = channel::<()>();
        let first = Arc::clone(&deadlines);
        let first = thread::spawn(move || first.call("first", || wait.recv().unwrap()));
        assert_eq!(expired.recv().unwrap(), "first");
        let second = deadlines.call("second", || {
            let_first_end.send(()).unwrap();
            first.join().unwrap()
        });
        // The second call may expire as well; what matters is that the first one got nothing.
        if let Some((charge, firsts)) = second {
            assert_eq!((charge, firsts), ("second", None));
        }
    }
}
