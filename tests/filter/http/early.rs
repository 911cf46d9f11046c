//! Answers that come early, late, or with other answers before them: each is read, wherever it comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::program::{Run, command, run, run_command};
use crate::support::server::{Request, Server, ok, response, response_with};
use crate::support::tls::{Authority, accept, close};
use crate::support::{BIG, BIG_BYTES, noise};

/// The server's next step, once it has answered before it has read the body.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// Closes: the unread bytes of the body make a reset of it, some time later.
    Closes,
    Resets,
    /// Neither closes nor reads.
    Holds,
}

const ALL: [Then; 3] = [Then::Closes, Then::Resets, Then::Holds];

/// Connections that stay open until the test ends.
type Held = Arc<Mutex<Vec<TcpStream>>>;

fn end(connection: TcpStream, then: Then, held: &Held) {
    match then {
        Then::Closes => {}
        Then::Resets => SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap(),
        Then::Holds => held.lock().unwrap().push(connection),
    }
}

/// The server's answer to its connection of this number, as soon as the first byte of a request is there.
fn early(then: Then, answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> (Server, Held) {
    let held = Held::default();
    let holds = Arc::clone(&held);
    let server = Server::scripted(move |number, mut connection| {
        if connection.peek(&mut [0]).is_ok_and(|count| count > 0) {
            let _ = connection.write_all(&answer(number));
            end(connection, then, &holds);
        }
    });
    (server, held)
}

fn run_big(options: &[&str], url: &str, frames: usize) -> Run {
    let frame = noise(1, BIG_BYTES).repeat(frames);
    run(&[&BIG[..], options, &[url]].concat(), &frame)
}

#[test]
fn an_answer_that_comes_before_the_body_is_out_is_a_line_whatever_the_server_then_does() {
    for then in ALL {
        let (server, _held) = early(then, |_| response("413 Too Large", "too large"));
        let run = run_big(&[], &server.url(), 1);
        let message = "frame 0: upload: status 413; the body is over the server's limit; 1 line is out, frame 0's answer";
        assert_eq!(run.fails(1, message).stdout, b"too large\n", "{then:?}");
    }
}

#[test]
fn over_tls_too() {
    let authority = Authority::new("early");
    let config = authority.server();
    for then in ALL {
        let held = Held::default();
        let (config, holds) = (Arc::clone(&config), Arc::clone(&held));
        let server = Server::scripted(move |_, connection| {
            let mut stream = accept(&config, connection);
            if stream.read(&mut [0]).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(&response("413 Too Large", "too large"));
                if !matches!(then, Then::Holds) {
                    close(&mut stream);
                }
                end(stream.sock, then, &holds);
            }
        });
        let url = server.https_url();
        let command = authority.trusted_by(command(&[&BIG[..], &[&url]].concat()));
        let run = run_command(command, &noise(1, BIG_BYTES));
        let message = "frame 0: upload: status 413; the body is over the server's limit; 1 line is out, frame 0's answer";
        assert_eq!(run.fails(1, message).stdout, b"too large\n", "{then:?}");
    }
}

#[test]
fn a_large_frame_that_is_refused_for_now_is_sent_again() {
    for then in ALL {
        let held = Held::default();
        let holds = Arc::clone(&held);
        let server = Server::scripted(move |number, mut connection| {
            if number == 0 {
                let _ = connection.peek(&mut [0]);
                let _ = connection.write_all(&response_with("503 Busy", "Retry-After: 0\r\n", ""));
                return end(connection, then, &holds);
            }
            if let Some(request) = Request::read(&mut connection) {
                let _ = connection.write_all(&ok(request.body.len().to_string()));
            }
        });
        let run = run_big(&["--raw"], &server.url(), 1).ok();
        let length: usize = run.lines()[0].parse().unwrap();
        assert!(length > BIG_BYTES, "{then:?}: {length}");
        assert_eq!(server.connections(), 2, "{then:?}");
    }
}

#[test]
fn the_next_frame_goes_out_on_a_connection_that_carries_no_rest_of_the_one_before() {
    for then in ALL {
        let (server, _held) = early(then, |_| response("413 Too Large", "too large"));
        let run = run_big(&["--keep-going"], &server.url(), 3);
        assert_eq!(run.lines(), ["too large"; 3], "{then:?}: {}", run.stderr);
        assert_eq!(server.connections(), 3, "{then:?}");
    }
}

#[test]
fn behind_an_early_success_the_rest_of_the_body_still_goes_out() {
    let server = Server::scripted(|_, mut connection| {
        while connection.peek(&mut [0]).is_ok_and(|count| count > 0) {
            connection.write_all(&ok("early")).unwrap();
            let request = Request::read(&mut connection).expect("a whole request");
            assert!(request.body.len() > BIG_BYTES);
        }
    });
    assert_eq!(run_big(&["--raw"], &server.url(), 3).ok().lines(), ["early"; 3]);
    // Had the rest not come, the next request could not have been read.
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_early_success_stands_if_the_server_takes_no_more_of_the_body() {
    for then in ALL {
        let (server, _held) = early(then, |_| ok("enough"));
        let run = run_big(&["-m", "1"], &server.url(), 1);
        assert_eq!(run.ok().lines(), ["enough"], "{then:?}");
    }
}

/// Its line comes in seconds: it does not wait for --max-time, 300 s.
#[test]
fn behind_an_early_success_a_server_that_takes_no_more_of_the_body_does_not_hold_up_its_line() {
    let begin = Instant::now();
    let (server, _held) = early(Then::Holds, |_| ok("enough"));
    assert_eq!(run_big(&[], &server.url(), 1).ok().lines(), ["enough"]);
    assert!(begin.elapsed() < Duration::from_secs(150), "{:?}", begin.elapsed());
}

#[test]
fn an_interim_response_does_not_keep_the_body_back() {
    let server = Server::scripted(|_, mut connection| {
        let _ = connection.peek(&mut [0]);
        connection.write_all(b"HTTP/1.1 100 Continue\r\nServer: x\r\n\r\n").unwrap();
        let request = Request::read(&mut connection).expect("a whole request");
        connection.write_all(&ok(request.body.len().to_string())).unwrap();
    });
    let run = run_big(&["--raw"], &server.url(), 1).ok();
    assert!(run.lines()[0].parse::<usize>().unwrap() > BIG_BYTES);
}
