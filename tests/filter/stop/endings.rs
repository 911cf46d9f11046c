//! How a run that is told to stop ends: by the signal, even if a frame fails.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::installed::needed;
use crate::skipped::skip;
use crate::support::holding::Holding;
use crate::support::program::{Running, command};
use crate::support::server::{Server, ok, response};
use crate::support::signals::{STOPS, program_below, send, sleeps, stop, stop_and_listen, threads};
use crate::support::turnstile::Turnstile;
use crate::support::{tiny, tiny_frames, tiny_number, wait_until};

/// Starts a program with these options on twenty frames, and waits until an upload of it is held.
fn start(holding: &Holding, options: &[&str]) -> Running {
    let held = holding.held();
    let program = start_as(command(&arguments(holding, options)));
    holding.wait_for(held + 1);
    program
}

fn arguments(holding: &Holding, options: &[&str]) -> Vec<String> {
    let rest = ["-s", "1x1", "--raw"].iter().chain(options).map(|it| (*it).to_owned());
    rest.chain([holding.server.url()]).collect()
}

fn start_as(command: Command) -> Running {
    let mut program = Running::start(command);
    program.write(&tiny_frames(20));
    program
}

/// Holds back the frames from `first` on.
fn holding(first: u32, answer: fn(u32) -> Vec<u8>) -> Holding {
    Holding::new(first, move |request| answer(tiny_number(&request.body)))
}

fn line(frame: u32) -> Vec<u8> {
    ok(format!("answer {frame}"))
}

/// Frame 2 is one that the server can't take.
fn bad_frame_2(frame: u32) -> Vec<u8> {
    if frame == 2 { response("400 Bad Request", "bad") } else { line(frame) }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let holding = holding(0, line);
    for (number, signal) in STOPS {
        for jobs in ["1", "8"] {
            let ends_within = || {
                let program = start(&holding, &["-j", jobs, "-v"]);
                stop_and_listen(program.pid(), signal);
                let begin = Instant::now();
                send(program.pid(), signal);
                let run = program.end();
                let values = run.stderr.lines().filter(|line| line.contains("mean")).count();
                let told = run.stderr.lines().count() - values;
                assert_eq!((run.signal, told), (Some(number), 0), "{}", run.stderr);
                begin.elapsed()
            };
            // On a busy machine one of them may be late.
            let soonest = (0..3).map(|_| ends_within()).min().unwrap();
            assert!(soonest < Duration::from_millis(100), "{signal}: {soonest:?}");
        }
    }
}

/// timeout(1) sends its signal twice, to the process and to its group.
#[test]
fn a_signal_that_comes_twice_is_one() {
    let holding = holding(2, line);
    let mut timeout = Command::new("timeout");
    timeout.args(["600", env!("CARGO_BIN_EXE_pngpost")]).args(arguments(&holding, &[]));
    timeout.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let timeout = start_as(timeout);
    holding.wait_for(1);
    let pid = program_below(timeout.pid());
    // timeout's own signal, and then it waits.
    let before = sleeps(pid);
    send(timeout.pid(), "SIGTERM");
    wait_until("the program listens again", || sleeps(pid) > before + 1);
    holding.release_all();
    let run = timeout.end();
    assert_eq!(run.lines(), ["answer 0", "answer 1", "answer 2"]);
    assert_eq!(run.stderr, "pngpost: stopped by SIGTERM; 3 lines are out, go on with --skip 3\n");
}

/// Stops a run while uploads are held, and then releases them.
fn stopped(
    options: &[&str],
    answer: fn(u32) -> Vec<u8>,
    held: usize,
) -> crate::support::program::Run {
    let holding = holding(2, answer);
    let program = start(&holding, options);
    holding.wait_for(held);
    stop(program.pid(), "SIGINT");
    holding.release_all();
    program.end()
}

#[test]
fn a_reader_that_is_gone_as_well_is_told_and_the_signal_ends_the_run() {
    for jobs in ["1", "2"] {
        let holding = holding(2, line);
        let mut program = start(&holding, &["-j", jobs]);
        assert_eq!([program.line(), program.line()], ["answer 0", "answer 1"]);
        let pid = program.pid();
        stop_and_listen(pid, "SIGINT");
        let before = sleeps(pid);
        program.stdout = None;
        wait_until("it is seen", || sleeps(pid) > before);
        holding.release_all();
        let run = program.end();
        let told = run.stderr.strip_prefix("pngpost: stopped by SIGINT; 2 lines are out, ");
        assert!(run.signal == Some(2) && told.is_some(), "{}", run.stderr);
        let advice = "go on with --skip 2; the reader is gone: count the lines that it kept\n";
        assert!(run.stderr.ends_with(advice), "{}", run.stderr);
    }
}

