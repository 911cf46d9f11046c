//! What is run: 12 frames on each road, and one run of the program from its start to its end.
//!
//! Raw frames come through a pipe, and lines go into one. An array comes from a file, lines go into another, and
//! the run keeps going. Each run has a server of its own.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

use super::witness::Witness;
use crate::support::echo::answers;
use crate::support::folder::Folder;
use crate::support::images::npy;
use crate::support::program::{self, Run};
use crate::support::tiny_frames;
use crate::support::tls::Authority;

pub const FRAMES: u32 = 12;

/// No run takes so long, unless it hangs: many times what one takes on a slow machine that is busy. A look-up that
/// asks a server which does not answer takes ten seconds of it for each attempt.
const LIMIT: Duration = Duration::from_secs(100);

/// A run that takes longer may be lost.
const LONG: Duration = Duration::from_millis(500);

/// Values that no message may hold.
pub const SECRETS: [&str; 2] = ["hunter2-of-a-field", "hunter3-of-a-header"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Road {
    /// A connection for each upload.
    pub each: bool,
    pub https: bool,
    pub jobs: u32,
    /// An array from a file into a file, or else raw frames from a pipe into a pipe.
    pub npy: bool,
}

impl Road {
    pub fn all() -> Vec<Road> {
        let both = [false, true];
        let mut roads = Vec::new();
        for each in both {
            for https in both {
                for jobs in [1, 3] {
                    roads.extend(both.map(|npy| Road { each, https, jobs, npy }));
                }
            }
        }
        roads
    }

    /// Whether a frame that fails is an empty line.
    pub fn keeps_going(self) -> bool {
        self.npy
    }
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let word = |is, yes, no| if is { yes } else { no };
        let (road, scheme) = (word(self.each, "each", "kept"), word(self.https, "https", "http"));
        write!(f, "{road} {scheme} -j {} {}", self.jobs, word(self.npy, "npy", "raw"))
    }
}

/// The files that runs read.
pub struct Ground {
    program: PathBuf,
    folder: Folder,
    authority: Authority,
    config: Arc<ServerConfig>,
    runs: AtomicUsize,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub status: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Whether it had to be killed.
    pub hung: bool,
    /// The frames that the server has read whole, in their order.
    pub frames: Vec<u32>,
    /// Its pipes, if these are pipes.
    pub pipes: Pipes,
}

/// The names of pipes, as strace has them. Their descriptors have other numbers if the program inherits some.
#[derive(Clone, Debug)]
pub struct Pipes {
    pub stdin: Option<String>,
    pub stdout: Option<String>,
}

/// The program while it runs.
pub struct Running {
    program: program::Running,
    witness: Witness,
    lines: PathBuf,
    pipes: Pipes,
}

impl Ground {
    pub fn new(name: &str) -> Self {
        let folder = Folder::new(&format!("torture-{name}"));
        let frames = tiny_frames(FRAMES);
        folder.file("raw", &frames);
        folder.file("npy", npy("|u1", &format!("({FRAMES}, 1, 1, 3)"), &frames));
        folder.file("key", SECRETS[0]);
        let authority = Authority::new("torture");
        let config = authority.server();
        fs::create_dir(folder.path().join("certificates")).unwrap();
        fs::copy(&authority.file, folder.path().join("certificates/a.pem")).unwrap();
        let program = env!("CARGO_BIN_EXE_pngpost").into();
        Ground { program, folder, authority, config, runs: AtomicUsize::new(0) }
    }

    /// The same with a copy of the program, for users who may not read the folder that it was built in.
    pub fn readable(name: &str) -> Self {
        let ground = Ground::new(name);
        let program = ground.folder.path().join("pngpost");
        fs::copy(&ground.program, &program).unwrap();
        Ground { program, ..ground }
    }

    /// A new file's path, of this run alone.
    pub fn path(&self, name: &str) -> PathBuf {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{name}-{number}"))
    }

