//! A multipart body (RFC 7578). The boundary is random, and the body holds it only between the parts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use memchr::memmem;

use crate::memory::{self, NoMemory};

use super::Part;

/// The form round a frame's PNG, from its first delimiter to its last.
pub struct Form<'a> {
    frame: u64,
    /// The parts behind the frame.
    rest: &'a [Part],
    boundary: String,
    /// The place of the boundary in the body.
    places: Vec<usize>,
}

impl<'a> Form<'a> {
    /// Writes the parts before the PNG, and the PNG's part head, into `body`. `room`: the most bytes that the
    /// PNG takes.
    pub fn begin(
        parts: &'a [Part],
        frame: u64,
        room: usize,
        body: &mut Vec<u8>,
    ) -> Result<Self, NoMemory> {
        memory::reserve(body, room + max_bytes_around(parts))?;
        Ok(Form::begin_with(random_boundary(), parts, frame, body))
    }

    fn begin_with(boundary: String, parts: &'a [Part], frame: u64, body: &mut Vec<u8>) -> Self {
        let image = parts.iter().position(|part| matches!(part, Part::Image(_)));
        let (before, rest) = parts.split_at(image.map_or(parts.len(), |image| image + 1));
        let mut form = Form { frame, rest, boundary, places: Vec::with_capacity(parts.len() + 1) };
        form.write_parts(before, body);
        form
    }

    /// Writes the parts behind the PNG, and returns the boundary.
    pub fn finish(mut self, body: &mut Vec<u8>) -> String {
        body.extend_from_slice(b"\r\n");
        let rest = self.rest;
        self.write_parts(rest, body);
        if !rest.is_empty() {
            body.extend_from_slice(b"\r\n");
        }
        self.write_delimiter(body);
        body.extend_from_slice(b"--\r\n");
        while !self.delimits(body) {
            self.draw_again(body);
        }
        self.boundary
    }

    /// Writes these parts, the last one without the line end behind it.
    fn write_parts(&mut self, parts: &[Part], body: &mut Vec<u8>) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                body.extend_from_slice(b"\r\n");
            }
            self.write_delimiter(body);
            body.extend_from_slice(b"\r\n");
            write_part_head(part, self.frame, body);
            if let Part::Field { value, .. } = part {
                value.append(self.frame, body);
            }
        }
    }

    fn write_delimiter(&mut self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"--");
        self.places.push(body.len());
        body.extend_from_slice(self.boundary.as_bytes());
    }

    /// Whether the boundary stands before each part and after the last one, and nowhere else.
    fn delimits(&self, body: &[u8]) -> bool {
        memmem::find_iter(body, self.boundary.as_bytes()).count() == self.places.len()
    }

    /// Puts another boundary in its place. All boundaries have one length.
    fn draw_again(&mut self, body: &mut [u8]) {
        self.boundary = random_boundary();
        for &place in &self.places {
            body[place..place + self.boundary.len()].copy_from_slice(self.boundary.as_bytes());
        }
    }
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

/// An upper bound of a form's bytes without its PNG.
fn max_bytes_around(parts: &[Part]) -> usize {
    let each = |part: &Part| match part {
        Part::Field { name, value } => 3 * name.len() + value.max_text_bytes() + 256,
        Part::Image(image) => {
            let names = image.name.len() + image.file_name.max_text_bytes();
            3 * names + image.content_type.len() + 256
        }
    };
    parts.iter().map(each).sum::<usize>() + 256
}

/// 128 random bits: hashes of nothing, under keys that std takes from the system.
fn random_boundary() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("pngpost-{:016x}{:016x}", draw(), draw())
}

#[cfg(test)]
mod tests {
    use super::super::ImagePart;
    use super::super::template::Template;
    use super::*;

    fn parts() -> Vec<Part> {
        vec![
            Part::Field { name: b"k\"\r\n".to_vec(), value: Template::literal("v;\r\n\"") },
            Part::Image(ImagePart::default()),
            Part::Field { name: b"z".to_vec(), value: Template::with_number(b"{{n:03}}").unwrap() },
        ]
    }

    fn written(png: &[u8], boundary: &str) -> (String, Vec<u8>) {
        let (parts, mut body) = (parts(), Vec::new());
        let form = Form::begin_with(boundary.to_owned(), &parts, 7, &mut body);
        body.extend_from_slice(png);
        (form.finish(&mut body), body)
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
