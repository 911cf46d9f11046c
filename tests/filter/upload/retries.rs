//! Retries: every class of failure with the right repeat, line and exit status.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use socket2::SockRef;

use crate::support::echo::{answers, echo};
use crate::support::engine::{Engine, test_each_engine};
use crate::support::ports::{ClosedPort, FullPort};
use crate::support::program::{Run, Running, run_command};
use crate::support::server::{
    Request, Server, closing, ok, response, response_with, wait_for_hang_up,
};
use crate::support::tls::{Authority, accept};
use crate::support::{tiny_frames, tiny_number, wait_until};

test_each_engine! {
    a_connect_that_stalls_ends_at_max_time
    a_send_that_stalls_ends_at_max_time
    a_refused_connection_is_tried_again_and_then_a_failure
    a_server_that_comes_back_within_the_budget_loses_nothing
    many_jobs_do_not_hammer_a_server_that_is_down
    what_is_refused_for_now_is_sent_again_the_same_and_only_the_last_answer_is_a_line
    retry_after_is_waited_for
    a_retry_after_past_the_limit_is_not_waited_for
    what_may_have_arrived_is_sent_again_only_if_the_user_asks
    what_is_refused_is_never_sent_again
    an_early_413_is_a_line_unless_the_connection_is_reset
    verbose_tells_of_each_retry
    a_run_whose_server_is_gone_ends
    under_keep_going_every_frame_has_one_line_whatever_happens
    a_resumed_run_and_the_first_one_give_the_lines_of_an_undisturbed_run
    a_rate_spaces_the_starts_of_all_attempts_at_any_number_of_jobs
    frames_after_a_failed_one_take_no_turns_of_the_rate
    a_certificate_that_is_wrong_is_refused_and_never_tried_again
    a_tls_peer_that_stalls_ends_at_max_time
    a_peer_that_speaks_no_tls_is_a_failure
}

fn a_refused_connection_is_tried_again_and_then_a_failure(engine: Engine) {
    let port = ClosedPort::new();
    let refused = |options: &[&str], cause: &str| {
        let url = port.url();
        let arguments = [&["-s", "1x1", "--retry-delay", "0.001"], options, &[&url]].concat();
        engine.run(&arguments, &tiny_frames(3)).fails_at_once(cause);
    };
    refused(&[], "connection refused (4 attempts)");
    refused(&["--retry", "1"], "connection refused (2 attempts)");
    // 0 is no limit.
    refused(&["--retry", "1", "--retry-max-time", "0"], "connection refused (2 attempts)");
    refused(&["--retry", "0"], "connection refused");
}

fn a_server_that_comes_back_within_the_budget_loses_nothing(engine: Engine) {
    for jobs in ["1", "8"] {
        let port = ClosedPort::new();
        let limits = ["--retry", "10000", "--retry-delay", "0.01", "-j", jobs, "-v"];
        let url = port.url();
        let arguments = [&["-s", "1x1", "--raw"], &limits[..], &[&url]].concat();
        let mut program = Running::start(engine.command(&arguments));
        program.write(&tiny_frames(50));
        program.stdin = None;
        // Some attempts have been refused.
        let mut stderr = program.stderr_lines();
        for _ in 0..7 {
            let line = stderr.next().unwrap();
            assert!(line.contains(": upload: connection refused; attempt "), "{line}");
        }
        let server = port.open(|_, request| echo(request));
        thread::spawn(move || stderr.for_each(drop));
        let run = program.finish();
        assert_eq!((run.status, run.lines()), (Some(0), answers(50)));
        assert_eq!(server.requests().len(), 50);
    }
}

fn many_jobs_do_not_hammer_a_server_that_is_down(engine: Engine) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let server = Server::answering(move |_, _| {
        count.fetch_add(1, Ordering::AcqRel);
        response("503 Service Unavailable", "")
    });
    let limits = ["--retry", "1000", "--retry-delay", "60", "-j", "8", "--retry-max-time", "1000"];
    let url = server.url();
    let arguments = [&["-s", "1x1"], &limits[..], &[&url]].concat();
    let mut program = Running::start(engine.command(&arguments));
    program.write(&tiny_frames(100));
    wait_until("the first attempt", || attempts.load(Ordering::Acquire) > 0);
    let begin = Instant::now();
    wait_until("two seconds have passed", || begin.elapsed() > Duration::from_secs(2));
    // All may have been under way together once; then a pause of up to a minute lies between two.
    assert!(attempts.load(Ordering::Acquire) <= 8 + 2, "{attempts:?} attempts");
}

