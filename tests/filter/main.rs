//! Tests of the real binary, against real servers on ports of their own.
//!
//! A test's name is a promise. The default expectation is exit status 0 and nothing on stderr.

#[path = "../tools/skipped.rs"]
mod skipped;
#[path = "../receiver/started.rs"]
mod started;
mod support;

mod bodies;
mod cuts;
mod early;
mod endings;
mod faults;
mod frames;
mod heads;
mod injected;
mod keep_alive;
mod lines;
mod promises;
mod receiver;
mod records;
mod requests;
mod responses;
mod servers;
mod soak;
mod status;
mod streams;
mod tools;
mod usage;
