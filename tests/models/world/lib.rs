//! The parts of pngpost in which threads meet, in a world where a scheduler says which of them goes on.
//!
//! The files of `src` are compiled here a second time, as they are and without their own tests. They name
//! `std`, and in this crate that is the crate itself: it hands the real one on, all but `sync`, `thread` and
//! `time`, which are shuttle's or ours. So each lock, wait, wake-up and look at the clock is a place where another
//! thread may go on, and a run can be repeated from its schedule.
//!
//! `neighbours` has as much of the rest of pngpost as these files name.

// Not all of a file is called here, and what is public here is public there to its folder alone.
#![allow(dead_code, clippy::new_without_default)]

extern crate self as std;
extern crate std as real;

pub use real::*;

pub mod sync {
    pub use shuttle::sync::*;
}
pub mod thread;
pub mod time;

mod check;
mod neighbours;

pub use check::{check, choose};
pub use neighbours::{counts, encode, frame, headers, http, input, messages, random, request};

#[path = "../../../src/lock.rs"]
pub mod lock;
#[path = "../../../src/pipeline/mod.rs"]
pub mod pipeline;
#[path = "../../../src/upload/mod.rs"]
pub mod upload;
