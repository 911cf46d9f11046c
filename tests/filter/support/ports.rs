//! Ports of no server: one that refuses each connection, and one that leaves it without an answer.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::server::{Request, Server};

/// A port that is taken, and at which no program listens: connections to it are refused.
pub struct ClosedPort(Socket);

impl ClosedPort {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        ClosedPort(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address())
    }

    /// From now on a server listens there.
    pub fn open(
        self,
        answer: impl Fn(usize, &Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        self.0.listen(128).unwrap();
        Server::answering_on(self.0.into(), answer)
    }
}

/// A port whose queue of connections is full and stays so: further ones get no answer.
pub struct FullPort {
    port: ClosedPort,
    _queue: Vec<TcpStream>,
}

impl FullPort {
    pub fn new() -> Self {
        let port = ClosedPort::new();
        port.0.listen(0).unwrap();
        let (address, soon) = (port.address(), Duration::from_millis(200));
        let mut queue = Vec::new();
        while let Ok(connection) = TcpStream::connect_timeout(&address, soon) {
            queue.push(connection);
        }
        FullPort { port, _queue: queue }
    }

    /// The connections that wait for an answer.
    pub fn waiting(&self) -> usize {
        let to_it = format!(" 0100007F:{:04X} 02 ", self.address().port());
        fs::read_to_string("/proc/net/tcp").unwrap().matches(&to_it).count()
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub fn url(&self) -> String {
        self.port.url()
    }
}
