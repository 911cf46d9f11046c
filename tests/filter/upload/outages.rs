//! Servers that are away, and our own shortage of descriptors.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::echo::{answers, echo};
use crate::support::program::{command, posting, run, run_command};
use crate::support::server::{Request, Server, closing, response_with};
use crate::support::{tiny_frames, tiny_number, wait_until};

/// A server that answers so many frames, is away for a while once the next `jobs` are under way, and comes back on
/// the same port if it is told for how long it is away.
fn leaving(answered: u32, jobs: u32, away: Option<Duration>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(AtomicBool::new(false));
    let serve = move |listener: &TcpListener, left: &Arc<AtomicBool>| {
        let (mut connection, _) = listener.accept().unwrap();
        let left = Arc::clone(left);
        thread::spawn(move || {
            let Some(request) = Request::read(&mut connection) else { return };
            // The last ones are answered once it listens no more: then no other request has been sent. They are known
            // by their frames: on a busy machine an earlier frame may come after them.
            if (answered..answered + jobs).contains(&tiny_number(&request.body)) {
                wait_until("the server has left", || left.load(Ordering::Acquire));
            }
            let _ = std::io::Write::write_all(&mut connection, &closing(echo(&request)));
        });
    };
    thread::spawn(move || {
        (0..answered + jobs).for_each(|_| serve(&listener, &left));
        drop(listener);
        left.store(true, Ordering::Release);
        let Some(away) = away else { return };
        thread::sleep(away);
        let listener = TcpListener::bind(address).unwrap();
        loop {
            serve(&listener, &left);
        }
    });
    address
}

#[test]
fn a_server_that_is_away_for_three_seconds_is_waited_for() {
    for jobs in [1, 8] {
        let address = leaving(20, jobs, Some(Duration::from_secs(3)));
        let (url, jobs) = (format!("http://{address}/"), jobs.to_string());
        let arguments = ["-s", "1x1", "--raw", "-j", &jobs, &url];
        assert_eq!(run(&arguments, &tiny_frames(200)).ok().lines(), answers(200));
    }
}

#[test]
fn an_outage_of_more_than_ten_seconds_is_told_once_for_all_jobs_and_so_is_its_end() {
    let runs = ["--quiet", "--keep-going"].map(|option| {
        let address = leaving(20, 8, Some(Duration::from_secs(11)));
        let url = format!("http://{address}/");
        let arguments = ["-s", "1x1", "--raw", "-j", "8", option, &url].map(str::to_owned);
        (address, thread::spawn(move || run(&arguments, &tiny_frames(200))))
    });
    let [(_, quiet), (address, told)] = runs;
    assert_eq!(quiet.join().unwrap().ok().lines(), answers(200));
    let told = told.join().unwrap();
    assert_eq!((told.status, told.lines()), (Some(0), answers(200)));
    let cause =
        format!("{address}: connection refused; trying for at most 600 s (--retry-max-time)");
    let [away, back] = &told.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", told.stderr)
    };
    assert!(away.starts_with("pngpost: the server has been away for 1") && away.ends_with(&cause));
    assert!(back.starts_with("pngpost: the server is back after 1"), "{back}");
}

#[test]
fn a_retry_after_without_end_is_told() {
    let server = Server::answering(|_, _| response_with("503 x", "Retry-After: 99999999\r\n", ""));
    let mut program = posting(&["--retry-max-time", "0", "-j", "4"], &server.url());
    program.write(&tiny_frames(9));
    let told = "pngpost: the server asks for a wait of 99999999 s, Retry-After: status 503; \
                trying without a limit of time (--retry-max-time)";
    let mut messages = program.stderr_lines();
    assert_eq!(messages.next().as_deref(), Some(told));
    program.signal("TERM");
    program.finish();
    assert_eq!(messages.count(), 1);
}

#[test]
fn an_outage_beyond_its_limit_ends_the_run_and_says_how_to_go_on() {
    for jobs in [1, 8] {
        let address = leaving(20, jobs, None);
        let (url, lines) = (format!("http://{address}/"), 20 + jobs);
        let jobs = jobs.to_string();
        let limits = ["--keep-going", "--retry-delay", "0.1", "--retry-max-time", "1"];
        let own = ["-s", "1x1", "--raw", "-j", &jobs, &url];
        let run = run(&[&limits[..], &own].concat(), &tiny_frames(10_000));
        assert_eq!((run.status, run.lines()), (Some(1), answers(lines)));
        let begin = format!("pngpost: frame {lines}: upload: {address}: connection refused (");
        let why = "no retry within the limit of 1 s, --retry-max-time); ";
        let (out, end) = (format!("{lines} lines are out, "), format!("--skip {lines}\n"));
        assert!(run.stderr.contains(&format!("{why}{out}")), "{}", run.stderr);
        assert!(run.stderr.starts_with(&begin) && run.stderr.ends_with(&end), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
    }
}

#[test]
fn without_descriptors_for_all_jobs_an_upload_waits_for_another_to_end() {
    let server = Server::answering(|_, request| {
        thread::sleep(Duration::from_millis(5));
        echo(request)
    });
    let url = server.url();
    let program = command(&["-s", "1x1", "--raw", "-j", "64", &url]);
    // Far fewer descriptors than jobs.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 16; exec \"$0\" \"$@\""]).arg(program.get_program());
    limited.args(program.get_args()).env("no_proxy", "*");
    limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begin = Instant::now();
    let run = run_command(limited, &tiny_frames(500));
    assert_eq!(run.ok().lines(), answers(500));
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
