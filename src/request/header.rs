//! Request headers, checked: the name is a token, the value holds no control character, and neither holds a
//! line end. So no header can smuggle in a second one, or a second request.

use super::template::Template;

/// Headers that frame the message or the connection. pngpost alone sets them.
const OWN: [&str; 2] = ["Content-Length", "Host"];

/// Headers of the connection that pngpost never sends, so a user may leave them out.
const NEVER_SENT: [&str; 7] =
    ["Expect", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"];

/// Name and value of a header line. It has no Debug form, because the value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    /// UTF-8.
    pub value: Template,
}

impl Header {
    /// `value` is taken literally.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Header { name: name.to_owned(), value: Template::literal(value.into()) }
    }

    /// The value for this frame.
    pub fn fill(&self, frame: u64) -> String {
        String::from_utf8_lossy(&self.value.fill(frame)).into_owned()
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// A header line of the user, in curl's three forms.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderRule {
    /// `Name: value`, or `Name;` for an empty value.
    Send(Header),
    /// `Name:` alone: leaves out pngpost's own header of that name.
    Omit(String),
}

impl HeaderRule {
    /// A line of a file: what looks like a template is none. The error does not hold the value: it may be a
    /// secret.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
        let (name, value) = match (line.split_once(':'), line.strip_suffix(';')) {
            (Some((name, value)), _) => (name, Some(value.trim_matches([' ', '\t']))),
            (None, Some(name)) => (name, None),
            (None, None) => return Err("takes 'Name: value'; there is no colon".to_owned()),
        };
        check_name(name, value == Some(""))?;
        let closes = value.is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if name.eq_ignore_ascii_case("Connection") && !closes {
            return Err(format!("{name} takes 'close' alone, for a connection for each upload"));
        }
        match value {
            Some("") => Ok(HeaderRule::Omit(name.to_owned())),
            Some(value) if value.chars().any(|c| c.is_control() && c != '\t') => {
                Err(format!("the value of {name} holds a control character"))
            }
            value => Ok(HeaderRule::Send(Header::new(name, value.unwrap_or_default()))),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            HeaderRule::Send(header) => &header.name,
            HeaderRule::Omit(name) => name,
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// A line in which `{{n}}` stands for the frame's number.
    pub fn parse_template(line: &[u8]) -> Result<Self, String> {
        let rule = HeaderRule::parse(line)?;
        let HeaderRule::Send(Header { name, value }) = rule else { return Ok(rule) };
        let value = Template::with_number(&value.fill(0));
        let value = value.map_err(|why| format!("the value of {name} {why}"))?;
        // The header is that of the body, which has its type before it has its frame.
        if value.has_number() && name.eq_ignore_ascii_case("Content-Type") {
            return Err(format!("{name} takes no {{{{n}}}}"));
        }
        Ok(HeaderRule::Send(Header { name, value }))
    }
}

/// Only a token is shown: text before a colon may be part of a secret.
fn check_name(name: &str, omits: bool) -> Result<(), String> {
    if !is_token(name) {
        return Err("takes 'Name: value'; the name is no token (RFC 9110, 5.6.2)".to_owned());
    }
    let is_in = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_in(&OWN) {
        return Err(format!("{name} is set by pngpost and cannot be replaced"));
    }
    if is_in(&NEVER_SENT) && !omits {
        return Err(format!("{name} belongs to the connection and is never sent"));
    }
    Ok(())
}

/// RFC 9110, 5.6.2.
pub fn is_token(text: &str) -> bool {
    let is_tchar = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curls_three_forms() {
        let send = |name: &str, value: &str| Ok(HeaderRule::Send(Header::new(name, value)));
        assert!(HeaderRule::parse(b"X-A:  b c\t") == send("X-A", "b c"));
        assert!(HeaderRule::parse(b"X-A: b: c;") == send("X-A", "b: c;"));
        assert!(HeaderRule::parse(b"X-A;") == send("X-A", ""));
        assert!(HeaderRule::parse(b"X-A:") == Ok(HeaderRule::Omit("X-A".to_owned())));
    }

    #[test]
    fn a_header_that_is_never_sent_may_be_left_out_and_not_sent() {
        for name in NEVER_SENT {
            let omitted = Ok(HeaderRule::Omit(name.to_owned()));
            assert!(HeaderRule::parse(format!("{name}:").as_bytes()) == omitted);
            assert!(HeaderRule::parse(format!("{name}: \t").as_bytes()) == omitted);
            for line in [format!("{name}: x"), format!("{name};")] {
                assert!(HeaderRule::parse(line.as_bytes()).is_err(), "{line}");
            }
        }
        for name in OWN {
            assert!(HeaderRule::parse(format!("{name}:").as_bytes()).is_err(), "{name}");
        }
    }

    #[test]
    fn what_could_smuggle_is_refused_and_not_repeated() {
        let lines: [&[u8]; 7] = [
            b"X-A: secret\r\nHost: b",
            b"X-A: secret\0",
            b"X A: secret",
            b": secret",
            b"secret",
            b"content-length: 5",
            b"X-A: \xff",
        ];
        for line in lines {
            let error = HeaderRule::parse(line).err().unwrap();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
