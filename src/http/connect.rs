//! A new connection to the server: name look-up, TCP, TLS.
//!
//! Nothing of a request has left before a connection is there, so every error of this file means "never sent".
//! All of it ends at the deadline of the attempt.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use rustls_platform_verifier::ConfigVerifierExt;

use crate::request::Url;

use super::connection::Connection;
use super::look_up::LookUp;
use super::socket::{Socket, timed_out};

/// Makes connections to one server.
pub struct Connector {
    look_up: LookUp,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Connector {
    /// The error: there are no certificates to trust, or the host's name can't be in one.
    pub fn new(url: &Url) -> anyhow::Result<Self> {
        let host = url.bare_host();
        let tls = match url.https {
            false => None,
            true => Some((
                Arc::new(ClientConfig::with_platform_verifier()?),
                ServerName::try_from(host.to_owned())?,
            )),
        };
        Ok(Connector { look_up: LookUp::new(host, url.port_or_default()), tls })
    }

    /// A new connection, with TLS if the URL says so.
    pub fn connect(&self, deadline: Instant) -> io::Result<Connection> {
        let addresses = self.look_up.addresses(deadline)?;
        let socket = Socket::new(connect_to_any(&addresses, deadline)?, deadline);
        match &self.tls {
            None => Ok(Connection::plain(socket)),
            Some((config, name)) => {
                let session = ClientConnection::new(Arc::clone(config), name.clone());
                Connection::secure(session.map_err(io::Error::other)?, socket)
            }
        }
    }
}

/// Connects to the first address that answers. Each gets an equal share of the time that is left.
fn connect_to_any(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = timed_out();
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(timed_out());
        }
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    // std's own time limit has no error number: then our limit has passed.
    let is_ours = last.kind() == ErrorKind::TimedOut && last.raw_os_error().is_none();
    Err(if is_ours { timed_out() } else { last })
}
