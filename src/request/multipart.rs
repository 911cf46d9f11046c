//! A multipart body (RFC 7578). The boundary is random, and found nowhere in the body but between
//! the parts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use anyhow::Result;
use memchr::memmem;

use super::Part;

/// Writes the body of this frame into `body`, which is empty; gives its boundary. `room` is how many bytes
/// `append_png` may write.
pub fn write(
    parts: &[Part],
    frame: u64,
    room: usize,
    append_png: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    body: &mut Vec<u8>,
) -> Result<String> {
    body.reserve_exact(room + written_around(parts));
    write_with(random_boundary, parts, frame, append_png, body)
}

/// Writes the body with boundaries from `draw` until one is found nowhere inside a part.
fn write_with(
    mut draw: impl FnMut() -> String,
    parts: &[Part],
    frame: u64,
    append_png: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    body: &mut Vec<u8>,
) -> Result<String> {
    let mut boundary = draw();
    write_parts(parts, frame, &boundary, body, append_png)?;
    if delimits(&boundary, parts, body) {
        return Ok(boundary);
    }
    let png = png_of(&boundary, parts, frame, body);
    loop {
        boundary = draw();
        body.clear();
        write_parts(parts, frame, &boundary, body, |body| {
            body.extend_from_slice(&png);
            Ok(())
        })?;
        if delimits(&boundary, parts, body) {
            return Ok(boundary);
        }
    }
}

fn write_parts(
    parts: &[Part],
    frame: u64,
    boundary: &str,
    body: &mut Vec<u8>,
    append_png: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut append_png = Some(append_png);
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        write_part_head(part, frame, body);
        match part {
            Part::Field { value, .. } => value.append(frame, body),
            Part::Image(_) => {
                if let Some(append_png) = append_png.take() {
                    append_png(body)?;
                }
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(())
}

fn write_part_head(part: &Part, frame: u64, body: &mut Vec<u8>) {
    let name = match part {
        Part::Field { name, .. } => name,
        Part::Image(image) => &image.name,
    };
    body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
    write_escaped(name, body);
    body.push(b'"');
    if let Part::Image(image) = part {
        body.extend_from_slice(b"; filename=\"");
        write_escaped(&image.file_name.fill(frame), body);
        body.extend_from_slice(b"\"\r\nContent-Type: ");
        body.extend_from_slice(image.content_type.as_bytes());
    }
    body.extend_from_slice(b"\r\n\r\n");
}

/// Escapes a name as browsers do (WHATWG HTML, "multipart/form-data encoding algorithm").
fn write_escaped(name: &[u8], body: &mut Vec<u8>) {
    for &byte in name {
        match byte {
            b'"' => body.extend_from_slice(b"%22"),
            b'\r' => body.extend_from_slice(b"%0D"),
            b'\n' => body.extend_from_slice(b"%0A"),
            _ => body.push(byte),
        }
    }
}

/// An upper bound of the bytes that `write_parts` writes besides the PNG.
fn written_around(parts: &[Part]) -> usize {
    let each = |part: &Part| match part {
        Part::Field { name, value } => 3 * name.len() + value.max_text_bytes() + 256,
        Part::Image(image) => {
            let names = image.name.len() + image.file_name.max_text_bytes();
            3 * names + image.content_type.len() + 256
        }
    };
    parts.iter().map(each).sum::<usize>() + 256
}

/// Whether the boundary stands before each part and after the last one, and nowhere else.
fn delimits(boundary: &str, parts: &[Part], body: &[u8]) -> bool {
    memmem::find_iter(body, boundary.as_bytes()).count() == parts.len() + 1
}

/// The PNG inside a body that `write_parts` has written.
fn png_of(boundary: &str, parts: &[Part], frame: u64, body: &[u8]) -> Vec<u8> {
    let image = parts.iter().position(|part| matches!(part, Part::Image(_))).unwrap_or(0);
    let around = |parts: &[Part]| {
        let mut bytes = Vec::new();
        let _ = write_parts(parts, frame, boundary, &mut bytes, |_| Ok(()));
        bytes.len()
    };
    // Both measures hold the closing delimiter, "--boundary--" and CR LF.
    let closing = boundary.len() + 6;
    let before = around(&parts[..=image]) - closing - 2;
    let after = around(&parts[image + 1..]) + 2;
    body[before..body.len() - after].to_vec()
}

/// 128 random bits: hashes of nothing under keys that std draws from the system.
fn random_boundary() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("pngpost-{:016x}{:016x}", draw(), draw())
}

#[cfg(test)]
mod tests {
    use super::super::ImagePart;
    use super::*;
    use crate::request::template::Template;

    fn parts() -> Vec<Part> {
        vec![
            Part::Field { name: b"k\"\r\n".to_vec(), value: Template::literal("v;\r\n\"") },
            Part::Image(ImagePart::default()),
            Part::Field { name: b"z".to_vec(), value: Template::with_number(b"{{n:03}}").unwrap() },
        ]
    }

    fn written(png: &[u8], mut boundaries: Vec<&str>) -> (String, Vec<u8>) {
        let append = |body: &mut Vec<u8>| {
            body.extend_from_slice(png);
            Ok(())
        };
        let draw = || boundaries.remove(0).to_owned();
        let mut body = Vec::new();
        (write_with(draw, &parts(), 7, append, &mut body).unwrap(), body)
    }

    #[test]
    fn the_body_is_what_browsers_send() {
        let (_, body) = written(b"PNG", vec!["B"]);
        let expected = "--B\r\n\
            Content-Disposition: form-data; name=\"k%22%0D%0A\"\r\n\r\nv;\r\n\"\r\n\
            --B\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"image.png\"\r\n\
            Content-Type: image/png\r\n\r\nPNG\r\n\
            --B\r\n\
            Content-Disposition: form-data; name=\"z\"\r\n\r\n007\r\n\
            --B--\r\n";
        // "B" alone is no boundary that could be told from the text: only the layout is looked at.
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn a_boundary_that_the_image_holds_is_drawn_again() {
        let png = b"..first..second..";
        let (boundary, body) = written(png, vec!["first", "second", "third"]);
        assert_eq!(boundary, "third");
        assert_eq!(body, written(png, vec!["third"]).1);
    }

    #[test]
    fn boundaries_differ_and_hold_only_token_characters() {
        let (a, b) = (random_boundary(), random_boundary());
        assert_ne!(a, b);
        assert!(a.len() <= 70 && a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    }
}
