//! What `pngpost -V` says of the build: its target, and its commit if the sources are a clone. Without git, as from an
//! archive, there is no commit, and nothing fails. cargo runs it before a build: it is no part of the program.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    let commit = commit().map(|commit| format!(", from commit {commit}")).unwrap_or_default();
    println!("cargo::rustc-env=PNGPOST_BUILD=for {target}{commit}");
}

fn commit() -> Option<String> {
    // A repository round the folder of an archive is that of something else.
    if !Path::new(".git").exists() {
        return None;
    }
    // HEAD itself names a branch: its log is what each commit changes.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    // Of a fixed length: git's own grows with the clone.
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
