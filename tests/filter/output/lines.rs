//! Responses into lines.

use crate::support::program::post;
use crate::support::server::{Server, ok};

/// The line of a frame whose response has this body.
fn line_of(body: &[u8]) -> Vec<u8> {
    let body = body.to_vec();
    let server = Server::answering(move |_, _| ok(&body));
    post(&[], &server.url(), 1).ok().stdout
}

#[test]
fn a_response_of_20_mb_is_one_line() {
    let body = b"0123456789abcde\n".repeat(20 << 16);
    let line = line_of(&body);
    assert_eq!(line.len(), body.len());
    assert!(line.ends_with(b"0123456789abcde\n"));
    assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
}
