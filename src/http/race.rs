//! A TCP connection to one of several addresses, as RFC 8305 says: the families take turns, an attempt has a
//! quarter of a second before the next one begins beside it, and the first that is there wins. So an address
//! that is dead costs no more than that.
//!
//! All attempts run on the caller's thread: their sockets don't block, and one `poll` waits for all of them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{self, AddressFamily, SocketType, sockopt};

use super::time_limit::Deadline;

/// RFC 8305, 5: the recommended time between two attempts.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address that answers. `addresses` stand in the order in which to try them. If all
/// fail, the error is that of the last one that this host can try at all.
pub fn connect(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<OwnedFd> {
    let mut race = Race { waiting: taking_turns(addresses).into_iter(), ..Race::default() };
    loop {
        if let Some(winner) = race.start_next() {
            return ready(winner);
        }
        if race.under_way.is_empty() {
            return Err(race.error.map_or_else(|| deadline.passed(), Into::into));
        }
        let left = deadline.left();
        if left.is_zero() {
            return Err(deadline.passed());
        }
        if let Some(winner) = race.wait(left)? {
            return ready(winner);
        }
    }
}

/// The addresses, a family at a time in turn. The first stays the first.
fn taking_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first_family = |address: &&SocketAddr| {
        addresses.first().is_some_and(|it| it.is_ipv4() == address.is_ipv4())
    };
    let (first, second): (Vec<SocketAddr>, Vec<_>) = addresses.iter().partition(is_first_family);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

/// A connection blocks from now on, and sends small packets at once.
fn ready(socket: OwnedFd) -> io::Result<OwnedFd> {
    ioctl_fionbio(&socket, false)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// The attempts to connect.
#[derive(Default)]
struct Race {
    waiting: std::vec::IntoIter<SocketAddr>,
    under_way: Vec<OwnedFd>,
    /// The next attempt begins no sooner, unless one fails; `None`: at once.
    next_start: Option<Instant>,
    error: Option<Errno>,
}

impl Race {
    /// Begins the attempts that are due. Returns a connection that is there at once, as on the loopback.
    fn start_next(&mut self) -> Option<OwnedFd> {
        while self.next_start.is_none_or(|start| start <= Instant::now()) {
            let address = self.waiting.next()?;
            match begin(&address) {
                Ok((socket, true)) => return Some(socket),
                Ok((socket, false)) => {
                    self.under_way.push(socket);
                    self.next_start = Some(Instant::now() + HEAD_START);
                }
                Err(error) => self.fail(error),
            }
        }
        None
    }

    fn fail(&mut self, error: Errno) {
        if self.error.is_none() || !is_of_no_address(error) {
            self.error = Some(error);
        }
        self.next_start = None;
    }

    /// Waits until an attempt ends or the next one is due, at most `left`. Returns the connection if one is
    /// there.
    fn wait(&mut self, left: Duration) -> io::Result<Option<OwnedFd>> {
        let until_next = self.next_start.filter(|_| !self.waiting.as_slice().is_empty());
        let until_next = until_next.map(|start| start.saturating_duration_since(Instant::now()));
        let timeout = until_next.map_or(left, |until_next| until_next.min(left));
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let sockets = self.under_way.iter().map(|socket| PollFd::new(socket, PollFlags::OUT));
        let mut sockets: Vec<_> = sockets.collect();
        match poll(&mut sockets, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready: Vec<_> = sockets.iter().map(|it| !it.revents().is_empty()).collect();
        for (socket, is_ready) in std::mem::take(&mut self.under_way).into_iter().zip(is_ready) {
            if !is_ready {
                self.under_way.push(socket);
                continue;
            }
            match sockopt::socket_error(&socket)? {
                Ok(()) => return Ok(Some(socket)),
                Err(error) => self.fail(error),
            }
        }
        Ok(None)
    }
}

/// Whether this host has no address from which to try: none of this family, as in a container whose hosts file
/// has ::1 all the same, or no route. It says nothing of the server.
fn is_of_no_address(error: Errno) -> bool {
    matches!(error, Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::NETUNREACH)
}

/// Begins to connect. Returns whether the connection is there already.
fn begin(address: &SocketAddr) -> Result<(OwnedFd, bool), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    match net::connect(&socket, address) {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_address_stays_first() {
        let order = |text: &str| {
            let addresses: Vec<_> = text.split(' ').map(|it| it.parse().unwrap()).collect();
            let order: Vec<_> = taking_turns(&addresses).iter().map(|it| it.to_string()).collect();
            order.join(" ")
        };
        let six = "[::1]:1 [::2]:1 [::3]:1 127.0.0.1:1";
        assert_eq!(order(six), "[::1]:1 127.0.0.1:1 [::2]:1 [::3]:1");
        let four = "127.0.0.1:1 127.0.0.2:1 [::1]:1";
        assert_eq!(order(four), "127.0.0.1:1 [::1]:1 127.0.0.2:1");
        assert_eq!(order("[::1]:1"), "[::1]:1");
        assert!(taking_turns(&[]).is_empty());
    }

    #[test]
    fn an_address_that_refuses_costs_nothing_and_the_last_error_counts() {
        let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = Deadline::after(Duration::from_secs(60), "--test");
        connect(&[refusing, listener.local_addr().unwrap()], deadline).unwrap();
        let error = connect(&[refusing, refusing], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_address_that_this_host_cannot_try_says_nothing_if_another_does() {
        let error = |errors: &[Errno]| {
            let mut race = Race::default();
            errors.iter().for_each(|&error| race.fail(error));
            race.error.unwrap()
        };
        for none in [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::NETUNREACH] {
            assert_eq!(error(&[Errno::CONNREFUSED, none]), Errno::CONNREFUSED);
            assert_eq!(error(&[none, Errno::CONNREFUSED]), Errno::CONNREFUSED);
            assert_eq!(error(&[none]), none);
        }
        assert_eq!(error(&[Errno::CONNREFUSED, Errno::TIMEDOUT]), Errno::TIMEDOUT);
    }
}
