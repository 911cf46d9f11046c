//! The checks that a reply passes before it is a `Response`: a final status, a length that is told without
//! contradiction, and a body of that length. After an error here the outcome is unknown, unless
//! the body has a content coding: then the status decides.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::memory::Share;

use super::outcome::{self, Outcome, Verdict};
use super::retry_after;

/// The longest response body that we take.
pub const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// The most bytes that a head may take, or a line between chunks.
pub const MAX_HEADER_BYTES: usize = 64 << 10;

/// The same for the heads of all interim responses together, and for all trailers. It is curl's limit.
pub const MAX_ALL_HEADER_BYTES: usize = 300 << 10;

/// A whole response. Its status is from 200 to 599.
#[derive(Default)]
pub struct Response {
    pub status: u16,
    /// The target of a redirect, as the server wrote it: untrusted text.
    pub location: Option<String>,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
    /// That of the body, given back with it.
    pub _share: Option<Share>,
}

impl Response {
    /// `None` for success.
    pub fn outcome(&self) -> Option<Outcome> {
        (!self.is_success()).then(|| outcome::of_status(self.status))
    }

    /// The error of a response, for a message.
    pub fn cause(&self) -> String {
        format!("status {}", self.status)
    }

    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// The head of a reply that has passed the checks.
#[derive(Default)]
pub struct Head {
    pub status: u16,
    /// The Content-Length; `None` if that does not tell the end of the body, whatever the server says.
    pub length: Option<usize>,
    pub is_chunked: bool,
    /// Whether another reader may find the end of the response elsewhere: at one of two lengths that are told, or behind
    /// a body that this status does not have. What follows on the connection may be of this frame, then.
    is_ambiguous: bool,
    /// The content codings, but for `identity`.
    codings: Vec<&'static str>,
    location: Option<String>,
    pub retry_after: Option<Duration>,
    is_http_1_0: bool,
    says_close: bool,
    says_keep_alive: bool,
    /// How long the server keeps the connection while it is idle, if it says so.
    pub keeps_idle: Option<Duration>,
}

/// The content codings that are known by name (IANA's registry). What a server says beside them is no text for a
/// message.
const CODINGS: [&str; 9] =
    ["aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "gzip", "x-gzip", "zstd"];

impl Head {
    /// `version`: the x of HTTP/1.x. `headers`: name and value of each header. Names are in any case.
    pub fn new<'a>(
        version: u8,
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> io::Result<Head> {
        check_status(status)?;
        let mut head = Head { status, is_http_1_0: version == 0, ..Head::default() };
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value);
            head.add(&name.to_ascii_lowercase(), trim(&text))?;
        }
        head.is_ambiguous |= match (head.has_body(), head.is_chunked) {
            (true, false) => false,
            (true, true) => head.length.take().is_some(),
            // Many servers tell of 204 that its length is 0.
            (false, is_chunked) => head.length.take().is_some_and(|told| told > 0) || is_chunked,
        };
        Ok(head)
    }

    fn add(&mut self, name: &str, value: &str) -> io::Result<()> {
        match name {
            "content-length" => self.set_length(value)?,
            "transfer-encoding" => self.set_coding(value)?,
            "content-encoding" => self.add_codings(value),
            "location" => drop(self.location.get_or_insert_with(|| value.to_owned())),
            "retry-after" => {
                self.retry_after = self.retry_after.or_else(|| retry_after::parse(value))
            }
            "connection" | "proxy-connection" => {
                let says = |word| value.split(',').any(|it| trim(it).eq_ignore_ascii_case(word));
                self.says_close |= says("close");
                self.says_keep_alive |= says("keep-alive");
            }
            "keep-alive" => self.keeps_idle = self.keeps_idle.or_else(|| timeout(value)),
            _ => {}
        }
        Ok(())
    }

    /// A length that is told twice is fine if both are the same (RFC 9110, 8.6).
    fn set_length(&mut self, value: &str) -> io::Result<()> {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let told = value.parse::<usize>().ok().filter(|_| is_number);
        let told = told.ok_or_else(|| malformed("Content-Length"))?;
        if self.length.is_some_and(|before| before != told) {
            return Err(malformed("two Content-Lengths"));
        }
        self.length = Some(told);
        Ok(())
    }

