//! strace: whether it is here, and may trace.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::skipped::skip;

/// Whether strace may trace here; a word about it if not.
pub fn works() -> bool {
    let Some(strace) = needed("strace") else { return false };
    let output = Command::new(strace).args(["-f", "-o", "/dev/null", "true"]).output();
    let works = output.unwrap().status.success();
    if !works {
        skip("strace may not trace");
    }
    works
}

/// Whether strace may trace a process that it has not started, as Yama forbids; a word about it if not.
pub fn attaches() -> bool {
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "-p", &sleeper.id().to_string()]);
    let mut strace = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(strace.stderr.take().unwrap()).read_line(&mut said).unwrap();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    strace.wait().unwrap();
    let attaches = said.contains("attached");
    if !attaches {
        skip(&format!("strace may not attach: {}", said.trim_end()));
    }
    attaches
}
