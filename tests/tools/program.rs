//! The real binary, run to its end or spoken with while it runs. A run that hangs is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::PATIENCE;

/// Stands behind the first failure of a frame that may have arrived.
pub const ADVICE: &str = "; it may have arrived: --retry-all-errors would send it again";

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        text.lines().map(str::to_owned).collect()
    }

    /// The default expectation: success, and nothing on stderr.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""));
        self
    }

    /// Ended by exactly this signal, with exactly this one line on stderr.
    #[track_caller]
    pub fn stops(self, signal: i32, message: &str) -> Self {
        assert_eq!((self.signal, self.stderr), (Some(signal), format!("pngpost: {message}\n")));
        Run { stderr: String::new(), ..self }
    }

    /// Exactly this exit status, and exactly this one line on stderr.
    #[track_caller]
    pub fn fails(self, status: i32, message: &str) -> Self {
        assert_eq!((self.status, self.stderr), (Some(status), format!("pngpost: {message}\n")));
        Run { stderr: String::new(), ..self }
    }

    /// The same, and the frame may have arrived.
    #[track_caller]
    pub fn fails_in_doubt(self, cause: &str) -> Self {
        self.fails_at_once(&format!("{cause}{ADVICE}"))
    }

    /// The upload of the first frame failed for this cause, and nothing came after it.
    #[track_caller]
    pub fn fails_at_once(self, cause: &str) -> Self {
        let run = self.fails(1, &format!("frame 0: upload: {cause}"));
        assert_eq!(run.stdout, b"");
        run
    }
}

/// The program with these arguments, in an environment that is the same everywhere.
pub fn command<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pngpost"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_settings(&mut command);
    command
}

/// Takes what the program reads out of the environment.
pub fn without_settings(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
}

/// A message of ours holds no character that steers a terminal or a reader, and is no longer than it may be.
fn stays_a_line(message: &str) {
    let unseen = "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\
                  \u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";
    let steers = |c: char| c.is_control() || unseen.contains(c);
    let is_sound = !message.contains(steers) && message.chars().count() <= 2009;
    assert!(is_sound || !message.starts_with("pngpost: "), "{}", message.escape_debug());
}

/// Runs the program on these frames to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S], frames: &[u8]) -> Run {
    run_command(command(arguments), frames)
}

pub fn run_command(command: Command, frames: &[u8]) -> Run {
    let mut running = Running::start(command);
    let mut stdin = running.stdin.take();
    let frames = frames.to_vec();
    // A program that stops early closes the pipe: that is no error of the test.
    let feeder = thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&frames)));
    let run = running.finish();
    feeder.join().unwrap();
    run
}

/// The program while it runs.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<ChildStderr>,
    ended: Arc<AtomicBool>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let ended = Arc::new(AtomicBool::new(false));
        let (pid, watched) = (child.id(), Arc::clone(&ended));
        thread::spawn(move || {
            let begin = Instant::now();
            while !watched.load(Ordering::Acquire) {
                if begin.elapsed() > 2 * PATIENCE {
                    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
                    return;
                }
                thread::sleep(PATIENCE / 1000);
            }
        });
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let stdout = child.stdout.take().map(BufReader::new);
        Running { child, stdin, stdout, stderr, ended }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn write(&mut self, frames: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(frames).expect("the program reads");
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stdout.as_mut().expect("stdout is open").read_until(b'\n', &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'), "no whole line: {}", line.escape_ascii());
        String::from_utf8(line).expect("UTF-8")
    }

    /// The lines of stderr as they come; `finish` then finds none.
    pub fn stderr_lines(&mut self) -> impl Iterator<Item = String> + Send + 'static {
        let stderr = self.stderr.take().expect("stderr is open");
        BufReader::new(stderr).lines().map(|line| line.expect("UTF-8"))
    }

    /// Closes stdin, and waits for the end.
    pub fn finish(mut self) -> Run {
        self.stdin = None;
        let (mut stdout, mut stderr) = (self.stdout.take(), self.stderr.take());
        let errors = thread::spawn(move || {
            let mut text = String::new();
            stderr.as_mut().map(|stderr| stderr.read_to_string(&mut text));
            text
        });
        let mut lines = Vec::new();
        if let Some(stdout) = stdout.as_mut() {
            stdout.read_to_end(&mut lines).unwrap();
        }
        let status = self.child.wait().unwrap();
        self.ended.store(true, Ordering::Release);
        let (status, signal) = (status.code(), status.signal());
        let stderr = errors.join().unwrap();
        stderr.split('\n').for_each(stays_a_line);
        // Said or not, by how busy the machine is.
        let is_told = |line: &&str| !line.starts_with("pngpost: stopping: waiting for ");
        let stderr = stderr.split_inclusive('\n').filter(is_told).collect();
        Run { status, signal, stdout: lines, stderr }
    }

    /// Waits for the end; stdin stays open.
    pub fn end(mut self) -> Run {
        let _stdin = self.stdin.take();
        self.finish()
    }

    /// Sends it the signal of this name, such as "INT".
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// A line of /proc/PID/status, in kB.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).expect(field);
        line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number of kB")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
