//! The two ways to connect. Tests about uploads run on both, from one list.

use std::ffi::OsStr;
use std::process::Command;

use super::program::{self, Run};
use super::server::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Connections that stay, the default.
    Kept,
    /// `--no-http-keep-alive`.
    Each,
    /// `--minreq`.
    Minreq,
}

impl Engine {
    /// The program with these arguments, connecting this way.
    pub fn command<S: AsRef<OsStr>>(self, arguments: &[S]) -> Command {
        let mut command = program::command(arguments);
        match self {
            Engine::Kept => {}
            Engine::Each => drop(command.arg("--no-http-keep-alive")),
            Engine::Minreq => drop(command.arg("--minreq")),
        }
        command
    }

    /// Runs it on these frames to its end.
    pub fn run<S: AsRef<OsStr>>(self, arguments: &[S], frames: &[u8]) -> Run {
        program::run_command(self.command(arguments), frames)
    }

    /// Runs it on one frame, whose request is answered with these bytes. The server closes behind
    /// them if they do not say where the response ends.
    pub fn run_answered_with(self, bytes: impl AsRef<[u8]>) -> Run {
        let bytes = bytes.as_ref().to_vec();
        let server = Server::answering(move |_, _| bytes.clone());
        self.run(&["-s", "1x1", &server.url()], &[0; 3])
    }
}

/// Makes a test of each of these functions for each engine.
macro_rules! test_each_engine {
    ($($test:ident)*) => {
        mod kept {
            $(#[test]
            fn $test() {
                super::$test(crate::support::engine::Engine::Kept);
            })*
        }

        mod each {
            $(#[test]
            fn $test() {
                super::$test(crate::support::engine::Engine::Each);
            })*
        }

        mod minreq {
            $(#[test]
            fn $test() {
                super::$test(crate::support::engine::Engine::Minreq);
            })*
        }
    };
}

pub(crate) use test_each_engine;
