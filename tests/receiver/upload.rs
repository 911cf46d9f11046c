//! A request into the image that it brings. Every error is the client's.
//!
//! An image is looked for where pngpost can put it: in a form, in JSON, in base64 or bare. More than one
//! is an error, as nobody could tell which one the answer is about.

use anyhow::{Result, anyhow, bail, ensure};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The image, and what came with it.
pub struct Upload {
    /// Names and values of the text fields, in their order.
    pub fields: Vec<(Option<String>, String)>,
    /// The part's name; in JSON a pointer to the string.
    pub part: Option<String>,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub png: Bytes,
}

impl Upload {
    pub async fn of(head: request::Parts, body: Bytes) -> Result<Upload> {
        let media_type = media_type(&head.headers);
        if media_type == "multipart/form-data" {
            return form(Request::from_parts(head, Body::from(body))).await;
        }
        let content_type = content_type(&head.headers);
        let (part, png) = match media_type == "application/json" {
            true => json(&body).map(|(part, png)| (Some(part), png))?,
            false => (None, bare(body)?),
        };
        Ok(Upload { fields: Vec::new(), part, file_name: None, content_type, png })
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn media_type(headers: &HeaderMap) -> String {
    let content_type = content_type(headers).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A part with a file name is an image, any other one a field. Names stand as axum reads them: escapes
/// such as %22 are kept, and a name that is not UTF-8 is none.
async fn form(request: Request) -> Result<Upload> {
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| anyhow!("form: {}", error.body_text()))?;
    let (mut fields, mut images) = (Vec::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(form_error)? {
        let name = part.name().map(str::to_owned);
        let file_name = part.file_name().map(str::to_owned);
        let content_type = content_type(part.headers());
        let bytes = part.bytes().await.map_err(form_error)?;
        match file_name {
            None => fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            Some(_) => images.push((name, file_name, content_type, bytes)),
        }
    }
    ensure!(images.len() < 2, "{} images: takes one", images.len());
    let Some((part, file_name, content_type, png)) = images.pop() else {
        bail!("no image: no part of the form has a file name");
    };
    Ok(Upload { fields, part, file_name, content_type, png })
}

fn form_error(error: axum::extract::multipart::MultipartError) -> anyhow::Error {
    anyhow!("form: {}", error.body_text())
}

/// The one string that is a PNG in base64, bare or as a data URL, and the pointer to it.
fn json(body: &[u8]) -> Result<(String, Bytes)> {
    let value = serde_json::from_slice(body).map_err(|error| anyhow!("JSON: {error}"))?;
    let mut images = Vec::new();
    json_images(&value, String::new(), &mut images);
    ensure!(images.len() < 2, "{} images: takes one", images.len());
    images.pop().ok_or_else(|| anyhow!("no image: no string of the JSON is a PNG in base64"))
}

/// serde_json limits the depth of what it has parsed.
fn json_images(value: &Value, pointer: String, images: &mut Vec<(String, Bytes)>) {
    match value {
        Value::String(text) => {
            let text = text.strip_prefix("data:image/png;base64,").unwrap_or(text);
            images.extend(base64_png(text.as_bytes()).map(|png| (pointer, png)));
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                json_images(value, format!("{pointer}/{index}"), images);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                json_images(value, format!("{pointer}/{name}"), images);
            }
        }
        _ => {}
    }
}

/// The body itself, or what it is in base64.
fn bare(body: Bytes) -> Result<Bytes> {
    ensure!(!body.is_empty(), "no image: the body is empty");
    Ok(base64_png(&body).unwrap_or(body))
}

fn base64_png(text: &[u8]) -> Option<Bytes> {
    let bytes = STANDARD.decode(text).ok()?;
    bytes.starts_with(PNG_SIGNATURE).then(|| bytes.into())
}
