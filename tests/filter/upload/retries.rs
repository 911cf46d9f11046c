//! Retries: every class of failure with the right repeat, line and exit status.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use socket2::SockRef;

use crate::support::echo::{answers, echo};
use crate::support::ports::ClosedPort;
use crate::support::program::{post, posting, run};
use crate::support::server::{
    Request, Server, closing, ok, response, response_with, wait_for_hang_up,
};
use crate::support::{tiny_frames, tiny_number};

#[test]
fn a_refused_connection_is_tried_again_and_then_a_failure() {
    let port = ClosedPort::new();
    let refused = |options: &[&str], cause: &str| {
        let url = port.url();
        let arguments = [&["-s", "1x1", "--retry-delay", "0.001"], options, &[&url]].concat();
        let cause = format!("{}: {cause}", port.address());
        run(&arguments, &tiny_frames(3)).fails_at_once(&cause);
    };
    refused(&[], "connection refused (4 attempts)");
    refused(&["--retry", "1"], "connection refused (2 attempts)");
    // 0 is no limit.
    refused(&["--retry", "1", "--retry-max-time", "0"], "connection refused (2 attempts)");
    refused(&["--retry", "0"], "connection refused");
}

#[test]
fn a_server_that_comes_back_within_the_budget_loses_nothing() {
    for jobs in ["1", "8"] {
        let port = ClosedPort::new();
        let limits = ["--retry", "10000", "--retry-delay", "0.01", "-j", jobs, "-v"];
        let mut program = posting(&limits, &port.url());
        program.write(&tiny_frames(50));
        program.stdin = None;
        // Some attempts have been refused.
        let mut stderr = program.stderr_lines().skip(1);
        for _ in 0..7 {
            let line = stderr.next().unwrap();
            assert!(line.contains(": connection refused; attempt "), "{line}");
        }
        let server = port.open(|_, request| echo(request));
        thread::spawn(move || stderr.for_each(drop));
        let run = program.finish();
        assert_eq!((run.status, run.lines()), (Some(0), answers(50)));
        assert_eq!(server.requests().len(), 50);
    }
}

#[test]
fn a_frame_refused_for_now_is_sent_again_the_same_and_only_the_last_answer_is_a_line() {
    let soon = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1));
    let values = [Some("0".to_owned()), Some("1".to_owned()), Some(soon()), None];
    for (status, retry_after) in [408, 425, 429, 503].into_iter().zip(values) {
        let header =
            retry_after.map_or_else(String::new, |when| format!("Retry-After: {when}\r\n"));
        let server = Server::answering(move |number, _| match number {
            0 | 1 => response_with(&format!("{status} not now"), &header, "not now"),
            _ => ok("now"),
        });
        let arguments = ["-s", "1x1", "--retry-delay", "0.01", &server.url()];
        assert_eq!(run(&arguments, &[1, 2, 3]).ok().stdout, b"now\n");
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        for request in &requests[1..] {
            assert_eq!((&request.head, &request.body), (&requests[0].head, &requests[0].body));
        }
    }
}

#[test]
fn a_retry_after_past_the_limit_is_not_waited_for() {
    let server = Server::answering(|_, _| response_with("503 x", "Retry-After: 3600\r\n", "later"));
    let run = post(&[], &server.url(), 2);
    let message = "frame 0: upload: status 503 \
                   (Retry-After of 3600 s passes the limit of 600 s, --retry-max-time); \
                   1 line is out, frame 0's answer";
    assert_eq!(run.fails(1, message).stdout, b"later\n");
    assert_eq!(server.requests().len(), 1);
}

/// A fault of the server once it has read a request: the frame may have arrived, or not.
type Fault = fn(&mut TcpStream);

