//! A form (RFC 7578) as the template of its body. The boundary is random, and the body holds it only between the parts.

use memchr::memmem;

use crate::random;

use super::template::{Piece, Template};

/// All boundaries have one length.
pub const BOUNDARY_BYTES: usize = "pngpost-".len() + 32;

/// A part of a form: its head and its content.
pub struct Part {
    pieces: Vec<Piece>,
    /// The name of the part that is the frame.
    pub image: Option<String>,
}

impl Part {
    pub fn field(name: &[u8], value: Template) -> Self {
        let mut pieces = vec![Piece::Text(head(name, b"\r\n\r\n"))];
        pieces.extend(value.pieces);
        Part { pieces, image: None }
    }

    /// The part that is the frame. The error says what the file name takes.
    pub fn image(name: &[u8], file_name: &[u8], content_type: &str) -> Result<Self, &'static str> {
        let mut pieces = vec![Piece::Text(head(name, b"; filename=\""))];
        pieces.extend(Template::with_number(&escaped(file_name))?.pieces);
        pieces.push(text(&format!("\"\r\nContent-Type: {content_type}\r\n\r\n")));
        pieces.push(Piece::Png);
        Ok(Part { pieces, image: Some(String::from_utf8_lossy(name).into_owned()) })
    }
}

/// The body of these parts, in their order.
pub fn form(parts: Vec<Part>) -> Template {
    let delimiter = |end| [text("--"), Piece::Boundary, text(end)];
    let mut pieces = Vec::new();
    for part in parts {
        pieces.extend(delimiter("\r\n"));
        pieces.extend(part.pieces);
        pieces.push(text("\r\n"));
    }
    pieces.extend(delimiter("--\r\n"));
    Template { pieces }
}

fn head(name: &[u8], end: &[u8]) -> Vec<u8> {
    [b"Content-Disposition: form-data; name=\"", &escaped(name)[..], b"\"", end].concat()
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

/// A name, escaped as browsers do (WHATWG HTML, "multipart/form-data encoding algorithm").
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in name {
        match byte {
            b'"' => escaped.extend_from_slice(b"%22"),
            b'\r' => escaped.extend_from_slice(b"%0D"),
            b'\n' => escaped.extend_from_slice(b"%0A"),
            _ => escaped.push(byte),
        }
    }
    escaped
}

/// Writes a boundary to these offsets: the given one, unless the body holds it.
pub fn write_boundary(mut boundary: String, offsets: &[usize], body: &mut [u8]) -> String {
    while memmem::find(body, boundary.as_bytes()).is_some() {
        boundary = random_boundary();
    }
    for &offset in offsets {
        body[offset..offset + BOUNDARY_BYTES].copy_from_slice(boundary.as_bytes());
    }
    boundary
}

pub fn random_boundary() -> String {
    format!("pngpost-{:016x}{:016x}", random::bits(), random::bits())
}

#[cfg(test)]
mod tests {
    use super::super::tests::body;
    use super::*;

    #[test]
    fn the_body_is_what_browsers_send() {
        let form = form(vec![
            Part::field(b"k\"\r\n", Template::literal("v;\r\n\"")),
            Part::image(b"image", b"\"{{n}}\r\n.png", "image/png").unwrap(),
            Part::field(b"z", Template::with_number(b"{{n:03}}").unwrap()),
        ]);
        let body = body(form, 7, b"PNG");
        let content_type = body.content_type.unwrap();
        let boundary = content_type.strip_prefix("text/plain; boundary=").unwrap();
        let expected = "--BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"k%22%0D%0A\"\r\n\r\nv;\r\n\"\r\n\
            --BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"%227%0D%0A.png\"\r\n\
            Content-Type: image/png\r\n\r\nPNG\r\n\
            --BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"z\"\r\n\r\n007\r\n\
            --BOUNDARY--\r\n";
        assert_eq!(String::from_utf8(body.bytes).unwrap(), expected.replace("BOUNDARY", boundary));
    }

    #[test]
    fn a_boundary_that_the_body_holds_is_drawn_again() {
        let (held, absent) = (random_boundary(), random_boundary());
        let place = "-".repeat(BOUNDARY_BYTES);
        let written = |boundary: &str| {
            let mut body = format!("--{place}\r\n..{held}..\r\n--{place}--").into_bytes();
            let offsets = [2, body.len() - 2 - BOUNDARY_BYTES];
            let written = write_boundary(boundary.to_owned(), &offsets, &mut body);
            assert_eq!(
                String::from_utf8(body).unwrap(),
                format!("--{written}\r\n..{held}..\r\n--{written}--")
            );
            written
        };
        assert_eq!(written(&absent), absent);
        assert_ne!(written(&held), held);
    }

    #[test]
    fn boundaries_differ_and_hold_only_token_characters() {
        let (a, b) = (random_boundary(), random_boundary());
        assert_ne!(a, b);
        assert!(a.len() == BOUNDARY_BYTES && a.len() <= 70);
        assert!(a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    }
}
