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
    /// The body.
    pub template: Template,
    /// The name of the part that is the frame; `None`: the body is no form.
    pub part: Option<String>,
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
                (Piece::Png | Piece::Base64, None) => {
                    let start = bytes.len();
                    encoder.append_png(frame, &mut bytes)?;
                    if *piece == Piece::Base64 {
                        into_base64(&mut bytes, start)?;
                    }
                    image = Some(start..bytes.len());
                }
                (Piece::Png | Piece::Base64, Some(image)) => {
                    bytes.extend_from_within(image.clone())
                }
                // Its room: it is drawn once it can be seen what the body holds.
                (Piece::Boundary, _) => {
                    boundaries.push(bytes.len());
                    bytes.resize(bytes.len() + BOUNDARY_BYTES, b'-');
                }
                (piece, _) => piece.append(frame.number, &mut bytes),
            }
        }
        let mut content_type = self.content_type.clone();
        if !boundaries.is_empty() {
            let boundary = write_boundary(random_boundary(), &boundaries, &mut bytes);
            content_type = content_type.map(|it| format!("{it}; boundary={boundary}"));
        }
        Ok(Body { frame: frame.number, content_type, size: frame.size, bytes })
    }

    /// An upper bound of the bytes of a body whose PNG takes at most this many.
    fn max_bytes(&self, png: usize) -> usize {
        let most = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Number(_) => MAX_WIDTH,
            Piece::Png => png,
            Piece::Base64 => base64_bytes(png),
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

    fn request(template: Template) -> Request {
        let (url, _) = Url::parse("http://h/").unwrap();
        let (method, path) = ("POST".to_owned(), Template::literal("/"));
        let content_type = Some("text/plain".to_owned());
        Request { method, url, path, content_type, template, part: None }
    }

    /// The body of a frame that is a PNG already: any bytes, since nothing looks into them.
    pub fn body(template: Template, number: u64, png: &[u8]) -> Body {
        let (size, bytes) = (FrameSize::new(1, 1).unwrap(), png.to_vec());
        let mut frame =
            Frame { number, size, content: Content::Png, bytes, read_at: Instant::now() };
        request(template).body(&Encoder::DEFAULT, &mut frame, Vec::new()).unwrap()
    }

    /// One body of each kind, with numbers that become as long as they can.
    fn templates() -> [Template; 4] {
        let numbers = Template::with_number("{{n}}".repeat(100).as_bytes()).unwrap();
        let quotes = "\"".repeat(1000).into_bytes();
        let parts = vec![
            Part::field(&quotes, numbers),
            Part::image(&quotes, &quotes, "image/png").unwrap(),
            Part::field(b"k", Template::literal("v")),
        ];
        let image = "\"{{png:b64}}\",".repeat(3);
        let json = json(format!("[{image}{{{{n}}}},{}]", "1".repeat(200)).as_bytes()).unwrap();
        [form(parts), Template::of(Piece::Png), json, Template::of(Piece::Base64)]
    }

    #[test]
    fn a_body_takes_the_room_that_was_made_for_it_and_needs_all_of_it() {
        for (index, template) in templates().into_iter().enumerate() {
            let room = request(template.clone()).max_bytes(PNG_BYTES);
            let bytes = body(template, u64::MAX, &[0; PNG_BYTES]).bytes;
            assert_eq!((bytes.len(), bytes.capacity()), (room, room), "{index}");
        }
    }
}
