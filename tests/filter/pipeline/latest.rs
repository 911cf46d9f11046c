//! `--latest`: which frames go out, and which lines come out when.

use std::sync::Arc;

use crate::support::echo::echo;
use crate::support::holding::Holding;
use crate::support::images::{npy, pgm};
use crate::support::program::{self, Running, command, posting, run};
use crate::support::server::{Server, ok, response, response_with};
use crate::support::signals::{has_read_all, stop, threads};
use crate::support::turnstile::Turnstile;
use crate::support::{BIG_BYTES, decode, noise, tiny, tiny_frames, tiny_number, wait_until};

/// A server that answers each frame by its number, once the test lets it.
fn holding() -> Holding {
    Holding::new(0, echo)
}

fn start(holding: &Holding, options: &[&str]) -> Running {
    posting(&[&["--latest"], options].concat(), &holding.server.url())
}

/// Writes these frames, and waits until the program has read them.
fn write_and_wait(program: &mut Running, frames: impl IntoIterator<Item = u32>) {
    program.write(&frames.into_iter().flat_map(tiny).collect::<Vec<_>>());
    wait_until("the frames are read", || has_read_all(program));
}

/// Closes stdin, and waits until the program has read to its end. The server has got a frame before that.
fn end_input(program: &mut Running, server: &Server) {
    program.stdin = None;
    wait_until("the program reads", || !server.requests().is_empty());
    wait_until("the input is read to its end", || threads(program.pid(), "read").is_empty());
}

#[test]
fn lines_of_dropped_frames_come_out_as_soon_as_all_earlier_ones_are_in() {
    let holding = holding();
    let mut program = start(&holding, &["-j", "2"]);
    write_and_wait(&mut program, 0..7);
    holding.wait_for(2);
    holding.release([1]);
    holding.wait_for(3);
    assert_eq!(holding.frames()[2], 6);
    holding.release([0]);
    // While frame 6 is under way.
    assert_eq!([program.line(), program.line()], ["answer 0", "answer 1"]);
    (2..6).for_each(|_| assert_eq!(program.line(), ""));
    // And while others are dropped behind it: those before an answer that is in.
    write_and_wait(&mut program, 7..10);
    holding.wait_for(4);
    assert_eq!(holding.frames()[3], 7);
    holding.release([7]);
    holding.wait_for(5);
    assert_eq!(holding.frames()[4], 9);
    holding.release([6]);
    assert_eq!([program.line(), program.line(), program.line()], ["answer 6", "answer 7", ""]);
    holding.release([9]);
    assert_eq!(program.line(), "answer 9");
    program.finish().ok();
}

/// While it is refused for now, 50 newer ones come.
#[test]
fn a_frame_that_waits_for_its_next_attempt_is_not_replaced() {
    let server = Server::answering(|number, request| match number {
        0 => response_with("503 Service Unavailable", "Retry-After: 1\r\n", "busy"),
        _ => ok(format!("answer {}", tiny_number(&request.body))),
    });
    let arguments = ["--latest", "-s", "1x1", "--raw", &server.url()];
    let mut program = Running::start(command(&arguments));
    program.write(&tiny(0));
    wait_until("it is refused", || !server.requests().is_empty());
    write_and_wait(&mut program, 1..51);
    let run = program.finish().ok();
    let posted = server.requests().iter().map(|it| tiny_number(&it.body)).collect::<Vec<_>>();
    assert_eq!(posted, [0, 0, 50]);
    let lines = run.lines();
    assert_eq!((lines.len(), &*lines[0], &*lines[50]), (51, "answer 0", "answer 50"));
}

/// One job, and frames 1 to 7 are dropped.
fn seven_dropped(options: &[&str]) -> Running {
    let holding = holding();
    let mut program = start(&holding, options);
    program.write(&tiny_frames(9));
    end_input(&mut program, &holding.server);
    holding.release(0..9);
    holding.wait_for(2);
    program
}

#[test]
fn a_dropped_frame_has_a_record_and_is_no_failure() {
    let run = seven_dropped(&["--ndjson", "--keep-going"]).finish().ok();
    let lines = run.lines();
    assert_eq!(lines.len(), 9);
    for (number, line) in lines.iter().enumerate().take(8).skip(1) {
        let expected = format!(
            "{{\"frame\":{number},\"status\":null,\"attempts\":0,\"seconds\":0.000000,\
             \"behind\":null,\"error\":\"dropped: a newer frame came\"}}"
        );
        assert_eq!(*line, expected);
    }
    assert!(lines[8].starts_with("{\"frame\":8,\"status\":200,\"attempts\":1,"), "{}", lines[8]);
}

#[test]
fn verbose_counts_the_dropped_frames() {
    let run = seven_dropped(&["-v"]).finish();
    let summary = "pngpost: 2 frames, 0 failed, 7 dropped, 0 retries, 27 bytes read, ";
    assert!(run.stderr.contains(summary), "{}", run.stderr);
    assert_eq!(run.status, Some(0));
}

#[test]
fn numbers_in_templates_go_on_over_dropped_frames() {
    let server = Server::answering(|_, request| ok(request.head[0].clone()));
    let url = format!("{}{{{{n}}}}", server.url());
    let run = run(&["--latest", "-s", "1x1", "--raw", &url], &tiny_frames(1000)).ok();
    let lines = run.lines();
    assert_eq!(lines.len(), 1000);
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        assert_eq!(*line, format!("POST /{number} HTTP/1.1"));
    }
    assert!(!lines[0].is_empty() && !lines[999].is_empty());
}

