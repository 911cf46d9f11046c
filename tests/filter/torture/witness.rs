//! A server that answers each frame by its number, and knows which frames it has read whole, and how often.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;

use crate::support::server::{Request, Server, ok};
use crate::support::{decode, tls, wait_until};

pub struct Witness {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    frames: Mutex<Vec<u32>>,
    ended: AtomicUsize,
}

/// Counts a connection as ended, however that comes.
struct Ended<'a>(&'a AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Witness {
    /// With TLS, if there is a `config`.
    pub fn new(config: Option<Arc<ServerConfig>>) -> Self {
        let shared = Arc::<Shared>::default();
        let of_server = Arc::clone(&shared);
        let server = Server::scripted(move |_, connection| {
            let _ended = Ended(&of_server.ended);
            match &config {
                Some(config) => of_server.answer(tls::accept(config, connection)),
                None => of_server.answer(connection),
            }
        });
        Witness { server, shared }
    }

    pub fn port(&self) -> u16 {
        self.server.address.port()
    }

    /// The frames that were read whole, in their order, once the program has ended and all that it has sent is read.
    pub fn frames(&self) -> Vec<u32> {
        // Connections are accepted in their order: when this one has ended, all others have begun.
        let mut last = TcpStream::connect(self.server.address).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        let _ = last.read_to_end(&mut Vec::new());
        let connections = self.server.connections();
        wait_until("all connections have ended", || {
            self.shared.ended.load(Ordering::Acquire) >= connections
        });
        self.shared.frames.lock().unwrap().clone()
    }
}

impl Shared {
    fn answer(&self, mut stream: impl Read + Write) {
        while let Some(request) = Request::read(&mut stream) {
            let frame = frame_of(&request.body);
            self.frames.lock().unwrap().push(frame);
            if stream.write_all(&response(frame)).is_err() {
                return;
            }
        }
    }
}

/// With a length, or without one for each second frame.
fn response(frame: u32) -> Vec<u8> {
    let line = format!("answer {frame}");
    if frame.is_multiple_of(2) {
        return ok(line);
    }
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{line}\r\n0\r\n\r\n", line.len()).into_bytes()
}

/// The number of the frame whose PNG is a part of the form: its first pixel.
fn frame_of(form: &[u8]) -> u32 {
    let begin = memchr::memmem::find(form, b"\x89PNG").expect("a PNG");
    let end = memchr::memmem::rfind(form, b"IEND").expect("a whole PNG");
    let [r, g, b, ..] = decode(&form[begin..end + 8]).pixels[..] else { panic!("no rgb24 pixel") };
    u32::from_be_bytes([0, r, g, b])
}