fn what_is_refused_for_now_is_sent_again_the_same_and_only_the_last_answer_is_a_line(
    engine: Engine,
) {
    let soon = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1));
    let values = [Some("0".to_owned()), Some("1".to_owned()), Some(soon()), None];
    for (status, retry_after) in [408, 425, 429, 503].into_iter().zip(values) {
        let header =
            retry_after.map_or_else(String::new, |when| format!("Retry-After: {when}\r\n"));
        let server = Server::answering(move |number, _| match number {
            0 | 1 => response_with(&format!("{status} not now"), &header, "not now"),
            _ => ok("now"),
        });
        let arguments = ["-s", "1x1", "--retry-delay", "0.01", &server.url()];
        assert_eq!(engine.run(&arguments, &[1, 2, 3]).ok().stdout, b"now\n");
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        for request in &requests[1..] {
            assert_eq!((&request.head, &request.body), (&requests[0].head, &requests[0].body));
        }
    }
}

fn retry_after_is_waited_for(engine: Engine) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let server = Server::answering(move |number, _| {
        seen.lock().unwrap().push(Instant::now());
        match number {
            0 => response_with("503 x", "Retry-After: 1\r\n", ""),
            _ => ok(""),
        }
    });
    engine.run(&["-s", "1x1", "--retry-delay", "0.001", &server.url()], &[0; 3]).ok();
    let times = times.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_secs(1));
}

fn a_retry_after_past_the_limit_is_not_waited_for(engine: Engine) {
    let server = Server::answering(|_, _| response_with("503 x", "Retry-After: 3600\r\n", "later"));
    let run = engine.run(&["-s", "1x1", &server.url()], &tiny_frames(2));
    let message = "frame 0: upload: status 503 \
                   (Retry-After of 3600 s passes the limit of 600 s, --retry-max-time); \
                   1 line is out, go on with --skip 1";
    assert_eq!(run.fails(1, message).stdout, b"later\n");
    assert_eq!(server.requests().len(), 1);
}

/// What a server may do after it has read a request, so that nobody knows what became of the frame.
type Fault = fn(&mut TcpStream);

