//! One attempt: a request body into a `Response` or a `Failure`.
//!
//! One file for each HTTP crate (`minreq`); what every crate's answer has to pass is in `reply`, so a
//! response that may be cut, doubled or made up is never taken for whole. Nothing here tries twice.

mod header;
mod minreq;
mod outcome;
mod reply;
mod url;

use std::fmt;

use crate::request::Body;

pub use header::{Header, HeaderRule, is_token};
pub use outcome::Outcome;
pub use url::{Url, UserInfo};

/// Where requests go, and what each of them says besides its body.
pub struct Target {
    pub url: Url,
    pub method: String,
    /// Complete but for those of the body (Content-Type, Content-Length) and of the connection.
    pub headers: Vec<Header>,
}

/// A whole response. Its status is from 200 to 599.
pub struct Response {
    pub status: u16,
    /// Where a redirect points, as the server wrote it: untrusted text.
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

/// Why an attempt brought no whole response, and what that means for its frame.
#[derive(Debug)]
pub struct Failure {
    pub outcome: Outcome,
    pub cause: String,
}

impl Failure {
    /// A failure after which nobody knows whether the frame has arrived.
    pub fn unknown(cause: impl Into<String>) -> Self {
        Failure { outcome: Outcome::Unknown, cause: cause.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

/// Sends one request and reads its response.
pub fn attempt(target: &Target, body: Body) -> Result<Response, Failure> {
    minreq::attempt(target, body)
}
