//! --minreq: what the minreq crate does, and what we look at behind it.

use std::io::Write;

use crate::support::echo::{answers, echo};
use crate::support::program::{ADVICE, Run, command, run, run_command};
use crate::support::server::{
    Request, Server, closing, ok, response, response_with, wait_for_hang_up,
};
use crate::support::tls::{Authority, answering};
use crate::support::{noise, tiny_frames};

fn post(options: &[&str], url: &str, frames: &[u8]) -> Run {
    run(&[&["--minreq", "-s", "1x1"], options, &[url]].concat(), frames)
}

/// A run of one frame whose request is answered with these bytes.
fn answered_with(bytes: impl AsRef<[u8]>) -> Run {
    let bytes = bytes.as_ref().to_vec();
    let server = Server::answering(move |_, _| bytes.clone());
    post(&[], &server.url(), &[0; 3])
}

#[test]
fn the_head_is_complete_and_says_nothing_twice() {
    let server = Server::answering(|_, _| ok("taken"));
    let options = ["-H", "X-Twice: 1", "-H", "X-Twice: {{n}}", "-H", "Connection: close"];
    let options = [&options[..], &["-u", "me:pass", "-X", "PUT"]].concat();
    post(&options, &format!("{}a?b={{{{n}}}}", server.url()), &[0; 3]).ok();
    let request = server.requests().remove(0);
    assert_eq!(request.head[0], "PUT /a?b=0 HTTP/1.1");
    for (name, values) in [
        ("Host", &[&*server.address.to_string()][..]),
        ("Content-Length", &[&request.body.len().to_string()]),
        ("User-Agent", &[concat!("pngpost/", env!("CARGO_PKG_VERSION"))]),
        ("Accept-Encoding", &["identity"]),
        ("Authorization", &["Basic bWU6cGFzcw=="]),
        ("X-Twice", &["1", "0"]),
        ("Connection", &["close"]),
        ("Transfer-Encoding", &[]),
    ] {
        assert_eq!(request.header(name), values, "{name}");
    }
    let content_type = request.header("Content-Type");
    assert!(
        content_type.len() == 1 && content_type[0].starts_with("multipart/form-data; boundary=")
    );
}

#[test]
fn a_body_is_the_same_as_on_our_own_connections() {
    let frame = noise(1, 3_000_000);
    let bodies = [&[][..], &["--minreq"]].map(|option| {
        let server = Server::answering(|_, _| ok("taken"));
        let url = server.url();
        run(&[&["-s", "1000x1000", "--raw"], option, &[&url]].concat(), &frame).ok();
        server.requests().remove(0).body
    });
    assert!(bodies[0] == bodies[1] && bodies[0].len() > frame.len());
}

#[test]
fn a_good_response_is_a_line_however_it_is_framed() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"[..],
        b"HTTP/1.0 201 Created\r\nServer: x\r\n\r\ngood",
        b"HTTP/1.1 200 OK\r\n\r\ngood",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\ng\r\n03\r\nood\r\n0\r\n\r\n",
    ] {
        assert_eq!(answered_with(bytes).ok().lines(), ["good"], "{}", bytes.escape_ascii());
    }
    assert_eq!(answered_with(b"HTTP/1.1 204 None\r\n\r\n").ok().lines(), [""]);
}

#[test]
fn a_status_means_what_it_always_means() {
    let run = answered_with(response("404 Not Found", "none"));
    let failed = run.fails(
        1,
        "frame 0: upload: status 404; check the URL's path; 1 line is out, frame 0's answer",
    );
    assert_eq!(failed.lines(), ["none"]);
    let run = answered_with(response_with("301 x", "Location: http://other.example/\r\n", "moved"));
    assert!(run.stderr.contains("redirect to http://other.example not followed"), "{}", run.stderr);
    let server = Server::answering(|number, request| match number {
        0 => response("503 x", "not now"),
        _ => echo(request),
    });
    let run = post(&["--raw", "--retry-delay", "0.001"], &server.url(), &tiny_frames(2)).ok();
    assert_eq!((run.lines(), server.requests().len()), (answers(2), 3));
}

