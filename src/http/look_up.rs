//! Name look-up with a deadline.
//!
//! The system's resolver can't be told to stop, so we call it on a thread of its own. One look-up runs at a
//! time, and all jobs that wait for the name share its result. So a mute name server holds one thread, not
//! one for each attempt.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use crate::lock::lock;
use crate::request::Url;

use super::time_limit::Deadline;

pub struct LookUp {
    /// Without brackets, and with the zone of a link-local address.
    host: String,
    port: u16,
    waiting: Waiting,
}

type Found = io::Result<Vec<SocketAddr>>;

/// The jobs that wait for the look-up that is under way. None if there is no look-up.
type Waiting = Arc<Mutex<Vec<Sender<Found>>>>;

impl LookUp {
    pub fn new(url: &Url) -> Self {
        let host = url.bare_host();
        // The system looks up the zone of a link-local address alone, and no other address needs one.
        let is_global = |address: Ipv6Addr| !address.is_unicast_link_local();
        let zone = if host.parse().is_ok_and(is_global) { "" } else { &url.zone };
        let host = format!("{host}{zone}");
        LookUp { host, port: url.port, waiting: Arc::default() }
    }

    /// The addresses of the host. Waits for the look-up that is under way, or starts one.
    pub fn addresses(&self, deadline: &Deadline) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let (sender, found) = mpsc::channel();
        let mut waiting = lock(&self.waiting);
        if waiting.is_empty() && self.start().is_err() {
            drop(waiting);
            // The system has no thread for it, so this one looks up, for as long as that takes.
            return look_up(&self.host, self.port);
        }
        waiting.push(sender);
        drop(waiting);
        loop {
            match found.recv_timeout(deadline.left()) {
                Ok(found) => return found,
                Err(RecvTimeoutError::Timeout) if !deadline.has_passed() => {}
                Err(_) => return Err(deadline.passed()),
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let (host, port, waiting) = (self.host.clone(), self.port, Arc::clone(&self.waiting));
        Builder::new().name("look-up".to_owned()).spawn(move || {
            let mut under_way = UnderWay::new(waiting);
            under_way.found = look_up(&host, port);
        })?;
        Ok(())
    }
}

fn look_up(host: &str, port: u16) -> Found {
    (host, port).to_socket_addrs().map(Vec::from_iter)
}

/// A look-up, on its thread. However that ends, the jobs are told.
struct UnderWay {
    waiting: Waiting,
    found: Found,
}

impl UnderWay {
    fn new(waiting: Waiting) -> Self {
        UnderWay { waiting, found: Err(io::Error::other("the look-up has died")) }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        for job in lock(&self.waiting).drain(..) {
            // One whose deadline has passed is gone.
            let _ = job.send(self.found.as_ref().map(Vec::clone).map_err(copy));
        }
    }
}

/// The same error: the system's number if it has one (no descriptor, for example), or the resolver's text.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::thread;
    use std::time::Duration;

    fn within(limit: Duration) -> Deadline {
        Deadline::after(limit, "--test")
    }

    /// As if a look-up were under way, whose name server is mute.
    fn mute() -> (Arc<LookUp>, UnderWay) {
        let look_up = Arc::new(LookUp::new(&Url::parse("http://localhost/").unwrap().0));
        // A job that waits no more.
        lock(&look_up.waiting).push(mpsc::channel().0);
        let under_way = UnderWay::new(Arc::clone(&look_up.waiting));
        (look_up, under_way)
    }

    /// What three jobs get that wait for a look-up that finds this, or that dies.
    fn of_three_jobs(found: Option<Found>) -> [Found; 3] {
        let (look_up, mut under_way) = mute();
        let jobs = [(); 3].map(|()| {
            let look_up = Arc::clone(&look_up);
            thread::spawn(move || look_up.addresses(&within(Duration::from_secs(60))))
        });
        let limit = within(Duration::from_secs(9));
        while lock(&look_up.waiting).len() < 4 {
            assert!(!limit.left().is_zero(), "they don't wait");
            thread::yield_now();
        }
        if let Some(found) = found {
            under_way.found = found;
        }
        drop(under_way);
        // The next one begins.
        let next = look_up.addresses(&within(Duration::from_secs(60))).unwrap();
        assert!(!next.is_empty() && next.iter().all(|it| it.port() == 80), "{next:?}");
        jobs.map(|job| job.join().unwrap())
    }

    #[test]
    fn a_look_up_that_is_under_way_is_waited_for_and_no_other_one_begins() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        for found in of_three_jobs(Some(Ok(vec![address]))) {
            assert_eq!(found.unwrap(), [address]);
        }
        for found in of_three_jobs(Some(Err(io::Error::from_raw_os_error(24)))) {
            assert_eq!(found.unwrap_err().raw_os_error(), Some(24));
        }
    }

    #[test]
    fn nobody_waits_for_a_look_up_that_has_died() {
        for found in of_three_jobs(None) {
            assert_eq!(found.unwrap_err().to_string(), "the look-up has died");
        }
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let (look_up, _under_way) = mute();
        for _ in 0..3 {
            let error = look_up.addresses(&within(Duration::from_millis(1))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn nobody_waits_once_the_run_is_to_stop() {
        let (look_up, _under_way) = mute();
        let stop = Arc::default();
        let deadline = within(Duration::from_secs(60)).or_at(&stop);
        let waiting = Arc::clone(&look_up.waiting);
        let job = thread::spawn(move || look_up.addresses(&deadline).is_err());
        while lock(&waiting).len() < 2 {
            thread::yield_now();
        }
        stop.store(true, Ordering::Release);
        assert!(job.join().unwrap());
    }
}