const UNKNOWN: [(&str, Fault); 9] = [
    ("closes", |_| {}),
    ("resets", |c| SockRef::from(&*c).set_linger(Some(Duration::ZERO)).unwrap()),
    ("cuts the body", |c| send(c, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")),
    ("sends garbage", |c| send(c, b"garbage\r\n\r\n")),
    ("sends 1xx", |c| send(c, b"HTTP/1.1 100 Continue\r\n\r\n")),
    ("answers 500", |c| send(c, &closing(response("500 x", "")))),
    ("answers 502", |c| send(c, &closing(response("502 x", "")))),
    ("says nothing", |c| wait_for_hang_up(c)),
    ("makes minreq panic", |c| {
        let value = "x".repeat((64 << 10) - 4);
        send(c, format!("HTTP/1.1 200 OK\r\nX: {value}\n\r\n").as_bytes());
    }),
];

fn send(connection: &mut TcpStream, bytes: &[u8]) {
    let _ = connection.write_all(bytes);
}

/// A server with this fault on its first connection.
fn faulty_once(fault: Fault) -> Server {
    Server::scripted(move |number, mut connection| {
        if let Some(request) = Request::read(&mut connection) {
            match number {
                0 => fault(&mut connection),
                _ => send(&mut connection, &closing(echo(&request))),
            }
        }
    })
}

fn what_may_have_arrived_is_sent_again_only_if_the_user_asks(engine: Engine) {
    for (name, fault) in UNKNOWN {
        let server = faulty_once(fault);
        let arguments = ["-s", "1x1", "--raw", "-m", "1", "--retry-delay", "0.001", &server.url()];
        let run_once = engine.run(&arguments, &tiny_frames(2));
        assert_eq!(run_once.status, Some(1), "{name}");
        assert_eq!(server.connections(), 1, "{name}");

        let server = faulty_once(fault);
        let asked =
            ["-s", "1x1", "--raw", "-m", "1", "--retry-delay", "0.001", "--retry-all-errors"];
        let run = engine.run(&[&asked[..], &[&server.url()]].concat(), &tiny_frames(2)).ok();
        assert_eq!(run.lines(), answers(2), "{name}");
        assert_eq!(server.connections(), 3, "{name}");
    }
}

fn what_is_refused_is_never_sent_again(engine: Engine) {
    for status in ["301 x", "304 x", "400 x", "401 x", "404 x", "413 x", "501 x"] {
        let server = Server::answering(move |_, _| match status {
            "304 x" => b"HTTP/1.1 304 x\r\nDate: x\r\n\r\n".to_vec(),
            _ => response(status, "no"),
        });
        let arguments =
            ["-s", "1x1", "--retry-all-errors", "--retry-delay", "0.001", &server.url()];
        let run = engine.run(&arguments, &[0; 3]);
        assert_eq!((run.status, server.connections()), (Some(1), 1), "{status}");
    }
}

fn an_early_413_is_a_line_unless_the_connection_is_reset(engine: Engine) {
    const BIG: usize = 2000 * 1000;
    let early = |reset: bool| {
        let server = Server::scripted(move |_, mut connection| {
            // The answer comes before the body has been read.
            let _ = connection.peek(&mut [0]);
            send(&mut connection, &response("413 Too Large", "too large"));
            if !reset {
                std::io::copy(&mut connection, &mut std::io::sink()).unwrap();
            }
        });
        engine.run(&["-s", "2000x1000", "-p", "gray", "-z", "none", &server.url()], &[9; BIG])
    };
    let message = "frame 0: upload: status 413; 1 line is out, go on with --skip 1";
    assert_eq!(early(false).fails(1, message).stdout, b"too large\n");
    // Where the reset overtakes the answer, minreq loses it: a failure without a line.
    let run = early(true);
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    assert_eq!(run.stdout.is_empty(), !run.stderr.contains("status 413"), "{}", run.stderr);
}

fn verbose_tells_of_each_retry(engine: Engine) {
    let server = Server::answering(|number, _| match number {
        0 => response("503 x", ""),
        1 => response_with("429 x", "Retry-After: 0\r\n", ""),
        _ => ok("fine"),
    });
    let arguments = ["-v", "-s", "1x1", "--retry-delay", "0.001", &server.url()];
    let run = engine.run(&arguments, &[0; 3]);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines[0], "pngpost: frame 0: upload: status 503; attempt 2 of 4 in 0.0 s");
    assert_eq!(lines[1], "pngpost: frame 0: upload: status 429; attempt 3 of 4 in 0.0 s");
    assert!(lines[2].starts_with("pngpost: 1 frame, 0 failed, 2 retries, "), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
}

fn a_run_whose_server_is_gone_ends(engine: Engine) {
    let port = ClosedPort::new();
    let limits = ["--retry", "1000000", "--retry-delay", "0.05", "--retry-max-time", "0.5"];
    for jobs in ["1", "8"] {
        let options = ["-s", "1x1", "--keep-going", "-j", jobs];
        let url = port.url();
        let arguments = [&options[..], &limits, &[&url]].concat();
        let run = engine.run(&arguments, &tiny_frames(2000));
        assert_eq!((run.status, run.stdout), (Some(1), b"\n".repeat(2000)));
        let cause = "no retry within the limit of 0.5 s, --retry-max-time)";
        assert!(run.stderr.lines().all(|line| line.ends_with(cause)));
        assert_eq!(run.stderr.lines().count(), 2000);
    }
}

fn under_keep_going_every_frame_has_one_line_whatever_happens(engine: Engine) {
    for jobs in ["1", "8"] {
        let server = Server::scripted(|_, mut connection| {
            let Some(request) = Request::read(&mut connection) else { return };
            match tiny_number(&request.body) as usize {
                number if number % 2 == 0 => send(&mut connection, &closing(echo(&request))),
                number => UNKNOWN[number % UNKNOWN.len()].1(&mut connection),
            }
        });
        let options = ["-s", "1x1", "--raw", "--keep-going", "-m", "1", "-j", jobs];
        let run = engine.run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(40));
        let lines = run.lines();
        assert_eq!((run.status, lines.len()), (Some(1), 40));
        for (number, line) in lines.iter().enumerate() {
            let expected = if number % 2 == 0 { format!("answer {number}") } else { String::new() };
            assert_eq!(*line, expected);
        }
        assert_eq!(run.stderr.lines().count(), 20, "{}", run.stderr);
    }
}

fn a_resumed_run_and_the_first_one_give_the_lines_of_an_undisturbed_run(engine: Engine) {
    for (jobs, (name, fault)) in ["1", "8"].into_iter().flat_map(|j| UNKNOWN.map(|f| (j, f))) {
        // A 500's body is a line: that frame counts as answered, as it would in an undisturbed run.
        if name.starts_with("answers") {
            continue;
        }
        let faults = AtomicUsize::new(0);
        let server = Server::scripted(move |_, mut connection| {
            let Some(request) = Request::read(&mut connection) else { return };
            match tiny_number(&request.body) {
                17 if faults.fetch_add(1, Ordering::AcqRel) == 0 => fault(&mut connection),
                _ => send(&mut connection, &closing(echo(&request))),
            }
        });
        let resume = |skip: &str| {
            let options = ["-s", "1x1", "--raw", "-m", "1", "-j", jobs, "--skip", skip];
            engine.run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(40))
        };
        let first = resume("0");
        assert_eq!(first.status, Some(1), "{name}");
        let skip = first.stderr.trim().rsplit(' ').next().unwrap();
        assert_eq!(skip, "17", "{name}: {}", first.stderr);
        let lines = [first.lines(), resume(skip).ok().lines()].concat();
        assert_eq!(lines, answers(40), "{name}");
    }
}

