//! The receiver as a test starts it: built from what is there now, on a free port, ended with the test.
//!
//! cargo builds no examples for a single test target, so that one that is there may be an old one.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub struct Receiver {
    child: Child,
    pub address: String,
}

impl Receiver {
    pub fn start(options: &[&str]) -> Self {
        let mut command = Command::new(program());
        let mut child = command.args(options).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on http://").and_then(|url| url.strip_suffix("/\n"));
        let address = url.unwrap_or_else(|| panic!("no address: {line:?}")).to_owned();
        Receiver { child, address }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Built once, with the profile of this test and into its target folder.
pub fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).expect("target/debug/deps/TEST");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--offline", "--example", "receiver", "--target-dir"]);
        build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the receiver builds");
        profile.join("examples/receiver")
    })
}
