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
    let message = "frame 0: input ends after 100 of 12288 bytes; \
                   unless its producer was cut off, --size 64x64 or --pix-fmt rgb24 is wrong";
    run.fails(3, message);
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
fn stdin_that_cannot_be_read_is_an_error() {
    let server = Server::answering(|_, _| ok(""));
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdin(std::fs::File::open("/").unwrap());
    let run = Running::start(program).finish();
    run.fails(1, "frame 0: stdin: is a directory");
}
