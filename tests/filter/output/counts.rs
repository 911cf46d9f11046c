//! The counts of `--verbose`: each says what it counts.

use crate::support::program::run;
use crate::support::server::{Server, response};
use crate::support::tiny_frames;

/// A body that never found a connection was not sent.
#[test]
fn bytes_sent_are_the_bodies_of_attempts_that_began_to_send() {
    let server = Server::answering(|_, _| response("503 Service Unavailable", ""));
    let sent = |url: &str| {
        let verbose = ["-v", "-s", "1x1", "--raw", "--retry", "2", "--retry-delay", "0.001"];
        let run = run(&[&verbose[..], &[url]].concat(), &tiny_frames(1));
        run.stderr.lines().last().unwrap().split(", ").nth(4).unwrap().to_owned()
    };
    let of_server = sent(&server.url());
    let bodies = server.requests().iter().map(|request| request.body.len()).sum::<usize>();
    assert_eq!((of_server, server.requests().len()), (format!("{bodies} bytes sent"), 3));
    for url in ["http://127.0.0.1:1/", "http://nowhere.invalid/"] {
        assert_eq!(sent(url), "0 bytes sent", "{url}");
    }
}
