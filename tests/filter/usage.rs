//! Bad usage: exit status 2, one line on stderr, nothing read and nothing sent.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::installed::needed;
use crate::support::program::{Running, command, run, run_command};
use crate::support::server::{Server, ok};
use crate::support::{file, tiny_frames};

const URL: &str = "http://127.0.0.1:1/";

const NO_URL: &str = "no URL given; usage: pngpost [-s WxH] [OPTION]... URL; \
                      'pngpost --help' lists the options";

/// Command lines, split at blanks (`URL` and `SIZE` stand for good ones), and the message of each. A `|` stands between
/// several last words, each of a line of its own; `$` is that word.
const BAD: &[(&str, &str)] = &[
    ("|SIZE", NO_URL),
    (
        "SIZE URL URL",
        "takes one URL, but 2 operands are given; frames come on standard input: < FILE",
    ),
    ("URL -p gray", "--pix-fmt: is the layout of headerless frames; needs --size"),
    ("SIZE URL --range 0:1", "--range: is for float samples; rgb24 has none"),
    (
        "URL --range 1:0|1:1|0|0:inf|-1:-2|NaN:1",
        "--range: $: takes MIN:MAX, such as 0:1, finite and MIN below MAX",
    ),
    (
        "URL --range -1e308:1e308|0:1e-307",
        "--range: $: MAX - MIN, or 255 divided by it, is no finite double",
    ),
    ("URL -s|--size", "--size: no value given"),
    (
        "URL -s 64|64X64|0x64|64x|+6x4|1x2x3|2147483648x1",
        "--size: $: takes WxH in pixels, such as 64x64, each from 1 to 2147483647",
    ),
    (
        "URL -s 2147483647x2147483647",
        "--size: 2147483647x2147483647 rgb24 is over the limit of 1073741824 bytes for a frame",
    ),
    (
        "URL -s 32768x16384",
        "--size: 32768x16384 rgb24 is over the limit of 1073741824 bytes for a frame",
    ),
    (
        "URL -s -j",
        "--size: this value: takes WxH in pixels, such as 64x64, each from 1 to 2147483647",
    ),
    (
        "SIZE URL -p yuv420p",
        "--pix-fmt: yuv420p: takes one of rgb24 bgr24 rgba bgra argb abgr gray ya8 rgb48le rgb48be rgba64le rgba64be gray16le gray16be ya16le ya16be gbrp grayf32le rgbf32le rgbf64le",
    ),
    (
        "SIZE URL --pix-fmt=",
        "--pix-fmt: '': takes one of rgb24 bgr24 rgba bgra argb abgr gray ya8 rgb48le rgb48be rgba64le rgba64be gray16le gray16be ya16le ya16be gbrp grayf32le rgbf32le rgbf64le",
    ),
    (
        "SIZE URL --latest --skip 3",
        "--skip: cannot go with --latest; which frames are dropped there is chance",
    ),
    (
        "SIZE URL --skip 0 --latest",
        "--skip: cannot go with --latest; which frames are dropped there is chance",
    ),
    ("SIZE URL --latest=yes", "--latest: takes no value"),
    (
        "SIZE URL --skip -1|1.5|18446744073709551616",
        "--skip: $: takes a whole number from 0 to 18446744073709551615",
    ),
    ("SIZE URL -z 6|Fast", "--compression: $: takes one of none fastest fast balanced high"),
    ("SIZE URL -j 0|1001|many", "--jobs: $: takes a whole number from 1 to 1000"),
    ("SIZE URL -m 0|1e3|inf|31536001|.", "--max-time: $: takes seconds from 0.001 to 31536000"),
    (
        "SIZE URL --rate 5|0/s|5/d|0.5/s",
        "--rate: $: takes N/UNIT, N from 1 to 1000000, UNIT s, m or h",
    ),
    ("SIZE URL --retry -1|1000001|some", "--retry: $: takes a whole number from 0 to 1000000"),
    ("SIZE URL --retry-delay x", "--retry-delay: x: takes seconds from 0 to 31536000"),
    ("SIZE URL --retry-delay", "--retry-delay: no value given"),
    ("SIZE URL --retry-max-time 1h", "--retry-max-time: 1h: takes seconds from 0 to 31536000"),
    ("SIZE URL --retry-all-errors=1", "--retry-all-errors: takes no value"),
    ("SIZE URL -F key", "--form: takes NAME=VALUE; there is no '='"),
    ("SIZE URL -F =v", "--form: takes NAME=VALUE; the name is empty"),
    ("SIZE URL --form-string key", "--form-string: takes NAME=VALUE; there is no '='"),
    (
        "SIZE URL -F k=@f|k=@-f",
        "--form: NAME=@ takes only @-, the frame: NAME=@-;filename=F; --form-string for text that begins with @",
    ),
    (
        "SIZE URL -F image=@pets/cat.png;type=image/png",
        "--form: NAME=@ takes only @-, the frame: image=@-;filename=cat.png; --form-string for text that begins with @",
    ),
    (
        "SIZE URL -F k=\"secret\"secret",
        "--form: NAME=\"VALUE\" has text behind the closing quote; --form-string takes a value with its quotes",
    ),
    ("SIZE URL -F k=@-;name=x", "--form: NAME=@- takes ;filename=F and ;type=T, nothing else"),
    ("SIZE URL -F k=@-;type=png", "--form: NAME=@-;type= takes a media type, such as image/png"),
    ("SIZE URL -F k=@-;filename=", "--form: NAME=@-: the file name is empty"),
    ("SIZE URL -F k=@-;filename=\"x", "--form: NAME=@-: a quote is not closed"),
    ("SIZE URL -F k=@-;filename=\"x\"y", "--form: NAME=@-: text after a closing quote"),
    ("SIZE URL -F k=@- -F l=@-", "--form: @- is given 2 times; the frame is one part"),
    (
        "SIZE URL -F k=<-",
        "--form: NAME=<FILE takes a file's name; standard input is for the frames",
    ),
    ("SIZE URL -F k=</no/such|k=<secret", "--form: k=<FILE: no such file or directory"),
    ("SIZE URL -F k=</dev/null/secret", "--form: k=<FILE: not a directory"),
    ("SIZE URL -F k=</", "--form: /: is a directory"),
    ("SIZE URL --raw -F k=v", "--raw: the body is no form; --form cannot go with it"),
    ("SIZE URL --raw=yes", "--raw: takes no value"),
    ("SIZE URL -H nocolon", "--header: takes 'Name: value'; there is no colon"),
    ("SIZE URL -H :v", "--header: takes 'Name: value'; the name is no token (RFC 9110, 5.6.2)"),
    (
        "SIZE URL -H X:{{x}}|X:secret{{",
        "--header: the value of X takes no {{…}} but {{n}} and {{n:06}}, the frame's number",
    ),
    ("SIZE URL -H host:x", "--header: host is set by pngpost and cannot be replaced"),
    (
        "SIZE URL -H connection:keep-alive",
        "--header: connection takes 'close' alone, for a connection for each upload",
    ),
    (
        "SIZE URL -H Transfer-Encoding:x",
        "--header: Transfer-Encoding belongs to the connection and is never sent",
    ),
    ("SIZE URL -H @-|@", "--header: @FILE takes a file's name; standard input is for the frames"),
    ("SIZE URL -u @-|@", "--user: @FILE takes a file's name; standard input is for the frames"),
    (
        "SIZE URL -H @/no/such|@Authorization:Bearer-secret",
        "--header: @FILE: no such file or directory",
    ),
    ("SIZE URL --json @{\"k\":\"secret\"}", "--json: @FILE: no such file or directory"),
    (
        "SIZE URL -H Content-Type:text/plain",
        "--header: the Content-Type of a form is multipart/…, without a boundary",
    ),
    ("SIZE URL -u me", "--user: takes USER:PASSWORD; there is no colon"),
    ("SIZE URL -u @/no/such|@dm1n:hunter2", "--user: @FILE: no such file or directory"),
    ("SIZE -u a:b http://c:d@h/", "--user: the URL names a user already"),
    ("SIZE URL -X HEAD", "--request: HEAD: carries no upload"),
    ("SIZE URL -X P(T", "--request: P(T: takes an HTTP method, such as PUT"),
    ("SIZE URL -v -q", "--verbose: cannot go with --quiet"),
    ("SIZE URL -y", "-y: no such option; 'pngpost --help' lists them"),
    ("SIZE URL -?", "-?: no such option; 'pngpost --help' lists them"),
    ("SIZE URL --banana", "--banana: no such option; 'pngpost --help' lists them"),
    ("SIZE URL --sise=secret", "--sise: no such option; did you mean --size"),
    ("SIZE URL --keep-goin", "--keep-goin: no such option; did you mean --keep-going"),
    ("SIZE URL --retry-al", "--retry-al: no such option; did you mean --retry-all-errors"),
    ("SIZE URL --verbos", "--verbos: no such option; did you mean --verbose"),
    ("SIZE URL --pix_fmt gray", "--pix_fmt: no such option; did you mean --pix-fmt"),
    ("URL -size 64x64", "-size: no such option; the size of a frame is --size, -s"),
    ("SIZE URL -pix_fmt gray", "-pix_fmt: no such option; the layout of a frame is --pix-fmt, -p"),
    ("SIZE URL -i film.mp4", "-i: no such option; frames come on standard input: < FILE"),
    ("SIZE -hide_banner URL", "-hide_banner: no such option; only failures are told"),
    ("SIZE URL -o lines", "-o: no such option; lines go to standard output: > FILE"),
    ("SIZE URL --output lines", "--output: no such option; lines go to standard output: > FILE"),
    ("SIZE URL -d secret", "-d: no such option; the body is --json, --raw or --form"),
    ("SIZE URL --data=secret", "--data: no such option; the body is --json, --raw or --form"),
    (
        "-L SIZE URL",
        "-L: no such option; redirects are not followed; give the URL that they lead to",
    ),
    ("SIZE URL -b a=secret", "-b: no such option; -H 'Cookie: NAME=VALUE' sends one"),
    ("-sS URL", "-sS: no such option; -s is the size; only failures are told"),
    (
        "SIZE URL --silent",
        "--silent: no such option; only failures are told, and nothing with --quiet",
    ),
    ("SIZE URL --keep-alive", "--keep-alive: no such option; connections are kept anyway"),
    (
        "SIZE URL --userme:secret",
        "an option: no such option; --user takes its value as --user VALUE",
    ),
    ("SIZE URL --SECRET1234", "an option: no such option; 'pngpost --help' lists them"),
    ("SIZE -height URL", "-height: no such option; the size of a frame is --size, -s"),
    ("SIZE h/x", "URL: takes http://… or https://…"),
    ("SIZE ftp://h/x", "URL: takes http://… or https://…, no other scheme"),
    ("SIZE http://h:83635/", "URL: port 83635: takes 1 to 65535"),
    ("SIZE http:///x", "URL: there is no host"),
];

