//! Standard output that fails or stalls inside a line: a disk that is full, a limit, a pipe that does not block.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::support::program::{Run, Running, command, run_command};
use crate::support::server::{Server, ok};
use crate::support::signals::{stop, writes};
use crate::support::{file, tiny_frames, tiny_number, wait_until};

const FRAMES: u32 = 40;

/// Each line has 1000 bytes, with its end.
fn server() -> Server {
    Server::answering(|_, request| ok(line(tiny_number(&request.body))))
}

fn line(frame: u32) -> String {
    format!("{frame:0>999}")
}

fn lines(frames: std::ops::Range<u32>) -> String {
    frames.map(|frame| line(frame) + "\n").collect()
}

/// Runs the program in a shell, behind this command line, on all frames.
fn in_shell(line: &str, arguments: &[&str]) -> Run {
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh", env!("CARGO_BIN_EXE_pngpost")]).args(arguments);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run_command(shell, &tiny_frames(FRAMES))
}

#[test]
fn over_the_limit_of_a_files_size_nothing_of_what_is_out_is_cut_off() {
    let server = server();
    let path = file("limited", "");
    // 8 blocks of 512 bytes, and the shell's own echo below them.
    let line = format!(
        "(echo first; (ulimit -f 8; exec \"$@\"); status=$?; echo last; exit $status) > {path}"
    );
    let run = in_shell(&line, &["-s", "1x1", "--raw", "-j", "4", &server.url()]);
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    let message = "pngpost: frame 4: stdout: file too large; 4 lines are out, ";
    assert!(run.stderr.starts_with(message), "{}", run.stderr);
    // The limit is at byte 4096, and "first" takes 6 of these.
    let torn = " 4 lines are out, and 90 bytes of another (take these off first; at the end of a file: \
                truncate -s -90 FILE), ";
    assert!(run.stderr.contains(torn), "{}", run.stderr);
    assert!(run.stderr.ends_with(", go on with --skip 4\n"), "{}", run.stderr);
    let (whole, part) = (lines(0..4), &self::line(4)[..90]);
    assert!(fs::read_to_string(&path).unwrap() == format!("first\n{whole}{part}last\n"));
}

#[test]
fn inside_a_file_a_part_of_a_line_is_named() {
    let server = server();
    let path = file("inside", "x".repeat(8192));
    let line = format!("ulimit -f 8; exec \"$@\" 1<> {path}");
    let run = in_shell(&line, &["-s", "1x1", "--raw", &server.url()]);
    let message = "frame 4: stdout: file too large; 4 lines are out, and 96 bytes of another \
                   (take these off first; at the end of a file: truncate -s -96 FILE), \
                   go on with --skip 4";
    run.fails(1, message);
    let end = "x".repeat(4096);
    assert!(fs::read_to_string(&path).unwrap() == lines(0..4) + &self::line(4)[..96] + &end);
}

#[test]
fn a_pipe_that_does_not_block_is_waited_for_at_both_ends() {
    let server = server();
    // Python makes both ends so, and starts the program on them.
    let python = "import os, sys\nos.set_blocking(0, False)\nos.set_blocking(1, False)\n\
                  os.execv(sys.argv[1], sys.argv[1:])\n";
    let Some(interpreter) = needed("python3") else { return };
    let mut program = Command::new(interpreter);
    program.args(["-c", python, env!("CARGO_BIN_EXE_pngpost")]);
    program.args(["-s", "1x1", "--raw", &server.url()]);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Running::start(program);
    let mut stdin = program.stdin.take().unwrap();
    let mut first = [0; 1000];
    // Nothing to read at first, and later more lines than the pipe takes.
    stdin.write_all(&tiny_frames(1)).unwrap();
    program.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    stdin.write_all(&tiny_frames(500)[3..]).unwrap();
    drop(stdin);
    wait_until("the pipe is full", || server.requests.lock().unwrap().len() > 65);
    let run = program.finish().ok();
    assert!(run.stdout == lines(1..500).as_bytes());
}

/// A signal with a handler interrupts a write that waits, and a stop is no error of the line.
#[test]
fn a_write_that_a_signal_interrupts_goes_on() {
    let server = Server::answering(|_, request| {
        ok(format!("{} {}", tiny_number(&request.body), "x".repeat(300_000)))
    });
    let command = command(&["-s", "1x1", "--raw", &server.url()]);
    let mut program = Running::start(command);
    program.write(&tiny_frames(1));
    wait_until("a part of the line is out", || writes(program.pid()));
    stop(program.pid(), "SIGINT");
    let run = program.end();
    assert_eq!(run.stdout.len(), 300_003);
    run.stops(2, "stopped by SIGINT; 1 line is out, go on with --skip 1");
}
