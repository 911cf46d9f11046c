//! The seven promises of the manual, by name. Each of these fails when the code breaks the promise.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::echo::{answers, answers_as_text, echo, echoing};
use crate::support::engine::{Engine, test_each_engine};
use crate::support::folder::Folder;
use crate::support::program::Running;
use crate::support::server::{Request, Server, closing, ok, response, response_with};
use crate::support::{PATIENCE, noise, tiny, tiny_frames, tiny_number, wait_until};

test_each_engine! {
    lines_are_in_the_order_of_the_frames_when_the_first_upload_is_the_slowest
    the_same_bytes_come_out_with_one_job_and_with_sixteen
    frames_are_numbered_from_0_in_messages
    a_program_that_writes_one_frame_and_then_reads_one_line_never_hangs
    a_line_is_out_while_a_later_frame_still_waits_for_its_response
    at_most_as_many_uploads_as_jobs_are_in_flight
    stdin_is_not_read_on_while_uploads_stall
    stdin_is_not_read_on_while_nobody_takes_the_lines
    memory_does_not_grow_with_the_number_of_frames
    memory_stays_below_the_bound_of_the_manual
    a_frame_that_may_have_arrived_is_not_sent_again
    input_that_ends_inside_a_frame_is_an_error_after_all_whole_frames_were_posted
    a_failed_frame_stops_the_run_and_every_line_before_it_is_out
    with_keep_going_every_frame_has_one_line_and_every_failure_a_message
    a_run_goes_on_where_skip_says
    stdout_carries_lines_and_stderr_nothing
    no_message_holds_a_secret
}

/// A count that threads wait for.
#[derive(Default)]
struct Gate(Mutex<usize>, Condvar);

impl Gate {
    fn pass_one(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    fn wait_for(&self, count: usize) {
        let (passed, _) = self
            .1
            .wait_timeout_while(self.0.lock().unwrap(), PATIENCE, |passed| *passed < count)
            .unwrap();
        assert!(*passed >= count, "waited in vain for {count}");
    }
}

/// What is said of a connection that is closed in place of a response.
fn no_response(engine: Engine) -> &'static str {
    match engine {
        Engine::Kept => "no response: closed before there was one",
        Engine::Minreq => "no response: closed, or no HTTP status line",
    }
}

// 1. Line k answers frame k.

fn lines_are_in_the_order_of_the_frames_when_the_first_upload_is_the_slowest(engine: Engine) {
    let answered = Gate::default();
    let server = Server::answering(move |_, request| {
        match tiny_number(&request.body) {
            // The first one waits until seven later ones have been answered.
            0 => answered.wait_for(7),
            _ => answered.pass_one(),
        }
        echo(request)
    });
    let arguments = ["-s", "1x1", "--raw", "-j", "8", &server.url()];
    assert_eq!(engine.run(&arguments, &tiny_frames(100)).ok().lines(), answers(100));
}

fn the_same_bytes_come_out_with_one_job_and_with_sixteen(engine: Engine) {
    let server = Server::answering(|_, request| {
        let number = u64::from(tiny_number(&request.body));
        // Answers of many lengths, with line ends and bytes of every kind, after unequal times.
        thread::sleep(Duration::from_micros(number * 7919 % 3000));
        ok(noise(number, (number * 37 % 500) as usize))
    });
    let frames = tiny_frames(300);
    let with_jobs =
        |jobs| engine.run(&["-s", "1x1", "--raw", "-j", jobs, &server.url()], &frames).ok().stdout;
    let one = with_jobs("1");
    assert_eq!(one.iter().filter(|&&byte| byte == b'\n').count(), 300);
    assert_eq!(with_jobs("16"), one);
}

fn frames_are_numbered_from_0_in_messages(engine: Engine) {
    let server = Server::answering(|number, request| match number {
        2 => response("404 Not Found", "no"),
        _ => echo(request),
    });
    let run = engine.run(&["-s", "1x1", "--raw", &server.url()], &tiny_frames(5));
    let run = run.fails(1, "frame 2: upload: status 404; 3 lines are out, go on with --skip 3");
    assert_eq!(run.lines(), ["answer 0", "answer 1", "no"]);
}

// 2. Prompt.

