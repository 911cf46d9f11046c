//! The URL of a proxy, as curl reads it: `[http[s]://][USER:PASSWORD@]HOST[:PORT]`. Errors do not repeat it.

use super::url::{Url, UserInfo};

/// curl's port for an http proxy whose URL names none.
const PORT: u16 = 1080;

/// A proxy that speaks HTTP, over TLS or not.
#[derive(Clone)]
pub struct Proxy {
    /// Its target means nothing.
    pub url: Url,
    pub user: Option<UserInfo>,
}

impl Proxy {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" => {}
            "socks" | "socks4" | "socks4a" | "socks5" | "socks5h" => {
                return Err(format!("{scheme}:// is SOCKS; takes an http:// or https:// proxy"));
            }
            _ => return Err("takes an http:// or https:// proxy, no other scheme".into()),
        }
        let (url, user) = Url::parse_with_port(&format!("{scheme}://{rest}"), PORT)?;
        Ok(Proxy { url, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Proxy::parse(text) {
            Err(error) => error,
            Ok(proxy) => {
                let user = proxy.user.map(|user| user.0.escape_ascii().to_string());
                let Url { https, host, port, .. } = proxy.url;
                format!("{https} {host} {port} {}", user.unwrap_or_default())
            }
        }
    }

    #[test]
    fn as_curl_reads_it() {
        assert_eq!(parsed("p"), "false p 1080 ");
        assert_eq!(parsed("P:3128/path?query"), "false p 3128 ");
        assert_eq!(parsed("https://p"), "true p 443 ");
        assert_eq!(parsed("HTTP://u:p%40ss@[::1]:3128"), "false [::1] 3128 u:p@ss");
        assert_eq!(parsed("u@p"), "false p 1080 u:");
    }

    #[test]
    fn other_schemes_are_refused_and_socks_by_name() {
        let socks = "socks5h:// is SOCKS; takes an http:// or https:// proxy";
        assert_eq!(parsed("socks5h://u:secret@p:1080"), socks);
        for bad in ["ftp://p", "u:secret://p", "http://", "p:0", "u:secret@p:x", "p q"] {
            assert!(Proxy::parse(bad).is_err_and(|error| !error.contains("secret")), "{bad}");
        }
    }
}
