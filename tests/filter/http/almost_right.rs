//! Responses that are almost right: curl says what is in them. Where we differ on purpose, the difference is named with
//! its reason.

use std::io::Write;
use std::net::Shutdown;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::installed::needed;
use crate::support::almost_right::{Dice, Differences, Seen, assert_none, batches};
use crate::support::folder::Folder;
use crate::support::foreign::output_of;
use crate::support::program::run;
use crate::support::server::{Request, Server, wait_for_hang_up};

const WORDS: [&str; 16] = [
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    ":",
    ";",
    "0",
    "-",
    "\0",
    "HTTP/1.1 ",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "X: y\r\n z\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
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
fn server(responses: Arc<Vec<Vec<u8>>>) -> Server {
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

/// A shell runs curl for each of the responses 0, 1, ... of $0 that are before $1.
const CURL: &str = "n=0; while [ $n -lt $1 ]; do \
     curl --http1.1 -s --noproxy '*' -d x --max-time 60 -o $n \
     -w '%{http_code} %{exitcode} %{errormsg}' \"$0$n\"; echo; n=$((n+1)); done";

fn curl(url: &str, count: usize) -> Vec<Read> {
    let folder = Folder::new("almost-right-responses");
    let mut command = Command::new("sh");
    command.args(["-c", CURL, url, &count.to_string()]).current_dir(folder.path());
    let text = output_of(&mut command, b"");
    let text = String::from_utf8_lossy(&text).into_owned();
    let reads: Vec<Read> = text
        .lines()
        .enumerate()
        .map(|(place, line)| {
            let [status, exit, error] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            if exit != "0" {
                return Seen { items: Vec::new(), error: Some(error.to_owned()) };
            }
            // An empty body is no file.
            let body = std::fs::read(folder.path().join(place.to_string())).unwrap_or_default();
            Seen { items: vec![(status.parse().unwrap(), body)], error: None }
        })
        .collect();
    assert_eq!(reads.len(), count);
    reads
}

#[test]
fn curl_reads_the_same_of_responses_that_are_almost_right() {
    if needed("curl").is_none() {
        return;
    }
    let differences = Differences {
        we_refuse: &[
            // curl takes names, values and numbers that HTTP does not have; to us they are a mistake of the server.
            "malformed response: ",
            // curl takes a head or a last chunk that is cut for a whole one; to us a response that is cut is a failure.
            "response cut short: closed before its end",
            "no response: closed before there was one",
        ],
        they_refuse: &[
            // Behind the last chunk there are trailers, of which nothing is used.
            "chunk",
        ],
    };
    for numbers in batches() {
        let responses: Arc<Vec<_>> = Arc::new(numbers.clone().map(response).collect());
        let server = server(Arc::clone(&responses));
        let theirs = curl(&server.url(), responses.len());
        let mut differing = Vec::new();
        for (place, (number, theirs)) in numbers.zip(&theirs).enumerate() {
            let ours = ours(&format!("{}{place}", server.url()));
            if let Err(how) = differences.judge(&ours, theirs) {
                differing.push((number, &responses[place][..], how));
            }
        }
        assert_none(&differing);
    }
}
