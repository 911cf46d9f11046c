//! Standard output that fails or stalls inside a line: a disk that is full, a pipe that does not block.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::skipped::skip;
use crate::support::program::{Run, Running, run_command};
use crate::support::server::{Server, ok};
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
fn on_a_disk_that_fills_up_the_last_line_is_whole_and_going_on_glues_none_together() {
    let may =
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip("no tmpfs can be mounted here");
    }
    let server = server();
    for redirection in [">", ">>"] {
        let copy = file("full", "");
        // The mount lives as long as the shell.
        let line = format!(
            "exec unshare -m sh -c 'mount -t tmpfs -o size=16k tmpfs /mnt && \
             \"$@\" {redirection} /mnt/lines; status=$?; cp /mnt/lines {copy}; exit $status' sh \"$@\""
        );
        let run = in_shell(&line, &["-s", "1x1", "--raw", &server.url()]);
        let message = "frame 16: stdout: no space left on device; \
                       16 lines are out, go on with --skip 16";
        run.fails(1, message);
        assert!(fs::read_to_string(&copy).unwrap() == lines(0..16));
        let line = format!("exec \"$@\" >> {copy}");
        in_shell(&line, &["-s", "1x1", "--raw", "--skip", "16", &server.url()]).ok();
        assert!(fs::read_to_string(&copy).unwrap() == lines(0..FRAMES));
    }
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
