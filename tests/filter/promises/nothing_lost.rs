//! Promise 5: nothing is lost in silence.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::echo::{answers, answers_as_text, echo, echoing};
use crate::support::folder::Folder;
use crate::support::program::{ADVICE, post, run};
use crate::support::server::{Request, Server, closing, response};
use crate::support::{tiny_frames, tiny_number};

/// The cause that is given if the connection is closed in place of a response.
const NO_RESPONSE: &str = "no response: closed before there was one";

#[test]
fn input_that_ends_inside_a_frame_is_an_error_after_all_whole_frames_were_posted() {
    let server = echoing();
    for jobs in ["1", "8"] {
        let mut frames = tiny_frames(20);
        frames.extend([1, 2]);
        let run = run(&["-s", "1x1", "--raw", "-j", jobs, &server.url()], &frames);
        let run = run.fails(
            3,
            "frame 20: input ends after 2 of 3 bytes; 20 lines are out, go on with --skip 20",
        );
        assert_eq!(run.lines(), answers(20));
    }
}

#[test]
fn a_failed_frame_stops_the_run_and_every_line_before_it_is_out() {
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
        let run = post(&["-j", jobs], &server.url(), 10_000);
        // Those that had been posted before are told.
        let later = match server.connections() - 13 {
            0 => String::new(),
            1 => ", 1 later frame will be posted again".to_owned(),
            later => format!(", {later} later frames will be posted again"),
        };
        let message = format!(
            "frame 12: upload: {}{ADVICE}; 12 lines are out{later}, go on with --skip 12",
            NO_RESPONSE
        );
        assert_eq!(run.fails(1, &message).lines(), answers(12));
    }
}

#[test]
fn with_keep_going_every_frame_has_one_line_and_every_failure_a_message() {
    for jobs in ["1", "8"] {
        let server = Server::answering(|_, request| match tiny_number(&request.body) {
            3 => Vec::new(),
            7 => response("400 Bad Request", "bad\nframe"),
            _ => echo(request),
        });
        // On a kept connection the message says that, too.
        let options = ["--no-http-keep-alive", "--keep-going", "-j", jobs];
        let run = post(&options, &server.url(), 20);
        let mut lines = answers(20);
        lines[3] = String::new();
        lines[7] = "bad frame".to_owned();
        assert_eq!(run.lines(), lines);
        assert_eq!(run.status, Some(1));
        let messages = format!(
            "pngpost: frame 3: upload: {}{ADVICE}\npngpost: frame 7: upload: status 400\n",
            NO_RESPONSE
        );
        assert_eq!(run.stderr, messages);
    }
}

/// The loop that every shell user writes. The server fails every twentieth request with an error page.
#[test]
fn with_fail_the_lines_tell_a_loop_where_to_go_on() {
    for jobs in ["1", "8"] {
        let server = Server::answering(|number, request| match number % 20 {
            19 => response("500 Internal Server Error", "<html>fault</html>"),
            _ => echo(request),
        });
        let folder = Folder::new("loop");
        folder.file("frames", tiny_frames(96));
        folder.file("lines", "");
        let mut shell = Command::new("sh");
        let line =
            "until \"$0\" --fail --skip $(wc -l < lines) \"$@\" < frames >> lines; do :; done";
        shell.args(["-c", line, env!("CARGO_BIN_EXE_pngpost"), "-s", "1x1", "--raw", "-j", jobs]);
        shell.arg(server.url()).current_dir(folder.path());
        let ended = shell.stderr(Stdio::null()).status().unwrap();
        assert!(ended.success() && server.requests().len() >= 100, "{ended}");
        assert_eq!(String::from_utf8(folder.read("lines")).unwrap(), answers_as_text(96));
    }
}

#[test]
fn with_fail_and_keep_going_a_failed_frame_has_an_empty_line_or_a_record_with_its_error() {
    let server = Server::answering(|_, request| match tiny_number(&request.body) {
        1 => response("404 Not Found", "no page"),
        _ => echo(request),
    });
    let lines = |option| {
        let run = post(&["--fail", "--keep-going", option], &server.url(), 3);
        assert_eq!(
            (run.status, run.stderr.as_str()),
            (Some(1), "pngpost: frame 1: upload: status 404\n")
        );
        run.lines()
    };
    assert_eq!(lines("--raw"), ["answer 0", "", "answer 2"]);
    let record = &lines("--ndjson")[1];
    assert!(
        record.contains(r#""status":404,"#)
            && record.ends_with(r#","error":"upload: status 404"}"#)
    );
}
