//! TLS: a frame has left only once the handshake is done.

use std::io::{Read, Write};

use crate::support::program::{command, run, run_command};
use crate::support::server::{Request, Server, ok, response};
use crate::support::tls::{Authority, accept, answering};
use crate::support::{BIG, BIG_BYTES, noise};

#[test]
fn a_peer_that_speaks_no_tls_is_a_failure() {
    // As a server for http:// answers what it cannot read.
    let server = Server::scripted(|_, mut connection| {
        let _ = connection.read(&mut [0; 1024]);
        let _ = connection.write_all(&response("400 Bad Request", "plain"));
        let _ = connection.read(&mut [0; 1024]);
    });
    let url = server.https_url();
    let run = run(&["-s", "1x1", "--retry-delay", "0.001", &url], &[0; 3]);
    let place = format!("localhost:{}", server.address.port());
    run.fails_at_once(&format!("{place}: no TLS there; http:// is without"));
    assert_eq!(server.connections(), 1);
}

/// The server has read it.
#[test]
fn a_frame_may_have_arrived_if_what_comes_behind_it_is_no_tls() {
    let authority = Authority::new("no-more-tls");
    let config = authority.server();
    let server = Server::scripted(move |_, connection| {
        let mut stream = accept(&config, connection);
        if Request::read(&mut stream).is_some() {
            let _ = stream.sock.write_all(&response("400 Bad Request", "plain"));
        }
    });
    let url = server.https_url();
    let run = run_command(authority.trusted_by(command(&["-s", "1x1", &url])), &[0; 3]);
    let place = format!("localhost:{}", server.address.port());
    let cause = "TLS: received corrupt message of type InvalidContentType";
    run.fails_in_doubt(&format!("{place}: {cause}"));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_tls_handshake_that_fails_was_never_sent() {
    let server = Server::scripted(|_, mut connection| {
        let _ = connection.read(&mut [0; 1024]);
    });
    let url = server.https_url();
    let run = run(&["-s", "1x1", "--retry", "2", "--retry-delay", "0.001", &url], &[0; 3]);
    assert_eq!((run.status, server.connections()), (Some(1), 3), "{}", run.stderr);
}

#[test]
fn session_tickets_do_not_keep_the_body_back() {
    let authority = Authority::new("tickets");
    let config = authority.server();
    let server = answering(config, |request| ok(request.body.len().to_string()));
    let url = server.https_url();
    let command = command(&[&BIG[..], &["--raw", "-m", "20", &url]].concat());
    let command = authority.trusted_by(command);
    let run = run_command(command, &noise(1, BIG_BYTES).repeat(2)).ok();
    assert!(run.lines().iter().all(|line| line.parse::<usize>().unwrap() > BIG_BYTES));
    assert_eq!((run.lines().len(), server.connections()), (2, 1));
}
