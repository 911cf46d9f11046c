//! Forms as axum's own multipart parser sees them: code that we did not write.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};

use super::server::Request;

/// One part, as axum's parser sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: Option<String>,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

/// The parts of the form in this request.
pub fn parts(request: &Request) -> Vec<Part> {
    let content_type = request.header("Content-Type")[0];
    let parsed = axum::extract::Request::builder().header("Content-Type", content_type);
    let parsed = parsed.body(Body::from(request.body.clone())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut form = Multipart::from_request(parsed, &()).await.expect("a form");
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.expect("a well-formed form") {
            parts.push(Part {
                name: field.name().map(str::to_owned),
                file_name: field.file_name().map(str::to_owned),
                content_type: field.content_type().map(str::to_owned),
                bytes: field.bytes().await.expect("a whole part").to_vec(),
            });
        }
        parts
    })
}
