//! A recipe's surroundings: a folder with the files that recipes name, the built pngpost and the tools on
//! the PATH, and a server. A recipe runs there as it stands; only its addresses are replaced.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::documents::{Block, blocks};
use crate::folder::Folder;
use crate::installed;
use crate::program::{Run, Running, without_settings};
use crate::recorder::{Answer, Recorder};
use crate::seen::{Picture, png_of};
use crate::started::Receiver;

/// Frames in frames.rgb.
pub const FRAMES: usize = 5;

pub struct Trial {
    pub block: Block,
    pub folder: Folder,
    pub recorder: Recorder,
    /// Ends with the trial.
    _receiver: Receiver,
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
        let folder = Folder::new("recipe");
        let receiver = Receiver::start(options);
        let recorder = Recorder::start(&receiver.address, script);
        let trial = Trial { block: block.clone(), folder, recorder, _receiver: receiver };
        trial.lay_out();
        trial
    }

    fn lay_out(&self) {
        fs::create_dir_all(self.folder.path().join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_pngpost"), self.folder.path().join("bin/pngpost")).unwrap();
        if let Some(convert) = installed::find("ImageMagick") {
            symlink(convert, self.folder.path().join("bin/convert")).unwrap();
        }
        self.command("frames", "cat frames.rgb");
        self.command("consumer", "cat");
        self.write("key.txt", "the key\n");
        self.write("token.txt", "Authorization: Bearer the token\n");
        self.write("policy.txt", "e30=\n");
        self.write("signature.txt", "0a1b\n");
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
        self.folder.file(name, bytes);
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        self.folder.read(name)
    }

    /// A command of the test's own on the PATH.
    pub fn command(&self, name: &str, text: &str) {
        let path = self.folder.path().join("bin").join(name);
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
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        without_settings(&mut command);
        command.env("PATH", self.path()).env("HOME", self.folder.path());
        // matplotlib looks through all fonts once.
        command.env("MPLCONFIGDIR", env!("CARGO_TARGET_TMPDIR")).env_remove("PYTHONUNBUFFERED");
        Running::start(command)
    }

    /// The trial's own commands first.
    pub fn path(&self) -> OsString {
        let folders = [vec![self.folder.path().join("bin")], installed::folders()].concat();
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
