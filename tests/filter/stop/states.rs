//! A run that is stopped in any state, and what going on makes of it: each signal, with one job and with eight.
//!
//! Whatever the state, the frames that the server has answered have their lines, or are named as posted again;
//! and going on as told gives the lines of an undisturbed run.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::ports::FullPort;
use crate::support::program::{Running, command, post};
use crate::support::server::{Server, ok, response_with};
use crate::support::signals::{STOPS, stop, writes};
use crate::support::tls::{Authority, accept};
use crate::support::turnstile::Turnstile;
use crate::support::{tiny, tiny_frames, tiny_number, wait_until};

/// Frames of an undisturbed run.
const FRAMES: u32 = 60;

/// A signal, and how the program is run.
struct Case {
    jobs: u32,
    number: i32,
    signal: &'static str,
}

fn for_each_case(test: impl Fn(&Case)) {
    for (number, signal) in STOPS {
        [1, 8].into_iter().for_each(|jobs| test(&Case { jobs, number, signal }));
    }
}

impl Case {
    fn start(&self, options: &[&str], url: &str, stdin: &[u8]) -> Running {
        let jobs = self.jobs.to_string();
        let arguments = [&["-s", "1x1", "--raw", "-j", &jobs], options, &[url]].concat();
        let mut program = Running::start(command(&arguments));
        program.write(stdin);
        program
    }

    fn stop(&self, program: &Running) {
        stop(program.pid(), self.signal);
    }

    /// So many lines are out, and so many frames that were answered have none.
    fn message(&self, lines: usize, again: usize) -> String {
        let out = if lines == 1 { "1 line is".to_owned() } else { format!("{lines} lines are") };
        let again = match again {
            0 => String::new(),
            1 => ", 1 frame will be posted again".to_owned(),
            _ => format!(", {again} frames will be posted again"),
        };
        let told = match lines {
            0 => again.replacen(',', ";", 1),
            _ => format!("; {out} out{again}, go on with --skip {lines}"),
        };
        format!("stopped by {}{told}", self.signal)
    }

    /// The program ends by the signal, while stdin is open. After the lines that were `read` before, so many
    /// lines are out. Returns all of them.
    #[track_caller]
    fn ends(&self, program: Running, read: Vec<String>, lines: usize) -> Vec<String> {
        let run = program.end().stops(self.number, &self.message(lines, 0));
        let all = [read, run.lines()].concat();
        assert_eq!(all.len(), lines);
        all
    }

    /// Goes on after `first`: all lines are there, and the server has answered so many frames twice.
    #[track_caller]
    fn go_on(&self, first: Vec<String>, scene: &Scene, server: &Server, again: usize) {
        assert_eq!(scene.answered.lock().unwrap().len(), first.len() + again);
        scene.released.pass_one();
        let (jobs, skip) = (self.jobs.to_string(), first.len().to_string());
        let second = post(&["-j", &jobs, "--skip", &skip], &server.url(), FRAMES).ok();
        let undisturbed: Vec<_> = (0..FRAMES).map(scene.line).collect();
        assert!([first, second.lines()].concat() == undisturbed);
        assert_eq!(scene.answered.lock().unwrap().len(), FRAMES as usize + again);
    }
}

/// A server's state, and the frames that it has seen.
struct Scene {
    line: fn(u32) -> String,
    /// From now on each frame is answered at once.
    released: Turnstile,
    received: Mutex<Vec<u32>>,
    answered: Mutex<Vec<u32>>,
}

impl Scene {
    fn wait_for(&self, received: u32) {
        wait_until("the uploads are there", || {
            self.received.lock().unwrap().len() >= received as usize
        });
    }
}

