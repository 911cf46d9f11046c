//! The head of a response: with no header, with too many, and mangled. Each is understood or refused in plain
//! words, and none breaks the program.

use std::io::Write;

use crate::support::program::{run, run_answered_with};
use crate::support::server::{Request, Server, response_with};
use crate::support::{noise, tiny_frames};

/// The most headers that a response may have on a kept connection, Content-Length among them.
const MAX_HEADERS: usize = 128;
const MAX_HEADER_BYTES: usize = 64 << 10;

#[test]
fn a_whole_response_may_have_no_header() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let run = run_answered_with(format!("{version} 200 OK\r\n\r\ngood"));
        assert_eq!(run.ok().lines(), ["good"]);
    }
}

#[test]
fn headers_are_counted() {
    let headers = |count: usize| (1..count).map(|number| format!("X-{number}: y\r\n")).collect();
    let with = |headers: String| run_answered_with(response_with("200 OK", &headers, "good"));
    assert_eq!(with(headers(MAX_HEADERS)).ok().lines(), ["good"]);
    let run = with(headers(MAX_HEADERS + 1));
    run.fails_in_doubt("response of more than 128 headers");
}

#[test]
fn the_bytes_of_headers_are_counted() {
    let with = |bytes: usize| {
        let empty = response_with("200 OK", "X: \r\n", "good").len() - "good".len();
        let headers = format!("X: {}\r\n", "y".repeat(bytes - empty));
        run_answered_with(response_with("200 OK", &headers, "good"))
    };
    assert_eq!(with(MAX_HEADER_BYTES).ok().lines(), ["good"]);
    let run = with(MAX_HEADER_BYTES + 1);
    run.fails_in_doubt("response headers over the limit of 64 KiB");
}

const WHOLE: [&str; 6] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\ngoo\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.0 200 OK\r\nServer: x\r\n\r\ngood",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/there\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 503 x\r\nRetry-After: 0\r\nKeep-Alive: timeout=1, max=9\r\nContent-Length: 1\r\n\r\nx",
];

/// A whole response with one to three changes, the same ones for the same number.
fn mangled(number: usize) -> Vec<u8> {
    /// Bytes that mean something to a parser, besides those that mean nothing.
    const TELLING: &[u8] = b"\r\n:; ,=0123456789fF-+\0\x7f\x80\xff\"\t";
    let mut bytes = WHOLE[number % WHOLE.len()].as_bytes().to_vec();
    let dice = noise(number as u64, 16);
    for change in dice[1..].chunks_exact(4).take(usize::from(dice[0]) % 3 + 1) {
        let place = (usize::from(change[0]) << 8 | usize::from(change[1])) % bytes.len();
        let byte = TELLING[usize::from(change[2]) % TELLING.len()];
        match change[3] % 6 {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            2 => drop(bytes.remove(place)),
            3 => bytes[place] ^= 1 << (change[2] % 8),
            4 => bytes.truncate(place.max(1)),
            _ => bytes.extend_from_within(place..),
        }
    }
    bytes
}

#[test]
fn a_mangled_response_is_a_line_or_a_failure_and_never_breaks_the_program() {
    const COUNT: usize = 1200;
    let server = Server::scripted(|number, mut connection| {
        if Request::read(&mut connection).is_some() {
            let _ = connection.write_all(&mangled(number));
        }
    });
    let options = ["-s", "1x1", "-j", "8", "--keep-going", "--retry", "0", "-m", "20"];
    let run = run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(COUNT as u32));
    assert_eq!((run.status, run.lines().len()), (Some(1), COUNT), "{}", run.stderr);
    let (mut frames, mut good) = (0, run.lines());
    good.retain(|line| line == "good");
    for message in run.stderr.lines().filter(|line| line.starts_with("pngpost: frame ")) {
        frames += 1;
        assert!(message.contains(": upload: "), "{message}");
        assert!(!message.contains("worker") && !message.contains("panic"), "{message}");
    }
    // Some mean the same as before, most do not: both were seen.
    assert!(good.len() > COUNT / 20 && frames > COUNT / 20, "{} of {frames}", good.len());
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}
