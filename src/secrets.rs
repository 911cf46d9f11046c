//! The values of the user that no message may hold, even if a server repeats them.
//!
//! A server may write a value in another way than it was sent: in other cases of letters, with the escapes of a URL or
//! without, or a piece of it. In each of these ways it is found, so that a text which holds one can be withheld.

use std::sync::{PoisonError, RwLock};

/// All threads share them.
#[derive(Default)]
pub struct Secrets(RwLock<Vec<Vec<u8>>>);

/// This many bytes of a secret give it away.
const PIECE_BYTES: usize = 8;

/// A shorter value, such as `1` in `top_k=1`, is no secret: any text may hold it.
const MIN_SECRET_BYTES: usize = 3;

impl Secrets {
    pub fn add(&self, value: &[u8]) {
        if !value.is_empty() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).push(value.to_vec());
        }
    }

    /// Whether a server's text holds a piece of a value, one of its words, or a short one whole: `abc` of
    /// `session=abc`.
    pub fn are_in(&self, text: &str) -> bool {
        let whole_and_words = |secret: &[u8], text: &[u8]| {
            let words = secret.split(|byte| !byte.is_ascii_alphanumeric()).chain([secret]);
            words.filter(|word| word.len() >= MIN_SECRET_BYTES).any(|word| is_in(word, text))
        };
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().any(|secret| {
            in_every_form(secret, text, |secret, text| {
                whole_and_words(secret, text) || have_common_piece(secret, text)
            })
        })
    }
}

/// Whether a server's text holds a piece of this text.
pub fn gives_away(text: &str, secret: &str) -> bool {
    in_every_form(secret.as_bytes(), text, have_common_piece)
}

/// Whether `test` holds for secret and text, in any case of letters, with the escapes of a URL or without.
fn in_every_form(secret: &[u8], text: &str, test: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    let forms = |text: &[u8]| {
        let text = text.to_ascii_lowercase();
        [percent_decoded(&text), text]
    };
    let (secrets, texts) = (forms(secret), forms(text.as_bytes()));
    secrets.iter().any(|secret| texts.iter().any(|text| test(secret, text)))
}

fn have_common_piece(secret: &[u8], text: &[u8]) -> bool {
    text.windows(PIECE_BYTES).any(|piece| is_in(piece, secret))
}

fn is_in(piece: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(text, piece).is_some()
}

/// A URL's text with its escapes decoded. A `%` that begins no escape stays.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| byte == b'%' && is_hex(digits));
        let value = digits.and_then(|digits| str::from_utf8(digits).ok());
        let value = value.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    decoded
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_text_holds_a_secret_however_it_is_written() {
        let secrets = Secrets::default();
        secrets.add(b"");
        secrets.add(b"1");
        secrets.add(b"hunter2");
        secrets.add("k\u{e9}y 1%".as_bytes());
        secrets.add(b"session=abc; Bearer 0123456789abcdef");
        for text in [
            "/a?hunter2",
            "/%68unter2",
            "%/Hunter%32%",
            "/k%C3%a9y%201%25",
            "/k\u{e9}y%201%",
            "/abc",
            "/x/3456789A/",
        ] {
            assert!(secrets.are_in(text), "{text}");
        }
        for text in ["/a?hunter", "/hunter%3", "/%+8unter2", "/v1/top", "/3456789/", "/34567890/"] {
            assert!(!secrets.are_in(text), "{text}");
        }
        assert!(gives_away("/x/Bot123:T", "/bot123:TOKEN/send"));
        assert!(!gives_away("/bot123", "/bot123:TOKEN/send"));
    }
}
