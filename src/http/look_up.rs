//! Name look-up with a deadline.
//!
//! The system's resolver can't be told to stop, so we call it on a thread of its own. One look-up runs at a
//! time, and all jobs that wait for the name share its result. So a mute name server holds one thread, not
//! one for each attempt.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::memory;

use super::time_limit::Deadline;

pub struct LookUp {
    /// Without brackets.
    host: String,
    port: u16,
    shared: Arc<Shared>,
}

/// The reason why a look-up has no address.
enum Unresolved {
    System(i32),
    Text(String),
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    is_done: Condvar,
}

/// Look-ups are numbered from 1.
#[derive(Default)]
struct State {
    begun: u64,
    done: u64,
    /// The result of the last look-up. An error can't be cloned, so it is kept as its number, if the system
    /// gave one (no descriptor, for example), or as the resolver's text.
    result: Option<Result<Vec<SocketAddr>, Unresolved>>,
}

impl LookUp {
    pub fn new(host: &str, port: u16) -> Self {
        LookUp { host: host.to_owned(), port, shared: Arc::default() }
    }

    /// The addresses of the host, at least one. Waits for the look-up that is under way, or starts one.
    pub fn addresses(&self, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let mut state = self.shared.lock();
        if state.begun == state.done {
            self.start()?;
            state.begun += 1;
        }
        let awaited = state.begun;
        while state.done < awaited {
            let left = deadline.left();
            if left.is_zero() {
                return Err(deadline.passed());
            }
            let waited = self.shared.is_done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match &state.result {
            Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses.clone()),
            Some(Err(Unresolved::System(number))) => Err(io::Error::from_raw_os_error(*number)),
            Some(Err(Unresolved::Text(text))) => Err(io::Error::other(text.clone())),
            _ => Err(io::Error::other("the host has no address")),
        }
    }

    fn start(&self) -> io::Result<()> {
        let (host, port, shared) = (self.host.clone(), self.port, Arc::clone(&self.shared));
        memory::spawn("look-up", move || {
            let found = (host.as_str(), port).to_socket_addrs();
            shared.end(found.map(Iterator::collect).map_err(|error| match error.raw_os_error() {
                Some(number) => Unresolved::System(number),
                None => Unresolved::Text(error.to_string()),
            }));
        })?;
        Ok(())
    }
}

impl Shared {
    fn end(&self, result: Result<Vec<SocketAddr>, Unresolved>) {
        let mut state = self.lock();
        state.result = Some(result);
        state.done = state.begun;
        drop(state);
        self.is_done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn within(limit: Duration) -> Deadline {
        Deadline::after(limit, "--test")
    }

    /// As if a look-up were under way, whose name server is mute.
    fn mute() -> LookUp {
        let look_up = LookUp::new("localhost", 80);
        look_up.shared.lock().begun = 1;
        look_up
    }

    #[test]
    fn a_look_up_that_is_under_way_is_waited_for_and_no_other_one_begins() {
        let look_up = Arc::new(mute());
        let waiting = [(); 3].map(|()| {
            let look_up = Arc::clone(&look_up);
            thread::spawn(move || look_up.addresses(within(Duration::from_secs(60))))
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        look_up.shared.end(Ok(vec![address]));
        for thread in waiting {
            // One that comes after the end begins a look-up of its own, which finds port 80.
            let found = thread.join().unwrap().unwrap();
            assert!(found == [address] || found.iter().all(|it| it.port() == 80), "{found:?}");
        }
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let look_up = mute();
        for _ in 0..3 {
            let error = look_up.addresses(within(Duration::from_millis(1))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(look_up.shared.lock().begun, 1);
    }
}
