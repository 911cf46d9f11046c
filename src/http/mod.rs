//! One attempt: a request into a `Response` or a `Failure`.
//!
//! `kept` is our own road, over `connect`, `pool` and `exchange`; `minreq` is a room of its own. `reply` holds the checks
//! for both, so a response that is doubled or made up is never taken for whole, and on our own road none that is cut.
//! Nothing here sends a second time after a byte has left.

mod certificates;
mod connect;
mod connection;
mod exchange;
mod flaws;
mod framing;
mod kept;
mod look_up;
mod minreq;
mod outcome;
mod pool;
mod race;
mod reply;
mod retry_after;
mod route;
mod socket;
mod time_limit;
mod tls;
mod tunnel;
mod wire;

use std::sync::Arc;

use crate::dry::Dry;
use crate::request::{Body, Header};

pub use certificates::Trusted;
pub use kept::Kept;
pub use minreq::Minreq;
pub use outcome::{Failure, Outcome};
pub use reply::Response;
pub use route::{Route, Way};
pub use tls::{Identity, Tls, authorities, certificates, private_key};

/// Our name in requests, to servers and to proxies.
pub const USER_AGENT: &str = concat!("pngpost/", env!("CARGO_PKG_VERSION"));

/// How requests are sent. All jobs share it.
pub enum Client {
    /// On our own connections.
    Kept(Box<Kept>),
    /// By the minreq crate.
    Minreq(Minreq),
    /// Not at all: they are shown as they would go out.
    Dry(Box<Kept>, Arc<Dry>),
}

impl Client {
    /// Sends one request and reads its response.
    pub fn attempt(&self, body: &Body, headers: &[Header]) -> Result<Response, Failure> {
        match self {
            Client::Kept(kept) => kept.attempt(body, headers),
            Client::Minreq(minreq) => minreq.attempt(body, headers),
            Client::Dry(kept, dry) => Ok(kept.rehearse(dry, body, headers)),
        }
    }

    /// Fetches the answer of this frame. The lines of all before it are out.
    pub fn fetching<T>(&self, frame: u64, fetch: impl FnOnce() -> T) -> T {
        match self {
            Client::Kept(kept) => kept.responses.fetching(frame, fetch),
            _ => fetch(),
        }
    }
}
