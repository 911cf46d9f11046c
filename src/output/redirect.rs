//! A redirect, for a message.
//!
//! A server may repeat in it whatever it was sent. So a message holds scheme and host alone, and these only if they
//! could stand in a URL; what to do about it is said in our own words.

use crate::request::Url;

/// The longest host that is shown, in bytes. DNS has no longer names.
const MAX_HOST: usize = 255;

/// `own`: the URL of the request.
pub fn told(status: u16, location: &str, own: &Url) -> String {
    let Some(target) = target(location, own) else {
        return "redirect to another place not followed".to_owned();
    };
    let origin = format!("{}://{}", target.scheme(), target.host_and_port());
    // The others do not say that the same request is wanted there (RFC 9110, 15.4).
    let advice = match status {
        301 | 307 | 308 => advice(&target, &origin, own),
        _ => String::new(),
    };
    format!("redirect to {origin} not followed{advice}")
}

/// Where the redirect leads, without its query. `None`: there is no host in it that could be shown.
fn target(location: &str, own: &Url) -> Option<Url> {
    let location = &location[..location.find(['?', '#']).unwrap_or(location.len())];
    let (scheme, rest) = match location.split_once("//") {
        Some(("", rest)) => (format!("{}:", own.scheme()), rest),
        Some((scheme, rest)) if scheme.ends_with(':') => (scheme.to_owned(), rest),
        _ => return Some(Url { target: location.to_owned(), ..own.clone() }),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (url, _) = Url::parse(&format!("{scheme}//{host}")).ok()?;
    (url.host.len() <= MAX_HOST).then(|| Url { target: path.to_owned(), ..url })
}

/// The change to the URL after which there is no redirect, if that is a slash at the end of its path, or https.
fn advice(target: &Url, origin: &str, own: &Url) -> String {
    let own_path = own.target.split('?').next().unwrap_or_default();
    let path = if target.target.is_empty() { "/" } else { &target.target };
    let slash = match path {
        path if path == own_path => "",
        path if path.strip_suffix('/') == Some(own_path) => "end the URL's path with '/'",
        path if own_path.strip_suffix('/') == Some(path) => {
            "leave out the '/' at the end of the URL's path"
        }
        _ => return String::new(),
    };
    let wants_https = target.https && !own.https && target.host == own.host;
    match (wants_https, slash) {
        (false, "") => String::new(),
        (false, slash) => format!("; {slash}"),
        (true, "") => format!("; begin the URL with {origin}"),
        (true, slash) => format!("; begin the URL with {origin}, and {slash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://h.example/bot123:TOKEN/send?key=query-key";

    fn told_of(status: u16, own: &str, location: &str) -> String {
        told(status, location, &Url::parse(own).unwrap().0)
    }

    #[test]
    fn what_to_write_in_the_url_is_said_and_no_more() {
        let own = "http://h.example/a?key=secret";
        for (own, location, advice) in [
            (own, "/a/", "; end the URL's path with '/'"),
            (own, "/a/?x", "; end the URL's path with '/'"),
            (own, "https://h.example/a", "; begin the URL with https://h.example"),
            (own, "HTTPS://H.EXAMPLE:8443/a?x", "; begin the URL with https://h.example:8443"),
            (
                own,
                "https://h.example/a/",
                "; begin the URL with https://h.example, and end the URL's path with '/'",
            ),
            (own, "https://other.example/a", ""),
            (own, "https://other.example/a/", "; end the URL's path with '/'"),
            (own, "http://h.example/a", ""),
            (own, "/b/", ""),
            (own, "/a//", ""),
            ("http://h/a/", "/a", "; leave out the '/' at the end of the URL's path"),
            ("https://h/a/", "http://h/a", "; leave out the '/' at the end of the URL's path"),
            ("http://h", "https://h", "; begin the URL with https://h"),
        ] {
            for status in [301, 307, 308] {
                let told = told_of(status, own, location);
                assert!(told.ends_with(&format!(" not followed{advice}")), "{location}: {told}");
            }
            for status in [302, 303] {
                assert!(told_of(status, own, location).ends_with(" not followed"), "{location}");
            }
        }
    }

    #[test]
    fn scheme_and_host_are_shown_and_nothing_else_of_a_servers_text() {
        for (location, place) in [
            ("https://h.example/bot123:TOKEN/send", "https://h.example"),
            ("/bot123:TOKEN/send?x", "http://h.example"),
            ("//other.example/bot123%3aTOKEN", "http://other.example"),
            ("https://me:abc@other.example:8/v1?abc#abc", "https://other.example:8"),
            ("http://[0::1]:81/a b", "http://[::1]:81"),
            ("HTTPS://H#//x", "https://h"),
            ("login\r\n", "http://h.example"),
            ("", "http://h.example"),
            ("http://h.example:my-secret-token/", "another place"),
            ("http://h.example:12345678/", "another place"),
            ("http://[my-secret-token]/", "another place"),
            ("http://a b/", "another place"),
            ("http://a%20b/", "another place"),
            ("http:///", "another place"),
            ("ftp://abc/", "another place"),
        ] {
            assert_eq!(
                told_of(302, OWN, location),
                format!("redirect to {place} not followed"),
                "{location}"
            );
        }
        let host = |bytes| "h".repeat(bytes);
        assert!(told_of(301, OWN, &format!("http://{}/", host(255))).contains(&host(255)));
        assert!(told_of(301, OWN, &format!("http://{}/", host(256))).contains("another place"));
    }
}
