//! Files that options name. They are read whole, up to a limit. Standard input is never one: it is for the
//! frames.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Result, anyhow, ensure};

use crate::messages::plain;

/// The longest file for a value, a template, headers or certificates.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// That of UTF-8, with which editors on some systems begin a file. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file and parses its text. A name without a file may be a secret that was typed in the place of one: the
/// message has `placeholder` for it, such as `@FILE`.
pub fn read<T, E: Display>(
    placeholder: &str,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T> {
    let name = match path.symlink_metadata() {
        Ok(_) => path.display().to_string(),
        Err(_) => placeholder.to_owned(),
    };
    ensure!(!is_stdin(path), "{name}: takes another file; standard input is for the frames");
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| anyhow!("{name}: {}", plain(&error.to_string())))?;
    let is_in_limit = bytes.len() as u64 <= MAX_FILE_BYTES;
    ensure!(is_in_limit, "{name}: over the limit of {MAX_FILE_BYTES} bytes");
    let is_utf_16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    ensure!(!is_utf_16, "{name}: is UTF-16, by its byte order mark; save it as UTF-8");
    parse(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes))
        .map_err(|why| anyhow!("{name}: {why:#}"))
}

/// Whether this file is the stream of frames, such as - or /dev/stdin: reading it here would take frames away, or
/// send them as a value. /dev/null is fine: it has nothing to lose. A terminal would wait for its user.
fn is_stdin(path: &Path) -> bool {
    if path == Path::new("-") {
        return true;
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    let (Ok(stdin), Ok(file)) = (stdin, path.metadata()) else { return false };
    let is_safe = file.file_type().is_char_device() && !io::stdin().is_terminal();
    (stdin.dev(), stdin.ino()) == (file.dev(), file.ino()) && !is_safe
}

pub fn without_line_end(text: &[u8]) -> &[u8] {
    match text {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] | text => text,
    }
}
