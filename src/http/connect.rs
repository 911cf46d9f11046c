//! A new connection to the server: name look-up, TCP or a Unix socket, a proxy, TLS.
//!
//! Nothing of a request has left before a connection is there, so every error of this file means "never sent".
//! All of it together ends at --connect-timeout, or with the attempt, or once the run is to stop.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix};
use rustls::pki_types::ServerName;

use crate::request::{Url, UserInfo};

use super::connection::Connection;
use super::look_up::LookUp;
use super::outcome::{self, Failure};
use super::race;
use super::route::{Route, Way, place};
use super::socket::{self, OnSilence, Socket};
use super::time_limit::{CONNECT_TIMEOUT, Deadline};
use super::tls::Tls;
use super::tunnel;
use super::wire::Wire;

/// Makes connections to one server.
pub struct Connector {
    end: End,
    /// The one that the socket leads to.
    proxy: Option<ViaProxy>,
    /// The name of the proxy or the path of the socket that requests go through.
    detour: Option<String>,
    /// To the server itself.
    tls: Option<Secured>,
    /// The server's name in messages.
    server: String,
    timeout: Duration,
    /// Whether the run is to stop.
    stop: Arc<AtomicBool>,
    on_silence: OnSilence,
}

/// The other end of the socket.
enum End {
    Tcp(LookUp),
    Unix(SocketAddrUnix),
}

pub struct ViaProxy {
    tls: Option<Secured>,
    pub authorization: Option<String>,
}

struct Secured {
    tls: Tls,
    name: ServerName<'static>,
}

impl Connector {
    /// The error is bad usage: a host's name can't be in a certificate, or the path of a socket is too long.
    pub fn new(url: &Url, way: Way, on_silence: OnSilence) -> anyhow::Result<Self> {
        let Way { route, tls, proxy_tls, timeout, stop } = way;
        let (end, proxy, detour) = match route {
            Route::Direct => (End::Tcp(LookUp::new(url)), None, None),
            Route::Unix(path) => {
                let name = path.to_string_lossy().into_owned();
                (End::Unix(unix_address(&path)?), None, Some(name))
            }
            Route::Proxy(proxy) => {
                let tls = secured_for(proxy_tls, proxy.url.bare_host()).context("--proxy")?;
                let authorization = proxy.user.as_ref().map(UserInfo::basic);
                let via = ViaProxy { tls, authorization };
                let name = format!("proxy {}", place(&proxy.url));
                (End::Tcp(LookUp::new(&proxy.url)), Some(via), Some(name))
            }
        };
        let tls = secured_for(tls, url.bare_host()).context("URL")?;
        Ok(Connector { end, proxy, detour, tls, server: place(url), timeout, stop, on_silence })
    }

    /// A new connection, with TLS if the URL says so.
    pub fn connect(&self, deadline: Deadline) -> Result<Connection, Failure> {
        let deadline = deadline.sooner(Deadline::after(self.timeout, CONNECT_TIMEOUT));
        let deadline = deadline.or_at(&self.stop);
        let at = |place: &str, error: io::Error| {
            Failure::of(&error, false, format!("{place}: {}", outcome::text(&error)))
        };
        let first = self.detour().unwrap_or(&self.server);
        let wire = self.wire(&deadline).map_err(|error| at(first, error))?;
        let wire = secured(wire, self.tls.as_ref()).map_err(|error| at(&self.server, error))?;
        // The last wait may have ended well after a stop.
        if deadline.has_passed() {
            return Err(at(&self.server, deadline.passed()));
        }
        Ok(Connection::over(wire))
    }

    /// A wire to the server, its socket or the proxy, or through the proxy to the server.
    fn wire(&self, deadline: &Deadline) -> io::Result<Wire> {
        let socket = match &self.end {
            End::Tcp(look_up) => race::connect(&look_up.addresses(deadline)?, deadline)?,
            End::Unix(address) => connect_unix(address, deadline)?,
        };
        let on_silence = Some(Arc::clone(&self.on_silence));
        let wire = Wire::Plain(Socket::new(socket, deadline.clone(), on_silence)?);
        let Some(proxy) = &self.proxy else { return Ok(wire) };
        let wire = secured(wire, proxy.tls.as_ref())?;
        match self.tls {
            Some(_) => tunnel::open(wire, &self.server, proxy.authorization.as_deref()),
            None => Ok(wire),
        }
    }

    /// The name of the peer that reads the requests, in messages.
    pub fn peer(&self) -> &str {
        let has_tunnel = self.proxy.is_some() && self.tls.is_some();
        self.detour().filter(|_| !has_tunnel).unwrap_or(&self.server)
    }

    /// The name of the proxy or the path of the socket that requests go through.
    pub fn detour(&self) -> Option<&str> {
        self.detour.as_deref()
    }

    /// The proxy that reads the requests: it passes on those for http. One for https goes through a tunnel.
    pub fn reading_proxy(&self) -> Option<&ViaProxy> {
        self.proxy.as_ref().filter(|_| self.tls.is_none())
    }
}

fn secured_for(tls: Option<Tls>, host: &str) -> anyhow::Result<Option<Secured>> {
    let Some(tls) = tls else { return Ok(None) };
    Ok(Some(Secured { tls, name: ServerName::try_from(host.to_owned())? }))
}

fn secured(wire: Wire, secured: Option<&Secured>) -> io::Result<Wire> {
    let Some(Secured { tls, name }) = secured else { return Ok(wire) };
    let session = tls.session(name.clone()).map_err(io::Error::other)?;
    wire.secured(session).map_err(outcome::of_handshake)
}

fn unix_address(path: &Path) -> anyhow::Result<SocketAddrUnix> {
    /// Linux: `sun_path` without its closing NUL.
    const MAX_PATH_BYTES: usize = 107;
    SocketAddrUnix::new(path).map_err(|_| {
        anyhow::anyhow!("--unix-socket: takes the path of a socket, of 1 to {MAX_PATH_BYTES} bytes")
    })
}

/// Linux waits in `connect` while the queue of a Unix socket is full, as long as a send may wait.
fn connect_unix(address: &SocketAddrUnix, deadline: &Deadline) -> io::Result<OwnedFd> {
    let socket = socket::of(AddressFamily::UNIX)?;
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(deadline.passed());
        }
        set_socket_timeout(&socket, Timeout::Send, Some(left))?;
        match net::connect(&socket, address) {
            Ok(()) => return Ok(socket),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