    /// The lines of a run that nothing disturbs.
    pub fn lines(&self) -> Vec<String> {
        answers(FRAMES)
    }

    pub fn frames(&self, road: Road) -> Vec<u8> {
        fs::read(self.folder.path().join(if road.npy { "npy" } else { "raw" })).unwrap()
    }

    fn arguments(&self, road: Road, port: u16, skip: u32) -> Vec<String> {
        let Road { each, https, jobs, npy } = road;
        // Each frame that fails makes the next retries wait longer: a run that keeps going has none.
        let frames = if npy { "--keep-going --retry 0" } else { "-s 1x1" };
        let each = if each { "--no-http-keep-alive" } else { "" };
        let scheme = if https { "https" } else { "http" };
        let line = format!(
            "{program} -F key=<{key} -H X-Key:{secret} -z fastest --retry-delay 0.001 --max-time 60 -j {jobs} {frames} \
             {each} --skip {skip} {scheme}://localhost:{port}/",
            program = self.program.display(),
            key = self.folder.path().join("key").display(),
            secret = SECRETS[1],
        );
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Starts a run, by the command `before` if there is one. Its stdin is a pipe, or the array's file.
    pub fn start(&self, road: Road, before: &[String], skip: u32, is_file: bool) -> Running {
        let witness = Witness::new(road.https.then(|| Arc::clone(&self.config)));
        let words = [before, &self.arguments(road, witness.port(), skip)].concat();
        let mut command = Command::new(&words[0]);
        program::without_settings(&mut command);
        command.env("SSL_CERT_FILE", &self.authority.file);
        command.env("SSL_CERT_DIR", self.folder.path().join("certificates"));
        command.args(&words[1..]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if is_file {
            command.stdin(File::open(self.folder.path().join("npy")).unwrap());
        }
        let lines = self.path("lines");
        if road.npy {
            command.stdout(File::create(&lines).unwrap());
        }
        let program = program::Running::start(command);
        let pipes = Pipes {
            stdin: program.stdin.as_ref().map(name),
            stdout: program.stdout.as_ref().map(|stdout| name(stdout.get_ref())),
        };
        Running { program, witness, lines, pipes }
    }

    /// Runs it to its end, and feeds it if its stdin is a pipe.
    pub fn run(
        &self,
        road: Road,
        before: &[String],
        skip: u32,
        is_lost: impl FnMut() -> bool,
    ) -> Ended {
        let mut running = self.start(road, before, skip, road.npy);
        if !road.npy {
            running.feed(self.frames(road));
        }
        running.end(is_lost)
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Writes the stream and closes it, on a thread: the program may stop early.
    pub fn feed(&mut self, frames: Vec<u8>) {
        let mut stdin = self.program.stdin.take().expect("a pipe");
        thread::spawn(move || drop(stdin.write_all(&frames)));
    }

    /// Waits for the end. A run that hangs, or is lost, is killed with all that it has started.
    pub fn end(mut self, mut is_lost: impl FnMut() -> bool) -> Ended {
        let begin = Instant::now();
        let mut hung = false;
        while !hung && !self.program.has_ended() {
            hung = begin.elapsed() > LIMIT || begin.elapsed() > LONG && is_lost();
            if hung {
                kill_group(self.pid());
            }
            thread::sleep(Duration::from_millis(2));
        }
        let Run { status, signal, stdout, stderr } = self.program.finish();
        let lines = fs::read(&self.lines).unwrap_or(stdout);
        let _ = fs::remove_file(&self.lines);
        let stdout = String::from_utf8_lossy(&lines).into_owned();
        let frames = self.witness.frames();
        Ended { status, signal, stdout, stderr, hung, frames, pipes: self.pipes }
    }
}

pub fn kill_group(pid: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
}

/// A pipe's name, the same at both of its ends.
fn name(end: &impl AsRawFd) -> String {
    let link = fs::read_link(format!("/proc/self/fd/{}", end.as_raw_fd())).unwrap();
    format!("<{}>", link.display())
}
