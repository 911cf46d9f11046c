//! --show: the PNG of one frame on standard output, and nothing is posted.

use std::fs::File;
use std::io::Seek;
use std::process::{Command, Stdio};

use crate::support::images::pgm;
use crate::support::posted::judged;
use crate::support::program::{command, run};
use crate::support::server::{Server, ok};
use crate::support::{file, tiny_frames};

#[test]
fn a_frame_is_shown_as_it_would_be_posted_and_nothing_is() {
    let server = Server::answering(|_, _| ok("taken"));
    let bgr0 = [3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0];
    let raw = ["-s", "1x1", "-p", "bgr0"];
    for (number, pixel) in [("0", [1, 2, 3]), ("1", [4, 5, 6]), ("2", [7, 8, 9])] {
        let shown = run(&[&raw[..], &["--show", number]].concat(), &bgr0).ok();
        assert_eq!(judged(&shown.stdout).pixels, pixel);
        // A command line that posts may stay as it is.
        let posting = ["-F", "key=k", "-j", "4", "-H", "A: b", "--skip", "1", &server.url()];
        let same = run(&[&raw[..], &posting, &["--show", number]].concat(), &bgr0).ok();
        assert_eq!(same.stdout, shown.stdout);
    }
    let floats = [0.0_f32, 0.5].map(f32::to_le_bytes).concat();
    let range = ["-s", "1x1", "-p", "grayf32le", "--range", "0:1", "--show", "1"];
    assert_eq!(judged(&run(&range, &floats).ok().stdout).pixels, [128]);
    let pnm = [pgm(1, 1, b"a"), pgm(1, 1, b"b")].concat();
    assert_eq!(judged(&run(&["--show", "1"], &pnm).ok().stdout).pixels, *b"b");
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_input_is_read_no_further_than_the_frame() {
    let path = file("show-frames", tiny_frames(9000));
    for (number, end) in [("0", 3), ("2", 9), ("5000", 15003)] {
        let mut frames = File::open(&path).unwrap();
        let mut program = command(&["-s", "1x1", "--show", number]);
        program.stdin(frames.try_clone().unwrap()).stdout(Stdio::null());
        assert!(Command::status(&mut program).unwrap().success());
        assert_eq!(frames.stream_position().unwrap(), end, "{number}");
    }
}

#[test]
fn a_frame_that_there_is_not_is_bad_input() {
    let frames = tiny_frames(3);
    for (number, stream, message) in [
        ("3", &frames[..], "--show 3: the input has only 3 frames, counted from 0"),
        ("9", &frames, "--show 9: the input has only 3 frames, counted from 0"),
        ("2", &frames[..3], "--show 2: the input has only 1 frame, counted from 0"),
        ("0", &[], "--show 0: the input has only 0 frames, counted from 0"),
        ("1", &frames[..5], "frame 1: input ends after 2 of 3 bytes"),
        ("9", &frames[..5], "frame 1: input ends after 2 of 3 bytes"),
    ] {
        let run = run(&["-s", "1x1", "--show", number], stream).fails(3, message);
        assert_eq!(run.stdout, b"");
    }
    let over = "frame 0: row 0, column 0: sample 9 is over maxval 7";
    run(&["--show", "0"], b"P5 1 1 7 \x09").fails(3, over);
}
