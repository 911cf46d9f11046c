//! Connections between two requests, and when one is used again.
//!
//! A connection is here or with the job that has taken it, so at most one for each job is open. Here it holds up nobody:
//! if a new one waits, maybe for the worker that this one holds, it is closed. None is kept once the server has shown that
//! it closes them, or has too few workers.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::lock::lock;

use super::connection::Connection;
use super::time_limit::LOOKS_AGAIN;

/// A connection that has been idle for longer is not used again. Servers close idle connections without
/// notice, the commonest after 2 s (gunicorn) or 5 s (uvicorn, Node.js, Apache). If a request crosses that
/// close, its outcome is unknown. On a new connection it is not, and for frames so far apart a new connection
/// costs little.
const MAX_IDLE: Duration = Duration::from_millis(1500);

/// A server that closes behind each answer without saying so does it within this time.
const CLOSES_WITHIN: Duration = Duration::from_millis(30);

#[derive(Default)]
pub struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    /// A stack: the connection used last is on top.
    idle: Vec<Idle>,
    /// Answers on connections that were used again. The first of those is looked at for a moment.
    again: u64,
    /// Connections that were used again, and that the server has ended then without an answer.
    hung_up: u64,
    /// A connection each, to the end of the run.
    keeps_none: bool,
    /// The shortest time that an answer took.
    shortest: Option<Duration>,
    /// When idle connections were closed for new ones; no new one has been answered since.
    let_go: Option<Instant>,
}

struct Idle {
    connection: Connection,
    since: Instant,
    /// After this the connection is not used again.
    until: Instant,
}

impl Pool {
    /// The connection used last that is still good. Others are closed.
    pub fn take(&self) -> Option<Connection> {
        loop {
            let mut state = lock(&self.0);
            let mut idle = state.idle.pop()?;
            let is_first = state.again == 0;
            drop(state);
            let mut is_behind_answer = false;
            while let Some(left) = CLOSES_WITHIN.checked_sub(idle.since.elapsed())
                && is_first
            {
                is_behind_answer = true;
                // A sleep panics if the system refuses it.
                thread::park_timeout(left);
            }
            if Instant::now() < idle.until && idle.connection.is_idle() {
                return Some(idle.connection);
            }
            if is_behind_answer {
                lock(&self.0).keep_none();
            }
        }
    }

    /// Puts it back after an answer to an attempt that began at `begun`. `keeps_idle`: how long the server keeps it.
    pub fn put(&self, connection: Connection, is_new: bool, begun: Instant, keeps_idle: Duration) {
        // Three quarters of the server's own limit: a request takes time to get there.
        let limit = MAX_IDLE.min(keeps_idle.saturating_mul(3) / 4);
        let now = Instant::now();
        let mut state = lock(&self.0);
        state.note_answer(is_new, begun, now);
        state.idle.retain(|idle| now < idle.until);
        if !state.keeps_none {
            state.idle.push(Idle { connection, since: now, until: now + limit });
        }
    }

    /// Closes those that nobody takes: a new connection waits, maybe for the worker that one of them holds. A server
    /// that is only slow keeps them: they stay for as long as an answer takes.
    pub fn let_go(&self) {
        let now = Instant::now();
        let mut state = lock(&self.0);
        let limit = LOOKS_AGAIN + state.shortest.unwrap_or_default();
        let count = state.idle.len();
        state.idle.retain(|idle| now - idle.since < limit);
        if state.idle.len() < count {
            state.let_go = Some(now);
        }
    }

    /// The server has ended one without an answer. A server that was started anew does so now and then; one that keeps no
    /// connection, or each for a few requests, at more than a tenth.
    pub fn hung_up(&self) {
        let mut state = lock(&self.0);
        state.hung_up += 1;
        if state.hung_up * 10 > state.again {
            state.keep_none();
        }
    }
}

impl State {
    fn keep_none(&mut self) {
        self.keeps_none = true;
        self.idle.clear();
    }

    fn note_answer(&mut self, is_new: bool, begun: Instant, now: Instant) {
        let took = now - begun;
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        self.shortest = Some(shortest);
        if !is_new {
            self.again += 1;
        } else if let Some(let_go) = self.let_go.take_if(|let_go| begun < *let_go)
            && now - let_go < LOOKS_AGAIN + 2 * shortest
        {
            // It was answered as soon as an idle one was closed: each holds a worker, and there are too few.
            self.keep_none();
        }
    }
}
