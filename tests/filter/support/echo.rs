//! A server by which a test knows each frame again: to the tiny frame of this number it answers "answer N".

use super::server::{Request, Server, ok};
use super::tiny_number;

/// The response to the frame that this request carries as its body.
pub fn echo(request: &Request) -> Vec<u8> {
    ok(format!("answer {}", tiny_number(&request.body)))
}

/// The lines of frames 0 to `count` - 1.
pub fn answers(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("answer {number}")).collect()
}

/// The same as the bytes of standard output.
pub fn answers_as_text(count: u32) -> String {
    (0..count).map(|number| format!("answer {number}\n")).collect()
}

/// A server that answers each request so, on connections that stay.
pub fn echoing() -> Server {
    Server::answering(|_, request| echo(request))
}
