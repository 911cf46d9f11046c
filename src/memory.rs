//! Memory under a limit of the process (`ulimit -v`, `ulimit -d`).
//!
//! A `Vec` that can't grow ends the process, and so does a thread that finds no memory as it starts. So all that
//! the input or the server makes large, and each thread, gets its memory here, and may be refused. `SPARE`
//! bytes are always left, for all that is small.
//!
//! Crates allocate by themselves: a pledge sets memory aside for them. Without a limit nothing is counted: an
//! allocation then fails only if the system can't ever have so much.

use std::fmt;
use std::fs::read_to_string;
use std::io::{self, ErrorKind};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// The bytes that are left for what is small: heads, messages, lines of a table, records of TLS.
const SPARE: usize = 2 << 20;

/// The bytes of a thread's stack: std's own default, of which only what is used takes pages.
const STACK_BYTES: usize = 2 << 20;

/// The bytes that a thread takes besides its stack, as it starts.
const THREAD_BYTES: usize = 256 << 10;

static PLEDGED: Mutex<usize> = Mutex::new(0);

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::read);

/// The limits in bytes; `None`: there is none, or the system, other than Linux, does not tell.
struct Limits {
    /// Of all that is mapped.
    space: Option<u64>,
    /// Of what can be written and belongs to no file.
    data: Option<u64>,
}

impl Limits {
    /// From a file: rustix panics if `getrlimit` fails, as under a filter of system calls.
    fn read() -> Self {
        let text = read_to_string("/proc/self/limits").unwrap_or_default();
        let limit = |name: &str| {
            let values = text.lines().find_map(|line| line.strip_prefix(name))?;
            values.split_whitespace().next()?.parse().ok()
        };
        Limits { space: limit("Max address space"), data: limit("Max data size") }
    }
}

/// There is no memory for this many bytes.
#[derive(Debug)]
pub struct NoMemory(usize);

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "no memory for {} bytes", self.0)
    }
}

impl std::error::Error for NoMemory {}

impl From<NoMemory> for io::Error {
    fn from(error: NoMemory) -> Self {
        io::Error::new(ErrorKind::OutOfMemory, error)
    }
}

/// Memory that is set aside, until this is dropped.
pub struct Pledge(usize);

impl Drop for Pledge {
    fn drop(&mut self) {
        *pledged() -= self.0;
    }
}

/// Whether there is memory for what comes before the first thread: options, certificates, buffers.
pub fn enough_to_start() -> Result<(), NoMemory> {
    const START_BYTES: usize = 4 << 20;
    room_for(START_BYTES)
}

/// Whether there is memory for this many bytes now.
pub fn room_for(bytes: usize) -> Result<(), NoMemory> {
    check(bytes, *pledged())
}

/// Sets this many bytes aside for a crate that allocates by itself.
pub fn pledge(bytes: usize) -> Result<Pledge, NoMemory> {
    let mut pledged = pledged();
    check(bytes, *pledged)?;
    *pledged += bytes;
    Ok(Pledge(bytes))
}

/// Makes room for `more` bytes, and for no others.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    if bytes.capacity() - bytes.len() >= more {
        return Ok(());
    }
    let needed = bytes.len().saturating_add(more);
    let pledged = pledged();
    check(needed, *pledged)?;
    bytes.try_reserve_exact(more).map_err(|_| NoMemory(needed))
}

/// Starts a thread.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let memory = pledge(STACK_BYTES + THREAD_BYTES)?;
    Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
        drop(memory);
        run();
    })
}

/// Whether this many bytes are left besides those that are pledged and spare.
fn check(bytes: usize, pledged: usize) -> Result<(), NoMemory> {
    let needed = bytes.saturating_add(pledged).saturating_add(SPARE);
    match left() {
        Some(left) if left < needed as u64 => Err(NoMemory(bytes)),
        _ => Ok(()),
    }
}

/// The bytes that the limits leave; `None`: there is no limit.
fn left() -> Option<u64> {
    let Limits { space, data } = *LIMITS;
    if space.is_none() && data.is_none() {
        return None;
    }
    let status = read_to_string("/proc/self/status").ok()?;
    let used = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    };
    let left = |limit: Option<u64>, name| Some(limit?.saturating_sub(used(name)?));
    [left(space, "VmSize:"), left(data, "VmData:")].into_iter().flatten().min()
}

fn pledged() -> MutexGuard<'static, usize> {
    PLEDGED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_had_is_refused_with_its_size() {
        let mut bytes = vec![1, 2, 3];
        let error = reserve(&mut bytes, usize::MAX / 2).unwrap_err();
        assert_eq!(error.to_string(), format!("no memory for {} bytes", 3 + usize::MAX / 2));
        assert_eq!(bytes, [1, 2, 3]);
        reserve(&mut bytes, 100).unwrap();
        assert!(bytes.capacity() >= 103);
    }

    #[test]
    fn a_pledge_counts_until_it_is_dropped() {
        let before = *pledged();
        let pledge = pledge(1 << 20).unwrap();
        assert!(*pledged() >= 1 << 20);
        drop(pledge);
        assert!(*pledged() < before + (1 << 20));
    }
}
