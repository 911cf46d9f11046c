//! Headerless frames: where one ends, however the bytes come, and where the input does.

use std::io::Write;

use crate::support::program::{Running, command, run};
use crate::support::server::{Server, ok};
use crate::support::{decode, noise, tiny_frames};

#[test]
fn a_frame_may_come_in_many_short_writes() {
    let server = Server::answering(|_, _| ok("1"));
    let mut program = Running::start(command(&["-s", "5x3", "--raw", &server.url()]));
    let frames = noise(3, 3 * 45);
    for byte in &frames {
        program.stdin.as_mut().unwrap().write_all(&[*byte]).unwrap();
    }
    assert_eq!(program.finish().ok().stdout, b"1\n1\n1\n");
    let pixels: Vec<u8> =
        server.requests().iter().flat_map(|request| decode(&request.body).pixels).collect();
    assert_eq!(pixels, frames);
}

#[test]
fn no_frames_is_no_error_and_no_request() {
    let server = Server::answering(|_, _| ok(""));
    assert_eq!(run(&["-s", "64x64", &server.url()], b"").ok().stdout, b"");
    assert_eq!(server.connections(), 0);
}

#[test]
fn input_that_ends_inside_the_first_frame_sends_nothing() {
    let server = Server::answering(|_, _| ok(""));
    let run = run(&["-s", "64x64", &server.url()], &[0; 100]);
    run.fails(3, "frame 0: input ends after 100 of 12288 bytes");
    assert_eq!(server.connections(), 0);
}

#[test]
fn skip_drops_frames_and_goes_on_numbering() {
    let server = Server::answering(|_, request| ok(format!("{}", decode(&request.body).pixels[2])));
    let skip = |count| {
        run(&["-s", "1x1", "--raw", "--skip", count, &server.url()], &tiny_frames(6)).ok().lines()
    };
    assert_eq!(skip("0"), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(skip("4"), ["4", "5"]);
    assert_eq!(skip("6"), [""; 0]);
    let mut cut = tiny_frames(3);
    cut.pop();
    let run = run(&["-s", "1x1", "--raw", "--skip", "7", &server.url()], &cut);
    run.fails(3, "frame 2: input ends after 2 of 3 bytes");
}

#[test]
fn an_input_of_fewer_frames_than_are_skipped_is_bad_input() {
    let server = Server::answering(|_, _| ok(""));
    let skip = |options: &[&str], count, frames: &[u8]| {
        let run = run(&[options, &["--skip", count, &server.url()]].concat(), frames);
        assert!(run.stdout.is_empty());
        run
    };
    let raw = ["-s", "1x1"];
    skip(&raw, "3", &tiny_frames(3)).ok();
    skip(&raw, "4", &tiny_frames(3)).fails(3, "--skip 4: the input has only 3 frames");
    skip(&raw, "2", &tiny_frames(1)).fails(3, "--skip 2: the input has only 1 frame");
    let longest = u64::MAX.to_string();
    let message = format!("--skip {longest}: the input has only 0 frames");
    skip(&raw, &longest, &[]).fails(3, &message);
    let images = [&b"P5 1 1 255 a"[..], b"P6 1 1 255 rgb"].concat();
    skip(&[], "2", &images).ok();
    skip(&[], "3", &images).fails(3, "--skip 3: the input has only 2 frames");
    let two_jobs = [&raw[..], &["-j", "2"]].concat();
    skip(&two_jobs, &longest, &[]).fails(3, &message);
    assert_eq!(server.connections(), 0);
}

#[test]
fn stdin_that_cannot_be_read_is_an_error() {
    let server = Server::answering(|_, _| ok(""));
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdin(std::fs::File::open("/").unwrap());
    let run = Running::start(program).finish();
    run.fails(1, "frame 0: stdin: is a directory; 0 lines are out, go on with --skip 0");
}
