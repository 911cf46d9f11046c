//! A new connection to the server: name look-up, TCP or a Unix socket, a proxy, TLS.
//!
//! Nothing of a request has left before a connection is there, so every error of this file means "never sent".
//! All of it together ends at --connect-timeout, or with the attempt.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix};
use rustls::pki_types::ServerName;

use crate::request::{Proxy, Url, UserInfo};

use super::connection::Connection;
use super::look_up::LookUp;
use super::outcome;
use super::race;
use super::route::{Route, place, proxy_place};
use super::socket::{self, Socket};
use super::time_limit::{CONNECT_TIMEOUT, Deadline};
use super::tls::Tls;
use super::tunnel;
use super::wire::Wire;

/// Makes connections to one server.
pub struct Connector {
    hop: Hop,
    /// To the server itself.
    tls: Option<Secured>,
    /// The server's name in messages.
    server: String,
    timeout: Duration,
}

/// The other end of the socket.
enum Hop {
    Server(LookUp),
    Unix(SocketAddrUnix, String),
    Proxy(Box<ViaProxy>),
}

struct ViaProxy {
    look_up: LookUp,
    tls: Option<Secured>,
    authorization: Option<String>,
    /// The proxy's name in messages.
    name: String,
}

struct Secured {
    tls: Tls,
    name: ServerName<'static>,
}

/// A connection that did not come about: where on the way, and why.
pub struct Unreached {
    pub place: String,
    pub error: io::Error,
}

/// An http request to a proxy.
pub struct AbsoluteForm<'a> {
    pub proxy: &'a str,
    pub authorization: Option<&'a str>,
}

impl Connector {
    /// `tls` is that of the server, `proxy_tls` that of an https proxy. The error is bad usage: a host's name
    /// can't be in a certificate, or the path of a socket is too long.
    pub fn new(
        url: &Url,
        route: Route,
        tls: Option<Tls>,
        proxy_tls: Option<Tls>,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let hop = match route {
            Route::Direct => Hop::Server(LookUp::new(url.bare_host(), url.port_or_default())),
            Route::Unix(path) => {
                Hop::Unix(unix_address(&path)?, path.to_string_lossy().into_owned())
            }
            Route::Proxy(proxy) => Hop::Proxy(Box::new(ViaProxy::new(&proxy, proxy_tls)?)),
        };
        let tls = tls.map(|tls| Secured::new(tls, url.bare_host())).transpose().context("URL")?;
        Ok(Connector { hop, tls, server: place(url), timeout })
    }

    /// A new connection, with TLS if the URL says so.
    pub fn connect(&self, deadline: Deadline) -> Result<Connection, Unreached> {
        let deadline = deadline.sooner(Deadline::after(self.timeout, CONNECT_TIMEOUT));
        let at = |place: &str, error| Unreached { place: place.to_owned(), error };
        let wire = match &self.hop {
            Hop::Server(look_up) => {
                wire_to(look_up, deadline).map_err(|error| at(&self.server, error))?
            }
            Hop::Unix(address, path) => {
                let socket = connect_unix(address, deadline).map_err(|error| at(path, error))?;
                Wire::Plain(Socket::new(socket, deadline))
            }
            Hop::Proxy(proxy) => {
                let target = self.tls.is_some().then_some(self.server.as_str());
                proxy.wire(target, deadline).map_err(|error| at(&proxy.name, error))?
            }
        };
        let wire = secured(wire, self.tls.as_ref()).map_err(|error| at(&self.server, error))?;
        Ok(Connection::over(wire))
    }

    /// The name of the peer that requests go to, in messages.
    pub fn peer(&self) -> &str {
        match &self.hop {
            Hop::Unix(_, path) => path,
            Hop::Proxy(proxy) if self.tls.is_none() => &proxy.name,
            _ => &self.server,
        }
    }

    /// The name of the proxy or the path of the socket that requests go through.
    pub fn detour(&self) -> Option<&str> {
        match &self.hop {
            Hop::Server(_) => None,
            Hop::Unix(_, path) => Some(path),
            Hop::Proxy(proxy) => Some(&proxy.name),
        }
    }

    /// The form that a proxy reads; `None` if requests go to the server or through a tunnel.
    pub fn absolute_form(&self) -> Option<AbsoluteForm<'_>> {
        match &self.hop {
            Hop::Proxy(proxy) if self.tls.is_none() => {
                let authorization = proxy.authorization.as_deref();
                Some(AbsoluteForm { proxy: &proxy.name, authorization })
            }
            _ => None,
        }
    }
}

impl ViaProxy {
    fn new(proxy: &Proxy, tls: Option<Tls>) -> anyhow::Result<Self> {
        let host = proxy.host.trim_start_matches('[').trim_end_matches(']');
        let tls = tls.filter(|_| proxy.https);
        Ok(ViaProxy {
            look_up: LookUp::new(host, proxy.port),
            tls: tls.map(|tls| Secured::new(tls, host)).transpose().context("--proxy")?,
            authorization: proxy.user.as_ref().map(UserInfo::basic),
            name: proxy_place(proxy),
        })
    }

    /// A wire to the proxy, or through it to `target`.
    fn wire(&self, target: Option<&str>, deadline: Deadline) -> io::Result<Wire> {
        let wire = secured(wire_to(&self.look_up, deadline)?, self.tls.as_ref())?;
        match target {
            Some(target) => tunnel::open(wire, target, self.authorization.as_deref()),
            None => Ok(wire),
        }
    }
}

impl Secured {
    fn new(tls: Tls, host: &str) -> anyhow::Result<Self> {
        Ok(Secured { tls, name: ServerName::try_from(host.to_owned())? })
    }
}

fn wire_to(look_up: &LookUp, deadline: Deadline) -> io::Result<Wire> {
    let socket = race::connect(&look_up.addresses(deadline)?, deadline)?;
    Ok(Wire::Plain(Socket::new(socket, deadline)))
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
fn connect_unix(address: &SocketAddrUnix, deadline: Deadline) -> io::Result<OwnedFd> {
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