    /// As to curl, `identity` is no coding, and `chunked` is one however often it is told.
    fn set_coding(&mut self, value: &str) -> io::Result<()> {
        if self.is_http_1_0 {
            // Only HTTP/1.1 has it (RFC 9112, 6.1).
            return Err(malformed("Transfer-Encoding in HTTP/1.0"));
        }
        self.is_ambiguous |= self.is_chunked || !value.eq_ignore_ascii_case("chunked");
        for coding in value.split(',').map(|coding| trim(coding).to_ascii_lowercase()) {
            match coding.as_str() {
                "" | "identity" => {}
                "chunked" => self.is_chunked = true,
                _ => return Err(malformed("Transfer-Encoding other than chunked")),
            }
        }
        Ok(())
    }

    /// RFC 9110, 8.4.
    fn add_codings(&mut self, value: &str) {
        for coding in value.split(',').map(|coding| trim(coding).to_ascii_lowercase()) {
            if !matches!(coding.as_str(), "" | "identity") {
                let known = CODINGS.into_iter().find(|known| *known == coding);
                self.codings.push(known.unwrap_or("an unknown coding"));
            }
        }
    }

    /// Whether the connection stays open behind the response (RFC 9112, 9.3). A proxy may pass on the head of a server
    /// that keeps connections, and close its own: tinyproxy does. So it has to say that it keeps them.
    pub fn keeps_connection(&self, via_proxy: bool) -> bool {
        let says_so = self.says_keep_alive || !self.is_http_1_0 && !via_proxy;
        says_so && !self.says_close && !self.is_ambiguous
    }

    /// RFC 9110, 15.3.5 and 15.4.5.
    pub fn has_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    /// The error: the body has a content coding. We asked for none and decode none, and as a line it would be no text.
    pub fn into_response(self, body: Vec<u8>) -> io::Result<Response> {
        if !body.is_empty() && !self.codings.is_empty() {
            let codings = self.codings.join(", ");
            let cause = format!("response coded with {codings} (Content-Encoding)");
            return Err(self.lost(Outcome::Refused, &cause));
        }
        let Head { status, location, retry_after, .. } = self;
        Ok(Response { status, location, retry_after, body, _share: None })
    }

    /// The error of a connection that breaks behind this head.
    pub fn told_before(&self, error: io::Error) -> io::Error {
        match outcome::is_of_reply(&error) {
            true => error,
            false => self.lost(Outcome::Unknown, &format!("then {}", outcome::text(&error))),
        }
    }

    /// The error of a response whose body can't be had. A status says what it means for the frame, but success: then it
    /// is this outcome.
    fn lost(&self, of_success: Outcome, cause: &str) -> io::Error {
        let outcome = match self.status {
            200..=299 => of_success,
            status => outcome::of_status(status),
        };
        let cause = format!("status {}, {cause}", self.status);
        let retry_after = self.retry_after;
        io::Error::new(ErrorKind::InvalidData, Verdict { outcome, cause, retry_after })
    }
}

/// Without the blanks around it: those of HTTP, which are not all that Unicode has, and the line ends of a folded header
/// (RFC 9112, 5.2).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Makes room for `more` bytes of a body, and for its line's end. It grows by doubling.
pub fn make_room(body: &mut Vec<u8>, more: usize) -> io::Result<()> {
    if more > MAX_RESPONSE_BYTES - body.len() {
        return Err(too_long());
    }
    body.try_reserve(more + 1).map_err(|_| {
        let bytes = body.len() + more;
        io::Error::new(ErrorKind::OutOfMemory, format!("response: no memory for {bytes} bytes"))
    })
}

/// `timeout=5, max=100` (RFC 2068, 19.7.1.1).
fn timeout(value: &str) -> Option<Duration> {
    let mut settings = value.split(',').filter_map(|setting| setting.split_once('='));
    let (_, seconds) = settings.find(|(name, _)| trim(name).eq_ignore_ascii_case("timeout"))?;
    trim(seconds).parse().ok().map(Duration::from_secs)
}

fn check_status(status: u16) -> io::Result<()> {
    match status {
        200..=599 => Ok(()),
        100..=199 => Err(refused(format!("interim response {status} in place of a final one"))),
        _ => Err(malformed(format!("status {status}"))),
    }
}

/// What has begun may still end within the limit.
pub fn check_headers(bytes: usize, limit: usize) -> io::Result<()> {
    if bytes < limit {
        return Ok(());
    }
    Err(refused(format!("response headers over the limit of {} KiB", limit >> 10)))
}

pub fn too_long() -> io::Error {
    refused(format!("response over the limit of {} MiB", MAX_RESPONSE_BYTES >> 20))
}

