//! Connections are used again, and only where that is safe.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::SockRef;

use crate::support::echo::{answers, echo, echoing};
use crate::support::folder::Folder;
use crate::support::program::{command, post, posting, run, run_command};
use crate::support::server::{Request, Server, ok, response, response_with};
use crate::support::tls::{Authority, accept};
use crate::support::{tiny, tiny_frames, tiny_number, wait_until};

#[test]
fn there_are_no_more_connections_than_jobs() {
    for jobs in [1, 4] {
        let server = echoing();
        assert_eq!(post(&["-j", &jobs.to_string()], &server.url(), 200).ok().lines(), answers(200));
        assert!((1..=jobs).contains(&server.connections()), "{}", server.connections());
    }
}

#[test]
fn a_connection_that_the_server_has_closed_while_it_was_idle_loses_nothing() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let server = Server::scripted(move |_, mut connection| {
        connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        while let Some(request) = Request::read(&mut connection) {
            connection.write_all(&echo(&request)).unwrap();
        }
        drop(connection);
        count.fetch_add(1, Ordering::AcqRel);
    });
    let mut program = posting(&[], &server.url());
    for number in 0..4 {
        program.write(&tiny(number));
        assert_eq!(program.line(), format!("answer {number}"));
        let begun = number as usize;
        wait_until("the server closes", || closed.load(Ordering::Acquire) > begun);
    }
    program.finish().ok();
    assert_eq!(server.connections(), 4);
}

#[test]
fn a_connection_that_has_been_idle_for_long_is_not_used_again() {
    let server = echoing();
    let mut program = posting(&[], &server.url());
    for (number, connections) in [(0, 1), (1, 1), (2, 2)] {
        let begin = Instant::now();
        // Shorter than any server's limit that we know of, and longer than the program's.
        wait_until("a pause", || connections < 2 || begin.elapsed() > Duration::from_millis(1600));
        program.write(&tiny(number));
        assert_eq!(program.line(), format!("answer {number}"));
        assert_eq!(server.connections(), connections);
    }
    program.finish().ok();
}

#[test]
fn each_upload_has_a_connection_of_its_own_if_the_user_says_so() {
    let folder = Folder::new("close");
    let file = format!("@{}", folder.file("headers", "connection: Close\n"));
    let closing = &["-H", "Connection: close"];
    for option in [&["--no-http-keep-alive"][..], closing, &["-H", &file], &["--minreq"]] {
        // It leaves the closing to us.
        let server = Server::scripted(|_, mut connection| {
            while let Some(request) = Request::read(&mut connection) {
                let values = request.header("Connection");
                assert!(values.len() == 1 && values[0].eq_ignore_ascii_case("close"), "{values:?}");
                connection.write_all(&echo(&request)).unwrap();
            }
        });
        let run = post(&[&["-j", "2"], option].concat(), &server.url(), 9).ok();
        assert_eq!((run.lines(), server.connections()), (answers(9), 9));
    }
}

/// How many connections two frames take, a pause after the first, from a server whose responses have this
/// header.
fn connections_of_two(header: &'static str, pause: Duration) -> usize {
    let server = Server::answering(move |_, request| {
        response_with("200 OK", header, format!("answer {}", tiny_number(&request.body)))
    });
    let mut program = posting(&[], &server.url());
    for number in 0..2 {
        let begin = Instant::now();
        wait_until("a pause", || number == 0 || begin.elapsed() >= pause);
        program.write(&tiny(number));
        assert_eq!(program.line(), format!("answer {number}"));
    }
    program.finish().ok();
    server.connections()
}

#[test]
fn a_connection_is_left_in_time_if_the_server_says_how_long_it_keeps_one() {
    let at_once = Duration::ZERO;
    assert_eq!(connections_of_two("Keep-Alive: timeout=5, max=100\r\n", at_once), 1);
    assert_eq!(connections_of_two("Keep-Alive: timeout=0\r\n", at_once), 2);
    assert_eq!(connections_of_two("Keep-Alive: timeout=18446744073709551615\r\n", at_once), 1);
    // Three quarters of a second: a request takes time to get there.
    assert_eq!(
        connections_of_two("Keep-Alive: max=9, Timeout=1\r\n", Duration::from_millis(800)),
        2
    );
}

#[test]
fn a_response_that_comes_unasked_is_no_answer_to_the_next_frame() {
    let server = Server::scripted(|_, mut connection| {
        while let Some(request) = Request::read(&mut connection) {
            let late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
            connection.write_all(&[echo(&request), late.to_vec()].concat()).unwrap();
        }
    });
    let run = post(&[], &server.url(), 5).ok();
    assert_eq!((run.lines(), server.connections()), (answers(5), 5));
}

#[test]
fn a_frame_that_has_left_on_a_connection_that_then_dies_is_sent_again_only_if_the_user_says_so() {
    for (reset, cause) in
        [(false, "no response: closed before there was one"), (true, "reset by peer")]
    {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let server = Server::scripted(move |_, mut connection| {
            while let Some(request) = Request::read(&mut connection) {
                if count.fetch_add(1, Ordering::AcqRel) == 3 {
                    let linger = reset.then_some(Duration::ZERO);
                    return SockRef::from(&connection).set_linger(linger).unwrap();
                }
                connection.write_all(&echo(&request)).unwrap();
            }
        });
        let run = post(&[], &server.url(), 9);
        assert_eq!((run.status, run.lines()), (Some(1), answers(3)), "{}", run.stderr);
        let cause = format!("{cause} on a kept connection (--no-http-keep-alive)");
        assert!(run.stderr.contains(&format!("{cause}; it may have arrived")), "{}", run.stderr);
        assert_eq!((requests.load(Ordering::Acquire), server.connections()), (4, 1));
        // At once: it is no outage. Then there is a connection for each of the others.
        requests.store(0, Ordering::Release);
        let run = post(&["-v", "--retry-all-errors"], &server.url(), 9);
        assert_eq!((run.status, run.lines()), (Some(0), answers(9)), "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("{cause}; attempt 2 of 4 in 0.0 s")),
            "{}",
            run.stderr
        );
        assert_eq!(server.connections(), 1 + 1 + 6);
    }
}

