//! One attempt: a request body into a `Response` or a `Failure`.
//!
//! One file for each way to connect (`kept`, `minreq`); what every crate's answer has to pass is in `reply`, so a
//! response that may be cut, doubled or made up is never taken for whole. Nothing here tries twice.

#[cfg(feature = "keep-alive")]
mod connection;
#[cfg(feature = "keep-alive")]
mod kept;
mod minreq;
mod outcome;
mod reply;
#[cfg(feature = "keep-alive")]
mod socket;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::request::template::Template;
use crate::request::{Body, Header, Url};

#[cfg(feature = "keep-alive")]
pub use kept::Kept;
pub use outcome::Outcome;

/// Where requests go, and what each of them says besides its body.
pub struct Target {
    pub url: Url,
    /// The URL's path and query.
    pub path: Template,
    pub method: String,
    /// Complete but for those of the body (Content-Type, Content-Length) and of the connection.
    pub headers: Vec<Header>,
}

impl Target {
    /// The URL for this frame. Only digits are filled in, so it is as valid as the user's.
    pub fn url(&self, frame: u64) -> Url {
        let target = String::from_utf8_lossy(&self.path.fill(frame)).into_owned();
        Url { target, ..self.url.clone() }
    }
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

/// What is said of an attempt that took too long.
pub const TIMED_OUT: &str = "timed out (--max-time)";

/// How requests are sent. Shared by all uploads.
pub enum Client {
    /// A connection for each.
    Minreq(Target),
    /// On connections that stay.
    #[cfg(feature = "keep-alive")]
    Kept(Box<Kept>),
}

impl Client {
    /// When an attempt is given up for lost. minreq knows no limit of its own. ureq does, and closes the
    /// connection: there it is given up only if that fails.
    pub fn deadline(&self, max_time: Duration) -> Duration {
        match self {
            Client::Minreq(_) => max_time,
            #[cfg(feature = "keep-alive")]
            Client::Kept(_) => max_time + Duration::from_secs(5),
        }
    }

    /// Sends one request and reads its response. A panic inside the crate is a failure.
    pub fn attempt(&self, body: Arc<Body>) -> Result<Response, Failure> {
        let call = || match self {
            Client::Minreq(target) => minreq::attempt(target, Arc::unwrap_or_clone(body)),
            #[cfg(feature = "keep-alive")]
            Client::Kept(client) => client.attempt(&body),
        };
        let name = match self {
            Client::Minreq(_) => "minreq",
            #[cfg(feature = "keep-alive")]
            Client::Kept(_) => "ureq",
        };
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
            Err(Failure::unknown(format!("{name} panicked: {}", panic_text(&*panic))))
        })
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
