//! Tools that tests need: where they are. If one is missing its tests are skipped, and say so; with CI set they
//! fail.
//!
//! python3 is taken from the virtual environment that PNGPOST_TEST_VENV names, or from the PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skipped::skip;

/// Folders to look in, the virtual environment's first.
pub fn folders() -> Vec<PathBuf> {
    let venv = env::var_os("PNGPOST_TEST_VENV").map(|folder| Path::new(&folder).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = venv.into_iter().chain(env::split_paths(&path)).collect();
    // Servers are there, and a user's PATH may lack it.
    folders.push("/usr/sbin".into());
    folders
}

fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let name = name.to_owned();
    folders().into_iter().map(move |folder| folder.join(&name)).filter(|path| path.is_file())
}

/// Where a tool is: a command by its name, "ImageMagick", or the python3 that has modules, such as
/// "python numpy, PIL".
pub fn find(tool: &str) -> Option<PathBuf> {
    match tool.split_once(' ') {
        Some(("python", modules)) => {
            on_path("python3").next().filter(|python| has_modules(python, modules))
        }
        _ if tool == "ImageMagick" => image_magick(),
        _ => on_path(tool).next(),
    }
}

/// ImageMagick 7's command or that of 6; other programs are called convert, too.
fn image_magick() -> Option<PathBuf> {
    on_path("magick").chain(on_path("convert")).find(|path| {
        let version = Command::new(path).arg("-version").output();
        version.is_ok_and(|output| output.stdout.starts_with(b"Version: ImageMagick"))
    })
}

fn has_modules(python: &Path, modules: &str) -> bool {
    let output = Command::new(python).args(["-c", &format!("import {modules}")]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Where the tool is; `None`, and a word about it, if it is not installed.
#[track_caller]
pub fn needed(tool: &str) -> Option<PathBuf> {
    let found = find(tool);
    if found.is_none() {
        skip(&format!("{tool} is not installed"));
    }
    found
}
