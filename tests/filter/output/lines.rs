//! Responses into lines.

use std::io::{Read, Write};

use crate::support::program::post;
use crate::support::server::{Request, Server, ok};

/// The line of a frame whose response has this body.
fn line_of(body: &[u8]) -> Vec<u8> {
    let body = body.to_vec();
    let server = Server::answering(move |_, _| ok(&body));
    post(&[], &server.url(), 1).ok().stdout
}

#[test]
fn a_response_becomes_one_line_whatever_it_holds() {
    let cases: [(&[u8], &[u8]); 8] = [
        (b"{\r\n\t\"a\": [\r\n\t\t1\r\n\t]\r\n}\r\n", b"{ \"a\": [ 1 ] }\n"),
        (b"one\ntwo\rthree\r\n\r\n\r\nfour\n\n", b"one two three four\n"),
        (b"", b"\n"),
        (b"\r\n", b"\n"),
        (b"a\0b\0", b"a\0b\0\n"),
        (b"\xff\xfe caf\xe9", b"\xff\xfe caf\xe9\n"),
        (b"  kept  ", b"  kept  \n"),
        (b"1e400", b"1e400\n"),
    ];
    for (body, line) in cases {
        assert_eq!(line_of(body), line, "{}", body.escape_ascii());
    }
}

#[test]
fn a_response_of_20_mb_is_one_line() {
    let body = b"0123456789abcde\n".repeat(20 << 16);
    let line = line_of(&body);
    assert_eq!(line.len(), body.len());
    assert!(line.ends_with(b"0123456789abcde\n"));
    assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
}

#[test]
fn a_204_is_an_empty_line_and_is_not_waited_for() {
    let server = Server::scripted(|_, mut connection| {
        if Request::read(&mut connection).is_some() {
            connection.write_all(b"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n").unwrap();
            // The connection stays open until the program closes it.
            let _ = connection.read(&mut [0]);
        }
    });
    assert_eq!(post(&[], &server.url(), 1).ok().stdout, b"\n");
}
