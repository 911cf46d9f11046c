//! A server that misbehaves: no line is ever made of half a response.

use std::io::Write;
use std::time::Duration;

use socket2::SockRef;

use crate::support::program::{post, run, run_answered_with};
use crate::support::server::{Request, Server, ok, response_with};

/// The server has the frame; but if its status says that it has not, the frame is sent again.
#[test]
fn a_coded_response_means_what_its_status_means() {
    for (status, attempts) in [("200 OK", 1), ("500 x", 1), ("503 x", 3)] {
        let server =
            Server::answering(move |_, _| response_with(status, "Content-Encoding: gzip\r\n", "x"));
        let retries = ["--retry", "2", "--retry-delay", "0.001", "--keep-going"];
        let run = post(&retries, &server.url(), 1);
        assert_eq!((run.status, run.lines()), (Some(1), vec![String::new()]));
        assert_eq!(server.requests().len(), attempts, "{status}");
    }
}

#[test]
fn a_response_over_the_limit_is_refused_before_it_fills_the_memory() {
    let limit = "response over the limit of 64 MiB";
    run_answered_with("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n").fails_in_doubt(limit);
    let server = Server::scripted(|_, mut connection| {
        if Request::read(&mut connection).is_some() {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nServer: endless\r\n\r\n");
            while connection.write_all(&[b'x'; 1 << 16]).is_ok() {}
        }
    });
    post(&[], &server.url(), 1).fails_in_doubt(limit);
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    let elsewhere = Server::answering(|_, _| ok("elsewhere"));
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 x", "308 y"] {
        let location = format!("Location: {}a?b\r\n", elsewhere.url());
        let run = run_answered_with(response_with(status, &location, "moved"));
        let code = &status[..3];
        let message = format!(
            "frame 0: upload: status {code}, redirect to http://{} not followed; \
             1 line is out, go on with --skip 1",
            elsewhere.address
        );
        assert_eq!(run.fails(1, &message).stdout, b"moved\n");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_name_that_does_not_exist_is_a_failure() {
    let run = run(&["-s", "1x1", "http://nowhere.invalid/"], &[0; 3]);
    assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]));
    let cause =
        "pngpost: frame 0: upload: nowhere.invalid:80: failed to lookup address information: ";
    assert!(run.stderr.starts_with(cause) && run.stderr.lines().count() == 1, "{}", run.stderr);
}

#[test]
fn a_body_without_length_that_is_reset_is_cut() {
    let server = Server::scripted(|_, mut connection| {
        if Request::read(&mut connection).is_some() {
            connection.write_all(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhalf").unwrap();
            SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    let run = post(&[], &server.url(), 1);
    run.fails_in_doubt(&format!("{}: connection reset by peer", server.address));
}
