//! Ctrl-C on a terminal reaches each program of a pipeline: ffmpeg before us, jq behind us.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::support::program::Running;
use crate::support::server::{Server, ok};
use crate::support::{file, wait_until};

/// Runs a pipeline on a terminal of util-linux's script, and types Ctrl-C once some uploads are there. Returns
/// pngpost's exit status as the shell sees it, its messages, and the lines behind the consumer.
fn interrupted(name: &str, consumer: &str) -> Option<(i32, String, Vec<String>)> {
    for tool in ["ffmpeg", "jq", "bash"] {
        needed(tool)?;
    }
    let server = Server::answering(|number, _| ok(format!("{{\"n\": {number}}}")));
    let paths = ["status", "errors", "lines"].map(|kind| file(&format!("{name}-{kind}"), ""));
    let [status, errors, lines] = &paths;
    // The shell goes on after Ctrl-C, and its children do not.
    let pipeline = format!(
        "trap : INT; ffmpeg -v quiet -nostdin -re -f lavfi -i testsrc=rate=50:size=64x64 -f rawvideo \
         -pix_fmt rgb24 - | {} -s 64x64 {} 2> {errors} | {consumer} > {lines}; \
         echo ${{PIPESTATUS[1]}} > {status}",
        env!("CARGO_BIN_EXE_pngpost"),
        server.url()
    );
    let script = file(&format!("{name}.sh"), pipeline);
    let mut terminal = Command::new(needed("script")?);
    terminal.args(["-qec", &format!("bash {script}"), "/dev/null"]).env("no_proxy", "*");
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut terminal = Running::start(terminal);
    wait_until("frames are posted", || server.requests.lock().unwrap().len() > 5);
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    terminal.end();
    let [status, errors, lines] = paths.map(|path| fs::read_to_string(path).unwrap());
    // Every frame that was posted was answered.
    let posted = server.requests().len();
    let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    assert!(lines.len() <= posted);
    Some((status.trim().parse().unwrap(), errors, lines))
}

#[test]
fn a_consumer_that_stays_gets_all_lines() {
    let Some((status, errors, lines)) = interrupted("stays", "(trap '' INT; exec jq -c .)") else {
        return;
    };
    let expected: Vec<_> = (0..lines.len()).map(|number| format!("{{\"n\":{number}}}")).collect();
    assert_eq!(lines, expected);
    let count = lines.len();
    let message =
        format!("pngpost: stopped by SIGINT; {count} lines are out, go on with --skip {count}\n");
    assert_eq!((status, errors), (130, message));
}

#[test]
fn a_consumer_that_dies_changes_neither_the_message_nor_the_ending() {
    for _ in 0..3 {
        let Some((status, errors, _)) = interrupted("dies", "jq --unbuffered -c .") else { return };
        assert!(status == 130 && errors.starts_with("pngpost: stopped by SIGINT; "), "{errors}");
    }
}