#[test]
fn streams_with_headers_are_live_sources_too() {
    let pnm: Vec<u8> = (0..9).flat_map(|level| pgm(1, 1, &[level])).collect();
    let pngs: Vec<u8> = (0..9)
        .flat_map(|level| {
            let mut png = Vec::new();
            let mut encoder = png::Encoder::new(&mut png, 1, 1);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.write_header().unwrap().write_image_data(&[level]).unwrap();
            png
        })
        .collect();
    let levels: Vec<u8> = (0..9).collect();
    for stream in [pnm, pngs, npy("|u1", "(9, 1, 1, 1)", &levels)] {
        let release = Arc::new(Turnstile::default());
        let turnstile = Arc::clone(&release);
        let server = Server::answering(move |_, request| {
            turnstile.wait_for(1);
            ok(format!("{:?}", decode(&request.body).pixels))
        });
        let mut program = Running::start(command(&["--latest", "--raw", &server.url()]));
        program.write(&stream);
        end_input(&mut program, &server);
        release.pass_one();
        let expected = ["[0]", "", "", "", "", "", "", "", "[8]"];
        assert_eq!(program.finish().ok().lines(), expected);
    }
}

#[test]
fn input_that_ends_inside_a_frame_is_an_error_after_the_last_whole_one() {
    let holding = holding();
    let mut program = start(&holding, &[]);
    program.write(&tiny_frames(9));
    program.write(&[0]);
    end_input(&mut program, &holding.server);
    holding.release(0..9);
    let run = program.finish().fails(3, "frame 9: input ends after 1 of 3 bytes; 9 lines are out");
    assert_eq!((run.lines().len(), &*run.lines()[8]), (9, "answer 8"));
}

#[test]
fn a_failed_frame_ends_the_run_without_the_advice_to_go_on() {
    let server = Server::answering(|_, _| response("404 Not Found", "no"));
    let run = run(&["--latest", "-j", "4", "-s", "1x1", &server.url()], &tiny_frames(9));
    let run = run.fails(
        1,
        "frame 0: upload: status 404; check the URL's path; 1 line is out, frame 0's answer",
    );
    assert_eq!(run.lines(), ["no"]);
}

#[test]
fn a_run_that_is_stopped_prints_the_lines_of_what_is_under_way_without_the_advice_to_go_on() {
    for jobs in [1, 3] {
        let holding = holding();
        let mut program = start(&holding, &["-j", &jobs.to_string()]);
        write_and_wait(&mut program, 0..9);
        holding.wait_for(jobs);
        stop(program.pid(), "SIGINT");
        holding.release(0..9);
        // Frame 8 was waiting, and the others have been dropped.
        let run = program.end().stops(2, "stopped by SIGINT; 8 lines are out");
        let answers = run.lines().iter().filter(|line| !line.is_empty()).count();
        assert_eq!((answers, holding.frames().len()), (jobs, jobs));
    }
}

/// Encoding takes seconds, and has begun.
#[test]
fn a_frame_that_is_being_encoded_when_the_run_stops_is_not_sent() {
    let server = Server::answering(|_, _| ok("answer"));
    let arguments = ["--latest", "-s", "2000x2000", "-z", "high", &server.url()];
    let mut program = Running::start(command(&arguments));
    program.write(&noise(1, BIG_BYTES));
    wait_until("the frame is read", || has_read_all(&program));
    stop(program.pid(), "SIGINT");
    let run = program.end().stops(2, "stopped by SIGINT");
    assert_eq!((run.stdout.len(), server.requests().len()), (0, 0));
}

#[test]
fn a_bad_sample_fails_its_frame_and_no_other() {
    let server = Server::answering(|_, request| ok(format!("{:?}", decode(&request.body).pixels)));
    let url = server.url();
    let arguments = ["--latest", "-s", "1x1", "-p", "grayf32le", "--raw", "--keep-going", &url];
    let mut program = Running::start(command(&arguments));
    for (sample, line) in [(1.0, "[1]"), (f32::NAN, ""), (3.0, "[3]"), (f32::NAN, ""), (5.0, "[5]")]
    {
        program.write(&f32::to_le_bytes(sample));
        assert_eq!(program.line(), line);
    }
    let run = program.finish();
    let messages: Vec<_> = run.stderr.lines().map(|line| line.split(": ").nth(1)).collect();
    assert_eq!((run.status, messages), (Some(1), vec![Some("frame 1"), Some("frame 3")]));
    let without = &arguments[..6];
    let run = program::run(&[without, &[&*url]].concat(), &f32::to_le_bytes(f32::NAN));
    assert_eq!((run.status, run.stdout.len()), (Some(3), 0), "{}", run.stderr);
}

#[test]
fn a_dry_run_drops_nothing() {
    let dry = ["--latest", "-n", "-s", "1x1", "http://127.0.0.1:1/"];
    let run = run(&dry, &tiny_frames(9));
    assert!(run.stderr.contains("dry run: 9 frames (9 of 1x1)"), "{}", run.stderr);
    assert_eq!((run.status, run.stdout.len()), (Some(0), 0));
}