/// What a server does behind its answer, it does a few milliseconds later.
fn a_little_later(connection: &TcpStream) {
    let _ = connection.set_read_timeout(Some(Duration::from_millis(5)));
    let _ = connection.peek(&mut [0]);
    let _ = connection.set_read_timeout(None);
}

#[test]
fn a_server_that_closes_behind_each_answer_without_saying_so_costs_no_frame() {
    for jobs in ["1", "4"] {
        let server = Server::scripted(|_, mut connection| {
            let Some(request) = Request::read(&mut connection) else { return };
            connection.write_all(&echo(&request)).unwrap();
            a_little_later(&connection);
        });
        assert_eq!(post(&["-j", jobs], &server.url(), 50).ok().lines(), answers(50));
        assert_eq!(server.connections(), 50);
    }
}

#[test]
fn a_second_response_behind_the_first_is_no_answer_to_the_next_frame() {
    let server = Server::scripted(|_, mut connection| {
        while let Some(request) = Request::read(&mut connection) {
            connection.write_all(&echo(&request)).unwrap();
            a_little_later(&connection);
            let _ = connection.write_all(&ok("made up"));
        }
    });
    assert_eq!(post(&[], &server.url(), 20).ok().lines(), answers(20));
}

#[test]
fn a_server_that_leaves_a_body_and_takes_it_for_a_request_costs_no_frame() {
    let server = Server::scripted(|_, mut connection| {
        let mut bytes = [0; 16 << 10];
        let mut answer = ok("taken");
        while connection.read(&mut bytes).is_ok_and(|count| count > 0) {
            let _ = connection.write_all(&answer);
            answer = response("400 Bad Request", "no");
            a_little_later(&connection);
            let _ = connection.write_all(&answer);
        }
    });
    assert_eq!(post(&[], &server.url(), 20).ok().lines(), vec!["taken"; 20]);
}

/// A server with this many workers. Each serves one connection until the client closes it, and then the next one.
fn crowded(workers: usize, tls: Option<Arc<ServerConfig>>) -> Server {
    let workers: Vec<_> = (0..workers).map(|_| Mutex::new(())).collect();
    Server::scripted(move |number, mut connection| {
        let _worker = workers[number % workers.len()].lock();
        match &tls {
            Some(config) => answer_all(&mut accept(config, connection)),
            None => answer_all(&mut connection),
        }
    })
}

fn answer_all(connection: &mut (impl Read + Write)) {
    while let Some(request) = Request::read(connection) {
        let _ = connection.write_all(&echo(&request));
    }
}

#[test]
fn more_jobs_than_the_server_has_workers_are_all_served() {
    let authority = Authority::new("crowded");
    for (workers, jobs, is_secure) in [(1, 2, false), (2, 4, false), (1, 16, false), (2, 4, true)] {
        let server = crowded(workers, is_secure.then(|| authority.server()));
        let url = if is_secure { server.https_url() } else { server.url() };
        let command = command(&["-s", "1x1", "--raw", "-m", "30", "-j", &jobs.to_string(), &url]);
        let begin = Instant::now();
        let run = run_command(authority.trusted_by(command), &tiny_frames(200)).ok();
        assert_eq!(run.lines(), answers(200));
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(10), "{workers} workers, {jobs} jobs: {took:?}");
    }
}

#[test]
fn a_job_that_waits_for_the_only_worker_needs_no_further_frame() {
    let server = crowded(1, None);
    let mut program = posting(&["-j", "2", "-m", "30"], &server.url());
    for number in [0, 2] {
        program.write(&[tiny(number), tiny(number + 1)].concat());
        assert_eq!(program.line(), format!("answer {number}"));
        assert_eq!(program.line(), format!("answer {}", number + 1));
    }
    program.finish().ok();
}

#[test]
fn head_and_body_that_are_sent_apart_cost_no_wait() {
    let server = Server::scripted(|_, mut connection| {
        while let Some(request) = Request::read(&mut connection) {
            let answer = echo(&request);
            let (head, body) = answer.split_at(answer.len() - 3);
            connection.write_all(head).unwrap();
            connection.write_all(body).unwrap();
        }
    });
    let begin = Instant::now();
    assert_eq!(post(&[], &server.url(), 100).ok().lines(), answers(100));
    // An acknowledgement that is put off takes 40 ms.
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[test]
fn an_ipv6_address_will_do_and_its_zone_is_not_sent() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: there is no IPv6 here");
        return;
    };
    let server = Server::answering_on(listener, |_, request| echo(request));
    let port = server.address.port();
    // The loopback is interface 1, or lo.
    for zone in ["", "%251", "%1", "%25lo"] {
        let url = format!("http://[::1{zone}]:{port}/");
        for option in ["--raw", "--no-http-keep-alive"] {
            let arguments = ["-s", "1x1", "--raw", option, &url];
            assert_eq!(run(&arguments, &tiny_frames(2)).ok().lines(), answers(2));
        }
    }
    assert_eq!(server.connections(), 12);
    let host = server.address.to_string();
    assert!(server.requests().iter().all(|request| request.header("Host") == [host.as_str()]));
}
