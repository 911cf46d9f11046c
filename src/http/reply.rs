//! What any HTTP crate's reply has to pass before it is a `Response`.
//!
//! The crate hands over status, headers and a reader of the body; here it is checked that the status
//! is a final one, that the length is told without contradiction, and that the body has that length.

use std::io::Read;

use crate::messages::count_of;

use super::{Failure, Response};

/// The longest response body that is taken.
pub const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// The most bytes that all headers of a response may take.
pub const MAX_HEADER_BYTES: usize = 64 << 10;

/// The head of a reply. Header names are in lower case.
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Head {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(key, _): &&(String, String)| key.trim() == name;
        self.headers.iter().filter(named).map(|(_, value)| value.trim())
    }
}

/// Checks `head`, reads the body and checks that it is whole. An error while reading is turned into a
/// `Failure` by `read_failure`.
pub fn response<R: Read>(
    head: Head,
    body: R,
    read_failure: impl FnOnce(std::io::Error) -> Failure,
) -> Result<Response, Failure> {
    check_status(head.status)?;
    let length = content_length(&head)?;
    let chunked = is_chunked(&head)?;
    // The length has been held against the limit; what is only reserved takes no memory.
    let mut bytes = Vec::with_capacity(length.unwrap_or_default() as usize);
    if !matches!(head.status, 204 | 304) {
        body.take(MAX_RESPONSE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(read_failure)?;
        check_body(&head, bytes.len(), length.filter(|_| !chunked))?;
    }
    let header = |name| head.values(name).next().map(str::to_owned);
    let (location, retry_after) = (header("location"), header("retry-after"));
    Ok(Response { status: head.status, location, retry_after, body: bytes })
}

fn check_status(status: u16) -> Result<(), Failure> {
    match status {
        200..=599 => Ok(()),
        100..=199 => {
            Err(Failure::unknown(format!("interim response {status} in place of a final one")))
        }
        _ => Err(Failure::unknown(format!("malformed response: status {status}"))),
    }
}

/// Told twice is fine as long as both are the same (RFC 9110, 8.6).
fn content_length(head: &Head) -> Result<Option<u64>, Failure> {
    let mut length = None;
    for value in head.values("content-length") {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let told = value.parse::<u64>().ok().filter(|_| digits);
        let told = told.ok_or_else(|| Failure::unknown("malformed response: Content-Length"))?;
        if length.is_some_and(|before| before != told) {
            return Err(Failure::unknown("malformed response: two Content-Lengths"));
        }
        length = Some(told);
    }
    if length.is_some_and(|told| told > MAX_RESPONSE_BYTES as u64) {
        return Err(too_long());
    }
    Ok(length)
}

fn is_chunked(head: &Head) -> Result<bool, Failure> {
    let mut codings = head.values("transfer-encoding");
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(true),
        _ => Err(Failure::unknown("malformed response: Transfer-Encoding other than chunked")),
    }
}

fn check_body(head: &Head, got: usize, length: Option<u64>) -> Result<(), Failure> {
    if got > MAX_RESPONSE_BYTES {
        return Err(too_long());
    }
    match length {
        Some(told) if told != got as u64 => {
            let bytes = count_of(told, "byte", "bytes");
            Err(Failure::unknown(format!("response cut short: {got} of {bytes}")))
        }
        // Every server sends some header; a reply without any was cut inside its head.
        None if head.headers.is_empty() => Err(Failure::unknown("response cut short: no header")),
        _ => Ok(()),
    }
}

fn too_long() -> Failure {
    Failure::unknown(format!("response over the limit of {} MiB", MAX_RESPONSE_BYTES >> 20))
}
