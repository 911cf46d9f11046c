//! A server that misbehaves: no line is ever made of half a response.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;

use crate::support::program::{post, run, run_answered_with};
use crate::support::server::{Request, Server, ok, response_with};

/// The frame failed for this cause, and there is no line.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, cause: &str) {
    run_answered_with(bytes).fails_in_doubt(cause);
}

#[test]
fn a_good_response_is_a_line_however_it_is_framed() {
    let good: [&[u8]; 7] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        b"HTTP/1.1 200\r\ncontent-length:4\r\nContent-Length: 4\r\n\r\ngood and more",
        b"HTTP/1.0 201 Created\r\nServer: x\r\n\r\ngood",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;x=y\r\ng\r\n03\r\nood\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.1 299 Fine\nContent-Length: 4\n\ngood",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood\n",
    ];
    for bytes in good {
        assert_eq!(run_answered_with(bytes).ok().stdout, b"good\n", "{}", bytes.escape_ascii());
    }
}

#[test]
fn no_status_line_is_no_response() {
    let closed = "no response: closed before there was one";
    let garbage = "malformed response: invalid HTTP version";
    for (bytes, cause) in [
        (&b""[..], closed),
        (b"garbage\r\n\r\n", garbage),
        (b"SSH-2.0-OpenSSH_9.2\r\n", garbage),
        (b"\r\n\r\n", closed),
    ] {
        refused(bytes, cause);
    }
}

#[test]
fn a_status_that_is_none_is_refused() {
    for status in ["20", "0", "199999", "65535", "600", "99"] {
        let run = run_answered_with(format!("HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]), "{status}");
    }
}

#[test]
fn an_interim_response_is_no_answer() {
    for status in [100, 103] {
        let interim = format!("HTTP/1.1 {status} x\r\n\r\n").into_bytes();
        let bytes = [interim.clone(), ok("good")].concat();
        assert_eq!(run_answered_with(bytes).ok().stdout, b"good\n");
        refused(interim, "no response: closed before there was one");
    }
    let bytes = b"HTTP/1.1 101 x\r\n\r\n";
    refused(bytes, "interim response 101 in place of a final one");
}

#[test]
fn a_body_shorter_than_its_length_is_cut() {
    let cut = "response cut short: closed before its end";
    let no_head = "no response: closed before there was one";
    refused("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", cut);
    refused("HTTP/1.1 404 No\r\nContent-Length: 10\r\n\r\nshort", cut);
    refused("HTTP/1.1 200 OK\r\n", no_head);
}

#[test]
fn a_length_that_contradicts_itself_is_refused() {
    let length = |value: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\ngood");
    let malformed = |why| format!("malformed response: {why}");
    refused(length("4\r\nContent-Length: 3"), &malformed("two Content-Lengths"));
    refused(length("+4"), &malformed("Content-Length"));
    for value in ["x", "-4", "4, 4", "", "99999999999999999999999"] {
        let run = run_answered_with(length(value));
        assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]), "{value}");
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_refused() {
    for coding in ["gzip, chunked", "gzip", "identity", "chunked\r\nTransfer-Encoding: chunked"] {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n");
        refused(
            format!("{head}4\r\ngood\r\n0\r\n\r\n"),
            "malformed response: Transfer-Encoding other than chunked",
        );
    }
}

/// Compressed bytes would be a line of garbage, with its CR and LF folded.
#[test]
fn a_response_with_a_content_coding_is_a_failure_that_names_it() {
    for (headers, names) in [
        ("Content-Encoding: gzip\r\n", "gzip"),
        ("content-encoding:  ZSTD \r\n", "zstd"),
        ("Content-Encoding: br, identity, gzip\r\n", "br, gzip"),
        ("Content-Encoding: hunter2\r\n", "an unknown coding"),
    ] {
        for status in ["200 OK", "404 Not Found"] {
            let code = &status[..3];
            let cause = format!("status {code}, response coded with {names} (Content-Encoding)");
            let bytes = response_with(status, headers, "\x1f\u{8b}\r\n");
            run_answered_with(bytes).fails_at_once(&cause);
        }
    }
    for headers in ["Content-Encoding: identity\r\n", "Content-Encoding:\r\n"] {
        let run = run_answered_with(response_with("200 OK", headers, "good")).ok();
        assert_eq!(run.stdout, b"good\n");
    }
    // Nothing is coded here.
    let run = run_answered_with(response_with("200 OK", "Content-Encoding: gzip\r\n", "")).ok();
    assert_eq!(run.stdout, b"\n");
}

#[test]
fn a_response_of_exactly_the_limit_is_a_line() {
    const MAX_RESPONSE_BYTES: usize = 64 << 20;
    for header in [&format!("Content-Length: {MAX_RESPONSE_BYTES}"), "Connection: close"] {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n");
        let run = run_answered_with([head.as_bytes(), &vec![b'x'; MAX_RESPONSE_BYTES]].concat());
        assert_eq!(run.ok().stdout.len(), MAX_RESPONSE_BYTES + 1, "{header}");
    }
}

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
fn wrong_chunk_sizes_are_refused() {
    for chunks in ["x\r\ngood\r\n0\r\n\r\n", "-4\r\ngood\r\n", "4\r\ngoodness\r\n0\r\n\r\n"] {
        let bytes = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let run = run_answered_with(bytes);
        assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]), "{chunks}");
    }
}

