//! Cut at every byte: a good response of which the server sends only the first k bytes, for every k, and
//! then closes, or resets. No k may give a wrong line and no failure.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;

use crate::support::program::{Run, command, run_command};
use crate::support::server::{Request, Server};
use crate::support::tiny_frames;
use crate::support::tls::{Authority, accept, close};

const LINE: &str = "{\"label\": \"cat\", \"score\": 0.98}";
const SIZED: &str = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 31\r\nDate: today\r\n\r\n\
                     {\"label\": \"cat\", \"score\": 0.98}";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                       10\r\n{\"label\": \"cat\",\r\nf\r\n \"score\": 0.98}\r\n0\r\n\r\n";

#[derive(Clone, Copy, PartialEq)]
enum End {
    Close,
    Reset,
}

/// Ends the connection. All of the request has been read: a close is a FIN, unless a reset is asked for.
fn end(connection: &TcpStream, end: End) {
    if end == End::Reset {
        SockRef::from(connection).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A run in which the k-th frame's response is cut after k bytes.
fn run_cut(response: &'static str, how: End) -> Run {
    let server = Server::scripted(move |k, mut connection| {
        if Request::read(&mut connection).is_some() {
            connection.write_all(&response.as_bytes()[..k]).unwrap();
            end(&connection, how);
        }
    });
    let arguments = ["-s", "1x1", "--retry", "0", "--keep-going", &server.url()];
    run_command(command(&arguments), &tiny_frames(response.len() as u32 + 1))
}

/// Looks at each cut: `wrong` gets k and the line of every frame that has not failed and whose line
/// is not the whole response's.
fn judge(run: &Run, cuts: usize, mut wrong: impl FnMut(usize, &str)) {
    let lines = run.lines();
    assert_eq!(lines.len(), cuts);
    let failed = |k| run.stderr.contains(&format!("pngpost: frame {k}: upload: "));
    for (k, line) in lines.iter().enumerate() {
        if failed(k) {
            assert_eq!(line, "", "after {k} bytes");
        } else if line != LINE {
            wrong(k, line);
        }
    }
    assert_eq!(run.status, Some(1));
}

#[test]
fn a_response_with_a_length_is_whole_or_a_failure() {
    let run = run_cut(SIZED, End::Close);
    judge(&run, SIZED.len() + 1, |k, line| panic!("{k} bytes: {line}"));
    judge(&run_cut(SIZED, End::Reset), SIZED.len() + 1, |k, line| panic!("{k} bytes: {line}"));
}

#[test]
fn a_chunked_response_is_whole_or_a_failure() {
    let cuts = CHUNKED.len() + 1;
    judge(&run_cut(CHUNKED, End::Reset), cuts, |k, line| panic!("{k} bytes: {line}"));
    judge(&run_cut(CHUNKED, End::Close), cuts, |k, line| panic!("{k} bytes: {line}"));
}

/// Lets `left` bytes through to the client, then fails.
struct Cut<'a> {
    connection: &'a TcpStream,
    left: usize,
}

impl Read for Cut<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.connection.read(bytes)
    }
}

impl Write for Cut<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.left -= count;
        self.connection.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

/// A run over TLS in which each connection, as they come, is cut one byte later than the one before, from
/// `cuts.start` to `cuts.end` bytes of all that the server sends, handshake and all. Gives the run, and
/// how many bytes the last connection was sent.
fn run_cut_over_tls(response: &'static str, how: End, cuts: Range<usize>) -> (Run, usize) {
    let authority = Authority::new("cuts");
    let mut config = Arc::unwrap_or_clone(authority.server());
    // The same handshake each time: no session is resumed.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let (config, sent) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
    let (first, count) = (cuts.start, Arc::clone(&sent));
    let server = Server::scripted(move |number, connection| {
        let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut cut = Cut { connection: &connection, left: first + number };
        let mut stream = rustls::Stream::new(&mut session, &mut cut);
        if Request::read(&mut stream).is_some() {
            let _ = stream.write_all(response.as_bytes());
            let _ = stream.flush();
        }
        count.store(first + number - cut.left, Ordering::Release);
        end(&connection, how);
    });
    let url = server.https_url();
    let arguments = ["-s", "1x1", "-j", "4", "--retry", "0", "--keep-going", &url];
    let command = authority.trusted_by(command(&arguments));
    let run = run_command(command, &tiny_frames(cuts.len() as u32));
    (run, sent.load(Ordering::Acquire))
}

fn cut_over_tls(response: &'static str) {
    const UNCUT: usize = 100_000;
    let (run, whole) = run_cut_over_tls(response, End::Close, UNCUT..UNCUT + 1);
    assert_eq!(run.ok().lines(), [LINE]);
    for how in [End::Close, End::Reset] {
        // Signatures differ in length by a few bytes.
        let (run, _) = run_cut_over_tls(response, how, 0..whole + 10);
        judge(&run, whole + 10, |frame, line| panic!("frame {frame}: {line}"));
        let good = run.lines().iter().filter(|&line| line == LINE).count();
        assert!(good < 50, "{good} whole responses");
    }
}

#[test]
fn over_tls_a_response_with_a_length_is_whole_or_a_failure() {
    cut_over_tls(SIZED);
}

#[test]
fn over_tls_a_chunked_response_is_whole_or_a_failure() {
    cut_over_tls(CHUNKED);
}

#[test]
fn over_tls_a_response_without_length_is_whole_only_if_the_stream_ends_properly() {
    let authority = Authority::new("unsized");
    let config = authority.server();
    let server = Server::scripted(move |number, connection| {
        let mut stream = accept(&config, connection);
        if Request::read(&mut stream).is_some() {
            let response = format!("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{LINE}");
            stream.write_all(response.as_bytes()).unwrap();
            match number {
                0 => close(&mut stream),
                _ => stream.flush().unwrap(),
            }
        }
    });
    let url = server.https_url();
    let command = authority.trusted_by(command(&["-s", "1x1", "--keep-going", &url]));
    let run = run_command(command, &tiny_frames(2));
    assert_eq!((run.status, run.lines()), (Some(1), vec![LINE.to_owned(), String::new()]));
    let cause = "response cut short: closed before its end, and without ending TLS";
    let message = format!("pngpost: frame 1: upload: {cause}");
    assert!(run.stderr.starts_with(&message), "{}", run.stderr);
}
