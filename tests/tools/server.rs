//! A scripted server over std::net: the test writes the response, byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wait_until;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line and all header lines, each without CR LF.
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

impl Request {
    /// All values of this header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head[1..].iter().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// Reads one request; `None` if the connection ends first.
    pub fn read(connection: &mut impl Read) -> Option<Request> {
        let mut reader = BufReader::new(connection);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
            match line.trim_end_matches(['\r', '\n']) {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut request = Request { head, body: Vec::new() };
        // CONNECT has none.
        let length = request.header("Content-Length").first().map_or(Ok(0), |it| it.parse());
        request.body = vec![0; length.ok()?];
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// Connections accepted.
    pub connections: Arc<AtomicUsize>,
    /// Requests read whole, in the order in which they were.
    pub requests: Arc<Mutex<Vec<Request>>>,
    closing: Arc<AtomicBool>,
}

impl Server {
    /// `script` has each connection to itself, on a thread of its own. Connections count from 0.
    pub fn scripted(script: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Server {
        Server::scripted_on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    fn scripted_on(
        listener: TcpListener,
        script: impl Fn(usize, TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let server = Server {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            closing: Arc::default(),
        };
        let (connections, closing) = (Arc::clone(&server.connections), Arc::clone(&server.closing));
        let script = Arc::new(script);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if closing.load(Ordering::Acquire) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let number = connections.fetch_add(1, Ordering::AcqRel);
                let script = Arc::clone(&script);
                thread::spawn(move || script(number, connection));
            }
        });
        server
    }

    /// Reads each request whole and writes the answer to it; requests count from 0. Closes unless the client
    /// keeps the connection and the answer says where it ends.
    pub fn answering(
        answer: impl Fn(usize, &Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        Server::answering_on(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    pub fn answering_on(
        listener: TcpListener,
        answer: impl Fn(usize, &Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let mut server = Server::scripted_on(listener, move |_, mut connection| {
            while let Some(request) = Request::read(&mut connection) {
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                let answer = answer(number, &request);
                let written = connection.write_all(&answer);
                if written.is_err()
                    || request.header("Connection") == ["close"]
                    || !is_whole(&answer)
                {
                    return;
                }
            }
        });
        server.requests = requests;
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The URL of a script that speaks TLS and shows a certificate for localhost.
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

/// Holds a connection, and sends nothing on it, until the program closes its end.
pub fn wait_for_hang_up(connection: &TcpStream) {
    wait_until("the program hangs up", || connection.peek(&mut [0]).map_or(true, |n| n == 0));
}

/// Whether a client sees the end of this answer while the connection is open.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.and_then(|length| length.parse().ok()) == Some(answer.len() - end - 4)
}

/// The same response, with the word that the connection is closed after it.
pub fn closing(response: Vec<u8>) -> Vec<u8> {
    let head = memchr::memmem::find(&response, b"\r\n").expect("a status line");
    [&response[..head], b"\r\nConnection: close", &response[head..]].concat()
}

/// A response with a Content-Length.
pub fn response(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    response_with(status, "", body)
}

/// The same with more header lines, each ended by CR LF.
pub fn response_with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    response("200 OK", body)
}
