//! A TCP connection to one of several addresses, as RFC 8305 says: the families take turns, an attempt has a
//! quarter of a second before the next one begins beside it, and the first that is there wins. So an address
//! that is dead costs no more than that.
//!
//! All attempts run on the caller's thread: their sockets don't block, and one `poll` waits for all of them. So a
//! dead address keeps no thread and no descriptor once another one has won.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{self, AddressFamily, sockopt};

use super::socket;
use super::time_limit::Deadline;

/// RFC 8305, 5: the recommended time between two attempts.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address that answers. `addresses` stand in the order in which to try them. If all
/// fail, the error is that of the last one that this host can try at all.
pub fn connect(addresses: &[SocketAddr], deadline: &Deadline) -> io::Result<OwnedFd> {
    let mut waiting = taking_turns(addresses).into_iter();
    let mut race = Race::default();
    loop {
        // One that fails at once costs no wait.
        while waiting.next().is_some_and(|address| !race.begin(&address)) {}
        if race.under_way.is_empty() {
            let none = || io::Error::other("the host has no address");
            return Err(race.error.map_or_else(none, Into::into));
        }
        if deadline.has_passed() {
            return Err(deadline.passed());
        }
        let is_last = waiting.as_slice().is_empty();
        let next = if is_last { deadline.clone() } else { deadline.within(HEAD_START) };
        if let Some(winner) = race.wait(&next)? {
            ioctl_fionbio(&winner, false)?;
            sockopt::set_tcp_nodelay(&winner, true)?;
            return Ok(winner);
        }
    }
}

/// The addresses, a family at a time in turn. The first stays the first.
fn taking_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut count = [0, 0];
    let mut order = addresses.to_vec();
    // The sort is stable. The key is the address's place in its own family.
    order.sort_by_cached_key(|address| {
        let place = &mut count[usize::from(address.is_ipv4())];
        *place += 1;
        *place
    });
    order
}

/// The attempts to connect.
#[derive(Default)]
struct Race {
    under_way: Vec<OwnedFd>,
    error: Option<Errno>,
}

impl Race {
    /// Returns whether this attempt is under way; otherwise it has failed.
    fn begin(&mut self, address: &SocketAddr) -> bool {
        let begun = begin(address).map(|socket| self.under_way.push(socket));
        begun.map_err(|error| self.fail(error)).is_ok()
    }

    fn fail(&mut self, error: Errno) {
        if self.error.is_none() || !is_of_no_address(error) {
            self.error = Some(error);
        }
    }

    /// Waits until an attempt ends, or the deadline has passed. Returns the connection if one is there.
    fn wait(&mut self, deadline: &Deadline) -> io::Result<Option<OwnedFd>> {
        let sockets = self.under_way.iter().map(|socket| PollFd::new(socket, PollFlags::OUT));
        let mut sockets: Vec<_> = sockets.collect();
        socket::poll_until(&mut sockets, deadline)?;
        let ended = sockets.iter().position(|socket| !socket.revents().is_empty());
        let Some(ended) = ended else { return Ok(None) };
        let socket = self.under_way.swap_remove(ended);
        match sockopt::socket_error(&socket)? {
            Ok(()) => return Ok(Some(socket)),
            Err(error) => self.fail(error),
        }
        Ok(None)
    }
}

/// Whether this host has no address from which to try: none of this family, as in a container whose hosts file
/// has ::1 all the same, or no route. It says nothing of the server.
fn is_of_no_address(error: Errno) -> bool {
    matches!(error, Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::NETUNREACH)
}

/// Begins to connect. `poll` tells the end.
fn begin(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket::of(family)?;
    ioctl_fionbio(&socket, true)?;
    match net::connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
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
        connect(&[refusing, listener.local_addr().unwrap()], &deadline).unwrap();
        let error = connect(&[refusing, refusing], &deadline).unwrap_err();
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
