//! Promise 3: memory has a bound, and a stall reaches back to standard input.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::echo::{answers, echo};
use crate::support::program::{Run, Running, command, post, posting, run_command};
use crate::support::server::{Request, Server, ok};
use crate::support::turnstile::Turnstile;
use crate::support::{noise, tiny_frames, wait_until};

#[test]
fn at_most_as_many_uploads_as_jobs_are_in_flight() {
    for jobs in [1, 4] {
        let (in_flight, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now, seen) = (Arc::clone(&in_flight), Arc::clone(&most));
        let server = Server::answering(move |_, request| {
            seen.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
            // Until all jobs are at work together, once.
            wait_until("all jobs upload", || seen.load(Ordering::Acquire) >= jobs);
            thread::sleep(Duration::from_millis(1));
            now.fetch_sub(1, Ordering::AcqRel);
            echo(request)
        });
        assert_eq!(post(&["-j", &jobs.to_string()], &server.url(), 200).ok().lines(), answers(200));
        assert_eq!(most.load(Ordering::Acquire), jobs);
    }
}

/// The count once it has stood still for a while.
fn count_at_rest(count: impl Fn() -> usize) -> usize {
    let mut last = (count(), Instant::now());
    wait_until("the count stands still", || {
        let now = count();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(700)
    });
    last.0
}

#[test]
fn stdin_is_not_read_on_while_uploads_stall() {
    const FRAME_BYTES: usize = 192 * 192 * 3;
    for jobs in [1, 8] {
        let release = Arc::new(Turnstile::default());
        let turnstile = Arc::clone(&release);
        let server = Server::answering(move |_, _| {
            turnstile.wait_for(1);
            ok("")
        });
        let arguments = ["-s", "192x192", "-j", &jobs.to_string(), &server.url()];
        let mut program = Running::start(command(&arguments));
        let mut stdin = program.stdin.take().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let feeder = thread::spawn(move || {
            for number in 0..100 {
                stdin.write_all(&noise(number, FRAME_BYTES)).unwrap();
                count.fetch_add(1, Ordering::AcqRel);
            }
        });
        let encoders = thread::available_parallelism().unwrap().get();
        // Uploading; encoded or being encoded; in the readers' hands. A pipe holds less than a frame.
        let bound = jobs + encoders.max(jobs) + 1 + encoders + 1;
        let still = count_at_rest(|| taken.load(Ordering::Acquire));
        assert!((jobs..=bound).contains(&still), "{still} frames read with {jobs} jobs");
        release.pass_one();
        feeder.join().unwrap();
        assert_eq!(program.finish().ok().stdout, b"\n".repeat(100));
    }
}

