//! The URL, parsed strictly (RFC 3986), so that no HTTP crate has to guess: a host, a port from 1 to 65535,
//! and a target of visible ASCII. User-info is taken out: it becomes basic authentication.
//!
//! Errors do not repeat the URL, nor a port: it may be part of a password.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// An http or https URL without user-info and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub https: bool,
    /// A name, an IPv4 address, or an IPv6 address in brackets; in lower case.
    pub host: String,
    /// `%` and the interface behind an IPv6 address, which is this machine's own matter (RFC 6874); or empty.
    pub zone: String,
    pub port: u16,
    /// Path and query: begins with `/`, bytes 0x21 to 0x7e.
    pub target: String,
}

/// `USER:PASSWORD`, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct UserInfo(pub(super) Vec<u8>);

impl UserInfo {
    /// `USER:PASSWORD` as it is, for basic authentication (RFC 7617).
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if !text.contains(&b':') {
            return Err("takes USER:PASSWORD; there is no colon".into());
        }
        if text.iter().any(u8::is_ascii_control) {
            return Err("takes USER:PASSWORD; there is a control character in it".into());
        }
        Ok(UserInfo(text.to_vec()))
    }

    /// The value of an Authorization header.
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.0))
    }
}

impl Url {
    /// The URL and its user-info. The error does not hold the URL.
    pub fn parse(text: &str) -> Result<(Url, Option<UserInfo>), String> {
        Url::parse_with_port(text, HTTP_PORT)
    }

    /// `http_port` is that of an http URL that names none.
    pub fn parse_with_port(text: &str, http_port: u16) -> Result<(Url, Option<UserInfo>), String> {
        let (https, rest) = split_scheme(text)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, host_port)) => (Some(user), host_port),
            None => (None, authority),
        };
        if !host_port.is_ascii() {
            return Err("takes ASCII only; write the host in its xn-- form".into());
        }
        if !rest.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return Err(
                "takes visible ASCII only; percent-encode blanks and other characters".into()
            );
        }
        let user = user.map(decoded_user).transpose()?;
        let (host, port) = split_port(host_port)?;
        let (host, zone) = parse_host(host)?;
        let port = port.unwrap_or(if https { HTTPS_PORT } else { http_port });
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        Ok((Url { https, host, zone, port, target }, user))
    }

    /// The host, an IPv6 address without its brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The Host header's value: without a port that is the scheme's own (RFC 9110, 4.2.3).
    pub fn host_and_port(&self) -> String {
        let own = if self.https { HTTPS_PORT } else { HTTP_PORT };
        if self.port == own { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.host_and_port(), self.target)
    }
}

fn split_scheme(text: &str) -> Result<(bool, &str), String> {
    let (scheme, rest) = text.split_once("://").ok_or("takes http://… or https://…")?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, rest)),
        "https" => Ok((true, rest)),
        _ => Err("takes http://… or https://…, no other scheme".into()),
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    if text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return Err("an IPv6 address stands in brackets, as in http://[::1]/".into());
    }
    let name_from = text.rfind(']').map_or(0, |end| end + 1);
    Ok(match text[name_from..].split_once(':') {
        Some((name, port)) => (&text[..name_from + name.len()], Some(parse_port(port)?)),
        None => (text, None),
    })
}

/// The host and the zone.
fn parse_host(host: &str) -> Result<(String, String), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let (address, zone) = inner.split_at(inner.find('%').unwrap_or(inner.len()));
        // As in curl, the `%` may be percent-encoded or not.
        let zone = zone.replacen("%25", "%", 1);
        let address = address.parse::<Ipv6Addr>().ok().filter(|_| zone != "%");
        let address = address.ok_or("there is no IPv6 address in [ ]")?;
        return Ok((format!("[{address}]"), zone));
    }
    if host.is_empty() {
        return Err("there is no host".into());
    }
    if !host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)) {
        return Err(
            "the host holds a character other than letters, digits, '-', '.' and '_'".into()
        );
    }
    let host = host.to_ascii_lowercase();
    Ok((ipv4(&host).map_or(host, |address| address.to_string()), String::new()))
}

/// The address that a host of one to four numbers means to the system and to curl: `127.1`, `0x7f.1`, `2130706433`.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let numbers = host.split('.').map(|text| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    });
    let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
    let (&last, bytes) = numbers.split_last()?;
    if bytes.len() > 3 || bytes.iter().any(|&byte| byte > 0xff) {
        return None;
    }
    // The last number fills the rest.
    let rest = 32 - 8 * bytes.len();
    let first = bytes.iter().fold(0, |sum, byte| sum << 8 | byte) << rest;
    u32::try_from(first | last).ok().filter(|_| last >> rest == 0).map(Ipv4Addr::from)
}

