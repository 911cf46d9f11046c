//! A long run against a server that fails a tenth of all attempts, in every way that may be repeated.
//! `cargo test -- --ignored soak` runs it: it takes a minute or so.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::support::program::{Running, command};
use crate::support::server::{Request, Server, ok, response, response_with};
use crate::support::{noise, tiny, tiny_number, wait_until};

const FRAMES: u32 = 20_000;
const JOBS: usize = 8;

/// Fails this attempt, or answers: frame and attempt alone decide. Gives whether the connection goes on.
fn answer(connection: &mut TcpStream, frame: u32, attempt: u32) -> bool {
    let draw = draw(frame, attempt);
    if is_answered(frame, attempt) {
        let _ = connection.write_all(&ok(format!("answer {frame}\n")));
        return true;
    }
    let mut send = |bytes: &[u8]| {
        let _ = connection.write_all(bytes);
    };
    match draw[1] % 14 {
        0 => {}
        1 => SockRef::from(&*connection).set_linger(Some(Duration::ZERO)).unwrap(),
        2 => send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"),
        3 => send(b"garbage\r\n\r\n"),
        4 => send(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        5 => send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        6 => {
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
        }
        7 => send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"),
        8 => send(&response("500 x", "no")),
        9 => send(&response("502 x", "no")),
        10 => send(&response("503 x", "no")),
        11 => send(&response_with("429 x", "Retry-After: 0\r\n", "no")),
        12 => {
            send(format!("HTTP/1.1 200 OK\r\nX: {}\n\r\n", "x".repeat((64 << 10) - 4)).as_bytes())
        }
        // Some hang, for longer than the program waits, and then close.
        _ if draw[2] < 8 => thread::sleep(Duration::from_secs(3)),
        _ => {}
    }
    matches!(draw[1] % 14, 8..=11)
}

/// Whether this attempt gets a whole answer.
fn is_answered(frame: u32, attempt: u32) -> bool {
    draw(frame, attempt)[0] >= 26
}

fn draw(frame: u32, attempt: u32) -> Vec<u8> {
    noise(u64::from(frame) << 8 | u64::from(attempt), 3)
}

/// How many of the program's file descriptors are open.
fn descriptors(program: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap().count()
}

/// Memory in kB, threads, file descriptors; once there are no more than these.
fn at_rest(program: &Running, idle: usize) -> (u64, u64, usize) {
    wait_until("connections are closed", || descriptors(program) <= idle);
    (program.memory("VmRSS"), program.memory("Threads"), descriptors(program))
}

type Attempts = Arc<Mutex<HashMap<u32, u32>>>;

fn server() -> (Server, Attempts) {
    let attempts = Attempts::default();
    let counted = Arc::clone(&attempts);
    let server = Server::scripted(move |_, mut connection| {
        while let Some(request) = Request::read(&mut connection) {
            let frame = tiny_number(&request.body);
            let attempt = {
                let mut attempts = counted.lock().unwrap();
                let count = attempts.entry(frame).or_insert(0);
                *count += 1;
                *count
            };
            if !answer(&mut connection, frame, attempt) {
                return;
            }
        }
    });
    (server, attempts)
}

/// The program on frames from `first` on.
fn start(server: &Server, first: u32) -> Running {
    let (url, jobs, skip) = (server.url(), JOBS.to_string(), first.to_string());
    let limits = ["-m", "2", "--retry", "50", "--retry-delay", "0.001", "--retry-all-errors"];
    let arguments =
        [&["-s", "1x1", "--raw", "-j", &jobs, "--skip", &skip], &limits[..], &[&url]].concat();
    Running::start(command(&arguments))
}

#[test]
#[ignore = "takes a minute or so"]
fn soak() {
    let (server, attempts) = server();
    let mut program = start(&server, 0);
    let mut stdin = program.stdin.take().unwrap();
    let (sender, numbers) = std::sync::mpsc::channel::<u32>();
    let feeder = thread::spawn(move || {
        numbers.iter().for_each(|number| stdin.write_all(&tiny(number)).unwrap());
    });
    // Waiting for the first frame: its threads are there, the copy of stdin is open.
    wait_until("the program reads", || program.memory("Threads") >= 3);
    let idle = descriptors(&program) + JOBS;
    let mut answered = 0;
    let mut go_on_to = |program: &mut Running, end| {
        (answered..end).for_each(|number| sender.send(number).unwrap());
        for number in answered..end {
            assert_eq!(program.line(), format!("answer {number}"));
        }
        answered = end;
        at_rest(program, idle)
    };
    let early = go_on_to(&mut program, FRAMES / 10);
    let late = go_on_to(&mut program, FRAMES);
    let tried = attempts.lock().unwrap().values().sum::<u32>();
    println!("memory kB, threads, file descriptors: early {early:?}, late {late:?}");
    println!("{tried} attempts on {} connections for {FRAMES} frames", server.connections());
    assert!(late.0 < early.0 + 2000, "{early:?} {late:?}");
    assert!(late.1 <= early.1 && late.2 <= idle, "{early:?} {late:?}");
    assert!(tried > FRAMES + FRAMES / 20);
    assert!(server.connections() < FRAMES as usize / 4);
    drop(sender);
    feeder.join().unwrap();
    program.finish().ok();
}