fn a_rate_spaces_the_starts_of_all_attempts_at_any_number_of_jobs(engine: Engine) {
    for jobs in ["1", "8"] {
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let server = Server::answering(move |number, _| {
            seen.lock().unwrap().push(Instant::now());
            match number % 3 {
                1 => response_with("503 x", "Retry-After: 0\r\n", ""),
                _ => ok(""),
            }
        });
        let options = ["-s", "1x1", "--rate", "20/s", "--retry", "9", "-j", jobs];
        engine.run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(8)).ok();
        let times = times.lock().unwrap();
        assert!(times.len() > 8);
        // Arrivals waver; the whole cannot be shorter than its gaps.
        let least = Duration::from_millis(50) * (times.len() as u32 - 1);
        assert!(*times.last().unwrap() - times[0] >= least - Duration::from_millis(25), "{jobs}");
    }
}

fn frames_after_a_failed_one_take_no_turns_of_the_rate(engine: Engine) {
    // Frame 0 is turned away once frame 1 has failed, and goes again at the next turn: frames 2 to 63,
    // which wait for theirs, don't hold it up.
    let failed = Arc::new(Mutex::new(None::<Instant>));
    let (again, seen) = (Arc::new(Mutex::new(None::<Instant>)), Arc::new(AtomicUsize::new(0)));
    let (fail, told) = (Arc::new(AtomicBool::new(false)), Arc::clone(&failed));
    let (is_to_fail, times, arrived) = (Arc::clone(&fail), Arc::clone(&again), Arc::clone(&seen));
    let server = Server::answering(move |number, request| match tiny_number(&request.body) {
        0 if number == 0 => {
            wait_until("frame 1 has failed", || told.lock().unwrap().is_some());
            response_with("503 x", "Retry-After: 0\r\n", "")
        }
        0 => {
            *times.lock().unwrap() = Some(Instant::now());
            ok("again")
        }
        1 => {
            arrived.store(1, Ordering::Release);
            wait_until("frame 1 is to fail", || is_to_fail.load(Ordering::Acquire));
            *told.lock().unwrap() = Some(Instant::now());
            response("404 x", "no")
        }
        _ => ok(""),
    });
    let options = ["-s", "1x1", "--raw", "--rate", "2/s", "-j", "64", &server.url()];
    let mut program = Running::start(engine.command(&options));
    let frames = tiny_frames(64);
    program.write(&frames[..6]);
    wait_until("frame 1 has arrived", || seen.load(Ordering::Acquire) > 0);
    // Each frame that waits has a thread.
    let threads = program.memory("Threads");
    program.write(&frames[6..]);
    wait_until("the others wait", || program.memory("Threads") >= threads + 58);
    fail.store(true, Ordering::Release);
    let run = program.finish();
    assert_eq!((run.status, run.lines()), (Some(1), vec!["again".to_owned(), "no".to_owned()]));
    let late = again.lock().unwrap().unwrap() - failed.lock().unwrap().unwrap();
    assert!(late < Duration::from_secs(4), "{late:?}");
}

