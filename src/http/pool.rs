//! Connections between two requests, and when one is used again.
//!
//! A connection is here or with the job that has taken it, so at most one for each job is open. What a
//! connection is does not matter here: tests/models puts one in its place that counts.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// A connection that has been idle for longer is not used again. Servers close idle connections without
/// notice, the commonest after 2 s (gunicorn) or 5 s (uvicorn, Node.js, Apache). If a request crosses that
/// close, its outcome is unknown. On a new connection it is not, and for frames so far apart a new connection
/// costs little.
const MAX_IDLE: Duration = Duration::from_millis(1500);

/// A stack: the connection used last is on top.
pub struct Pool<C>(Mutex<Vec<Idle<C>>>);

struct Idle<C> {
    connection: C,
    /// After this the connection is not used again.
    until: Instant,
}

impl<C> Pool<C> {
    /// The connection used last that is still good. Others are closed.
    pub fn take(&self, is_good: impl Fn(&mut C) -> bool) -> Option<C> {
        loop {
            let mut idle = lock(&self.0).pop()?;
            if Instant::now() < idle.until && is_good(&mut idle.connection) {
                return Some(idle.connection);
            }
        }
    }

    /// Puts it back. `keeps_idle`: how long the server keeps it, if it says so.
    pub fn put(&self, connection: C, keeps_idle: Option<Duration>) {
        // Three quarters of the server's own limit: a request takes time to get there.
        let limit = keeps_idle.map_or(MAX_IDLE, |kept| MAX_IDLE.min(kept.saturating_mul(3) / 4));
        let now = Instant::now();
        let mut idle = lock(&self.0);
        idle.retain(|idle| now < idle.until);
        idle.push(Idle { connection, until: now + limit });
    }
}

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Pool(Mutex::default())
    }
}
