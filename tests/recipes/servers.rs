//! Recipes for servers that want something else than a form, and the receiver as README starts it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::documents::Block;
use crate::recorder::Exchange;
use crate::seen::{Picture, assert_lines, assert_posted};
use crate::trial::{FRAMES, Trial};

/// The recipe, run; the server has to have seen frames.rgb once.
fn posted(block: &Block) -> Vec<Exchange> {
    let trial = Trial::new(block);
    let lines = trial.run().ok().lines();
    let exchanges = trial.recorder.exchanges();
    assert_posted(&exchanges, &trial.pictures());
    match block.text.contains("| jq") {
        true => assert_eq!(lines, vec!["null"; exchanges.len()]),
        false => assert_lines(&lines, &trial.pictures()),
    }
    exchanges
}

fn header<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    exchange.request.headers.get(name).map(String::as_str)
}

fn body(exchange: &Exchange) -> Value {
    serde_json::from_slice(&exchange.request.body).expect("JSON")
}

/// The receiver, run by cargo as README does it.
struct Cargo(Child);

impl Cargo {
    /// And the address that it says it listens on.
    fn run(block: &Block) -> (Self, String) {
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).expect("target/debug/deps/TEST");
        let arguments = block.text.trim().strip_prefix("cargo ").expect("cargo");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
        // cargo becomes the receiver; its own word about building goes to stderr.
        let mut child = cargo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").and_then(|url| url.strip_suffix('\n'));
        let url = url.unwrap_or_else(|| panic!("no address: {line:?}")).to_owned();
        (Cargo(child), url)
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Frames posted to it, with a line for each.
pub fn receiver(block: &Block) {
    let (_cargo, url) = Cargo::run(block);
    let trial = Trial::new(block);
    let command = format!("pngpost -s 64x64 {url} < frames.rgb");
    let pictures = Picture::all(64, 64, &trial.read("frames.rgb"));
    assert_lines(&trial.run_script(&command).ok().lines(), &pictures);
}

/// Half a second for each frame; the fourth is refused once.
pub fn slow_receiver(block: &Block) {
    let (_cargo, url) = Cargo::run(block);
    let command = format!("pngpost -s 64x64 --retry-delay 0.01 --ndjson {url} < frames.rgb");
    let records = Trial::new(block).run_script(&command).ok().lines();
    for (number, record) in records.iter().enumerate() {
        let record: Value = serde_json::from_str(record).unwrap();
        assert!(record["seconds"].as_f64().unwrap() >= 0.5, "{record}");
        let attempts = if number == 3 { 2 } else { 1 };
        assert_eq!((&record["status"], &record["attempts"]), (&json!(200), &json!(attempts)));
    }
    assert_eq!(records.len(), FRAMES);
}

/// The PNG as the body, with a token from a file.
pub fn token(block: &Block) {
    let content_type = match block.text.contains("octet-stream") {
        true => "application/octet-stream",
        false => "image/png",
    };
    for exchange in posted(block) {
        assert_eq!(header(&exchange, "authorization"), Some("Bearer the token"));
        assert_eq!(header(&exchange, "content-type"), Some(content_type));
        assert!(exchange.request.body.starts_with(b"\x89PNG"));
    }
}

/// The JSON of the command line, with the image in the place of {{png:b64}}.
pub fn json(block: &Block) {
    for exchange in posted(block) {
        let pointer = exchange.seen["part"].as_str().expect("a pointer").to_owned();
        let mut body = body(&exchange);
        *body.pointer_mut(&pointer).unwrap() = "{{png:b64}}".into();
        let template = block.text.split("--json '").nth(1).unwrap().split('\'').next().unwrap();
        assert_eq!(body, serde_json::from_str::<Value>(template).unwrap());
        assert_eq!(header(&exchange, "content-type"), Some("application/json"));
    }
}

pub fn vision(block: &Block) {
    for exchange in posted(block) {
        assert_eq!(exchange.seen["part"], "/requests/0/image/content");
        assert_eq!(header(&exchange, "authorization"), Some("Bearer the token"));
        assert_eq!(header(&exchange, "x-goog-user-project"), Some("PROJECT_ID"));
        let content_type = header(&exchange, "content-type");
        assert_eq!(content_type, Some("application/json; charset=utf-8"));
        assert!(exchange.request.first.starts_with("POST /v1/images:annotate "));
    }
}

pub fn openai(block: &Block) {
    for exchange in posted(block) {
        assert_eq!(header(&exchange, "authorization"), Some("Bearer the token"));
        let url = "/messages/0/content/1/image_url/url";
        assert_eq!(exchange.seen["part"], url);
        let image = body(&exchange).pointer(url).unwrap().clone();
        assert!(image.as_str().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
    }
}

/// Two commands: the bare PNG with PUT, then a form.
pub fn torchserve(block: &Block) {
    let trial = Trial::new(block);
    let pictures = trial.pictures();
    let lines = trial.run().ok().lines();
    assert_lines(&lines, &[&pictures[..], &pictures].concat());
    let exchanges = trial.recorder.exchanges();
    let (bare, forms) = exchanges.split_at(pictures.len());
    for exchange in bare {
        assert!(exchange.request.first.starts_with("PUT /predictions/resnet-18 "));
        assert_eq!(header(exchange, "content-type"), None);
    }
    for exchange in forms {
        assert!(exchange.request.first.starts_with("POST /predictions/resnet-18 "));
        assert_eq!(
            (&exchange.seen["part"], &exchange.seen["file_name"]),
            (&json!("data"), &json!("kitten.png"))
        );
    }
}

pub fn roboflow(block: &Block) {
    for exchange in posted(block) {
        assert!(exchange.request.body.starts_with(b"iVBORw0KGgo"), "base64");
        assert!(exchange.request.first.starts_with("POST /MODEL/42?api_key=KEY "));
    }
}

/// The frame's number, in the file name and in the URL.
pub fn numbers(block: &Block) {
    for (number, exchange) in posted(block).iter().enumerate() {
        assert_eq!(exchange.seen["file_name"], format!("{number:06}.png"));
        let first = format!("POST /classify?frame={number} HTTP/1.1");
        assert_eq!(exchange.request.first, first);
    }
}
