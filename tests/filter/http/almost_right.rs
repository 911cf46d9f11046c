//! Responses that are almost right: curl says what is in them. Where we differ on purpose, the difference is named with
//! its reason.

use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::installed::needed;
use crate::support::almost_right::{Dice, Differences, Seen, judge_each};
use crate::support::folder::Folder;
use crate::support::program::run;
use crate::support::server::{Request, Server, wait_for_hang_up};

#[rustfmt::skip]
const WORDS: [&str; 16] = [
    " ", "\n", "\r\n", "\r", "\t", ":", ";", "0", "-", "\0", "HTTP/1.1 ", "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n", "X: y\r\n z\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
    "\r\n\r\n",
];

/// A response with a length, in chunks, or up to the end of the connection, and what mutations make of it.
fn response(number: u64) -> Vec<u8> {
    let mut dice = Dice::new(number);
    let count = dice.below(20);
    let body: String = (0..count).map(|_| dice.one_of(&['a', '1', ' ', '{', '"'])).collect();
    let status = dice.one_of(&["200 OK", "200 OK", "201 Created", "204 No Content", "404 No"]);
    let mut response = match dice.below(4) {
        0 => format!("HTTP/1.1 {status}\r\nContent-Length: {count}\r\n\r\n{body}"),
        1 => format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body}"),
        2 => {
            let chunk = if count > 0 { format!("{count:x}\r\n{body}\r\n") } else { String::new() };
            let end = "3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n";
            format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{end}")
        }
        _ => {
            let interim = "HTTP/1.1 100 Continue\r\n\r\n";
            format!("{interim}HTTP/1.0 {status}\r\nContent-Length: {count}\r\n\r\n{body}")
        }
    }
    .into_bytes();
    dice.mutate(&mut response, &WORDS);
    response
}

/// What is read of a response: its status and its body.
type Read = Seen<(u64, Vec<u8>)>;

/// Answers a request for /N with the response of this place, and closes.
fn server(responses: &[Vec<u8>]) -> Server {
    let responses = responses.to_vec();
    Server::scripted(move |_, mut connection| {
        let Some(request) = Request::read(&mut connection) else { return };
        let path = request.head[0].split(' ').nth(1).expect("a path");
        let place: usize = path[1..].parse().expect("a number");
        // A client may have seen enough, and be gone.
        let _ = connection.write_all(&responses[place]);
        let _ = connection.shutdown(Shutdown::Write);
        wait_for_hang_up(&connection);
    })
}

fn ours(url: &str) -> Read {
    let run = run(&["-s", "1x1", "--retry", "0", "--ndjson", url], b"rgb");
    let read = run.lines().first().and_then(|line| {
        let record: serde_json::Value = serde_json::from_str(line).expect("a record");
        let status = record["status"].as_u64()?;
        let encoded = record["body_b64"].as_str().map(|text| BASE64_STANDARD.decode(text).unwrap());
        let body = encoded.or_else(|| record["body"].as_str().map(|text| text.into()));
        Some((status, body.expect("a body")))
    });
    assert!(run.stderr.lines().count() <= 1, "{}", run.stderr);
    let is_success = matches!(read, Some((200..=299, _)));
    assert_eq!(run.status, Some(i32::from(!is_success)), "{}", run.stderr);
    let error = read.is_none().then_some(run.stderr);
    Seen { items: read.into_iter().collect(), error }
}

