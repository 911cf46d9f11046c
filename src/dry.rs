//! --dry-run: the end of the road for a client that sends nothing. Nothing is looked up or connected.
//!
//! stderr shows the first request as it would go out, and at the end what would have been sent. It shows what
//! pngpost sets by itself, names, and sizes; values that the user has given are withheld, because any of them
//! may be a secret.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use memchr::memmem;

use crate::counts::Counts;
use crate::frame::FrameSize;
use crate::lock::lock;
use crate::messages::{count_of, foreign, say};
use crate::request::template::{Piece, Template};
use crate::request::{Body, HeaderRule, Request};

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

pub struct Dry {
    /// The names of the headers that the user has given.
    given: Vec<String>,
    /// The first sizes of frames, in the order in which they came, and how many frames have each.
    sizes: Mutex<Vec<(FrameSize, u64)>>,
}

impl Dry {
    pub fn new(rules: &[HeaderRule]) -> Self {
        let given = rules.iter().map(|rule| rule.name().to_owned()).collect();
        Dry { given, sizes: Mutex::default() }
    }

    /// Takes a body that would go out behind `head`, through `detour` if there is one. The first is shown.
    pub fn take(&self, request: &Request, head: &[u8], detour: Option<&str>, body: &Body) {
        let mut sizes = lock(&self.sizes);
        if sizes.is_empty() {
            let detour = detour.map_or_else(String::new, |detour| format!(" through {detour}"));
            say(format!("> {} {}{detour}", request.method, shown_url(request, body.frame)));
            let head = String::from_utf8_lossy(head);
            // The request line stands above, without what may be secret in it.
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            lines.for_each(|(name, value)| self.show_header(name, value));
            parts(body).iter().for_each(|part| say(format!("> part: {part}")));
        }
        match sizes.iter().position(|(size, _)| *size == body.size) {
            Some(place) => sizes[place].1 += 1,
            None if sizes.len() < MAX_SIZES => sizes.push((body.size, 1)),
            None => {}
        }
    }

    fn show_header(&self, name: &str, value: &str) {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let is_shown = SHOWN.into_iter().any(is) && !self.given.iter().any(|given| is(given));
        say(format!("> {name}: {}", if is_shown { value } else { WITHHELD }));
    }

    /// Says how it was: `3 frames (2 of 64x64, 1 of 32x32), 1234 bytes read, 567 bytes to send; nothing was sent`
    pub fn end(&self, counts: &Counts) {
        let figures = &counts.figures;
        let [frames, read, to_send] = [&figures.answered, &figures.bytes_read, &figures.bytes_sent]
            .map(|count| count.load(Ordering::Relaxed));
        say(format!(
            "dry run: {}{}, {} read, {} to send; nothing was sent",
            count_of(frames, "frame", "frames"),
            self.sizes_of(frames),
            count_of(read, "byte", "bytes"),
            count_of(to_send, "byte", "bytes"),
        ));
    }

    /// In words, the sizes of all `frames`.
    fn sizes_of(&self, frames: u64) -> String {
        let sizes = lock(&self.sizes);
        let others = frames.saturating_sub(sizes.iter().map(|(_, count)| count).sum());
        let others = (others > 0).then(|| format!("{others} of other sizes"));
        let told = sizes.iter().map(|(size, count)| format!("{count} of {size}")).chain(others);
        let told: Vec<_> = told.collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
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
        Ok(template) if matches!(template.pieces[..], [Piece::Number(_)]) => {
            String::from_utf8_lossy(&template.fill(frame)).into_owned()
        }
        _ => WITHHELD.to_owned(),
    }
}

/// The head of each part of a form, on one line, and the size of its content.
fn parts(body: &Body) -> Vec<String> {
    let content_type = body.content_type.as_deref().unwrap_or_default();
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return Vec::new() };
    let delimiter = format!("--{boundary}");
    // One before each part, and one behind the last.
    let places: Vec<_> = memmem::find_iter(&body.bytes, &delimiter).collect();
    let part = |places: &[usize]| {
        let part = body.bytes.get(places[0] + delimiter.len() + 2..places[1] - 2)?;
        let head_end = memmem::find(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..head_end]).replace("\r\n", ", ");
        let bytes = count_of((part.len() - head_end - 4) as u64, "byte", "bytes");
        Some(format!("{}: {bytes}", foreign(&head)))
    };
    places.windows(2).filter_map(part).collect()
}