#[test]
fn half_a_response_that_can_be_seen_is_a_failure() {
    for (bytes, cause) in [
        ("", "no response: closed, or no HTTP status line"),
        ("garbage\r\n\r\n", "no response: closed, or no HTTP status line"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "response cut short: 5 of 10 bytes"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\ngood",
            "malformed response: two Content-Lengths",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
            "malformed response: Transfer-Encoding other than chunked",
        ),
        ("HTTP/1.1 100 x\r\n\r\n", "interim response 100 in place of a final one"),
    ] {
        answered_with(bytes).fails_in_doubt(cause);
    }
}

/// Round the limit, and with a bare LF, minreq's count of header bytes underflows.
#[test]
fn a_panic_of_minreq_is_a_failure_of_the_upload() {
    let mut panics = 0;
    for length in (64 << 10) - 4..=(64 << 10) + 2 {
        let value = "x".repeat(length - "X: ".len());
        let run = answered_with(format!("HTTP/1.1 200 OK\r\nX: {value}\n\r\ngood"));
        match run.status {
            Some(0) => assert_eq!((run.lines(), run.stderr.as_str()), (vec!["good".into()], "")),
            status => assert_eq!((status, run.lines()), (Some(1), vec![])),
        }
        assert!(run.stderr.lines().count() <= 1, "{}", run.stderr);
        panics += usize::from(run.stderr.contains("upload: minreq panicked"));
    }
    assert!(panics > 0);
}

#[test]
fn a_time_limit_is_of_whole_seconds_and_the_frame_may_have_arrived() {
    let server = Server::scripted(|number, mut connection| {
        let Some(request) = Request::read(&mut connection) else { return };
        match number {
            1 => wait_for_hang_up(&connection),
            _ => drop(connection.write_all(&closing(echo(&request)))),
        }
    });
    let options = ["--raw", "-m", "0.5", "--keep-going"];
    let run = post(&options, &server.url(), &tiny_frames(3));
    assert_eq!(run.lines(), ["answer 0", "", "answer 2"]);
    let cause = format!("{}: timed out after 1 s (--max-time){ADVICE}", server.address);
    assert_eq!(run.stderr, format!("pngpost: frame 1: upload: {cause}\n"));
}

#[test]
fn a_frame_is_sent_again_if_connecting_was_refused_and_else_only_if_the_user_asks() {
    let retries = ["--retry", "2", "--retry-delay", "0.001"];
    let refused = post(&retries, "http://127.0.0.1:1/", &[0; 3]);
    refused.fails_at_once("127.0.0.1:1: connection refused (3 attempts)");
    for (options, requests) in [(&[][..], 1), (&["--retry-all-errors"], 3)] {
        let server = Server::answering(|_, _| Vec::new());
        let run = post(&[&retries[..], options].concat(), &server.url(), &[0; 3]);
        assert_eq!((run.status, server.requests().len()), (Some(1), requests), "{}", run.stderr);
    }
}

#[test]
fn over_tls_a_certificate_that_is_wrong_is_refused() {
    let authority = Authority::new("minreq");
    let server = answering(authority.server(), echo);
    let url = server.https_url();
    let asked = || command(&["--minreq", "-s", "1x1", "--raw", &url]);
    let good = run_command(authority.trusted_by(asked()), &tiny_frames(2));
    assert_eq!(good.ok().lines(), answers(2));
    let stranger = Authority::new("strangers-minreq");
    let run = run_command(stranger.trusted_by(asked()), &tiny_frames(2));
    let place = format!("localhost:{}", server.address.port());
    run.fails_at_once(&format!(
        "{place}: certificate is signed by nobody who is trusted (SSL_CERT_FILE)"
    ));
}

#[test]
fn a_proxy_of_the_environment_is_bad_usage_unless_it_is_not_for_the_host() {
    let with_proxy = |no_proxy: &str| {
        let mut command = command(&["--minreq", "-s", "1x1", "http://127.0.0.1:1/"]);
        command.env("http_proxy", "http://u:secret@p:1").env("no_proxy", no_proxy);
        run_command(command, &[0; 3])
    };
    let why = "--minreq uses no proxy; unset it, or set no_proxy='*'";
    with_proxy("x").fails(2, &format!("http_proxy: {why}"));
    assert_eq!(with_proxy("127.0.0.1").status, Some(1));
}
