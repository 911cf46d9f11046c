//! Bad usage: exit status 2, one line on stderr, nothing read and nothing sent.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::support::program::{Running, command, run, run_command};
use crate::support::server::{Server, ok};
use crate::support::{file, tiny_frames};

const URL: &str = "http://127.0.0.1:1/";

#[test]
fn bad_usage_is_one_line_that_names_the_option_and_what_it_takes() {
    let (_, table) = include_str!("../data/usage.txt").split_once("\n\n").unwrap();
    let table: Vec<&str> = table.lines().collect();
    let lines = table.chunks(2).flat_map(|row| {
        let (begin, last) = row[0].rsplit_once(' ').unwrap_or(("", row[0]));
        let message = row[1].trim_start();
        last.split('|').map(move |last| (format!("{begin} {last}"), message.replace('$', last)))
    });
    for (line, message) in lines {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let arguments: Vec<&str> = words
            .flat_map(|word| match word {
                "SIZE" => vec!["-s", "1x1"],
                "URL" => vec![URL],
                "''" => vec![""],
                word => vec![word],
            })
            .collect();
        // Had a frame been read, the run would end with another status: the port is closed.
        let run = run(&arguments, &[0; 3]);
        assert_eq!(run.stderr, format!("pngpost: {message}\n"), "{line}");
        assert_eq!((run.status, run.stdout.as_slice()), (Some(2), &b""[..]), "{line}");
    }
}

#[test]
fn a_url_and_a_header_may_be_long() {
    let server = Server::answering(|_, _| ok("taken"));
    let (url, name) = (format!("{}{}", server.url(), "a".repeat(100_000)), "b".repeat(100_000));
    run(&["-s", "1x1", "-H", &format!("{name}: x"), &url], &[0; 3]).ok();
    let request = server.requests().remove(0);
    assert_eq!((request.head[0].len(), request.header(&name)), (100_015, vec!["x"]));
}

/// Each option that takes a file, given standard input in one of its names.
#[test]
fn a_file_that_is_standard_input_takes_no_frames_away() {
    let server = Server::answering(|_, _| ok("line"));
    let url = server.url();
    let option = |option: &str, value: &str| {
        let program = command(&["-s", "1x1", option, value, &url]);
        let long = match option {
            "-F" => "--form",
            "-H" => "--header",
            "-u" => "--user",
            other => other,
        };
        let name = value.rsplit(['<', '@']).next().unwrap();
        let is_for = "takes another file; standard input is for the frames";
        (program, format!("{long}: {name}: {is_for}"))
    };
    for (name, value) in [
        ("-F", "k=</dev/stdin"),
        ("-F", "k=</dev/fd/0"),
        ("-F", "k=</proc/self/fd/0"),
        ("-H", "@/dev/stdin"),
        ("-u", "@/dev/stdin"),
        ("--json", "@/dev/stdin"),
    ] {
        let (program, message) = option(name, value);
        run_command(program, &tiny_frames(2)).fails(2, &message);
        // A socket cannot be opened by its name at all.
        let (mut program, message) = option(name, value);
        let (near, _far) = UnixStream::pair().unwrap();
        program.stdin(OwnedFd::from(near));
        Running::start(program).finish().fails(2, &message);
    }
    let frames = file("usage-frames", tiny_frames(2));
    let (mut program, message) = option("-F", &format!("k=<{frames}"));
    program.stdin(File::open(&frames).unwrap());
    Running::start(program).finish().fails(2, &message);
    assert_eq!(server.connections(), 0);

    // Another file is fine, and so is /dev/null, in both places.
    let posted = |value: &str, stdin: &str| {
        let mut program = option("-F", value).0;
        program.stdin(File::open(stdin).unwrap());
        Running::start(program).finish().ok().lines().len()
    };
    let other = file("usage-other", tiny_frames(2));
    assert_eq!(posted(&format!("k=<{other}"), &frames), 2);
    assert_eq!(posted("k=</dev/null", &frames), 2);
    assert_eq!(posted("k=</dev/null", "/dev/null"), 0);
}

