//! The limit of a response, to the byte. Beyond it is `responses`'.

use std::io::Write;

use crate::support::program::run;
use crate::support::server::{Request, Server};

const MAX_RESPONSE_BYTES: usize = 64 << 20;

#[test]
fn a_response_of_exactly_the_limit_is_a_line() {
    for header in [&format!("Content-Length: {MAX_RESPONSE_BYTES}"), "Connection: close"] {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n");
        let server = Server::scripted(move |_, mut connection| {
            if Request::read(&mut connection).is_some() {
                connection.write_all(head.as_bytes()).unwrap();
                connection.write_all(&vec![b'x'; MAX_RESPONSE_BYTES]).unwrap();
            }
        });
        let run = run(&["-s", "1x1", &server.url()], &[0; 3]).ok();
        assert_eq!(run.stdout.len(), MAX_RESPONSE_BYTES + 1, "{header}");
    }
}
