//! A multipart body (RFC 7578). The boundary is random, and the body holds it only between the parts.

use anyhow::Result;
use memchr::memmem;

use crate::encode::Encoder;
use crate::frame::Frame;
use crate::random;

use super::Part;

/// Appends the form, with the frame's PNG as its image. Returns the boundary: the given one, unless the body holds
/// it already.
pub fn append(
    boundary: String,
    parts: &[Part],
    encoder: &Encoder,
    frame: &mut Frame,
    body: &mut Vec<u8>,
) -> Result<String> {
    let mut delimiters = Delimiters { boundary, offsets: Vec::with_capacity(parts.len() + 1) };
    for part in parts {
        delimiters.append(body);
        body.extend_from_slice(b"\r\n");
        append_part_head(part, frame.number, body);
        match part {
            Part::Field { value, .. } => value.append(frame.number, body),
            Part::Image(_) => encoder.append_png(frame, body)?,
        }
        body.extend_from_slice(b"\r\n");
    }
    delimiters.append(body);
    body.extend_from_slice(b"--\r\n");
    while !delimiters.are_alone(body) {
        delimiters.draw_again(body);
    }
    Ok(delimiters.boundary)
}

/// The boundary, and its offsets in the body: before each part and after the last one.
struct Delimiters {
    boundary: String,
    offsets: Vec<usize>,
}

impl Delimiters {
    fn append(&mut self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"--");
        self.offsets.push(body.len());
        body.extend_from_slice(self.boundary.as_bytes());
    }

    /// Whether the body holds the boundary nowhere else.
    fn are_alone(&self, body: &[u8]) -> bool {
        memmem::find_iter(body, self.boundary.as_bytes()).count() == self.offsets.len()
    }

    /// Writes another boundary over this one. All boundaries have one length.
    fn draw_again(&mut self, body: &mut [u8]) {
        self.boundary = random_boundary();
        for &offset in &self.offsets {
            body[offset..offset + self.boundary.len()].copy_from_slice(self.boundary.as_bytes());
        }
    }
}

fn append_part_head(part: &Part, frame: u64, body: &mut Vec<u8>) {
    let name = match part {
        Part::Field { name, .. } => name,
        Part::Image(image) => &image.name,
    };
    body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
    append_escaped(name, body);
    body.push(b'"');
    if let Part::Image(image) = part {
        body.extend_from_slice(b"; filename=\"");
        append_escaped(&image.file_name.fill(frame), body);
        body.extend_from_slice(b"\"\r\nContent-Type: ");
        body.extend_from_slice(image.content_type.as_bytes());
    }
    body.extend_from_slice(b"\r\n\r\n");
}

/// Appends a name, escaped as browsers do (WHATWG HTML, "multipart/form-data encoding algorithm").
fn append_escaped(name: &[u8], body: &mut Vec<u8>) {
    for &byte in name {
        match byte {
            b'"' => body.extend_from_slice(b"%22"),
            b'\r' => body.extend_from_slice(b"%0D"),
            b'\n' => body.extend_from_slice(b"%0A"),
            _ => body.push(byte),
        }
    }
}

/// An upper bound of a form's bytes without its PNG.
pub fn max_bytes_around(parts: &[Part]) -> usize {
    let each = |part: &Part| match part {
        Part::Field { name, value } => 3 * name.len() + value.max_text_bytes() + 256,
        Part::Image(image) => {
            let names = image.name.len() + image.file_name.max_text_bytes();
            3 * names + image.content_type.len() + 256
        }
    };
    parts.iter().map(each).sum::<usize>() + 256
}

pub fn random_boundary() -> String {
    format!("pngpost-{:016x}{:016x}", random::bits(), random::bits())
}

#[cfg(test)]
mod tests {
    use super::super::ImagePart;
    use super::super::template::Template;
    use super::super::tests::passed_on;
    use super::*;

    fn parts() -> Vec<Part> {
        vec![
            Part::Field { name: b"k\"\r\n".to_vec(), value: Template::literal("v;\r\n\"") },
            Part::Image(ImagePart::default()),
            Part::Field { name: b"z".to_vec(), value: Template::with_number(b"{{n:03}}").unwrap() },
        ]
    }

    fn written(png: &[u8], boundary: &str) -> (String, Vec<u8>) {
        let (mut frame, mut body) = (passed_on(7, png), Vec::new());
        let boundary = boundary.to_owned();
        let used = append(boundary, &parts(), &Encoder::DEFAULT, &mut frame, &mut body);
        (used.unwrap(), body)
    }

    #[test]
    fn the_body_is_what_browsers_send() {
        let (_, body) = written(b"PNG", "BOUNDARY");
        let expected = "--BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"k%22%0D%0A\"\r\n\r\nv;\r\n\"\r\n\
            --BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"image.png\"\r\n\
            Content-Type: image/png\r\n\r\nPNG\r\n\
            --BOUNDARY\r\n\
            Content-Disposition: form-data; name=\"z\"\r\n\r\n007\r\n\
            --BOUNDARY--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn a_boundary_that_the_image_holds_is_drawn_again() {
        let first = random_boundary();
        let png = format!("..{first}..");
        let (boundary, body) = written(png.as_bytes(), &first);
        assert_ne!(boundary, first);
        assert_eq!((boundary.clone(), body), written(png.as_bytes(), &boundary));
    }

    #[test]
    fn boundaries_differ_and_hold_only_token_characters() {
        let (a, b) = (random_boundary(), random_boundary());
        assert_ne!(a, b);
        assert!(a.len() <= 70 && a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    }
}
