//! One attempt: a request into a `Response` or a `Failure`.
//!
//! Each way to connect has a file: `kept` and `minreq`. `reply` holds the checks for both, so a response that
//! is cut, doubled or made up is never taken for whole. Nothing here sends a second time after a byte has
//! left.

mod certificates;
mod connect;
mod connection;
mod exchange;
mod framing;
mod kept;
mod look_up;
mod minreq;
mod outcome;
mod pool;
mod race;
mod reply;
mod route;
mod socket;
mod time_limit;
mod tls;
mod tunnel;
mod wire;

use std::sync::Arc;

use crate::dry::Dry;
use crate::request::{Body, Header};

pub use certificates::Trust;
pub use kept::{Kept, Limits};
pub use minreq::Minreq;
pub use outcome::{Failure, Outcome};
pub use reply::Response;
pub use route::Route;
pub use tls::{Identity, Tls, certificates, private_key};

/// Our name in requests, to servers and to proxies.
pub const USER_AGENT: &str = concat!("pngpost/", env!("CARGO_PKG_VERSION"));

/// How requests are sent. All jobs share it.
pub enum Client {
    /// On connections that are kept.
    Kept(Box<Kept>),
    /// On a connection for each request.
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
}