fn a_program_that_writes_one_frame_and_then_reads_one_line_never_hangs(engine: Engine) {
    let server = echoing();
    for jobs in ["1", "4"] {
        let arguments = ["-s", "1x1", "--raw", "-j", jobs, &server.url()];
        let mut dialogue = Running::start(engine.command(&arguments));
        for number in 0..1000 {
            dialogue.write(&tiny(number));
            assert_eq!(dialogue.line(), format!("answer {number}"));
        }
        dialogue.finish().ok();
    }
}

fn a_line_is_out_while_a_later_frame_still_waits_for_its_response(engine: Engine) {
    let release = Arc::new(Gate::default());
    let gate = Arc::clone(&release);
    let server = Server::answering(move |_, request| {
        if tiny_number(&request.body) > 0 {
            gate.wait_for(1);
        }
        echo(request)
    });
    let arguments = ["-s", "1x1", "--raw", "-j", "2", &server.url()];
    let mut program = Running::start(engine.command(&arguments));
    program.write(&tiny_frames(2));
    assert_eq!(program.line(), "answer 0");
    release.pass_one();
    assert_eq!(program.line(), "answer 1");
    program.finish().ok();
}

// 3. Bounded.

fn at_most_as_many_uploads_as_jobs_are_in_flight(engine: Engine) {
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
        let arguments = ["-s", "1x1", "--raw", "-j", &jobs.to_string(), &server.url()];
        assert_eq!(engine.run(&arguments, &tiny_frames(200)).ok().lines(), answers(200));
        assert_eq!(most.load(Ordering::Acquire), jobs);
    }
}

/// How many frames have been taken from us once no more are.
fn taken_when_still(taken: &AtomicUsize) -> usize {
    let mut last = (taken.load(Ordering::Acquire), Instant::now());
    wait_until("no more frames are read", || {
        let now = taken.load(Ordering::Acquire);
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(700)
    });
    last.0
}

fn stdin_is_not_read_on_while_uploads_stall(engine: Engine) {
    const FRAME_BYTES: usize = 192 * 192 * 3;
    for jobs in [1, 8] {
        let release = Arc::new(Gate::default());
        let gate = Arc::clone(&release);
        let server = Server::answering(move |_, _| {
            gate.wait_for(1);
            ok("")
        });
        let arguments = ["-s", "192x192", "-j", &jobs.to_string(), &server.url()];
        let mut program = Running::start(engine.command(&arguments));
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
        let still = taken_when_still(&taken);
        assert!((jobs..=bound).contains(&still), "{still} frames read with {jobs} jobs");
        release.pass_one();
        feeder.join().unwrap();
        assert_eq!(program.finish().ok().stdout, b"\n".repeat(100));
    }
}

fn stdin_is_not_read_on_while_nobody_takes_the_lines(engine: Engine) {
    let server = Server::answering(|_, _| ok("x".repeat(100_000)));
    let mut program = Running::start(engine.command(&["-s", "1x1", "--raw", &server.url()]));
    let mut stdin = program.stdin.take().unwrap();
    let feeder = thread::spawn(move || stdin.write_all(&tiny_frames(200)));
    let mut last = (0, Instant::now());
    wait_until("no more uploads begin", || {
        let now = server.requests.lock().unwrap().len();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(700)
    });
    assert!((1..10).contains(&last.0), "{} uploads that nobody has read", last.0);
    feeder.join().unwrap().unwrap();
    assert_eq!(program.finish().ok().lines().len(), 200);
}