#[test]
fn bad_usage_is_one_line_that_names_the_option_and_what_it_takes() {
    let lines = BAD.iter().flat_map(|&(line, message)| {
        let (begin, last) = line.rsplit_once(' ').unwrap_or(("", line));
        last.split('|').map(move |last| {
            (format!("{begin} {last}"), message.replace(": $: ", &format!(": {last}: ")))
        })
    });
    for (line, message) in lines {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let arguments: Vec<&str> = words
            .flat_map(|word| match word {
                "SIZE" => vec!["-s", "1x1"],
                "URL" => vec![URL],
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
fn a_terminal_as_stdin_is_bad_usage() {
    // util-linux's script runs a command on a terminal of its own.
    let Some(script) = needed("script") else { return };
    for (option, message) in [
        ("", "standard input is a terminal: pipe frames into it"),
        (
            "-F 'k=</dev/stdin'",
            "--form: /dev/stdin: takes another file; standard input is for the frames",
        ),
    ] {
        let mut terminal = Command::new(&script);
        let program = env!("CARGO_BIN_EXE_pngpost");
        let line = format!("{program} -s 1x1 {option} {URL}; echo status $?");
        terminal.args(["-qec", &line, "/dev/null"]);
        terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let run = Running::start(terminal).finish();
        let text = String::from_utf8_lossy(&run.stdout).replace('\r', "");
        assert_eq!(text, format!("pngpost: {message}\nstatus 2\n"));
    }
}
