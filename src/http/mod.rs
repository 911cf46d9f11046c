//! One attempt: a request into a `Response` or a `Failure`.
//!
//! One file for each way to connect: `kept` and `minreq`. `reply` holds what every reply has to pass, so a
//! response that may be cut, doubled or made up is never taken for whole. Nothing here tries twice what may
//! have arrived.

mod connection;
mod exchange;
mod kept;
mod look_up;
mod minreq;
mod outcome;
mod reply;
mod socket;

use crate::request::Body;

pub use kept::Kept;
pub use minreq::Minreq;
pub use outcome::{Failure, Outcome};
pub use reply::Response;

/// How requests are sent. All jobs share it.
pub enum Client {
    /// On connections that stay.
    Kept(Box<Kept>),
    /// On a connection each.
    Minreq(Minreq),
}

impl Client {
    /// Sends one request and reads its response.
    pub fn attempt(&self, body: &Body) -> Result<Response, Failure> {
        match self {
            Client::Kept(kept) => kept.attempt(body),
            Client::Minreq(minreq) => minreq.attempt(body),
        }
    }
}
