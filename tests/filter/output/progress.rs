//! The progress line, on a terminal of util-linux's script.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::holding::Holding;
use crate::support::program::Running;
use crate::support::server::{Request, Server, ok, response};
use crate::support::signals::{program_below, send, stop, stop_and_listen};
use crate::support::{PATIENCE, file, tiny_frames, tiny_number};

/// The screen of a terminal that knows line ends and one escape code, "wipe to the end of the line".
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
    /// The longest line that ever stood there.
    widest: usize,
}

impl Screen {
    fn of(stream: &[u8]) -> Screen {
        let mut screen = Screen { lines: vec![String::new()], ..Screen::default() };
        let text = str::from_utf8(stream).unwrap().replace("\x1b[K", "\x7f");
        text.chars().for_each(|c| screen.put(c));
        screen
    }

    fn put(&mut self, c: char) {
        let line = &mut self.lines[self.row];
        match c {
            '\r' => self.column = 0,
            '\n' => {
                self.row += 1;
                self.lines.push(String::new());
            }
            '\x7f' => line.truncate(self.column),
            c => {
                assert!(c.is_ascii() && !c.is_control(), "{c:?} on the terminal");
                if self.column < line.len() {
                    line.replace_range(self.column..self.column + 1, &c.to_string());
                } else {
                    line.push(c);
                }
                self.column += 1;
                self.widest = self.widest.max(line.len());
            }
        }
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// The end of the progress line, each time that it is drawn.
const DRAWN: &[u8] = b"\x1b[K\r";

/// The program on a terminal of so many columns, with so many frames; `None` if 'script' is not installed. The
/// shell redirects stdout and stderr by `redirection`.
fn on_terminal(
    columns: usize,
    arguments: &str,
    redirection: &str,
    frames: u32,
    server: &Server,
) -> Option<Running> {
    let mut terminal = Command::new(needed("script")?);
    let frames = file(&format!("progress-{frames}"), tiny_frames(frames));
    let line = format!(
        "stty cols {columns}; {} -s 1x1 --raw {arguments} {} < {frames} {redirection}",
        env!("CARGO_BIN_EXE_pngpost"),
        server.url()
    );
    terminal.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("no_proxy", "*");
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(Running::start(terminal))
}

/// Reads the terminal until `enough`, then calls `release`, then reads to the end.
fn watch(mut program: Running, enough: impl Fn(&[u8]) -> bool, release: impl FnOnce()) -> Vec<u8> {
    let mut stream = Vec::new();
    let (mut stdout, begin) = (program.stdout.take().unwrap(), Instant::now());
    while !enough(&stream) {
        let mut bytes = [0; 4096];
        let count = stdout.read(&mut bytes).unwrap();
        stream.extend_from_slice(&bytes[..count]);
        let so_far = String::from_utf8_lossy(&stream);
        assert!(count > 0 && begin.elapsed() < PATIENCE, "ended with {so_far:?}");
    }
    release();
    stdout.read_to_end(&mut stream).unwrap();
    program.finish();
    stream
}

fn draws(stream: &[u8]) -> usize {
    stream.windows(DRAWN.len()).filter(|window| *window == DRAWN).count()
}

#[test]
fn the_progress_line_tells_how_far_the_run_is_and_is_gone_at_the_end() {
    // Where another program may draw, it must be asked for.
    for (arguments, redirection, done, last) in [
        ("-j 2", "> /dev/null", "3 of 9 (33%)", ""),
        ("-j 2 --skip 1 --progress", "| wc -l >&2", "2 of 8 (25%)", "8\n"),
    ] {
        let holding = Holding::new(3, |_| ok("line"));
        let Some(program) = on_terminal(100, arguments, redirection, 9, &holding.server) else {
            return;
        };
        let told = |stream: &[u8]| {
            let text = Screen::of(stream).text();
            text.starts_with(&format!("pngpost: {done}, 0:0"))
                && text.contains(" left, 2 in flight, ")
                && text.contains(" frames/s, lines 0.")
                && text.ends_with(" s behind")
        };
        let stream = watch(program, told, || holding.release_all());
        assert_eq!(Screen::of(&stream).text(), last);
    }
}

#[test]
fn once_it_is_told_to_stop_it_says_so_and_how_many_it_waits_for() {
    let holding = Holding::new(3, |_| ok("line"));
    let Some(program) = on_terminal(80, "-j 2", "> /dev/null", 9, &holding.server) else { return };
    let pid = program_below(program.pid());
    let is_sent = AtomicBool::new(false);
    let told = |stream: &[u8]| {
        let text = Screen::of(stream).text();
        if text.starts_with("pngpost: 3 of 9 (33%), ")
            && text.contains(", 2 in flight, ")
            && !is_sent.swap(true, Ordering::AcqRel)
        {
            send(pid, "SIGINT");
        }
        text.starts_with("pngpost: stopping: 3 of 9 (33%), 2 in flight, ")
    };
    watch(program, told, || holding.release_all());
}

/// Nor is a pipe's number of frames known.
#[test]
fn a_frame_without_a_response_is_not_answered_and_bytes_that_do_not_come_are_told() {
    let server = Server::answering(|_, request| match tiny_number(&request.body) {
        1 => Vec::new(),
        2 => response("404 Not Found", ""),
        _ => ok("line"),
    });
    let folder = Folder::new("progress");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let redirection = format!("< {} > /dev/null", pipe.display());
    let Some(program) = on_terminal(80, "--keep-going", &redirection, 4, &server) else { return };
    let mut pipe = File::create(pipe).unwrap();
    let frames = tiny_frames(4);
    pipe.write_all(&frames[..10]).unwrap();
    let waits = "2 answered, 2 failed, waiting for input: frame 3 lacks 2 of 3 bytes";
    let told = |stream: &[u8]| Screen::of(stream).lines.last().unwrap() == waits;
    let release = move || pipe.write_all(&frames[10..]).unwrap();
    let stream = watch(program, told, release);
    assert_eq!(Screen::of(&stream).lines.last().unwrap(), "");
    // Once it has waited for a second.
    let before = stream.windows(7).position(|it| it == b"waiting").unwrap();
    assert!(draws(&stream[..before]) >= 5);
}

#[test]
fn while_a_server_refuses_the_cause_is_told() {
    let refuses = Arc::new(AtomicBool::new(true));
    let is_refusing = Arc::clone(&refuses);
    let server = Server::answering(move |_, _| match is_refusing.load(Ordering::Acquire) {
        true => response("503 Service Unavailable", ""),
        false => ok("line"),
    });
    let Some(program) = on_terminal(80, "", "> /dev/null", 2, &server) else { return };
    let told = |stream: &[u8]| {
        Screen::of(stream).text().starts_with("pngpost: 0 of 2 (0%), retrying: status 503, ")
    };
    let stream = watch(program, told, || refuses.store(false, Ordering::Release));
    assert_eq!(Screen::of(&stream).text(), "");
}

#[test]
fn it_is_drawn_at_most_five_times_a_second() {
    let begin = Instant::now();
    let holding = Holding::new(2000, |_| ok("line"));
    let Some(program) = on_terminal(80, "-j 4", "> /dev/null", 2004, &holding.server) else {
        return;
    };
    let stream = watch(
        program,
        |stream| draws(stream) >= 6,
        || {
            assert!(begin.elapsed() >= Duration::from_millis(6 * 200));
            holding.release_all();
        },
    );
    assert_eq!(Screen::of(&stream).text(), "");
}

#[test]
fn it_is_never_as_long_as_the_terminal_is_wide() {
    for (columns, text) in
        [(80, "frames/s"), (40, "4 of 5 (80%), 1 failed, 0:0"), (20, "4 of 5 (80%)"), (5, "")]
    {
        let holding = Holding::new(4, |request| match tiny_number(&request.body) {
            1 => response("404 Not Found", ""),
            _ => ok(""),
        });
        let arguments = "--keep-going";
        let Some(program) = on_terminal(columns, arguments, "> /dev/null", 5, &holding.server)
        else {
            return;
        };
        let told = |stream: &[u8]| {
            let screen = Screen::of(stream);
            draws(stream) > 0 && screen.lines.last().unwrap().contains(text)
        };
        let stream = watch(program, told, || holding.release_all());
        let diagnostic = "pngpost: frame 1: upload: status 404\n";
        assert_eq!(Screen::of(&stream).text(), diagnostic);
        // Behind the diagnostic, which may be longer.
        let progress = &stream[stream.iter().position(|&byte| byte == b'\n').unwrap() + 1..];
        assert!(Screen::of(progress).widest < columns, "{columns}");
    }
}

#[test]
fn a_diagnostic_takes_its_place_and_a_run_that_fails_clears_it() {
    let holding = Holding::new(0, |request| match tiny_number(&request.body) {
        0 => response("503 Service Unavailable", ""),
        _ => ok(""),
    });
    let arguments = "-v --retry 1 --retry-delay 0.001";
    let Some(program) = on_terminal(80, arguments, "> /dev/null", 2, &holding.server) else {
        return;
    };
    let stream = watch(
        program,
        |stream| draws(stream) > 0,
        || {
            holding.release_all();
        },
    );
    let text = Screen::of(&stream).text();
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines[0], "pngpost: frame 0: upload: status 503; attempt 2 of 2 in 0.0 s");
    let failed =
        "pngpost: frame 0: upload: status 503 (2 attempts); 1 line is out, frame 0's answer";
    assert_eq!((lines[1], lines.len()), (failed, 3), "{text}");
    assert!(lines[2].starts_with("pngpost: 1 frame, 1 failed, 1 retry, "), "{text}");
}

#[test]
fn no_escape_code_goes_where_there_is_no_place_for_a_progress_line() {
    // Long enough for some redraws.
    let answer = |_, _: &Request| {
        thread::sleep(Duration::from_millis(700));
        ok("line")
    };
    let server = Server::answering(answer);
    for (arguments, redirection, expected) in [
        ("-q", "> /dev/null", ""),
        ("", "", "line\r\n"),
        ("", "| cat", "line\r\n"),
        ("--progress", "2> /dev/null", "line\r\n"),
        ("", "2>&1 > /dev/null | cat", ""),
    ] {
        let Some(program) = on_terminal(80, arguments, redirection, 1, &server) else { return };
        let stream = watch(program, |_| true, || ());
        assert_eq!(String::from_utf8_lossy(&stream), expected, "{arguments} {redirection}");
    }
}

#[test]
fn it_is_gone_when_a_signal_ends_the_run_and_when_a_second_one_ends_it_at_once() {
    for (jobs, is_second) in [("-j 1", false), ("-j 3", false), ("-j 1", true), ("-j 3", true)] {
        let holding = Holding::new(2, |_| ok("line"));
        let Some(program) = on_terminal(80, jobs, "> /dev/null", 20, &holding.server) else {
            return;
        };
        let terminal = program.pid();
        let end = || {
            let pid = program_below(terminal);
            if is_second {
                stop_and_listen(pid, "SIGTERM");
                send(pid, "SIGTERM");
            } else {
                stop(pid, "SIGTERM");
                holding.release_all();
            }
        };
        let stream = watch(program, |stream| draws(stream) > 0, end);
        holding.release_all();
        // Of a second one the shell says that the program was terminated.
        let text = Screen::of(&stream).text();
        assert_eq!(text.starts_with("pngpost: stopped by SIGTERM; "), !is_second, "{text}");
        assert!(!text.contains("frames/s"), "{text}");
    }
}