fn memory_does_not_grow_with_the_number_of_frames(engine: Engine) {
    let server = Server::answering(|_, request| ok(request.body.len().to_string()));
    let arguments = ["-s", "64x64", "-j", "2", &server.url()];
    let mut program = Running::start(engine.command(&arguments));
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

/// What a run needs, in bytes: the letters are the manual's.
struct Needs {
    f: usize,
    w: usize,
    p: usize,
    r: usize,
    jobs: usize,
}

impl Needs {
    fn bound(&self, engine: Engine) -> usize {
        let manual = include_str!("../../man/pngpost.1");
        let formula = ".Dl 20 MB + E (F + 3 W + 8 P) + J (C P + 8 R + 0.4 MB)\n";
        assert!(manual.contains(formula), "the manual has another bound");
        let e = thread::available_parallelism().unwrap().get();
        let c = match engine {
            Engine::Kept => 2,
            Engine::Minreq => 6,
        };
        let Needs { f, w, p, r, jobs } = *self;
        20_000_000 + e * (f + 3 * w + 8 * p) + jobs.max(e) * (c * p + 8 * r + 400_000)
    }
}

fn memory_stays_below_the_bound_of_the_manual(engine: Engine) {
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
        let mut program = Running::start(engine.command(&[&arguments[..], &rest[..]].concat()));
        let mut stdin = program.stdin.take().unwrap();
        let feeder = thread::spawn(move || {
            (0..count).for_each(|_| stdin.write_all(&frame).unwrap());
            stdin
        });
        // Nobody takes the lines before every job has something to hold.
        wait_until("all jobs are under way", || seen.load(Ordering::Acquire) >= needs.jobs);
        (0..count).for_each(|_| assert_eq!(program.line().len(), needs.r));
        let (peak, bound) = (program.memory("VmHWM") * 1024, needs.bound(engine) as u64);
        println!("{arguments:?}: {peak} of {bound} bytes");
        assert!(peak < bound, "{arguments:?}: {peak} bytes are over the bound of {bound}");
        program.stdin = Some(feeder.join().unwrap());
        program.finish().ok();
    }
}

// 4. Never twice.

fn a_frame_that_may_have_arrived_is_not_sent_again(engine: Engine) {
    type Script = fn(&mut std::net::TcpStream);
    let scripts: [(&str, Script); 4] = [
        ("closes", |_| {}),
        ("sends half a response", |c| {
            c.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap()
        }),
        ("says nothing", |_| thread::sleep(PATIENCE)),
        ("answers 500", |c| c.write_all(&response("500 Internal Server Error", "")).unwrap()),
    ];
    for (name, script) in scripts {
        let server = Server::scripted(move |_, mut connection| {
            if Request::read(&mut connection).is_some() {
                script(&mut connection);
            }
        });
        let arguments = ["-s", "1x1", "--raw", "--max-time", "2", &server.url()];
        let run = engine.run(&arguments, &tiny_frames(3));
        assert_eq!(run.status, Some(1), "{name}: {}", run.stderr);
        assert_eq!(server.connections(), 1, "{name}");
    }
}

// 5. Nothing lost in silence.

fn input_that_ends_inside_a_frame_is_an_error_after_all_whole_frames_were_posted(engine: Engine) {
    let server = echoing();
    for jobs in ["1", "8"] {
        let mut frames = tiny_frames(20);
        frames.extend([1, 2]);
        let run = engine.run(&["-s", "1x1", "--raw", "-j", jobs, &server.url()], &frames);
        let run = run.fails(3, "frame 20: input ends after 2 of 3 bytes");
        assert_eq!(run.lines(), answers(20));
    }
}

fn a_failed_frame_stops_the_run_and_every_line_before_it_is_out(engine: Engine) {
    for jobs in ["1", "8"] {
        let server = Server::scripted(|_, mut connection| {
            let Some(request) = Request::read(&mut connection) else { return };
            // Those before the failed one take longer than it does.
            match tiny_number(&request.body) {
                12 => {}
                number => {
                    thread::sleep(Duration::from_millis(u64::from(20 * (number < 12) as u32)));
                    let _ = connection.write_all(&closing(echo(&request)));
                }
            }
        });
        let run =
            engine.run(&["-s", "1x1", "--raw", "-j", jobs, &server.url()], &tiny_frames(10_000));
        let message = format!(
            "frame 12: upload: {}; 12 lines are out, go on with --skip 12",
            no_response(engine)
        );
        assert_eq!(run.fails(1, &message).lines(), answers(12));
        // Up to twice as many as jobs, as the manual says.
        assert!(server.connections() <= 13 + 16, "{} uploads", server.connections());
    }
}