/// Answers each frame with its line, or with what `instead` says.
fn server(
    line: fn(u32) -> String,
    instead: impl Fn(&Scene, u32) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (Server, Arc<Scene>) {
    let (released, received, answered) = Default::default();
    let scene = Arc::new(Scene { line, released, received, answered });
    let seen = Arc::clone(&scene);
    let server = Server::answering(move |_, request| {
        let frame = tiny_number(&request.body);
        seen.received.lock().unwrap().push(frame);
        instead(&seen, frame).unwrap_or_else(|| {
            seen.answered.lock().unwrap().push(frame);
            ok(line(frame))
        })
    });
    (server, scene)
}

fn short(frame: u32) -> String {
    format!("answer {frame}")
}

/// Longer than a pipe takes.
fn long(frame: u32) -> String {
    format!("answer {frame} {}", "x".repeat(100_000))
}

/// Three lines are read; then the program waits for the rest of the input, which has begun with these bytes.
fn a_run_that_waits_after(rest: &[u8]) {
    for_each_case(|case| {
        let (server, scene) = server(short, |_, _| None);
        let stdin = [&tiny_frames(3), rest].concat();
        let mut program = case.start(&[], &server.url(), &stdin);
        let read = (0..3).map(|_| program.line()).collect();
        case.stop(&program);
        let lines = case.ends(program, read, 3);
        case.go_on(lines, &scene, &server, 0);
    });
}

#[test]
fn a_run_that_waits_for_the_next_frame_stops() {
    a_run_that_waits_after(&[]);
}

#[test]
fn a_run_that_waits_inside_a_frame_stops() {
    a_run_that_waits_after(&tiny(3)[..2]);
}

#[test]
fn uploads_under_way_are_waited_for() {
    for_each_case(|case| {
        let (server, scene) = server(short, |scene, frame| {
            (frame >= 3).then(|| scene.released.wait_for(1));
            None
        });
        let program = case.start(&[], &server.url(), &tiny_frames(FRAMES));
        scene.wait_for(3 + case.jobs);
        case.stop(&program);
        scene.released.pass_one();
        let lines = case.ends(program, Vec::new(), 3 + case.jobs as usize);
        case.go_on(lines, &scene, &server, 0);
    });
}

#[test]
fn a_retry_that_pauses_is_dropped_and_later_answers_are_named() {
    for_each_case(|case| {
        let jobs = case.jobs;
        let (server, scene) = server(short, move |scene, frame| {
            // All jobs are at work before frame 3 is turned away for an hour.
            if scene.released.has_passed(1) || frame < 3 {
                return None;
            }
            scene.wait_for(3 + jobs);
            if frame > 3 {
                scene.released.wait_for(1);
            }
            (frame == 3).then(|| response_with("503 busy", "Retry-After: 3600\r\n", ""))
        });
        let options = ["-v", "--retry-max-time", "0"];
        let mut program = case.start(&options, &server.url(), &tiny_frames(FRAMES));
        // After the values of the first frame and the wait that is asked for.
        let mut messages = program.stderr_lines().skip(2);
        let retry = "pngpost: frame 3: upload: status 503; attempt 2 of 21 in 3600.0 s";
        assert_eq!(messages.next().unwrap(), retry);
        case.stop(&program);
        scene.released.pass_one();
        let run = program.end();
        // All but frame 3 were answered.
        let again = case.jobs as usize - 1;
        let messages: Vec<_> = messages.collect();
        assert_eq!((run.signal, messages.len()), (Some(case.number), 2), "{messages:?}");
        assert_eq!(messages[0], format!("pngpost: {}", case.message(3, again)));
        assert!(
            messages[1].starts_with("pngpost: 3 frames, 0 failed, 0 retries, "),
            "{messages:?}"
        );
        case.go_on(run.lines(), &scene, &server, again);
    });
}

#[test]
fn a_frame_that_the_rate_holds_back_is_dropped() {
    for_each_case(|case| {
        let (server, scene) = server(short, |_, _| None);
        let mut program = case.start(&["--rate", "1/h"], &server.url(), &tiny(0));
        let read = vec![program.line()];
        program.write(&tiny_frames(FRAMES)[3..]);
        case.stop(&program);
        let lines = case.ends(program, read, 1);
        case.go_on(lines, &scene, &server, 0);
    });
}

#[test]
fn lines_that_nobody_has_taken_yet_come_out() {
    for_each_case(|case| {
        let (server, scene) = server(long, |_, _| None);
        let program = case.start(&[], &server.url(), &tiny_frames(FRAMES));
        // The first line blocks, so the next answers wait.
        scene.wait_for(case.jobs);
        wait_until("the first line blocks", || writes(program.pid()));
        case.stop(&program);
        let run = program.end();
        // A frame that was about to be sent is a gap: those behind it, if they were faster, are named.
        let lines = run.lines().len();
        let again = scene.answered.lock().unwrap().len() - lines;
        assert!(
            (1..FRAMES as usize).contains(&lines) && again < case.jobs as usize,
            "{lines} lines"
        );
        let run = run.stops(case.number, &case.message(lines, again));
        case.go_on(run.lines(), &scene, &server, again);
    });
}

#[test]
fn an_attempt_that_has_not_connected_ends_at_once_and_is_never_sent() {
    let authority = Authority::new("stalled");
    let trusted = authority.file.to_str().unwrap();
    // Takes connections, and never answers.
    let mute = Server::scripted(|_, mut connection| {
        let _ = connection.read_to_end(&mut Vec::new());
    });
    let full = FullPort::new();
    for_each_case(|case| {
        let (server, scene) = server(short, |_, _| None);
        // Whether another attempt would follow makes no difference.
        let retries = if case.jobs == 1 { "0" } else { "3" };
        for (proxy, host) in
            [("", mute.address), ("", full.address()), (&mute.url(), full.address())]
        {
            let before = mute.connections();
            let url = format!("https://{host}/");
            let options = ["--cacert", trusted, "--retry", retries, "-x", proxy];
            let program = case.start(&options, &url, &tiny_frames(FRAMES));
            wait_until("all jobs connect", || {
                mute.connections() - before + full.waiting() >= case.jobs as usize
            });
            let begin = Instant::now();
            case.stop(&program);
            case.ends(program, Vec::new(), 0);
            // Far less than --connect-timeout.
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        }
        case.go_on(Vec::new(), &scene, &server, 0);
    });
}

#[test]
fn what_has_connected_after_the_signal_is_not_sent() {
    let authority = Authority::new("late");
    let config = authority.server();
    for_each_case(|case| {
        let stopped = Arc::<Turnstile>::default();
        let (turnstile, config) = (Arc::clone(&stopped), Arc::clone(&config));
        let server = Server::scripted(move |_, connection| {
            turnstile.wait_for(1);
            let mut stream = accept(&config, connection);
            // A request would fail, and be told.
            let _ = stream.read(&mut [0; 1]);
        });
        let url = format!("https://localhost:{}/", server.address.port());
        let trusted = authority.file.to_str().unwrap();
        let program = case.start(&["--cacert", trusted], &url, &tiny_frames(FRAMES));
        wait_until("all jobs connect", || server.connections() >= case.jobs as usize);
        case.stop(&program);
        stopped.pass_one();
        case.ends(program, Vec::new(), 0);
    });
}
