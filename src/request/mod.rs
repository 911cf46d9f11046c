//! A frame's request, and the body that is written round its PNG. Pure: opens nothing, sends nothing.
//!
//! The PNG is written once, straight into the body that is uploaded; for base64 it is converted in place. A
//! frame's body is made once: a retry sends the same bytes.

mod header;
mod json;
mod multipart;
mod proxy;
pub mod template;
mod url;

use anyhow::Result;
use byteorder::{BigEndian, ByteOrder};

use crate::memory::{self, NoMemory};

use multipart::Form;
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

/// The place of the PNG in a body.
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

/// A body that is whole.
pub struct Body {
    /// The frame's number, for the URL.
    pub frame: u64,
    /// `None` if the user left the header out.
    pub content_type: Option<String>,
    /// Width and height of the image.
    pub size: (u32, u32),
    pub bytes: Vec<u8>,
}

/// A body up to the place of its PNG.
pub struct BegunBody<'a> {
    frame: u64,
    content_type: Option<&'a str>,
    bytes: Vec<u8>,
    /// The place where the PNG begins.
    start: usize,
    rest: Rest<'a>,
}

/// The work that is left once the PNG is there.
enum Rest<'a> {
    Nothing,
    Base64,
    Json(&'a Json),
    Parts(Form<'a>),
}

impl Request {
    /// The URL for this frame. Only digits are filled in, so it stays valid.
    pub fn url(&self, frame: u64) -> Url {
        let target = String::from_utf8_lossy(&self.path.fill(frame)).into_owned();
        Url { target, ..self.url.clone() }
    }

    /// Begins the body of this frame in the allocation `bytes`. `room`: the most bytes that its PNG takes.
    pub fn begin(
        &self,
        frame: u64,
        mut bytes: Vec<u8>,
        room: usize,
    ) -> Result<BegunBody<'_>, NoMemory> {
        bytes.clear();
        let rest = match &self.shape {
            Shape::Form(parts) => Rest::Parts(Form::begin(parts, frame, room, &mut bytes)?),
            Shape::Raw => {
                memory::reserve(&mut bytes, room)?;
                Rest::Nothing
            }
            Shape::Json(json) => {
                json.begin(frame, room, &mut bytes)?;
                Rest::Json(json)
            }
            Shape::Base64 => {
                memory::reserve(&mut bytes, json::base64_bytes(room))?;
                Rest::Base64
            }
        };
        let content_type = self.content_type.as_deref();
        Ok(BegunBody { frame, content_type, start: bytes.len(), bytes, rest })
    }
}

impl BegunBody<'_> {
    /// The PNG is appended here, once.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes the rest of the body behind the PNG.
    pub fn finish(self) -> Result<Body> {
        let BegunBody { frame, content_type, mut bytes, start, rest } = self;
        let mut content_type = content_type.map(str::to_owned);
        let size = png_size(&bytes[start..]);
        match rest {
            Rest::Nothing => {}
            Rest::Base64 => json::into_base64(start, &mut bytes)?,
            Rest::Json(json) => json.finish(frame, start, &mut bytes)?,
            Rest::Parts(form) => {
                let boundary = form.finish(&mut bytes);
                content_type = content_type.map(|it| format!("{it}; boundary={boundary}"));
            }
        }
        Ok(Body { frame, content_type, size, bytes })
    }
}

/// They begin a PNG's first chunk, IHDR.
fn png_size(png: &[u8]) -> (u32, u32) {
    let side = |at: usize| png.get(at..at + 4).map_or(0, BigEndian::read_u32);
    (side(16), side(20))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes of a PNG in these tests.
    const ROOM: usize = 3000;

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
            let mut begun = request.begin(u64::MAX, Vec::new(), ROOM).unwrap();
            let room = begun.bytes().capacity();
            begun.bytes().extend_from_slice(&[0; ROOM]);
            let bytes = begun.finish().unwrap().bytes;
            assert_eq!(bytes.capacity(), room, "shape {index}: {} bytes", bytes.len());
            assert!(room - bytes.len() < 1000, "shape {index}: {room} for {}", bytes.len());
        }
    }
}
