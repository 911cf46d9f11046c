//! A recipe's surroundings: a folder with the files that recipes name, the built pngpost and the tools on
//! the PATH, and a server. A recipe runs there as it stands; only its addresses are replaced.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::documents::{Block, blocks};
use crate::installed;
use crate::recorder::{Answer, Recorder};
use crate::seen::{Picture, png_of};
use crate::started::Receiver;

/// A run that takes longer is ended.
const PATIENCE: &str = "60";

/// Frames in frames.rgb.
pub const FRAMES: usize = 5;

pub struct Trial {
    pub block: Block,
    pub folder: PathBuf,
    pub recorder: Recorder,
    /// Ends with the trial.
    _receiver: Receiver,
}

/// The result of a run.
pub struct Run {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    /// Success, and nothing on stderr.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""));
        self
    }

    pub fn lines(&self) -> Vec<String> {
        String::from_utf8(self.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Trial {
    pub fn new(block: &Block) -> Self {
        Trial::with(block, &[], |_| Answer::Receiver)
    }

    /// With options of the receiver, and a script for the recorder before it.
    pub fn with(
        block: &Block,
        options: &[&str],
        script: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pngpost-recipe-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let receiver = Receiver::start(options);
        let recorder = Recorder::start(&receiver.address, script);
        let trial = Trial { block: block.clone(), folder, recorder, _receiver: receiver };
        trial.lay_out();
        trial
    }

    fn lay_out(&self) {
        fs::create_dir_all(self.folder.join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_pngpost"), self.folder.join("bin/pngpost")).unwrap();
        if let Some(convert) = installed::find("ImageMagick") {
            symlink(convert, self.folder.join("bin/convert")).unwrap();
        }
        self.command("frames", "cat frames.rgb");
        self.command("consumer", "cat");
        self.write("key.txt", "the key\n");
        self.write("token.txt", "Authorization: Bearer the token\n");
        let features = r#""features": [{"type": "LABEL_DETECTION", "maxResults": 1}]"#;
        let image = r#""image": {"content": "{{png:b64}}"}"#;
        self.write("request.json", format!("{{\"requests\": [{{{image}, {features}}}]}}"));
        self.write("cat.png", png_of(9, 5, &frame(99, 9 * 5 * 3)));
        for (name, text) in blocks().into_iter().filter_map(|block| Some((block.file?, block.text)))
        {
            self.write(&name, text);
        }
        let (width, height) = self.block.sizes().first().copied().unwrap_or((64, 64));
        let frames = self.frames(FRAMES, width, height);
        self.write("frames.rgb", frames.concat());
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A command of the test's own on the PATH.
    pub fn command(&self, name: &str, text: &str) {
        let path = self.folder.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Frames of rgb24, each another one.
    pub fn frames(&self, count: usize, width: usize, height: usize) -> Vec<Vec<u8>> {
        (0..count).map(|number| frame(number, width * height * 3)).collect()
    }

    /// The frames of frames.rgb, as the server has to see them.
    pub fn pictures(&self) -> Vec<Picture> {
        let (width, height) = self.block.sizes()[0];
        Picture::all(width, height, &self.read("frames.rgb"))
    }

    /// The recipe with this server's address in the place of each other one.
    pub fn script(&self) -> String {
        with_address(&self.block.text, &self.recorder.address)
    }

    /// The recipe, run.
    pub fn run(&self) -> Run {
        self.run_script(&self.script())
    }

    pub fn run_script(&self, script: &str) -> Run {
        self.start(script).finish()
    }

    pub fn start(&self, script: &str) -> Running {
        let mut command = Command::new("timeout");
        command.args([PATIENCE, "sh", "-c", script]).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PATH", self.path()).env("HOME", &self.folder);
        // matplotlib looks through all fonts once.
        command.env("MPLCONFIGDIR", env!("CARGO_TARGET_TMPDIR")).env_remove("PYTHONUNBUFFERED");
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        let mut child = command.spawn().expect("timeout and sh start");
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        Running { child, errors }
    }

    /// The trial's own commands first.
    pub fn path(&self) -> OsString {
        let folders = [vec![self.folder.join("bin")], installed::folders()].concat();
        std::env::join_paths(folders).unwrap()
    }

    /// The output of the recipe's commands before pngpost.
    pub fn produced(&self) -> Vec<u8> {
        let text = &self.block.text;
        let at = text.rfind("pngpost -").or(text.rfind("pngpost http")).expect("pngpost");
        let producer = text[..at].trim_end().strip_suffix('|').expect("a pipe before pngpost");
        let run = self.run_script(producer).ok();
        assert!(!run.stdout.is_empty(), "{producer}: writes nothing");
        run.stdout
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub struct Running {
    child: Child,
    errors: thread::JoinHandle<String>,
}

impl Running {
    pub fn finish(mut self) -> Run {
        let mut stdout = Vec::new();
        self.child.stdout.as_mut().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap().code();
        Run { status, stdout, stderr: self.errors.join().unwrap() }
    }

    /// To its end, with the time at which each line came.
    pub fn timed_lines(mut self) -> Vec<(Instant, String)> {
        let lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let lines = lines.map(|line| (Instant::now(), line.unwrap())).collect();
        assert_eq!(self.errors.join().unwrap(), "");
        assert!(self.child.wait().unwrap().success());
        lines
    }
}

/// So many bytes, others for each number.
pub fn frame(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251 + number * 13) as u8).collect()
}

/// Scheme, host and port of each URL are replaced; its path and its query stay.
fn with_address(text: &str, address: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(at) = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min()
    {
        let host = at + rest[at..].find("//").unwrap() + 2;
        let end = rest[host..]
            .find(|next: char| next == '/' || next == '\'' || next == '"' || next.is_whitespace());
        done += &format!("{}http://{address}", &rest[..at]);
        rest = end.map_or("", |end| &rest[host + end..]);
    }
    done + rest
}

#[test]
fn only_addresses_are_replaced() {
    let text =
        "a 'https://host/x?y={{n}}' http://localhost:8501/v1:predict; https://h 'http://h:1'";
    let replaced = "a 'http://A/x?y={{n}}' http://A/v1:predict; http://A 'http://A'";
    assert_eq!(with_address(text, "A"), replaced);
}
