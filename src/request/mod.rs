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

use template::Template;

pub use header::{Header, HeaderRule, is_token};
pub use json::Json;
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
}

/// The form of a body: what stands round its PNG.
pub enum Shape {
    /// The parts in their order, exactly one of them the frame.
    Form(Vec<Part>),
    /// The body is the PNG itself.
    Raw,
    /// The body is JSON with the PNG in it.
    Json(Json),
    /// The body is the PNG in base64.
    Base64,
}

/// One part of a multipart body.
pub enum Part {
    Field { name: Vec<u8>, value: Template },
    Image(ImagePart),
}

/// The part that is the frame.
pub struct ImagePart {
    pub name: Vec<u8>,
    pub file_name: Template,
    pub content_type: String,
}

impl Default for ImagePart {
    /// Always with a file name: Flask and FastAPI take a part without one for text.
    fn default() -> Self {
        ImagePart {
            name: b"image".to_vec(),
            file_name: Template::literal("image.png"),
            content_type: "image/png".to_owned(),
        }
    }
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
        let mut content_type = self.content_type.clone();
        match &self.shape {
            Shape::Form(parts) => {
                let boundary = multipart::random_boundary();
                let boundary = multipart::append(boundary, parts, encoder, frame, &mut bytes)?;
                content_type = content_type.map(|it| format!("{it}; boundary={boundary}"));
            }
            Shape::Raw => encoder.append_png(frame, &mut bytes)?,
            Shape::Json(json) => json.append(encoder, frame, &mut bytes)?,
            Shape::Base64 => json::append_base64(encoder, frame, &mut bytes)?,
        }
        Ok(Body { frame: frame.number, content_type, size: frame.size, bytes })
    }

    /// An upper bound of the bytes of a body whose PNG takes at most this many.
    fn max_bytes(&self, png: usize) -> usize {
        match &self.shape {
            Shape::Form(parts) => png + multipart::max_bytes_around(parts),
            Shape::Raw => png,
            Shape::Json(json) => json.max_bytes(png),
            Shape::Base64 => json::base64_bytes(png),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::frame::Content;

    const PNG_BYTES: usize = 3000;

    /// A frame that is a PNG already: any bytes, since nothing looks into them.
    pub fn passed_on(number: u64, png: &[u8]) -> Frame {
        let (size, bytes) = (FrameSize::new(1, 1).unwrap(), png.to_vec());
        Frame { number, size, content: Content::Png, bytes, read_at: Instant::now() }
    }

    fn field(name: &[u8], value: &[u8]) -> Part {
        Part::Field { name: name.to_vec(), value: Template::with_number(value).unwrap() }
    }

    /// One of each shape, with texts that become as long as they can.
    fn shapes() -> [Shape; 5] {
        let quotes = "\"".repeat(1000);
        let numbers = "{{n}}".repeat(100);
        let image = ImagePart {
            name: quotes.clone().into(),
            file_name: Template::with_number(format!("{quotes}{{{{n}}}}").as_bytes()).unwrap(),
            content_type: format!("image/png; what={}", "a".repeat(1000)),
        };
        let parts = vec![
            field(quotes.as_bytes(), numbers.as_bytes()),
            Part::Image(image),
            field(b"k", b"v"),
        ];
        let image = "\"{{png:b64}}\",".repeat(3);
        let json = Json::parse(format!("[{image}{{{{n}}}},{}]", "1".repeat(200)).as_bytes());
        [
            Shape::Form(vec![Part::Image(ImagePart::default())]),
            Shape::Form(parts),
            Shape::Raw,
            Shape::Json(json.unwrap()),
            Shape::Base64,
        ]
    }

    #[test]
    fn a_body_takes_the_room_that_was_made_for_it_and_little_more_than_it_needs() {
        let (url, _) = Url::parse("http://h/").unwrap();
        for (index, shape) in shapes().into_iter().enumerate() {
            let (method, path) = ("POST".to_owned(), Template::literal("/"));
            let content_type = Some("multipart/form-data".to_owned());
            let request = Request { method, url: url.clone(), path, content_type, shape };
            let mut frame = passed_on(u64::MAX, &[0; PNG_BYTES]);
            let bytes = request.body(&Encoder::DEFAULT, &mut frame, Vec::new()).unwrap().bytes;
            let room = request.max_bytes(PNG_BYTES);
            assert_eq!(bytes.capacity(), room, "shape {index}: {} bytes", bytes.len());
            assert!(room - bytes.len() < 1000, "shape {index}: {room} for {}", bytes.len());
        }
    }
}
