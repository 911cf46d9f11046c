//! Endings: the exit status by the fate of stdout, of stdin, and of the program itself.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::program::{command, post, run, run_command};
use crate::support::server::{Server, ok, response};
use crate::support::{tiny_frames, tiny_number};

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let server = Server::answering(|_, _| ok("line"));
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdout(File::options().write(true).open("/dev/full").unwrap());
    let run = run_command(program, &tiny_frames(100));
    run.fails(1, "frame 0: stdout: no space left on device");
    let mut help = command(&["--help"]);
    help.stdout(File::options().write(true).open("/dev/full").unwrap());
    run_command(help, b"").fails(1, "stdout: no space left on device");
}

#[test]
fn quiet_leaves_only_the_exit_status() {
    let server = Server::answering(|_, _| Vec::new());
    for (arguments, status) in
        [(["-q", "-s", "1x1", &server.url()], 1), (["-q", "-s", "1x2", &server.url()], 3)]
    {
        let run = run(&arguments, &[0; 3]);
        assert_eq!((run.status, run.stderr.as_str()), (Some(status), ""));
    }
}

#[test]
fn verbose_closes_with_a_summary() {
    let server = Server::answering(|_, _| ok("line"));
    let run = run(&["-v", "-s", "1x1", &server.url()], &tiny_frames(5));
    assert_eq!((run.status, run.lines().len()), (Some(0), 5));
    let (_values, summary) = run.stderr.split_once('\n').unwrap();
    let summary =
        summary.strip_prefix("pngpost: 5 frames, 0 failed, 0 retries, 15 bytes read, ").unwrap();
    assert!(summary.ends_with(" frames/s\n") && summary.lines().count() == 1, "{summary}");
}

#[test]
fn the_summary_counts_each_frame_that_was_answered_or_failed() {
    let server = Server::answering(|_, request| match tiny_number(&request.body) {
        2 => Vec::new(),
        _ => ok("line"),
    });
    for (option, summary) in [
        ("--raw", "3 frames, 1 failed, 0 retries, "),
        ("--keep-going", "5 frames, 1 failed, 0 retries, "),
    ] {
        let run = run(&["-v", "--raw", "-s", "1x1", option, &server.url()], &tiny_frames(5));
        let last = run.stderr.lines().last().unwrap();
        assert!(last.starts_with(&format!("pngpost: {summary}")), "{last}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let expected = include_str!("../../src/args/help.txt");
    for option in ["-h", "--help"] {
        assert_eq!(run(&[option], b"").ok().stdout, expected.as_bytes());
    }
}

#[test]
fn the_version_is_the_first_line_and_then_come_target_commit_and_tls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output();
    let head = head.ok().filter(|head| head.status.success() && folder.join(".git").exists());
    for option in ["-V", "--version"] {
        let said = run(&["-s", "1x1", option], b"").ok().lines();
        assert_eq!(said[0], format!("pngpost {}", env!("CARGO_PKG_VERSION")));
        assert!(said[1].starts_with(&format!("built for {}-", std::env::consts::ARCH)), "{said:?}");
        let commit = said[1].split_once(", from commit ").map(|(_, commit)| commit.as_bytes());
        let head = head.as_ref().and_then(|head| head.stdout.get(..12));
        assert_eq!(commit, head, "{said:?}");
        assert_eq!(said[2..], ["TLS by rustls, with aws-lc-rs"]);
    }
}

#[test]
fn a_closed_stderr_changes_nothing() {
    let server = Server::answering(|_, _| Vec::new());
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    drop(child.stderr.take());
    child.stdin.take().unwrap().write_all(&[0; 3]).unwrap();
    let mut lines = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut lines).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// A body that never found a connection was not sent.
#[test]
fn bytes_sent_are_the_bodies_of_attempts_that_began_to_send() {
    let server = Server::answering(|_, _| response("503 x", ""));
    let sent = |url: &str| {
        let run = post(&["-v", "--retry", "2", "--retry-delay", "0.001"], url, 1);
        run.stderr.lines().last().unwrap().split(", ").nth(4).unwrap().to_owned()
    };
    let of_server = sent(&server.url());
    let bodies = server.requests().iter().map(|request| request.body.len()).sum::<usize>();
    assert_eq!((of_server, server.requests().len()), (format!("{bodies} bytes sent"), 3));
    for url in ["http://127.0.0.1:1/", "http://nowhere.invalid/"] {
        assert_eq!(sent(url), "0 bytes sent", "{url}");
    }
}
