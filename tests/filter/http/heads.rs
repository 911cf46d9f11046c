//! The head of a response: with no header, with too many, and mangled. Each is understood or refused in plain
//! words, and none breaks the program.

use crate::support::program::run_answered_with;
use crate::support::server::response_with;

const MAX_HEADER_BYTES: usize = 64 << 10;

#[test]
fn a_whole_response_may_have_no_header() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let run = run_answered_with(format!("{version} 200 OK\r\n\r\ngood"));
        assert_eq!(run.ok().lines(), ["good"]);
    }
}

#[test]
fn a_head_may_have_many_headers_and_what_old_servers_send() {
    let many: String = (0..3000).map(|number| format!("X-{number}: y\r\n")).collect();
    for headers in [&*many, "X: a\r\n b\r\n", "X : y\r\n"] {
        let run = run_answered_with(response_with("200 OK", headers, "good"));
        assert_eq!(run.ok().lines(), ["good"]);
    }
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
