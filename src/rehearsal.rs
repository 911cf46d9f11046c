//! --dry-run: every frame is read and encoded, and none is sent. Nothing is looked up or connected.
//!
//! stderr shows the first request as it would go out, and at the end what would have been sent. It shows what
//! pngpost sets by itself, names, and sizes; values that the user has given are withheld, because any of them
//! may be a secret. stdout stays empty.

use std::sync::Arc;

use anyhow::{Context, Result};
use byteorder::{BigEndian, ByteOrder as _};

use crate::encode::{BadSample, Encoder, max_png_bytes};
use crate::ending::Ending;
use crate::frame::{Content, Frame};
use crate::headers::Current;
use crate::http::Kept;
use crate::input::{Cause, Input, InputError, Stdin};
use crate::messages::{causes, count_of, foreign, say};
use crate::request::template::Template;
use crate::request::{Body, Request};

/// Headers whose values are shown, unless the user has given them.
const SHOWN: [&str; 7] = [
    "Host",
    "User-Agent",
    "Accept",
    "Accept-Encoding",
    "Connection",
    "Content-Type",
    "Content-Length",
];

/// The most sizes that are told apart.
const MAX_SIZES: usize = 8;

const WITHHELD: &str = "(withheld)";

pub struct Rehearsal {
    pub input: Input<Stdin>,
    pub encoder: Encoder,
    pub request: Arc<Request>,
    pub headers: Arc<Current>,
    pub client: Box<Kept>,
    pub keep_going: bool,
}

/// What has been read and would have been sent.
#[derive(Default)]
struct Tally {
    frames: u64,
    /// Sizes in the order of their first frame, and how many frames have each.
    sizes: Vec<(String, u64)>,
    other_sizes: u64,
    bytes_read: u64,
    bytes_to_send: u64,
}

impl Rehearsal {
    pub fn run(mut self) -> Ending {
        let (mut tally, mut ending) = (Tally::default(), Ending::Done);
        let (mut frames, mut bodies) = (Vec::new(), Vec::new());
        loop {
            let mut frame = match self.input.read(frames) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    ending = not_read(&error, ending);
                    break;
                }
            };
            let (read, size) = (frame.bytes.len(), size_of(&frame));
            let body = self.body(&mut frame, bodies);
            (frames, bodies) = (frame.bytes, Vec::new());
            match body {
                Ok(body) => {
                    if tally.frames == 0 {
                        self.show(&body);
                    }
                    tally.add(size, read, body.bytes.len());
                    bodies = body.bytes;
                }
                Err(error) => {
                    let is_bad_input = error.is::<BadSample>();
                    say(format!("frame {}: {}", frame.number, causes(&error)));
                    if !self.keep_going {
                        ending = if is_bad_input { Ending::BadInput } else { Ending::Failed };
                        break;
                    }
                    ending = Ending::Failed;
                }
            }
        }
        say(tally.summary());
        ending
    }

    fn body(&self, frame: &mut Frame, bytes: Vec<u8>) -> Result<Body> {
        let room = max_png_bytes(frame);
        let mut body = self.request.begin(frame.number, bytes, room).context("encode")?;
        self.encoder.append_png(frame, body.bytes())?;
        body.finish()
    }

    fn show(&self, body: &Body) {
        let detour = self.client.detour().map(|detour| format!(" through {detour}"));
        let (method, url) = (&self.request.method, shown_url(&self.request, body.frame));
        say(format!("> {method} {url}{}", detour.unwrap_or_default()));
        match self.client.head(body, &self.headers.list) {
            Ok(head) => {
                let head = String::from_utf8_lossy(&head);
                // The request line stands above, without what may be secret in it.
                let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
                lines.for_each(|(name, value)| self.show_header(name, value));
            }
            Err(error) => say(format!("frame {}: {}", body.frame, causes(&error))),
        }
        parts(body).iter().for_each(|part| say(format!("> part: {part}")));
    }

    fn show_header(&self, name: &str, value: &str) {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let is_given = self.headers.rules.iter().any(|rule| is(rule.name()));
        let is_shown = !is_given && SHOWN.into_iter().any(is);
        say(format!("> {name}: {}", if is_shown { value } else { WITHHELD }));
    }
}