/// The value of an option is no option, whatever it is.
#[test]
fn a_value_that_looks_like_an_option_of_others_is_a_value() {
    let server = Server::answering(|_, _| ok("line"));
    for option in ["-F", "--form-string"] {
        let run = run(&["-s", "1x1", option, "-size=-i", &server.url()], &tiny_frames(1));
        assert_eq!(run.ok().lines(), ["line"]);
    }
}

#[test]
fn help_may_stand_together_with_other_flags() {
    for flags in ["-hv", "-vh", "-hq", "-hV"] {
        let run = run(&[flags], &[]).ok();
        assert!(run.stdout.starts_with(b"Usage: pngpost"), "{flags}");
    }
    assert!(run(&["-Vv"], &[]).ok().stdout.starts_with(b"pngpost "));
}

#[test]
fn a_value_of_any_length_is_shown_cut() {
    let run = run(&["-s", &"9".repeat(3000), URL], &[]);
    let shown = format!("--size: {}…: takes WxH in pixels", "9".repeat(120));
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.starts_with(&format!("pngpost: {shown}")), "{}", run.stderr);
}

#[test]
fn control_characters_cannot_smuggle() {
    let server = Server::answering(|_, _| ok(""));
    let url = server.url();
    let smuggling = [
        vec!["-H", "X: y\r\nHost: evil", &url],
        vec!["-H", "X: y\n", &url],
        vec!["-H", "X\r\nY: z", &url],
        vec!["-X", "POST / HTTP/1.1\r\n\r\n", &url],
        vec!["-F", "f=@-;type=image/png\r\nX: y", &url],
        vec!["-u", "a:b\r\n", &url],
        vec!["http://127.0.0.1:1/\r\nX: y"],
        vec!["http://127.0.0.1:1/a b"],
        vec!["http://a%0d%0a:b@127.0.0.1:1/"],
    ];
    for arguments in smuggling {
        let run = run(&[&["-s", "1x1"], &arguments[..]].concat(), &[0; 3]);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_certificate_file_that_would_be_passed_over_is_bad_usage() {
    let https = |name: &str, value: &str| {
        let mut command = command(&["-s", "1x1", "https://127.0.0.1:1/"]);
        command.env(name, value);
        run_command(command, &[0; 3])
    };
    let run = https("SSL_CERT_FILE", "/no/such");
    run.fails(2, "SSL_CERT_FILE: /no/such: no such file or directory");
    https("SSL_CERT_FILE", "/dev/null")
        .fails(2, "SSL_CERT_FILE: /dev/null: holds no PEM certificate");
    https("SSL_CERT_DIR", "/dev/null").fails(2, "SSL_CERT_DIR: /dev/null: not a directory");
}

#[test]
fn a_terminal_where_frames_or_a_png_go_is_bad_usage() {
    // util-linux's script runs a command on a terminal of its own.
    let Some(script) = needed("script") else { return };
    for (option, message) in [
        ("", "standard input is a terminal: pipe frames into it"),
        (
            "--show 0 < /dev/null",
            "--show: standard output is a terminal: pipe it into a viewer, or > FILE",
        ),
        (
            "-F 'k=</dev/stdin'",
            "--form: /dev/stdin: takes another file; standard input is for the frames",
        ),
    ] {
        let mut terminal = Command::new(&script);
        let program = env!("CARGO_BIN_EXE_pngpost");
        let line = format!("{program} -s 1x1 {option} {URL}; echo status $?");
        terminal.args(["-qec", &line, "/dev/null"]);
        terminal.stdin(Stdio::piped()).stdout(Stdio::piped());
        let run = Running::start(terminal).finish();
        let text = String::from_utf8_lossy(&run.stdout).replace('\r', "");
        assert_eq!(text, format!("pngpost: {message}\nstatus 2\n"));
    }
}
