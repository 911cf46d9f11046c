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

/// A whole response. Its status is from 200 to 599.
pub struct Response {
    pub status: u16,
    /// The target of a redirect, as the server wrote it: untrusted text.
    pub location: Option<String>,
    /// When to try again, as the server wrote it.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

impl Response {
    /// `None` for success.
    pub fn outcome(&self) -> Option<Outcome> {
        (!self.is_success()).then(|| outcome::of_status(self.status))
    }

    /// What is wrong with it, for a message.
    pub fn cause(&self) -> String {
        format!("status {}", self.status)
    }

    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

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