/// One curl for many: each response has a host of its own, so that no connection is used for two.
fn curl(responses: &[Vec<u8>], first: u64) -> Vec<Read> {
    let (server, count) = (server(responses), responses.len());
    let folder = Folder::new(&format!("almost-right-responses-{first}"));
    let to = format!("::127.0.0.1:{}", server.address.port());
    // A message repeats what the server has sent, line ends, too.
    let end = "\n-- the end of one --\n";
    let said = format!("%{{http_code}} %{{exitcode}} %{{errormsg}}{end}");
    let words = ["--http1.1", "-s", "--noproxy", "*", "-d", "x", "--max-time", "60", "-w", &said];
    let mut reads = Vec::new();
    while reads.len() < count {
        let requests = (reads.len()..count)
            .map(|place| format!("url = \"http://host-{place}/{place}\"\noutput = \"{place}\"\n"));
        folder.file("requests", requests.collect::<String>());
        let mut command = Command::new("curl");
        command.args(words).args(["--connect-to", &to, "-K", "requests"]);
        // Its exit status is that of the last response. Behind some of the errors it makes no further request.
        let output = command.current_dir(folder.path()).output().expect("curl starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.is_empty(), "{output:?}");
        for said in text.split_terminator(end) {
            reads.push(read(said, &folder.path().join(reads.len().to_string())));
        }
    }
    assert_eq!(reads.len(), count);
    reads
}

/// What curl says of a response, and the body that it has written to the file.
fn read(said: &str, body: &Path) -> Read {
    let [status, exit, error] = said.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{said}");
    };
    if exit != "0" {
        return Seen { items: Vec::new(), error: Some(error.to_owned()) };
    }
    // An empty body is no file. What curl takes for a status need be no number: none of ours is 0.
    let body = std::fs::read(body).unwrap_or_default();
    Seen { items: vec![(status.parse().unwrap_or(0), body)], error: None }
}

/// Whether an empty line stands at the beginning, or behind the one that ends a head.
fn has_line_ends_before_head(response: &[u8]) -> bool {
    let text: Vec<u8> = response.iter().copied().filter(|byte| *byte != b'\r').collect();
    text.starts_with(b"\n") || memchr::memmem::find(&text, b"\n\n\nHTTP/").is_some()
}

/// Whether a header has a blank before its colon, or its value on the next line: curl takes it for another one, or for
/// an empty one.
fn has_header_that_curl_misses(response: &[u8]) -> bool {
    let text: Vec<u8> = response.iter().copied().filter(|byte| *byte != b'\r').collect();
    let missed = [&b" :"[..], b"\t:", b":\n ", b":\n\t"];
    missed.iter().any(|part| memchr::memmem::find(&text, part).is_some())
}

#[test]
fn curl_reads_the_same_of_responses_that_are_almost_right() {
    if needed("curl").is_none() {
        return;
    }
    let differences = Differences {
        we_refuse: &[
            // A name with a blank or another byte that no name has (RFC 9110, 5.6.2): curl passes over its line.
            "malformed response: invalid header name",
            // A CR without its LF, or a control character (RFC 9110, 5.5), is text to curl.
            "malformed response: invalid header value",
            "malformed response: invalid new line",
            // curl takes HTTP/!.1 and the like for HTTP/1, and a control character for a blank.
            "malformed response: invalid HTTP version",
            "malformed response: invalid response status",
            // HTTP has no classes of status but 1xx to 5xx (RFC 9110, 15); curl takes any three digits.
            "malformed response: status ",
            // curl reads a length up to its first byte that is no digit, and none where there is none.
            "malformed response: Content-Length",
            // Where there is no body, curl does not compare its lengths.
            "malformed response: two Content-Lengths",
            // A coding that HTTP/1.0 does not have (RFC 9112, 6.1), and a switch that we have not asked for.
            "malformed response: Transfer-Encoding in HTTP/1.0",
            "interim response 101 in place of a final one",
            // The end of such a body can't be told (RFC 9112, 6.3): curl takes it as it comes.
            "malformed response: Transfer-Encoding other than chunked",
            // curl passes over what follows a chunk's size, to the end of its line, and over any byte before that end.
            "malformed response: a chunk's size",
            "malformed response: a chunk is longer than its size",
            // curl takes a head or a last chunk that is cut for a whole one; to us a response that is cut is a failure.
            "response cut short: closed before its end",
            "no response: closed before there was one",
        ],
        they_refuse: &[
            // Behind the last chunk there are trailers, of which nothing is used.
            "chunk",
        ],
    };
    // Line ends before a head are none of it to us, as to servers (RFC 9112, 2.2); to curl a response of HTTP/0.9
    // begins with them.
    let differences_with_line_ends = Differences {
        they_refuse: &["chunk", "Received HTTP/0.9 when not allowed"],
        ..differences
    };
    judge_each(response, curl, |response, theirs| {
        let server = server(&[response.to_vec()]);
        let ours = ours(&format!("{}0", server.url()));
        let differences = match response {
            response if has_line_ends_before_head(response) => &differences_with_line_ends,
            response if has_header_that_curl_misses(response) => return Ok(()),
            _ => &differences,
        };
        differences.judge(&ours, &theirs)
    });
}