#[test]
fn a_response_over_the_limit_is_refused_before_it_fills_the_memory() {
    let limit = "response over the limit of 64 MiB";
    refused("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n", limit);
    let server = Server::scripted(|_, mut connection| {
        if Request::read(&mut connection).is_some() {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nServer: endless\r\n\r\n");
            while connection.write_all(&[b'x'; 1 << 16]).is_ok() {}
        }
    });
    post(&[], &server.url(), 1).fails_in_doubt(limit);
}

#[test]
fn endless_headers_are_refused() {
    let server = Server::scripted(|_, mut connection| {
        if Request::read(&mut connection).is_some() {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n");
            while connection.write_all(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").is_ok() {}
        }
    });
    let run = post(&[], &server.url(), 1);
    assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(run.stderr.contains("headers"), "{}", run.stderr);
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
fn a_reset_while_the_body_is_sent_is_a_failure() {
    let server = Server::scripted(|_, connection| {
        // Unread bytes at close become a reset.
        let _ = connection.peek(&mut [0]);
        let _ = connection.shutdown(Shutdown::Write);
    });
    let run = run(&["-s", "1000x1000", "-z", "none", &server.url()], &[7; 3_000_000]);
    assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(run.stderr.starts_with("pngpost: frame 0: upload: "), "{}", run.stderr);
}

#[test]
fn a_redirect_that_wants_a_slash_or_https_says_what_to_write() {
    for (status, location, advice) in [
        ("307 x", "/a/?key=secret", "; end the URL's path with '/'"),
        ("301 x", "https://other.example/a/", "; end the URL's path with '/'"),
        ("308 x", "https://127.0.0.1/a", "; begin the URL with https://127.0.0.1"),
        ("302 x", "/a/", ""),
        ("307 x", "/b", ""),
    ] {
        let server = Server::answering(move |_, _| {
            response_with(status, &format!("Location: {location}\r\n"), "")
        });
        let run = run(&["-s", "1x1", &format!("{}a?key=secret", server.url())], &[0; 3]);
        assert!(
            run.stderr.contains(&format!(" not followed{advice}; 1 line is out")),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
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

#[test]
fn chunks_in_http_1_0_are_refused() {
    let head = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let run = run_answered_with(format!("{head}4\r\ngood\r\n0\r\n\r\n"));
    run.fails_in_doubt("malformed response: Transfer-Encoding in HTTP/1.0");
}
