//! The bytes of a connection: a socket, or TLS over a wire, which may be TLS itself (to a proxy).
//!
//! Sending never waits for room. Receiving waits until the socket's deadline. It tells how a stream ends: a
//! reset, or TLS without close_notify, is an error and not the end.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use rustls::ClientConnection;

use super::socket::{Ready, Socket};

pub enum Wire {
    Plain(Socket),
    Tls(Box<Layer>),
}

pub struct Layer {
    session: ClientConnection,
    below: Wire,
}

impl Wire {
    /// TLS over this wire, once the handshake is done.
    pub fn secured(self, session: ClientConnection) -> io::Result<Wire> {
        let mut layer = Layer { session, below: self };
        layer.shake_hands()?;
        Ok(Wire::Tls(Box::new(layer)))
    }

    pub fn socket(&self) -> &Socket {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(layer) => layer.below.socket(),
        }
    }

    pub fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(layer) => layer.below.socket_mut(),
        }
    }

    /// Whether the connection is open and nothing has come on it.
    pub fn is_idle(&mut self) -> bool {
        match self {
            Wire::Plain(socket) => socket.is_idle(),
            Wire::Tls(layer) => {
                let session = &mut layer.session;
                !session.wants_write()
                    && session.reader().read(&mut [0]).is_err()
                    && layer.below.is_idle()
            }
        }
    }

    /// Whether bytes that were taken lie here unsent.
    pub fn holds_unsent(&self) -> bool {
        match self {
            Wire::Plain(_) => false,
            Wire::Tls(layer) => layer.session.wants_write() || layer.below.holds_unsent(),
        }
    }

    /// Whether bytes that were received lie here, or the end of the stream.
    fn holds_input(&self) -> bool {
        match self {
            Wire::Plain(_) => false,
            Wire::Tls(layer) => !layer.session.wants_read() || layer.below.holds_input(),
        }
    }

    /// Waits for input or room, and prefers input. Fails at the deadline.
    pub fn wait(&self) -> io::Result<Ready> {
        if self.holds_input() { Ok(Ready::Input) } else { self.socket().wait() }
    }

    /// Takes a part of it, and sends a part of what has been taken. `WouldBlock`: there is no room.
    pub fn send(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        match self {
            Wire::Plain(_) if pieces.iter().all(|piece| piece.is_empty()) => Ok(0),
            Wire::Plain(socket) => socket.send(pieces),
            Wire::Tls(layer) => layer.send(pieces),
        }
    }

    /// Receives once. `WouldBlock`: bytes came, and none of them are for the caller.
    pub fn receive(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.receive(bytes),
            Wire::Tls(layer) => match layer.session.reader().read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    layer.receive_records()?;
                    layer.session.reader().read(bytes)
                }
                result => result,
            },
        }
    }
}

impl Layer {
    fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            let step = if self.session.wants_write() || self.below.holds_unsent() {
                self.send_records().or_else(|error| match error.kind() {
                    ErrorKind::WouldBlock => self.below.wait().map(drop),
                    _ => Err(error),
                })
            } else if self.session.is_handshaking() {
                self.receive_records()
            } else {
                return Ok(());
            };
            step.or_else(|error| match error.kind() {
                // The bytes were those of the layer below alone.
                ErrorKind::WouldBlock => Ok(()),
                _ => Err(error),
            })?;
        }
    }

    fn send(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        self.send_records()?;
        let count = self.session.writer().write_vectored(pieces)?;
        match self.send_records() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Sends all that has been taken. `WouldBlock`: there is no room for the rest.
    fn send_records(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.below)?;
        }
        self.below.send(&[]).map(drop)
    }

    /// Receives bytes for the session. In a handshake the end of the stream is an error; later the session
    /// judges it.
    fn receive_records(&mut self) -> io::Result<()> {
        if self.session.read_tls(&mut self.below)? == 0 && self.session.is_handshaking() {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed in the TLS handshake"));
        }
        self.session.process_new_packets().map(drop).map_err(|error| {
            // The server is told why, if it still listens.
            let _ = self.send_records();
            io::Error::other(error)
        })
    }
}

/// For rustls, which reads and writes a stream.
impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.receive(bytes)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        self.send(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
