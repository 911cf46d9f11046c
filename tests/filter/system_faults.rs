//! Faults of the system, injected by strace into the system calls of the real binary: what is said, and what is
//! tried again. That each call may fail is shown in tests/filter/torture. Skipped if strace is not installed, or may
//! not trace.

use std::fs::File;
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

use crate::support::echo::{answers_as_text, echoing};
use crate::support::folder::Folder;
use crate::support::program::{Run, run_command, without_settings};
use crate::support::server::Server;
use crate::support::{BIG, BIG_BYTES, noise, tiny_frames, tracer};

/// Some frames in a file, so that strace can tell their reads from others, and a file for the lines.
struct Files(Folder);

impl Files {
    fn new(test: &str, frames: &[u8]) -> Self {
        let folder = Folder::new(test);
        folder.file("frames", frames);
        Files(folder)
    }

    /// Runs the program under strace, which injects this; its calls on `only`, if any, and no others.
    fn run(&self, inject: &str, only: Option<&str>, arguments: &[&str]) -> Run {
        let mut strace = Command::new("strace");
        without_settings(&mut strace);
        let inject = format!("inject={inject}");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
        if let Some(only) = only {
            strace.arg("-P").arg(self.0.path().join(only));
        }
        strace.arg(env!("CARGO_BIN_EXE_pngpost")).args(arguments);
        strace.stdin(File::open(self.0.path().join("frames")).unwrap());
        strace.stdout(File::create(self.0.path().join("lines")).unwrap());
        strace.stderr(Stdio::piped());
        let run = run_command(strace, b"");
        Run { stdout: self.0.read("lines"), ..run }
    }
}

#[test]
fn a_kept_connection_that_dies_before_anything_is_sent_is_quietly_replaced() {
    if !tracer::works() {
        return;
    }
    let (server, files) = (echoing(), Files::new("stale", &tiny_frames(5)));
    let arguments = ["-s", "1x1", "--raw", "--retry", "0", &server.url()];
    let run = files.run("sendmsg:error=ECONNRESET:when=3", None, &arguments).ok();
    assert_eq!(String::from_utf8(run.stdout).unwrap(), answers_as_text(5));
    assert_eq!((server.connections(), server.requests().len()), (2, 5));
}

/// And not the end of the stream, or the reset, that follows.
#[test]
fn sending_that_fails_is_the_reason_why_there_is_no_response() {
    if !tracer::works() {
        return;
    }
    for resets in [false, true] {
        let held = Arc::<Mutex<Vec<TcpStream>>>::default();
        let holds = Arc::clone(&held);
        let server = Server::scripted(move |_, connection| {
            // The body is not read.
            let _ = connection.peek(&mut [0]);
            if resets {
                SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
            } else {
                connection.shutdown(Shutdown::Write).unwrap();
                holds.lock().unwrap().push(connection);
            }
        });
        let files = Files::new(&format!("broken-pipe-{resets}"), &noise(1, BIG_BYTES));
        let url = server.url();
        let arguments = [&BIG[..], &["--raw", &url]].concat();
        let run = files.run("sendmsg:error=EPIPE:when=2", None, &arguments);
        run.fails_in_doubt(&format!(
            "{}: broken pipe; does this port want https://?",
            server.address
        ));
    }
}