#[test]
fn a_run_that_waits_for_a_second_says_for_what() {
    for (options, message) in [
        (
            &["-j", "2"][..],
            "pngpost: stopping: waiting for 2 uploads; a second signal ends it at once",
        ),
        (&["-q"], ""),
    ] {
        let holding = holding(2, line);
        let mut program = start(&holding, options);
        holding.wait_for(if message.is_empty() { 1 } else { 2 });
        let mut messages = program.stderr_lines();
        stop(program.pid(), "SIGINT");
        if !message.is_empty() {
            assert_eq!(messages.next().as_deref(), Some(message));
        }
        holding.release_all();
        assert_eq!(program.end().signal, Some(2));
        assert_eq!(messages.count(), usize::from(!message.is_empty()));
    }
}

#[test]
fn quiet_says_nothing() {
    let run = stopped(&["-q"], line, 1);
    assert_eq!((run.signal, run.stderr.as_str(), run.lines().len()), (Some(2), "", 3));
}

#[test]
fn the_summary_of_verbose_follows() {
    let run = stopped(&["-v", "-j", "2"], line, 2);
    let messages: Vec<_> = run.stderr.lines().filter(|line| !line.contains("mean")).collect();
    assert_eq!((run.signal, messages.len()), (Some(2), 2), "{messages:?}");
    let stopped = "pngpost: stopped by SIGINT; 4 lines are out, go on with --skip 4";
    assert_eq!(messages[0], stopped);
    assert!(messages[1].starts_with("pngpost: 4 frames, 0 failed, "), "{messages:?}");
}

#[test]
fn records_agree_with_that() {
    let run = stopped(&["--ndjson"], line, 1);
    let run = run.stops(2, "stopped by SIGINT; 3 lines are out, go on with --skip 3");
    assert!(run.lines()[2].starts_with("{\"frame\":2,\"status\":200,"));
}

#[test]
fn a_frame_that_fails_while_the_run_stops_is_told_and_the_signal_ends_the_run() {
    // Or a shell's loop would start the next run.
    for (jobs, later) in [("1", ""), ("4", ", 3 later frames will be posted again")] {
        let held = if jobs == "1" { 1 } else { 4 };
        let run = stopped(&["-j", jobs], bad_frame_2, held);
        let message = format!(
            "frame 2: upload: status 400; 3 lines are out, the last is frame 2's answer{later}, \
             drop that line and go on with --skip 2"
        );
        assert_eq!(run.stops(2, &message).lines()[2], "bad");
    }
}

#[test]
fn with_keep_going_a_failed_frame_has_its_line_and_the_signal_ends_the_run() {
    let run = stopped(&["--keep-going", "-j", "2"], bad_frame_2, 2);
    assert_eq!(run.signal, Some(2));
    assert_eq!(run.lines(), ["answer 0", "answer 1", "bad", "answer 3"]);
    let messages = "pngpost: frame 2: upload: status 400\n\
                    pngpost: stopped by SIGINT; 4 lines are out, go on with --skip 4\n";
    assert_eq!(run.stderr, messages);
}

#[test]
fn a_frame_that_fails_beyond_the_gap_is_told() {
    // Frame 1 is turned away for now, and waits for an hour. Then the others are answered.
    fn answer(frame: u32) -> Vec<u8> {
        match frame {
            3 => response("400 Bad Request", "bad"),
            _ => line(frame),
        }
    }
    for keep_going in [false, true] {
        let (released, held) = (Arc::<Turnstile>::default(), AtomicUsize::new(0));
        let turnstile = Arc::clone(&released);
        let server = Server::answering(move |_, request| {
            let frame = tiny_number(&request.body);
            if frame > 0 {
                held.fetch_add(1, Ordering::AcqRel);
                wait_until("all are there", || held.load(Ordering::Acquire) >= 3);
            }
            if frame == 1 {
                let busy = "Retry-After: 3600\r\n";
                return crate::support::server::response_with("503 busy", busy, "");
            }
            if frame > 1 {
                turnstile.wait_for(1);
            }
            answer(frame)
        });
        let options = if keep_going { "--keep-going" } else { "--raw" };
        let url = server.url();
        let arguments =
            ["-v", "-s", "1x1", "--raw", options, "-j", "3", "--retry-max-time", "0", &url];
        let mut program = Running::start(command(&arguments));
        program.write(&tiny_frames(20));
        // After the values of the first frame and the wait that is asked for.
        let mut messages = program.stderr_lines().skip(2);
        assert!(messages.next().unwrap().contains("frame 1: upload: status 503; attempt 2 of 21"));
        stop(program.pid(), "SIGINT");
        released.pass_one();
        let run = program.end();
        let messages: Vec<_> = messages.take(2).collect();
        assert_eq!(messages[0], "pngpost: frame 3: upload: status 400");
        let stopped = "pngpost: stopped by SIGINT; 1 line is out, 2 frames will be posted again, \
                       go on with --skip 1";
        assert_eq!(messages[1], stopped);
        assert_eq!(run.lines(), ["answer 0"]);
        assert_eq!(run.signal, Some(2));
    }
}

