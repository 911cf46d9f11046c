//! A reader of stdout that goes away is seen at once: nothing more is posted, and the run ends with 141.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use crate::support::program::{Running, command, posting, run_command};
use crate::support::server::{Server, ok, response_with};
use crate::support::signals::sleeps;
use crate::support::{PATIENCE, file, tiny, tiny_frames, tiny_number, wait_until};

/// Frame 0 is answered, and its line read; then the rest of stdin comes. Once so many frames have been posted, with
/// one job and with eight, the reader goes away: the program ends, and has posted no other.
fn reader_goes_away(options: &[&str], stdin: &[u8], posted: [usize; 2]) {
    for (jobs, posted) in ["1", "8"].into_iter().zip(posted) {
        let server = Server::answering(|_, request| match tiny_number(&request.body) {
            0 => ok("first"),
            1 => response_with("503 busy", "Retry-After: 3600\r\n", ""),
            _ => {
                thread::sleep(PATIENCE);
                ok("later")
            }
        });
        let arguments = [&["-v", "-s", "1x1", "--raw", "-j", jobs], options, &[&server.url()]];
        let mut program = Running::start(command(&arguments.concat()));
        program.write(&stdin[..3]);
        assert_eq!(program.line(), "first");
        program.write(&stdin[3..]);
        wait_until("they are posted", || server.requests().len() >= posted);
        program.stdout = None;
        assert_eq!(program.end().status, Some(141));
        assert_eq!(server.requests().len(), posted);
    }
}

#[test]
fn it_is_seen_while_a_frame_is_waited_for_held_back_or_under_way() {
    reader_goes_away(&[], &tiny(0), [1, 1]);
    // Inside a frame.
    reader_goes_away(&[], &tiny_frames(2)[..5], [1, 1]);
    reader_goes_away(&["--rate", "1/h"], &tiny_frames(9), [1, 1]);
    // While a retry pauses.
    reader_goes_away(&["--retry-max-time", "0"], &tiny_frames(2), [2, 2]);
    let frames = [tiny(0), tiny(2), tiny(3), tiny(4)].concat();
    reader_goes_away(&[], &frames, [2, 4]);
}

#[test]
fn nothing_is_posted_if_it_is_gone_from_the_start() {
    let server = Server::answering(|_, _| ok("line"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = command(&["-j", "8", "-s", "1x1", &server.url()]);
    program.stdout(Stdio::from(OwnedFd::from(writer)));
    let run = run_command(program, &tiny_frames(100));
    assert_eq!((run.status, run.stderr.as_str()), (Some(141), ""));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_socket_whose_peer_goes_away_is_seen_too() {
    let server = Server::answering(|_, _| ok("line"));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdout(Stdio::from(OwnedFd::from(theirs)));
    let mut program = Running::start(program);
    program.write(&tiny(0));
    let mut line = [0; 5];
    (&ours).read_exact(&mut line).unwrap();
    assert_eq!(&line, b"line\n");
    drop(ours);
    let run = program.end();
    assert_eq!((run.status, run.stderr.as_str()), (Some(141), ""));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_reader_that_leaves_after_the_last_line_of_the_last_frame_spoils_nothing() {
    let server = Server::answering(|_, _| ok("line"));
    for jobs in ["1", "8"] {
        for _ in 0..20 {
            let mut program = posting(&["-j", jobs], &server.url());
            program.write(&tiny_frames(3));
            program.stdin = None;
            (0..3).for_each(|_| assert_eq!(program.line(), "line"));
            program.stdout = None;
            program.finish().ok();
        }
    }
}

/// A file can't lose its reader, and watching one costs nothing.
#[test]
fn the_program_sleeps_while_stdout_is_a_file() {
    let server = Server::answering(|_, _| ok("line"));
    let path = file("lines", "");
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdout(File::options().write(true).open(&path).unwrap());
    let mut program = Running::start(program);
    program.write(&tiny(0));
    wait_until("the line is out", || fs::read(&path).unwrap() == b"line\n");
    let before = sleeps(program.pid());
    program.write(&tiny(1));
    wait_until("the next one, too", || fs::read(&path).unwrap() == b"line\nline\n");
    assert_eq!(sleeps(program.pid()), before);
    program.finish().ok();
}