const UNKNOWN: [(&str, Fault); 8] = [
    ("closes", |_| {}),
    ("resets", |c| SockRef::from(&*c).set_linger(Some(Duration::ZERO)).unwrap()),
    ("cuts the body", |c| send(c, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")),
    ("sends garbage", |c| send(c, b"garbage\r\n\r\n")),
    ("sends 1xx", |c| send(c, b"HTTP/1.1 100 Continue\r\n\r\n")),
    ("answers 500", |c| send(c, &closing(response("500 x", "")))),
    ("answers 502", |c| send(c, &closing(response("502 x", "")))),
    ("says nothing", |c| wait_for_hang_up(c)),
];

fn send(connection: &mut TcpStream, bytes: &[u8]) {
    let _ = connection.write_all(bytes);
}

/// A server with this fault on its first connection.
fn faulty_once(fault: Fault) -> Server {
    Server::scripted(move |number, mut connection| {
        if let Some(request) = Request::read(&mut connection) {
            match number {
                0 => fault(&mut connection),
                _ => send(&mut connection, &closing(echo(&request))),
            }
        }
    })
}

#[test]
fn a_frame_that_may_have_arrived_is_sent_again_only_if_the_user_asks() {
    for (name, fault) in UNKNOWN {
        for road in [&[][..], &["--no-http-keep-alive"]] {
            let server = faulty_once(fault);
            let options = [&["-m", "1", "--retry-delay", "0.001"], road].concat();
            let run_once = post(&options, &server.url(), 2);
            assert_eq!(run_once.status, Some(1), "{name}");
            assert_eq!(server.connections(), 1, "{name}");
        }

        let server = faulty_once(fault);
        let asked =
            ["-s", "1x1", "--raw", "-m", "1", "--retry-delay", "0.001", "--retry-all-errors"];
        let run = run(&[&asked[..], &[&server.url()]].concat(), &tiny_frames(2)).ok();
        assert_eq!(run.lines(), answers(2), "{name}");
        assert_eq!(server.connections(), 3, "{name}");
    }
}

#[test]
fn a_frame_that_is_refused_is_never_sent_again() {
    for status in ["301 x", "304 x", "400 x", "401 x", "404 x", "413 x", "501 x"] {
        let server = Server::answering(move |_, _| match status {
            "304 x" => b"HTTP/1.1 304 x\r\nDate: x\r\n\r\n".to_vec(),
            _ => response(status, "no"),
        });
        let run = post(&["--retry-all-errors", "--retry-delay", "0.001"], &server.url(), 1);
        assert_eq!((run.status, server.connections()), (Some(1), 1), "{status}");
    }
}

#[test]
fn verbose_tells_of_each_retry() {
    let server = Server::answering(|number, _| match number {
        0 => response("503 x", ""),
        1 => response_with("429 x", "Retry-After: 0\r\n", ""),
        _ => ok("fine"),
    });
    let arguments = ["-v", "-s", "1x1", "--retry-delay", "0.001", &server.url()];
    let run = run(&arguments, &[0; 3]);
    let lines: Vec<_> = run.stderr.lines().skip(1).collect();
    assert_eq!(lines[0], "pngpost: frame 0: upload: status 503; attempt 2 of 21 in 0.0 s");
    assert_eq!(lines[1], "pngpost: frame 0: upload: status 429; attempt 3 of 21 in 0.0 s");
    assert!(lines[2].starts_with("pngpost: 1 frame, 0 failed, 2 retries, "), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_resumed_run_and_the_first_one_give_the_lines_of_an_undisturbed_run() {
    for (jobs, (name, fault)) in ["1", "8"].into_iter().flat_map(|j| UNKNOWN.map(|f| (j, f))) {
        // A 500's body is a line: that frame counts as answered, as it would in an undisturbed run.
        if name.starts_with("answers") {
            continue;
        }
        let faults = AtomicUsize::new(0);
        let server = Server::scripted(move |_, mut connection| {
            let Some(request) = Request::read(&mut connection) else { return };
            match tiny_number(&request.body) {
                17 if faults.fetch_add(1, Ordering::AcqRel) == 0 => fault(&mut connection),
                _ => send(&mut connection, &closing(echo(&request))),
            }
        });
        let resume = |skip: &str| {
            let options = ["-s", "1x1", "--raw", "-m", "1", "-j", jobs, "--skip", skip];
            run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(40))
        };
        let first = resume("0");
        assert_eq!(first.status, Some(1), "{name}");
        let skip = first.stderr.trim().rsplit(' ').next().unwrap();
        assert_eq!(skip, "17", "{name}: {}", first.stderr);
        let lines = [first.lines(), resume(skip).ok().lines()].concat();
        assert_eq!(lines, answers(40), "{name}");
    }
}
