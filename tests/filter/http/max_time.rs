//! --max-time: an attempt ends then, wherever it hangs, and the run goes on as after any other failure.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::ports::FullPort;
use crate::support::program::{post, posting, run};
use crate::support::server::{Request, Server, ok, wait_for_hang_up};
use crate::support::wait_until;

#[test]
fn a_tls_peer_that_stalls_ends_at_max_time() {
    let server = Server::scripted(|_, connection| {
        let mut hello = [0; 1024];
        wait_until("it hangs up", || (&mut &connection).read(&mut hello).map_or(true, |n| n == 0));
    });
    let url = server.https_url();
    // On a kept connection it was never sent: the handshake is not done.
    let run = run(&["-s", "1x1", "--retry", "0", "-m", "0.5", &url], &[0; 3]);
    let place = url.trim_start_matches("https://").trim_end_matches('/');
    run.fails_at_once(&format!("{place}: timed out after 0.5 s (--max-time)"));
}

#[test]
fn an_upload_ends_at_max_time_wherever_it_hangs() {
    type Script = fn(TcpStream);
    let hang = |connection: TcpStream| {
        let _ = Request::read(&mut &connection);
        wait_for_hang_up(&connection);
    };
    let scripts: [(&str, Script); 3] = [
        ("no response", hang),
        ("half a head", |connection| {
            let _ = Request::read(&mut &connection);
            (&connection).write_all(b"HTTP/1.1 200 OK\r\nContent-").unwrap();
            wait_for_hang_up(&connection);
        }),
        ("a byte at a time", |connection| {
            let _ = Request::read(&mut &connection);
            (&connection).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").unwrap();
            while (&connection).write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        }),
    ];
    for (name, script) in scripts {
        let server = Server::scripted(move |_, connection| script(connection));
        let begin = Instant::now();
        let run = post(&["-m", "0.5"], &server.url(), 1);
        let cause = "timed out after 0.5 s (--max-time)";
        match name {
            "a byte at a time" => run.fails_in_doubt(&format!("status 200, then {cause}")),
            _ => run.fails_in_doubt(&format!("{}: {cause}", server.address)),
        };
        assert!(begin.elapsed() >= Duration::from_millis(500), "{name}");
    }
}

#[test]
fn uploads_that_time_out_lose_no_frame() {
    let server = Server::scripted(|_, connection| {
        let _ = Request::read(&mut &connection);
        wait_for_hang_up(&connection);
    });
    let limits = ["-m", "0.05", "--retry", "0", "-j", "4", "--keep-going"];
    let run = post(&limits, &server.url(), 100);
    let lines = run.lines();
    assert!(lines.iter().all(String::is_empty));
    let messages = run.stderr.lines().count();
    assert_eq!(run.status, Some(1));
    assert_eq!((lines.len(), messages), (100, 100));
}

#[test]
fn a_connect_that_times_out_was_never_sent() {
    let port = FullPort::new();
    for option in ["--max-time", "--connect-timeout"] {
        let limits = [option, "0.3", "--retry", "2", "--retry-delay", "0.001"];
        let run = post(&limits, &port.url(), 1);
        let cause = format!("timed out after 0.3 s ({option}) (3 attempts)");
        run.fails_at_once(&format!("{}: {cause}", port.address()));
    }
}

#[test]
fn a_server_that_reads_slowly_does_not_outlast_max_time() {
    let server = Server::scripted(|_, mut connection| {
        SockRef::from(&connection).set_recv_buffer_size(4096).unwrap();
        while connection.read(&mut [0; 512]).is_ok_and(|count| count > 0) {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let begin = Instant::now();
    let arguments = ["-s", "3000x1000", "-p", "gray", "-z", "none", "-m", "0.5", &server.url()];
    let run = run(&arguments, &[5; 3_000_000]);
    run.fails_in_doubt(&format!("{}: timed out after 0.5 s (--max-time)", server.address));
    // Well before the attempt would have been given up for lost.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

#[test]
fn an_answer_that_is_there_when_the_limit_passes_is_read() {
    let (asked, requests) = channel();
    let (answer, answers) = channel::<()>();
    let (asked, answers) = (Mutex::new(asked), Mutex::new(answers));
    let server = Server::scripted(move |_, mut connection| {
        if Request::read(&mut connection).is_some() {
            asked.lock().unwrap().send(()).unwrap();
            answers.lock().unwrap().recv().unwrap();
            connection.write_all(&ok("late, but there")).unwrap();
            asked.lock().unwrap().send(()).unwrap();
        }
    });
    let mut program = posting(&["-m", "0.5"], &server.url());
    let begin = Instant::now();
    program.write(&[0; 3]);
    requests.recv().unwrap();
    program.signal("STOP");
    answer.send(()).unwrap();
    requests.recv().unwrap();
    wait_until("the limit has passed", || begin.elapsed() > Duration::from_millis(700));
    program.signal("CONT");
    assert_eq!(program.line(), "late, but there");
    program.finish().ok();
}