fn parse_port(port: &str) -> Result<u16, String> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|&port| is_number && port > 0);
    port.ok_or_else(|| "the port takes a number from 1 to 65535".into())
}

/// A user alone has an empty password, as in curl.
fn decoded_user(text: &str) -> Result<UserInfo, String> {
    let colon = if text.contains(':') { "" } else { ":" };
    let decoded = percent_decoded(&format!("{text}{colon}"));
    UserInfo::parse(&decoded.ok_or("'%' in the user-info is not followed by two hex digits")?)
}

/// `None`: a `%` is not followed by two hex digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        decoded.push(u8::from_str_radix(hex, 16).ok().filter(|_| is_hex)?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Url::parse(text) {
            Ok((url, None)) => url.to_string(),
            Ok((url, Some(user))) => format!("{url} {}", user.0.escape_ascii()),
            Err(error) => error,
        }
    }

    #[test]
    fn urls_are_taken_apart_as_rfc_3986_says() {
        assert_eq!(parsed("HTTP://Example.org"), "http://example.org/");
        assert_eq!(parsed("https://h:8443/a/b?c=d#e"), "https://h:8443/a/b?c=d");
        assert_eq!(parsed("http://h:1?x"), "http://h:1/?x");
        assert_eq!(parsed("http://h:1#f"), "http://h:1/");
        assert_eq!(parsed("http://h/@:x"), "http://h/@:x");
        assert_eq!(parsed("http://127.0.0.1:80/"), "http://127.0.0.1/");
        assert_eq!(parsed("https://127.0.0.1:80/"), "https://127.0.0.1:80/");
        assert_eq!(parsed("http://[0:0::1]/x"), "http://[::1]/x");
        assert_eq!(parsed("https://[::1]:8443"), "https://[::1]:8443/");
        for local in ["127.1", "0X7f.0.1", "127.0.0.01", "2130706433", "017700000001"] {
            assert_eq!(parsed(&format!("http://{local}:1/")), "http://127.0.0.1:1/", "{local}");
        }
        for name in ["1.2.3.4.5", "1.2.3.4.", "08.1", "0x.1", "256.1", "1.16777216", "4294967296"] {
            assert_eq!(parsed(&format!("http://{name}/")), format!("http://{name}/"));
        }
        assert_eq!(parsed("http://0/"), "http://0.0.0.0/");
        assert_eq!(parsed("http://255.255.65535/"), "http://255.255.255.255/");
        assert_eq!(parsed("http://a:b%40c@h/"), "http://h/ a:b@c");
        assert_eq!(parsed("http://a:b@c@h/"), "http://h/ a:b@c");
    }

    #[test]
    fn a_zone_is_no_part_of_the_host() {
        for text in ["http://[FE80::1%25eth0]:1/", "http://[fe80::1%eth0]:1/"] {
            let (url, _) = Url::parse(text).unwrap();
            assert_eq!((url.host_and_port().as_str(), url.zone.as_str()), ("[fe80::1]:1", "%eth0"));
        }
    }

    #[test]
    fn what_a_crate_would_misread_is_refused() {
        for bad in [
            "http://h:/",
            "http://h:0/",
            "http://h:83635/",
            "http://h:x/",
            "http://h:+1/",
            "http://u:1234567/pa@h/",
        ] {
            assert_eq!(parsed(bad), "the port takes a number from 1 to 65535", "{bad}");
        }
        for bad in ["h/x", "ftp://h/", "http:h"] {
            assert!(parsed(bad).starts_with("takes http://"), "{bad}");
        }
        assert_eq!(parsed("http:///x"), "there is no host");
        for bad in ["http://[::g]/", "http://[::1%]/", "http://[::1%25]/", "http://[]/"] {
            assert_eq!(parsed(bad), "there is no IPv6 address in [ ]");
        }
        for bad in ["http://::1/", "http://::1:8080/", "http://u:p@fe80::1%eth0/"] {
            assert!(parsed(bad).starts_with("an IPv6 address stands in brackets"), "{bad}");
        }
        assert!(parsed("http://[::1]x/").starts_with("the host holds"));
        assert!(parsed("http://[::1:1/").starts_with("the port takes"));
        assert!(parsed("http://h/\r\nX: y").starts_with("takes visible ASCII"));
        assert!(parsed("http://h/a b").starts_with("takes visible ASCII"));
        assert!(parsed("http://h/bücher").ends_with("percent-encode blanks and other characters"));
        assert!(parsed("http://bücher.example/").ends_with("the host in its xn-- form"));
        assert!(parsed("http://a%b/").starts_with("the host holds"));
        assert!(parsed("http://a%0a@h/").contains("there is a control character"));
    }
}
