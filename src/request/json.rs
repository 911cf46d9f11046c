//! A body of JSON with the PNG in base64 in it, or of base64 alone.
//!
//! The JSON is the user's text, byte for byte, with its template filled in. `json` fills in 0 and 2^64-1,
//! and accepts the template only if both are valid JSON. The PNG is not copied: it is turned into base64 in
//! the body, from its end.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::template::{Piece, Template};

/// The first characters of every PNG in base64. As long as `{{png:b64}}`, so that columns in errors are the
/// user's.
const SAMPLE_IMAGE: &str = "iVBORw0KGgo";

/// The PNG is read in blocks of this size: whole groups of base64, and short enough for the stack.
const BLOCK_BYTES: usize = 3 << 10;

/// The body with this text. The error does not hold the text: it may be a secret.
pub fn json(text: &[u8]) -> Result<Template, String> {
    let json = Template::with_image(text)?;
    // 0 reveals a number that would begin with a zero; 2^64-1, that a number is allowed there.
    for frame in [0, u64::MAX] {
        sample(&json, frame, SAMPLE_IMAGE).map_err(|error| why_no_json(&json, frame, &error))?;
    }
    if !json.pieces.contains(&Piece::Base64) {
        return Err("takes JSON that holds the image, {{png:b64}}".into());
    }
    Ok(json)
}

fn why_no_json(json: &Template, frame: u64, error: &serde_json::Error) -> String {
    if sample(json, frame, &format!("\"{SAMPLE_IMAGE}\"")).is_ok() {
        return "takes the image as a string: \"{{png:b64}}\", in quotes".to_owned();
    }
    // serde_json says what it expected and where, and does not repeat the text.
    format!("takes JSON once it is filled in, but {error}")
}

fn sample(json: &Template, frame: u64, image: &str) -> serde_json::Result<Value> {
    let mut text = Vec::new();
    for piece in &json.pieces {
        match piece {
            Piece::Base64 => text.extend_from_slice(image.as_bytes()),
            piece => piece.append(frame, &mut text),
        }
    }
    serde_json::from_slice(&text)
}

pub fn base64_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Turns the bytes from `start` on into base64. It goes from the end: base64 is longer, so it is never written over
/// bytes that have not been read.
pub fn into_base64(body: &mut Vec<u8>, start: usize) -> Result<()> {
    let mut end = body.len() - start;
    body.resize(start + base64_bytes(end), 0);
    let bytes = &mut body[start..];
    let mut block = [0; BLOCK_BYTES];
    while end > 0 {
        let start = (end - 1) / BLOCK_BYTES * BLOCK_BYTES;
        let block = &mut block[..end - start];
        block.copy_from_slice(&bytes[start..end]);
        STANDARD.encode_slice(block, &mut bytes[start / 3 * 4..]).context("base64")?;
        end = start;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::body;
    use super::*;

    #[test]
    fn the_users_text_is_kept_byte_for_byte() {
        let template =
            "{ \"a\" : [1.0, {{n}} ],\n\"f\":\"{{n:03}}\", \"i\":\"x{{png:b64}}y{{png:b64}}\"}\n";
        let expected = "{ \"a\" : [1.0, 7 ],\n\"f\":\"007\", \"i\":\"xUE5H/w==yUE5H/w==\"}\n";
        let body = body(json(template.as_bytes()).unwrap(), 7, b"PNG\xff");
        assert_eq!(String::from_utf8(body.bytes).unwrap(), expected);
    }

    #[test]
    fn base64_of_any_length_is_that_of_the_crate() {
        let bytes: Vec<u8> = (0..4 * BLOCK_BYTES).map(|n| (n * 7 + n / 256) as u8).collect();
        let around = [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES];
        for length in around.iter().flat_map(|&n| n.saturating_sub(4)..n + 5) {
            let mut text = Vec::with_capacity(base64_bytes(length));
            text.extend_from_slice(&bytes[..length]);
            into_base64(&mut text, 0).unwrap();
            assert_eq!(text, STANDARD.encode(&bytes[..length]).into_bytes(), "{length}");
            assert_eq!(text.capacity(), base64_bytes(length), "{length}");
        }
    }

    #[test]
    fn what_would_not_be_json_for_some_frame_is_refused_without_its_text() {
        let bad = [
            "",
            "secret",
            "{\"secret\":{{png:b64}}}",
            "[\"{{png:b64}}\",{{n:02}}]",
            "[\"{{png:b64}}\",{{n}}{{n}}]",
            "[\"{{png:b64}}\"] secret",
            "[\"\\{{png:b64}}\"]",
            "[\"{{png:b64}}\",\"\\u00{{n:02}}secret\",\"\\u{{n}}123\",]",
            "[\"{{secret}}\"]",
            "[\"{{n}}secret\"]",
        ];
        for template in bad {
            let Err(error) = json(template.as_bytes()) else { panic!("{template}") };
            assert!(error.starts_with("takes ") && !error.contains("secret"), "{error}");
        }
        assert!(json(b"[\"\xff{{png:b64}}\"]").is_err());
    }
}