#[test]
fn stdin_is_not_read_on_while_nobody_takes_the_lines() {
    for jobs in [1, 8] {
        let server = Server::answering(|_, _| ok("x".repeat(100_000)));
        let mut program = posting(&["-j", &jobs.to_string()], &server.url());
        let mut stdin = program.stdin.take().unwrap();
        let feeder = thread::spawn(move || stdin.write_all(&tiny_frames(200)));
        let begun = count_at_rest(|| server.requests.lock().unwrap().len());
        // The line that does not fit the pipe, and the places of the window.
        let bound = 1 + 1 + 2 * jobs;
        assert!((1..=bound).contains(&begun), "{begun} uploads with {jobs} jobs that nobody reads");
        feeder.join().unwrap().unwrap();
        assert_eq!(program.finish().ok().lines().len(), 200);
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_frames() {
    let server = Server::answering(|_, request| ok(request.body.len().to_string()));
    let arguments = ["-s", "64x64", "-j", "2", &server.url()];
    let mut program = Running::start(command(&arguments));
    let frame = noise(1, 64 * 64 * 3);
    let mut turns = |count| {
        for _ in 0..count {
            program.write(&frame);
            program.line();
        }
        program.memory("VmHWM")
    };
    let early = turns(300);
    let late = turns(3000);
    // A leak of a frame's PNG in every turn would be 36,000 kB.
    assert!(late < early + 2000, "{early} kB after 300 frames, {late} kB after 3,300");
    program.finish().ok();
}

/// The needs of a run, in bytes, under the letters of the manual.
struct Needs {
    f: usize,
    w: usize,
    p: usize,
    r: usize,
    jobs: usize,
}

impl Needs {
    fn bound(&self) -> usize {
        let manual = include_str!("../../../man/pngpost.1");
        let formula = ".Dl 20 MB + E (F + 3 W + 8 P) + J (2 P + 8 R + 0.4 MB)\n";
        assert!(manual.contains(formula), "the manual has another bound");
        let e = thread::available_parallelism().unwrap().get();
        self.with_encoders(e)
    }

    /// With --latest each job encodes, and there are three frames more.
    fn bound_of_live_source(&self) -> usize {
        let manual = include_str!("../../../man/pngpost.1");
        assert!(
            manual.contains("\neach job encodes, so E is J, and there are up to three frames more")
        );
        let e = thread::available_parallelism().unwrap().get();
        self.with_encoders(self.jobs.max(e)) + 3 * self.f
    }

    fn with_encoders(&self, e: usize) -> usize {
        let Needs { f, w, p, r, jobs } = *self;
        20_000_000 + e * (f + 3 * w + 8 * p) + jobs.max(e) * (2 * p + 8 * r + 400_000)
    }
}

#[test]
fn memory_stays_below_the_bound_of_the_manual() {
    let large = 3_000_000;
    let cases = [
        (
            vec!["-s", "1000x1000"],
            noise(1, large),
            Needs { f: large, w: 3000, p: large + 2000, r: 100, jobs: 4 },
        ),
        (vec!["-s", "1x1"], vec![0; 3], Needs { f: 3, w: 3, p: 100, r: large, jobs: 4 }),
        (
            vec!["-s", "9000000x1", "-p", "gray"],
            vec![0; 3 * large],
            Needs { f: 3 * large, w: 3 * large, p: 50_000, r: 100, jobs: 1 },
        ),
        (
            vec!["-s", "20000000x1", "-p", "gray"],
            vec![0; 20_000_000],
            Needs { f: 20_000_000, w: 20_000_000, p: 100_000, r: 100, jobs: 1 },
        ),
    ];
    for (arguments, frame, needs) in cases {
        let count = 3 * needs.jobs + 6;
        let answer = ok("x".repeat(needs.r));
        let begun = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&begun);
        let server = Server::answering(move |_, request| {
            assert!(request.body.len() <= needs.p);
            begun.fetch_add(1, Ordering::AcqRel);
            answer.clone()
        });
        let (url, jobs) = (server.url(), needs.jobs.to_string());
        let rest = ["--raw", "-j", &jobs, &url];
        let mut program = Running::start(command(&[&arguments[..], &rest[..]].concat()));
        let mut stdin = program.stdin.take().unwrap();
        let feeder = thread::spawn(move || {
            (0..count).for_each(|_| stdin.write_all(&frame).unwrap());
            stdin
        });
        // Nobody takes the lines before every job has something to hold.
        wait_until("all jobs are under way", || seen.load(Ordering::Acquire) >= needs.jobs);
        (0..count).for_each(|_| assert_eq!(program.line().len(), needs.r));
        let (peak, bound) = (program.memory("VmHWM") * 1024, needs.bound() as u64);
        println!("{arguments:?}: {peak} of {bound} bytes");
        assert!(peak < bound, "{arguments:?}: {peak} bytes are over the bound of {bound}");
        program.stdin = Some(feeder.join().unwrap());
        program.finish().ok();
    }
}

/// Frames come until every job has had some, and each is held until all jobs hold one.
#[test]
fn memory_stays_below_the_bound_of_a_live_source() {
    let bytes = 3_000_000;
    let needs = Needs { f: bytes, w: 3000, p: bytes + 2000, r: 100_000, jobs: 4 };
    let arrived = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&arrived);
    let answer = ok("x".repeat(needs.r));
    let server = Server::answering(move |number, request| {
        assert!(request.body.len() <= needs.p);
        seen.fetch_add(1, Ordering::AcqRel);
        let round = number / needs.jobs * needs.jobs + needs.jobs;
        wait_until("all jobs hold one", || seen.load(Ordering::Acquire) >= round);
        answer.clone()
    });
    let arguments = ["--latest", "-s", "1000x1000", "--raw", "-j", "4", &server.url()];
    let mut program = Running::start(command(&arguments));
    let mut stdout = program.stdout.take().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let frame = noise(1, bytes);
    // At a round's end fewer jobs than all may be free for the newest frames: more come.
    while arrived.load(Ordering::Acquire) < 5 * needs.jobs {
        program.write(&frame);
    }
    let (peak, bound) = (program.memory("VmHWM") * 1024, needs.bound_of_live_source() as u64);
    println!("{peak} of {bound} bytes");
    assert!(peak < bound, "{peak} bytes are over the bound of {bound}");
    drop(program);
    reader.join().unwrap().unwrap();
}

/// Under a limit of the address space, which fits some threads and no frame or response of 60 MB.
fn with_little_memory(arguments: &[&str], frames: &[u8]) -> Run {
    let mut shell = Command::new("sh");
    let line = "ulimit -v 60000; exec \"$@\"";
    shell.args(["-c", line, "sh", env!("CARGO_BIN_EXE_pngpost")]).args(arguments);
    // Each arena of glibc would reserve more than that.
    shell.env("MALLOC_ARENA_MAX", "1");
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run_command(shell, frames)
}

#[test]
fn a_frame_that_memory_can_not_hold_is_refused_with_its_size_and_lines_before_it_are_whole() {
    let server = Server::answering(|_, _| ok("first"));
    let frames = [&b"P5 1 1 255 xP5 10000 6000 255 "[..], &vec![0; 60_000_000]].concat();
    let run = with_little_memory(&[&server.url()], &frames);
    assert_eq!((run.status, run.lines()), (Some(1), vec!["first".to_owned()]), "{}", run.stderr);
    assert!(run.stderr.starts_with("pngpost: frame 1: stdin: no memory for "), "{}", run.stderr);
    assert!(run.stderr.ends_with("; 1 line is out, go on with --skip 1\n"), "{}", run.stderr);
}

#[test]
fn a_response_that_memory_can_not_hold_is_refused_with_its_size_and_lines_before_it_are_whole() {
    let server = Server::scripted(|_, mut connection| {
        let large = b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n".to_vec();
        for answer in [ok("first"), large] {
            if Request::read(&mut connection).is_some() {
                connection.write_all(&answer).unwrap();
            }
        }
    });
    let run = with_little_memory(&["-s", "1x1", &server.url()], &tiny_frames(2));
    assert_eq!((run.status, run.lines()), (Some(1), vec!["first".to_owned()]), "{}", run.stderr);
    let refused = "frame 1: upload: response: no memory for 60000000 bytes; ";
    assert!(run.stderr.contains(refused), "{}", run.stderr);
}