/// The URL for this frame, without the values of its query: a key often stands there.
fn shown_url(request: &Request, frame: u64) -> String {
    let url = request.url(frame).to_string();
    let path = url.split('?').next().unwrap_or_default();
    let Some((_, query)) = request.url.target.split_once('?') else { return path.to_owned() };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => format!("{name}={}", shown_value(value, frame)),
        None => WITHHELD.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// A value that is the frame's number alone is no secret.
fn shown_value(value: &str, frame: u64) -> String {
    match Template::with_number(value.as_bytes()) {
        Ok(template) if template.has_number() && template.texts().next().is_none() => {
            String::from_utf8_lossy(&template.fill(frame)).into_owned()
        }
        _ => WITHHELD.to_owned(),
    }
}

/// The head of each part of a form, on one line, and the size of its content.
fn parts(body: &Body) -> Vec<String> {
    let content_type = body.content_type.as_deref().unwrap_or_default();
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return Vec::new() };
    let delimiter = format!("--{boundary}\r\n").into_bytes();
    let mut parts = Vec::new();
    let mut rest = body.bytes.as_slice();
    while let Some(part) = rest.strip_prefix(delimiter.as_slice()) {
        let end = memchr::memmem::find(part, format!("\r\n--{boundary}").as_bytes());
        let end = end.unwrap_or(part.len());
        let head_end = memchr::memmem::find(&part[..end], b"\r\n\r\n").unwrap_or(end);
        let head = String::from_utf8_lossy(&part[..head_end]).replace("\r\n", ", ");
        let content = end.saturating_sub(head_end + 4) as u64;
        parts.push(format!("{}: {}", foreign(&head), count_of(content, "byte", "bytes")));
        rest = part.get(end + 2..).unwrap_or_default();
    }
    parts
}

fn size_of(frame: &Frame) -> String {
    match &frame.content {
        Content::Pixels { size, .. } => size.to_string(),
        // Width and height begin the first chunk, IHDR.
        Content::Png => {
            let side = |at: usize| frame.bytes.get(at..at + 4).map_or(0, BigEndian::read_u32);
            format!("{}x{}", side(16), side(20))
        }
    }
}

fn not_read(error: &InputError, ending: Ending) -> Ending {
    say(error);
    match error.cause {
        Cause::Read(_) => Ending::Failed,
        // An earlier frame has failed already.
        _ if ending == Ending::Failed => ending,
        _ => Ending::BadInput,
    }
}

impl Tally {
    fn add(&mut self, size: String, read: usize, to_send: usize) {
        self.frames += 1;
        self.bytes_read += read as u64;
        self.bytes_to_send += to_send as u64;
        let is_new = match self.sizes.iter_mut().find(|(known, _)| *known == size) {
            Some((_, count)) => {
                *count += 1;
                false
            }
            None => true,
        };
        if is_new && self.sizes.len() < MAX_SIZES {
            self.sizes.push((size, 1));
        } else if is_new {
            self.other_sizes += 1;
        }
    }

    /// `3 frames (2 of 64x64, 1 of 32x32), 1234 bytes read, 567 bytes to send, nothing sent`
    fn summary(&self) -> String {
        let sizes = self.sizes.iter().map(|(size, count)| format!("{count} of {size}"));
        let others = (self.other_sizes > 0).then(|| format!("{} of other sizes", self.other_sizes));
        let sizes = sizes.chain(others).collect::<Vec<_>>().join(", ");
        let sizes = if sizes.is_empty() { sizes } else { format!(" ({sizes})") };
        format!(
            "dry run: {}{sizes}, {} read, {} to send; nothing was sent",
            count_of(self.frames, "frame", "frames"),
            count_of(self.bytes_read, "byte", "bytes"),
            count_of(self.bytes_to_send, "byte", "bytes"),
        )
    }
}