#[test]
fn no_retry_is_told_or_counted_of_a_frame_that_is_refused_after_the_signal() {
    fn busy(frame: u32) -> Vec<u8> {
        if frame == 0 { line(0) } else { response("503 busy", "") }
    }
    for jobs in ["1", "4"] {
        let holding = holding(1, busy);
        let program = start(&holding, &["-v", "-j", jobs]);
        stop_and_listen(program.pid(), "SIGINT");
        holding.release_all();
        let run = program.end();
        assert_eq!(run.lines(), ["answer 0"]);
        assert!(!run.stderr.contains("attempt 2"), "{}", run.stderr);
        assert!(run.stderr.contains(", 0 retries, "), "{}", run.stderr);
    }
}

/// The producer ends at once, and the program somewhat later.
#[test]
fn a_last_frame_that_is_cut_short_is_no_error_of_a_run_that_was_told_to_stop() {
    for producer_is_first in [true, false] {
        for jobs in ["1", "4"] {
            let holding = holding(2, line);
            let mut program = Running::start(command(&arguments(&holding, &["-j", jobs])));
            program.write(&tiny_frames(3));
            holding.wait_for(1);
            program.write(&tiny(3)[..1]);
            let pid = program.pid();
            if producer_is_first {
                program.stdin = None;
                // The cut is known, and its place in the order is taken.
                wait_until("the input is at its end", || {
                    threads(pid, "encode").is_empty() && threads(pid, "upload").len() <= 1
                });
            }
            stop(pid, "SIGINT");
            program.stdin = None;
            holding.release_all();
            let run = program.finish();
            let message = "stopped by SIGINT; 3 lines are out, go on with --skip 3";
            assert_eq!(run.stops(2, message).lines().len(), 3);
        }
    }
}

#[test]
fn a_run_that_is_complete_when_the_signal_comes_ends_by_it_all_the_same() {
    // A shell's loop goes on unless a program ends by the signal.
    let holding = holding(2, line);
    let mut program = Running::start(command(&arguments(&holding, &[])));
    program.write(&tiny_frames(3));
    program.stdin = None;
    holding.wait_for(1);
    stop(program.pid(), "SIGINT");
    holding.release_all();
    program.finish().stops(2, "stopped by SIGINT; 3 lines are out, go on with --skip 3");
}

/// The program by way of another, which ends as it does.
fn by(launcher: &str, words: &[&str], holding: &Holding) -> Option<Running> {
    let mut command = Command::new(needed(launcher)?);
    command.args(words).arg(env!("CARGO_BIN_EXE_pngpost")).args(arguments(holding, &[]));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(start_as(command))
}

#[test]
fn as_the_first_process_of_a_container_it_exits_with_the_signals_status() {
    let may = Command::new("unshare").args(["--pid", "--fork", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip("unshare makes no PID namespace here");
    }
    for (number, signal) in STOPS {
        for is_second in [false, true] {
            let holding = holding(2, line);
            let Some(program) = by("unshare", &["--pid", "--fork"], &holding) else { return };
            holding.wait_for(1);
            let pid = program_below(program.pid());
            let message = if is_second {
                stop_and_listen(pid, signal);
                send(pid, signal);
                String::new()
            } else {
                stop(pid, signal);
                holding.release_all();
                format!("pngpost: stopped by {signal}; 3 lines are out, go on with --skip 3\n")
            };
            let run = program.end();
            assert_eq!((run.status, run.stderr), (Some(128 + number), message));
        }
    }
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let shell = "trap '' \"$1\"; shift; exec \"$@\"";
    for (signal, launcher, arguments) in [
        ("SIGHUP", "nohup", &[][..]),
        ("SIGHUP", "sh", &["-c", shell, "sh", "HUP"][..]),
        ("SIGINT", "sh", &["-c", shell, "sh", "INT"][..]),
    ] {
        let holding = holding(2, line);
        let Some(program) = by(launcher, arguments, &holding) else { return };
        holding.wait_for(1);
        send(program.pid(), signal);
        stop(program.pid(), "SIGTERM");
        holding.release_all();
        let run = program.end();
        let message = "stopped by SIGTERM; 3 lines are out, go on with --skip 3";
        assert_eq!(run.stops(15, message).lines().len(), 3);
    }
}
