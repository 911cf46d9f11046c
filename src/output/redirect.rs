//! The place of a redirect, for a message.
//!
//! A server may repeat in it whatever it was sent, so a message shows scheme and host, and the path only if that is
//! not the request's own and holds nothing of the request. User-info, query and fragment are never shown.

use crate::messages::foreign;
use crate::request::Url;
use crate::secrets::{Secrets, gives_away};

/// The longest path that is shown, in characters.
const MAX_PATH: usize = 100;

/// `own`: the URL of the request.
pub fn place(location: &str, own: &Url, secrets: &Secrets) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let (origin, path) = split(&location[..end], own);
    let origin = origin.map_or_else(String::new, |(scheme, host)| match is_own(host, own) {
        false if secrets.are_in(host) => format!("{scheme}://(withheld)"),
        _ => format!("{scheme}://{}", foreign(host)),
    });
    let comma = if origin.is_empty() { "" } else { ", " };
    let own_path = own.target.split('?').next().unwrap_or_default();
    let path: String = path.chars().take(MAX_PATH).collect();
    match path.as_str() {
        "" | "/" => format!("{origin}{path}"),
        path if path == own_path && origin.is_empty() => "the same path".to_owned(),
        path if path == own_path => format!("{origin}, the same path,"),
        path if path.strip_suffix('/') == Some(own_path) => {
            format!("{origin}{comma}the same path with a '/' at its end,")
        }
        path if secrets.are_in(path) || gives_away(path, &own.target) => {
            format!("{origin}/(withheld)")
        }
        path => format!("{origin}{}", foreign(path)),
    }
}

/// The change to the URL after which there is no redirect, if that is a slash at the end of its path, or https.
pub fn advice(location: &str, own: &Url) -> Option<String> {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let (origin, path) = split(&location[..end], own);
    let own_path = own.target.split('?').next().unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let slash = match path {
        path if path == own_path => None,
        path if path.strip_suffix('/') == Some(own_path) => {
            Some("end the URL's path with '/'".to_owned())
        }
        path if own_path.strip_suffix('/') == Some(path) => {
            Some("leave out the '/' at the end of the URL's path".to_owned())
        }
        _ => return None,
    };
    let scheme = match origin {
        Some((_, host)) if !is_own(host, own) => return None,
        Some((scheme, host)) if scheme == "https" && !own.https => {
            Some(format!("begin the URL with https://{}", foreign(host)))
        }
        _ => None,
    };
    let changes: Vec<_> = scheme.into_iter().chain(slash).collect();
    (!changes.is_empty()).then(|| changes.join(", and "))
}

/// Scheme and host with port, if the location has them, and the path.
fn split<'a>(location: &'a str, own: &Url) -> (Option<(String, &'a str)>, &'a str) {
    let (scheme, rest) = match location.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => match location.strip_prefix("//") {
            Some(rest) => (own.scheme(), rest),
            None => return (None, location),
        },
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    (Some((scheme.to_ascii_lowercase(), host)), path)
}

/// Whether it is the request's host, on any port.
fn is_own(host: &str, own: &Url) -> bool {
    host.strip_prefix(&own.host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

fn is_scheme(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(location: &str) -> String {
        let own = Url::parse("http://h.example/bot123:TOKEN/send?key=query-key").unwrap().0;
        let secrets = Secrets::default();
        secrets.add(b"session=abc; id=0123456789");
        secrets.add(b"1");
        place(location, &own, &secrets)
    }

    #[test]
    fn what_to_write_in_the_url_is_said_and_no_more() {
        let said = |own: &str, location: &str| {
            advice(location, &Url::parse(own).unwrap().0).unwrap_or_default()
        };
        let own = "http://h.example/a?key=secret";
        for (location, text) in [
            ("/a/", "end the URL's path with '/'"),
            ("/a/?x", "end the URL's path with '/'"),
            ("https://h.example/a", "begin the URL with https://h.example"),
            ("https://h.example:8443/a?x", "begin the URL with https://h.example:8443"),
            (
                "https://h.example/a/",
                "begin the URL with https://h.example, and end the URL's path with '/'",
            ),
            ("https://other.example/a", ""),
            ("http://h.example/a", ""),
            ("/b/", ""),
            ("/a//", ""),
        ] {
            assert_eq!(said(own, location), text, "{location}");
        }
        let leave_out = "leave out the '/' at the end of the URL's path";
        assert_eq!(said("http://h/a/", "/a"), leave_out);
        assert_eq!(said("https://h/a/", "http://h/a"), leave_out);
        assert_eq!(said("http://h", "https://h"), "begin the URL with https://h");
    }

    #[test]
    fn scheme_and_host_are_shown_and_of_the_path_nothing_that_was_sent() {
        for (location, text) in [
            ("https://h.example/bot123:TOKEN/send", "https://h.example, the same path,"),
            ("/bot123:TOKEN/send?x", "the same path"),
            ("/bot123:TOKEN/send/", "the same path with a '/' at its end,"),
            ("HTTPS://H/bot123:TOKEN/send/#x", "https://H, the same path with a '/' at its end,"),
            ("https://h.example/v2/bot123:TOKEN", "https://h.example/(withheld)"),
            ("//h.example/bot123%3aTOKEN", "http://h.example/(withheld)"),
            ("/login/abc", "/(withheld)"),
            ("/1234567", "/1234567"),
            ("/12345678", "/(withheld)"),
            ("/query-key", "/(withheld)"),
            ("https://0123456789.example/", "https://(withheld)/"),
            ("https://abc.example", "https://(withheld)"),
            (
                "https://me:abc@other.example:8/v1/log-in?abc#abc",
                "https://other.example:8/v1/log-in",
            ),
            ("http://h.example", "http://h.example"),
            ("/", "/"),
            ("", ""),
            ("login\r\n", "login\\r\\n"),
            ("ftp://abc/", "/(withheld)"),
        ] {
            assert_eq!(shown(location), text, "{location}");
        }
        assert!(shown(&format!("/{}", "x".repeat(9000))).chars().count() < 130);
    }
}
