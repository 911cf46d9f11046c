//! The HTTP crates that upload. What is said of uploads is tested with each of them, from one list.

use std::ffi::OsStr;
use std::process::Command;

use super::program::{self, Run};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Minreq,
    /// `--keep-alive`.
    Ureq,
}

impl Engine {
    /// The program with these arguments, uploading over this crate.
    pub fn command<S: AsRef<OsStr>>(self, arguments: &[S]) -> Command {
        let mut command = program::command(arguments);
        if self == Engine::Ureq {
            command.arg("--keep-alive");
        }
        command
    }

    /// Runs it on these frames to its end.
    pub fn run<S: AsRef<OsStr>>(self, arguments: &[S], frames: &[u8]) -> Run {
        program::run_command(self.command(arguments), frames)
    }

    /// What is expected, where the two differ.
    pub fn pick<T>(self, minreq: T, ureq: T) -> T {
        match self {
            Engine::Minreq => minreq,
            Engine::Ureq => ureq,
        }
    }
}

/// Makes a test of each of these functions for each engine.
macro_rules! test_each_engine {
    ($($test:ident)*) => {
        mod minreq {
            $(#[test]
            fn $test() {
                super::$test(crate::support::engine::Engine::Minreq);
            })*
        }

        #[cfg(feature = "keep-alive")]
        mod ureq {
            $(#[test]
            fn $test() {
                super::$test(crate::support::engine::Engine::Ureq);
            })*
        }
    };
}

pub(crate) use test_each_engine;