pub fn malformed(what: impl std::fmt::Display) -> io::Error {
    refused(format!("malformed response: {what}"))
}

pub fn refused(cause: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, cause.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, headers: &[(&str, &str)]) -> io::Result<Head> {
        Head::new(1, status, headers.iter().map(|&(name, value)| (name, value.as_bytes())))
    }

    /// The response of this body, or the error.
    fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, String> {
        let response = head(status, headers).and_then(|head| head.into_response(body.to_vec()));
        response.map(|response| response.body).map_err(|error| error.to_string())
    }

    #[test]
    fn a_status_of_2xx_is_success_and_another_says_why_it_is_none() {
        let response = |status| head(status, &[]).unwrap().into_response(Vec::new()).unwrap();
        for status in [200, 204, 299] {
            assert!(response(status).is_success());
            assert_eq!(response(status).outcome(), None);
        }
        for status in [300, 404, 505] {
            assert!(!response(status).is_success());
            assert_eq!(response(status).outcome(), Some(Outcome::Refused));
            assert_eq!(response(status).cause(), format!("status {status}"));
        }
        for (status, cause) in [
            (100, "interim response 100 in place of a final one"),
            (199, "interim response 199 in place of a final one"),
            (99, "malformed response: status 99"),
            (600, "malformed response: status 600"),
        ] {
            assert_eq!(reply(status, &[], b"").unwrap_err(), cause);
        }
    }

    #[test]
    fn a_length_and_a_coding_are_told_without_contradiction() {
        let (length, coding) = ("Content-Length", "Transfer-Encoding");
        for (headers, cause) in [
            (&[(length, "4"), (length, "5")][..], "malformed response: two Content-Lengths"),
            (&[(length, "+4")], "malformed response: Content-Length"),
            (&[(length, "4\u{a0}")], "malformed response: Content-Length"),
            (&[(coding, "gzip")], "malformed response: Transfer-Encoding other than chunked"),
            (
                &[(coding, "gzip, chunked")],
                "malformed response: Transfer-Encoding other than chunked",
            ),
            (
                &[(coding, "\u{2003}chunked")],
                "malformed response: Transfer-Encoding other than chunked",
            ),
        ] {
            assert_eq!(reply(200, headers, b"good").unwrap_err(), cause, "{headers:?}");
        }
    }

    /// The codings are taken as curl 7.88 takes them.
    #[test]
    fn a_connection_whose_framing_may_be_read_in_two_ways_is_not_used_again() {
        let (length, coding) = ("Content-Length", "Transfer-Encoding");
        for (status, headers, length, is_chunked, is_kept) in [
            (200, &[(length, "\t4 "), (length, "4")][..], Some(4), false, true),
            (200, &[(coding, "Chunked")], None, true, true),
            (200, &[(coding, "chunked"), (length, "9")], None, true, false),
            (200, &[(length, "99999999999"), (coding, "chunked")], None, true, false),
            (200, &[(coding, "chunked"), (coding, "chunked")], None, true, false),
            (200, &[(coding, "identity,\r\n chunked , CHUNKED,")], None, true, false),
            (200, &[(coding, "Identity"), (length, "4")], Some(4), false, false),
            (204, &[], None, false, true),
            (204, &[(length, "0")], None, false, true),
            (204, &[(length, "99999999999")], None, false, false),
            (204, &[(coding, "chunked")], None, true, false),
            (304, &[(length, "9")], None, false, false),
        ] {
            let head = head(status, headers).unwrap();
            let read = (head.length, head.is_chunked, head.keeps_connection(false));
            assert_eq!(read, (length, is_chunked, is_kept), "{status} {headers:?}");
            assert_eq!(head.has_body(), status == 200);
        }
    }

    #[test]
    fn a_body_with_a_content_coding_is_no_line() {
        let coded = |codings, body| reply(200, &[("Content-Encoding", codings)], body);
        for codings in ["", "identity", "Identity, "] {
            assert_eq!(coded(codings, b"good").unwrap(), b"good");
        }
        assert_eq!(coded("gzip", b"").unwrap(), b"");
        for (codings, names) in [("br, identity, GZIP", "br, gzip"), ("x", "an unknown coding")] {
            let cause = format!("status 200, response coded with {names} (Content-Encoding)");
            assert_eq!(coded(codings, b"x").unwrap_err(), cause);
        }
    }
}
