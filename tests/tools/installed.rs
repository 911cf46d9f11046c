//! The tools that recipes name: where they are, and whether they are there.
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
    // Where servers are, and a user's PATH may not look.
    folders.push("/usr/sbin".into());
    folders
}

fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let name = name.to_owned();
    folders().into_iter().map(move |folder| folder.join(&name)).filter(|path| path.is_file())
}

pub fn tool(name: &str) -> Option<PathBuf> {
    on_path(name).next()
}

/// ImageMagick 7's command or that of 6; other programs are called convert, too.
pub fn image_magick() -> Option<PathBuf> {
    on_path("magick").chain(on_path("convert")).find(|path| {
        let version = Command::new(path).arg("-version").output();
        version.is_ok_and(|output| output.stdout.starts_with(b"Version: ImageMagick"))
    })
}

fn has_module(module: &str) -> bool {
    let Some(python) = tool("python3") else { return false };
    let output = Command::new(python).args(["-c", &format!("import {module}")]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Whether all these are there, with a word about the first that is not: names of commands, ImageMagick,
/// and modules of Python as "python numpy".
#[track_caller]
pub fn has_all(needs: &[&str]) -> bool {
    let is_missing = |need: &&&str| match need.split_once(' ') {
        Some((_, module)) => !has_module(module),
        None if **need == "ImageMagick" => image_magick().is_none(),
        None => tool(need).is_none(),
    };
    let missing = needs.iter().find(is_missing);
    missing.inspect(|need| skip(&format!("{need} is not installed"))).is_none()
}
