//! A connection that stays: TCP, or TLS over it, made and used as ureq says.
//!
//! ureq has connections of its own, but they keep to themselves what promises 4 and 5 need to know:
//! whether anything of a request has left, and whether a stream has ended properly: ureq takes a reset,
//! or TLS without close_notify, for the end of a body without length. These tell it by their errors.
//! They also look a name up only to connect, and send a head and what follows of its body in one piece.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::ConfigVerifierExt;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, time,
};

use super::reply::MAX_HEADER_BYTES;
use super::socket::{Socket, left_until, unsent};

/// Bytes on their way in. All headers of a response have to fit.
const INPUT_BYTES: usize = MAX_HEADER_BYTES + (16 << 10);

/// Bytes on their way out. More are sent in several pieces.
const OUTPUT_BYTES: usize = 64 << 10;

/// Where less room than this is left, what is held back is sent.
const ROOM_BYTES: usize = 4 << 10;

static TLS: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> =
    LazyLock::new(|| ClientConfig::with_platform_verifier().map(Arc::new));

/// Makes connections.
#[derive(Debug, Default)]
pub struct Dialer {
    names: DefaultResolver,
}

/// ureq asks for addresses before it looks into its pool. So early there are none: `Dialer` looks a
/// name up, where there is a connection to make.
#[derive(Debug)]
pub struct Later;

impl Resolver for Later {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

impl Connector for Dialer {
    type Out = Connection;

    fn connect(&self, to: &ConnectionDetails, _: Option<()>) -> Result<Option<Connection>, Error> {
        // A request leaves only when its connection is made, TLS and all.
        self.dial(to).map(Some).map_err(|error| unsent(error, false))
    }
}

impl Dialer {
    fn dial(&self, to: &ConnectionDetails) -> Result<Connection, Error> {
        let deadline = deadline(&to.timeout);
        // The first time, certificates are read: no server is kept waiting for that.
        let config = to.needs_tls().then(|| TLS.clone()).transpose().map_err(io::Error::other)?;
        let mut socket = Socket::new(connect(&self.look_up(to)?, deadline)?, deadline);
        let wire = if let Some(config) = config {
            let host = bare_host(to.uri).to_owned();
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
            session.complete_io(&mut socket)?;
            Wire::Tls(Box::new(StreamOwned::new(session, socket)))
        } else {
            Wire::Plain(socket)
        };
        let buffers = LazyBuffers::new(INPUT_BYTES, OUTPUT_BYTES);
        Ok(Connection { wire, buffers: Held { buffers, count: 0 } })
    }

    fn look_up(&self, to: &ConnectionDetails) -> Result<ResolvedSocketAddrs, Error> {
        // With a limit, ureq takes a thread for it. An address needs no such thing.
        let after = match bare_host(to.uri).parse::<IpAddr>() {
            Ok(_) => time::Duration::NotHappening,
            Err(_) => to.timeout.after,
        };
        self.names.resolve(to.uri, to.config, NextTimeout { after, ..to.timeout })
    }
}

/// The host, an IPv6 address without its brackets.
fn bare_host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

/// The first address that answers; each gets an equal share of the time that is left.
fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Error> {
    let mut last = Error::HostNotFound;
    for (index, address) in addresses.iter().enumerate() {
        let share = left_until(deadline)? / (addresses.len() - index) as u32;
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error.into(),
        }
    }
    left_until(deadline)?;
    Err(last)
}

fn deadline(timeout: &NextTimeout) -> Instant {
    let now = Instant::now();
    // Without a limit, far off.
    now.checked_add(*timeout.after).unwrap_or(now + Duration::from_secs(1 << 30))
}

/// What `Dialer` makes.
pub struct Connection {
    wire: Wire,
    buffers: Held,
}

enum Wire {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Wire {
    fn socket(&mut self) -> &mut Socket {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &mut stream.sock,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.write_all(bytes),
            // What `write_all` leaves unsaid of an error, `flush` says.
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn receive(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(bytes),
            Wire::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Connection {
    fn send_held(&mut self) -> Result<(), Error> {
        let count = std::mem::take(&mut self.buffers.count);
        self.wire.send(&self.buffers.buffers.output()[..count])?;
        Ok(())
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, count: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.wire.socket().deadline = deadline(&timeout);
        self.buffers.count += count;
        if self.buffers.output().len() < ROOM_BYTES { self.send_held() } else { Ok(()) }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.wire.socket().deadline = deadline(&timeout);
        if self.buffers.count > 0 {
            self.send_held()?;
        }
        let count = self.wire.receive(self.buffers.input_append_buf()).map_err(not_an_end)?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// ureq asks this between two requests, and only then.
    fn is_open(&mut self) -> bool {
        let unread = match &mut self.wire {
            Wire::Plain(_) => false,
            Wire::Tls(stream) => {
                stream.conn.wants_write() || stream.conn.reader().read(&mut [0]).is_ok()
            }
        };
        !unread && self.buffers.count == 0 && self.wire.socket().is_idle()
    }

    fn is_tls(&self) -> bool {
        matches!(self.wire, Wire::Tls(_))
    }
}

/// ureq passes over errors of these kinds in the middle of a body. As `Other` they get through.
fn not_an_end(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
            Error::Other(Box::new(error))
        }
        _ => error.into(),
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// ureq's buffers, of which the first `count` bytes of output wait to be sent.
struct Held {
    buffers: LazyBuffers,
    count: usize,
}

impl Buffers for Held {
    fn output(&mut self) -> &mut [u8] {
        &mut self.buffers.output()[self.count..]
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        let (tmp, output) = self.buffers.tmp_and_output();
        (tmp, &mut output[self.count..])
    }

    fn input(&self) -> &[u8] {
        self.buffers.input()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.buffers.input_append_buf()
    }

    fn input_appended(&mut self, count: usize) {
        self.buffers.input_appended(count);
    }

    fn input_consume(&mut self, count: usize) {
        self.buffers.input_consume(count);
    }

    fn can_use_input(&self) -> bool {
        self.buffers.can_use_input()
    }
}