/// A run of two frames over TLS against a server with this certificate.
fn run_over_tls(
    engine: Engine,
    authority: &Authority,
    host: &str,
    expired: bool,
    trust: bool,
) -> (Run, usize) {
    let config = authority.server(host, expired);
    let server = Server::scripted(move |_, connection| {
        let mut stream = accept(&config, connection);
        if let Some(request) = Request::read(&mut stream) {
            let _ = stream.write_all(&closing(echo(&request)));
        }
    });
    let url = server.https_url();
    let asked = ["-s", "1x1", "--raw", "--retry-all-errors", "--retry-delay", "0.001", &url];
    let stranger = Authority::new("stranger");
    let trusted = if trust { authority } else { &stranger };
    let run = run_command(trusted.trusted_by(engine.command(&asked)), &tiny_frames(2));
    (run, server.connections())
}

fn a_certificate_that_is_wrong_is_refused_and_never_tried_again(engine: Engine) {
    let authority = Authority::new("authority");
    let (run, connections) = run_over_tls(engine, &authority, "localhost", false, true);
    assert_eq!((run.ok().lines(), connections), (answers(2), 2));
    for (host, expired, trust, cause) in [
        ("localhost", true, true, "has expired"),
        ("elsewhere.example", false, true, "is not for this host name"),
        ("localhost", false, false, "is signed by nobody who is trusted"),
    ] {
        let (run, connections) = run_over_tls(engine, &authority, host, expired, trust);
        assert_eq!((run.status, run.stdout.as_slice(), connections), (Some(1), &b""[..], 1));
        run.fails_at_once(&format!("certificate {cause}"));
    }
}

fn a_tls_peer_that_stalls_ends_at_max_time(engine: Engine) {
    let server = Server::scripted(|_, connection| {
        let mut hello = [0; 1024];
        wait_until("it hangs up", || (&mut &connection).read(&mut hello).map_or(true, |n| n == 0));
    });
    use std::io::Read;
    let url = server.https_url();
    // On a kept connection it was never sent: the handshake is not done.
    let run = engine.run(&["-s", "1x1", "--retry", "0", "-m", "0.5", &url], &[0; 3]);
    run.fails_at_once("timed out (--max-time)");
}

fn a_connect_that_stalls_ends_at_max_time(engine: Engine) {
    let port = FullPort::new();
    let run = engine.run(&["-s", "1x1", "--retry", "0", "-m", "0.5", &port.url()], &[0; 3]);
    run.fails_at_once("timed out (--max-time)");
}

fn a_send_that_stalls_ends_at_max_time(engine: Engine) {
    let server = Server::scripted(|_, connection| {
        // Not a byte of the body is read until the program is gone.
        wait_until("it hangs up", || connection.take_error().is_ok_and(|error| error.is_some()));
    });
    let frame = vec![1; 16_000_000];
    let run = engine
        .run(&["-s", "16000000x1", "-p", "gray", "-z", "none", "-m", "0.5", &server.url()], &frame);
    run.fails_at_once("timed out (--max-time)");
}

fn a_peer_that_speaks_no_tls_is_a_failure(engine: Engine) {
    let server = Server::answering(|_, _| ok("plain"));
    let url = server.https_url();
    let run = engine.run(&["-s", "1x1", "--retry-delay", "0.001", &url], &[0; 3]);
    assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(run.stderr.starts_with("pngpost: frame 0: upload: "), "{}", run.stderr);
}
