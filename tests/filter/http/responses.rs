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
    for road in [&[][..], &["--minreq"]] {
        post(road, &server.url(), 1).fails_in_doubt(limit);
    }
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
             1 line is out, frame 0's answer",
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

/// As Go answers http:// on a port of TLS. What the status means is not in doubt; that of a success is.
#[test]
fn a_status_that_came_whole_before_a_reset_is_told() {
    let reset = |head: &'static str| {
        let server = Server::scripted(move |_, mut connection| {
            if Request::read(&mut connection).is_some() {
                connection.write_all(head.as_bytes()).unwrap();
                SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
            }
        });
        post(&[], &server.url(), 1)
    };
    reset("HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhalf")
        .fails_in_doubt("status 200, then connection reset by peer");
    reset("HTTP/1.0 400 Bad Request\r\n\r\nClient sent")
        .fails_at_once("status 400, then connection reset by peer");
}

#[test]
fn another_protocol_is_told_and_the_frame_is_not_sent_again() {
    for (answer, cause) in [
        (&b"\x15\x03\x01\0\x02\x02\x46"[..], "that is TLS: https://"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", "that is HTTP/2, which is not spoken here"),
    ] {
        let server = Server::answering(move |_, _| answer.to_vec());
        let run = post(&["--retry-all-errors"], &server.url(), 1);
        run.fails_at_once(&format!("{}: {cause}", server.address));
    }
}