fn with_keep_going_every_frame_has_one_line_and_every_failure_a_message(engine: Engine) {
    for jobs in ["1", "8"] {
        let server = Server::answering(|_, request| match tiny_number(&request.body) {
            3 => Vec::new(),
            7 => response("400 Bad Request", "bad\nframe"),
            _ => echo(request),
        });
        let arguments = ["-s", "1x1", "--raw", "--keep-going", "-j", jobs, &server.url()];
        let run = engine.run(&arguments, &tiny_frames(20));
        let mut lines = answers(20);
        lines[3] = String::new();
        lines[7] = "bad frame".to_owned();
        assert_eq!(run.lines(), lines);
        assert_eq!(run.status, Some(1));
        let messages = format!(
            "pngpost: frame 3: upload: {}\npngpost: frame 7: upload: status 400\n",
            no_response(engine)
        );
        assert_eq!(run.stderr, messages);
    }
}

fn a_run_goes_on_where_skip_says(engine: Engine) {
    let failed_once = AtomicBool::new(false);
    let server = Server::answering(move |_, request| {
        if tiny_number(&request.body) == 30 && !failed_once.swap(true, Ordering::AcqRel) {
            return Vec::new();
        }
        echo(request)
    });
    let frames = tiny_frames(50);
    let first = engine.run(&["-s", "1x1", "--raw", "-j", "4", &server.url()], &frames);
    assert!(first.stderr.ends_with("; 30 lines are out, go on with --skip 30\n"));
    let arguments = ["-s", "1x1", "--raw", "-j", "4", "--skip", "30", &server.url()];
    let second = engine.run(&arguments, &frames).ok();
    assert_eq!([first.lines(), second.lines()].concat(), answers(50));
}

// 6. Quiet.

fn stdout_carries_lines_and_stderr_nothing(engine: Engine) {
    let server = echoing();
    let run = engine.run(&["-s", "1x1", "--raw", "-j", "3", &server.url()], &tiny_frames(9)).ok();
    assert_eq!(run.stdout, answers_as_text(9).as_bytes());
}

// 7. Secrets stay secret.

fn no_message_holds_a_secret(engine: Engine) {
    const SECRET: &str = "hunter2";
    let folder = Folder::new("secrets");
    let field_file = format!("f=<{}", folder.file("field", SECRET));
    let bad_headers = format!("@{}", folder.file("headers", format!("X: y\n{SECRET}\n")));
    let bad_user = format!("@{}", folder.file("user", SECRET));
    let location = format!("Location: /{SECRET}?key={SECRET}#{SECRET}\r\n");
    let answers = [
        ok("fine"),
        Vec::new(),
        response_with("302 Found", &location, ""),
        response_with(&format!("500 {SECRET}"), &format!("X: {SECRET}\r\n"), ""),
        response_with("200 OK", &format!("Transfer-Encoding: {SECRET}\r\n"), ""),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n").into_bytes(),
        SECRET.as_bytes().to_vec(),
    ];
    let server = Server::answering(move |number, _| answers[number % answers.len()].clone());
    let url = format!("http://me:{SECRET}@{}/", server.address);
    let plain_url = server.url();
    let header = format!("X-Key: {SECRET}");
    let sound = ["-F", "f=hunter2", "-F", &field_file, "--form-string", "g=hunter2", "-H", &header];
    let runs: [&[&str]; 15] = [
        &[&url],
        &["-u", "me:hunter2", &plain_url],
        &["-u", &bad_user, &plain_url],
        &["-u", SECRET, &plain_url],
        &["-H", &bad_headers, &plain_url],
        &["-H", SECRET, &plain_url],
        &["-F", SECRET, &plain_url],
        &["-H", "X:", SECRET, &plain_url],
        &["--raw=hunter2", &plain_url],
        &["-p", "-uhunter2", &plain_url],
        &["http://me:hunter2/x@127.0.0.1/"],
        &["http://127.0.0.1:hunter2@/"],
        &["-s", "https://me:hunter2@127.0.0.1/"],
        &["--useradmin:hunter2", &plain_url],
        &["-H", "Authorization: Bearer hunter2", &plain_url],
    ];
    for arguments in runs {
        for verbosity in ["--verbose", "--keep-going"] {
            let all = [&["-s", "1x1", verbosity], &sound[..], arguments].concat();
            let run = engine.run(&all, &tiny_frames(8));
            let text = format!("{}{}", run.stderr, String::from_utf8_lossy(&run.stdout));
            assert!(!text.contains(SECRET), "{all:?}: {text}");
        }
    }
}
