//! PNG bytes into a request body. Pure: nothing is opened, nothing is sent.
//!
//! The PNG is written once, straight into the body that is uploaded; where it goes out in base64, it
//! is turned into that in its place. A frame's body is made once: a retry sends the same bytes.

mod header;
mod json;
mod multipart;
pub mod template;
mod url;

use anyhow::Result;

use template::Template;

pub use header::{Header, HeaderRule, is_token};
pub use json::Json;
pub use url::{Url, UserInfo};

/// How the PNG goes into a body. `content_type` is `None` where the user left the header out.
pub enum Shape {
    /// The parts in their order, exactly one of them the frame. `content_type` is without boundary.
    Multipart { parts: Vec<Part>, content_type: String },
    /// The body is the PNG itself.
    Raw { content_type: Option<String> },
    /// The body is JSON with the PNG in it.
    Json { json: Json, content_type: Option<String> },
    /// The body is the PNG in base64.
    Base64 { content_type: Option<String> },
}

/// One part of a multipart body.
pub enum Part {
    Field { name: Vec<u8>, value: Template },
    Image(ImagePart),
}

impl Part {
    /// A field's value.
    pub fn value(&self) -> Option<&Template> {
        match self {
            Part::Field { value, .. } => Some(value),
            Part::Image(_) => None,
        }
    }
}

/// The part that is the frame.
#[derive(Clone)]
pub struct ImagePart {
    pub name: Vec<u8>,
    pub file_name: Template,
    pub content_type: String,
}

impl Default for ImagePart {
    /// A file name, because Flask and FastAPI take a part without one for text.
    fn default() -> Self {
        ImagePart {
            name: b"image".to_vec(),
            file_name: Template::literal("image.png"),
            content_type: "image/png".to_owned(),
        }
    }
}

/// What is uploaded.
#[derive(Clone)]
pub struct Body {
    /// The frame's number: the URL may hold it.
    pub frame: u64,
    /// `None` where the user left the header out.
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

impl Shape {
    /// A body around the PNG that `append_png` writes; `room` is how many bytes that may be. It is made
    /// in the allocation of `spare`.
    pub fn body(
        &self,
        frame: u64,
        spare: Vec<u8>,
        room: usize,
        append_png: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Body> {
        let mut bytes = spare;
        bytes.clear();
        let content_type = match self {
            Shape::Multipart { parts, content_type } => {
                let boundary = multipart::write(parts, frame, room, append_png, &mut bytes)?;
                Some(format!("{content_type}; boundary={boundary}"))
            }
            Shape::Raw { content_type } => {
                bytes.reserve_exact(room);
                append_png(&mut bytes)?;
                content_type.clone()
            }
            Shape::Json { json, content_type } => {
                json.write(frame, room, append_png, &mut bytes)?;
                content_type.clone()
            }
            Shape::Base64 { content_type } => {
                json::write_base64(room, append_png, &mut bytes)?;
                content_type.clone()
            }
        };
        Ok(Body { frame, content_type, bytes })
    }
}
