//! A frame's request, and the body that is written round its PNG. Pure: opens nothing, sends nothing.
//!
//! The PNG is encoded straight into the body that is uploaded, and turned into base64 there if the body asks for it.
//! A frame's body is made once: a retry sends the same bytes.

mod header;
mod json;
mod multipart;
mod proxy;
pub mod template;
mod url;

use anyhow::{Context, Result};

use crate::encode::{Encoder, max_png_bytes};
use crate::frame::{Frame, FrameSize};
use crate::memory;

use json::{base64_bytes, into_base64};
use multipart::{BOUNDARY_BYTES, random_boundary, write_boundary};
use template::{MAX_WIDTH, Piece, Template};

pub use header::{Header, HeaderRule, is_token};
pub use json::json;
pub use multipart::{Part, form};
pub use proxy::Proxy;
pub use url::{Url, UserInfo};

/// The part of a request that all frames of a run share.
pub struct Request {
    pub method: String,
    pub url: Url,
    /// The URL's path and query.
    pub path: Template,
    /// A form's is without boundary. `None` if the user left the header out.
    pub content_type: Option<String>,
    pub shape: Shape,
    /// What stands round the image in a body.
    pub template: Template,
}

/// The form of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The frame is one of several parts.
    Form,
    /// The body is the PNG itself.
    Raw,
    /// The body is JSON with the PNG in it, in base64.
    Json,
    /// The body is the PNG in base64.
    Base64,
}

pub struct Body {
    /// The frame's number, for the URL.
    pub frame: u64,
    /// `None` if the user left the header out.
    pub content_type: Option<String>,
    pub size: FrameSize,
    pub bytes: Vec<u8>,
}

impl Request {
    /// The URL for this frame. Only digits are filled in, so it stays valid.
    pub fn url(&self, frame: u64) -> Url {
        let target = String::from_utf8_lossy(&self.path.fill(frame)).into_owned();
        Url { target, ..self.url.clone() }
    }

    /// Encodes the frame, and writes its body round the PNG, in the allocation `bytes`. If the frame is to blame, the
    /// error is a `BadSample`. The frame's bytes are garbage afterwards.
    pub fn body(&self, encoder: &Encoder, frame: &mut Frame, mut bytes: Vec<u8>) -> Result<Body> {
        bytes.clear();
        memory::reserve(&mut bytes, self.max_bytes(max_png_bytes(frame))).context("encode")?;
        let (mut image, mut boundaries) = (None, Vec::new());
        for piece in &self.template.pieces {
            match (piece, &image) {
                (Piece::Image, None) => {
                    let start = bytes.len();
                    self.append_image(encoder, frame, &mut bytes)?;
                    image = Some(start..bytes.len());
                }
                (Piece::Image, Some(image)) => bytes.extend_from_within(image.clone()),
                (Piece::Boundary, _) => {
                    boundaries.push(bytes.len());
                    bytes.resize(bytes.len() + BOUNDARY_BYTES, b'-');
                }
                (piece, _) => piece.append(frame.number, &mut bytes),
            }
        }
        let mut content_type = self.content_type.clone();
        if self.shape == Shape::Form {
            let boundary = write_boundary(random_boundary(), &boundaries, &mut bytes);
            content_type = content_type.map(|it| format!("{it}; boundary={boundary}"));
        }
        Ok(Body { frame: frame.number, content_type, size: frame.size, bytes })
    }

    fn append_image(&self, encoder: &Encoder, frame: &mut Frame, body: &mut Vec<u8>) -> Result<()> {
        let start = body.len();
        encoder.append_png(frame, body)?;
        if self.has_base64() { into_base64(body, start) } else { Ok(()) }
    }

    fn has_base64(&self) -> bool {
        matches!(self.shape, Shape::Json | Shape::Base64)
    }

    /// An upper bound of the bytes of a body whose PNG takes at most this many.
    fn max_bytes(&self, png: usize) -> usize {
        let image = if self.has_base64() { base64_bytes(png) } else { png };
        let most = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Number(_) => MAX_WIDTH,
            Piece::Image => image,
            Piece::Boundary => BOUNDARY_BYTES,
        };
        self.template.pieces.iter().map(most).fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::frame::Content;

    const PNG_BYTES: usize = 3000;

    fn request(shape: Shape, template: Template) -> Request {
        let (url, _) = Url::parse("http://h/").unwrap();
        let (method, path) = ("POST".to_owned(), Template::literal("/"));
        Request { method, url, path, content_type: Some("text/plain".to_owned()), shape, template }
    }

    /// The body of a frame that is a PNG already: any bytes, since nothing looks into them.
    pub fn body(shape: Shape, template: Template, number: u64, png: &[u8]) -> Body {
        let (size, bytes) = (FrameSize::new(1, 1).unwrap(), png.to_vec());
        let mut frame =
            Frame { number, size, content: Content::Png, bytes, read_at: Instant::now() };
        request(shape, template).body(&Encoder::DEFAULT, &mut frame, Vec::new()).unwrap()
    }

    /// One of each shape, with numbers that become as long as they can.
    fn shapes() -> [(Shape, Template); 4] {
        let numbers = Template::with_number("{{n}}".repeat(100).as_bytes()).unwrap();
        let quotes = "\"".repeat(1000).into_bytes();
        let parts = vec![
            Part::field(&quotes, numbers),
            Part::image(&quotes, &quotes, "image/png").unwrap(),
            Part::field(b"k", Template::literal("v")),
        ];
        let image = "\"{{png:b64}}\",".repeat(3);
        let json = json(format!("[{image}{{{{n}}}},{}]", "1".repeat(200)).as_bytes()).unwrap();
        let alone = Template { pieces: vec![Piece::Image] };
        [
            (Shape::Form, form(parts)),
            (Shape::Raw, alone.clone()),
            (Shape::Json, json),
            (Shape::Base64, alone),
        ]
    }

    #[test]
    fn a_body_takes_the_room_that_was_made_for_it_and_needs_all_of_it() {
        for (index, (shape, template)) in shapes().into_iter().enumerate() {
            let room = request(shape, template.clone()).max_bytes(PNG_BYTES);
            let bytes = body(shape, template, u64::MAX, &[0; PNG_BYTES]).bytes;
            assert_eq!((bytes.len(), bytes.capacity()), (room, room), "shape {index}");
        }
    }
}
