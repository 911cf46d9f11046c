//! Recipes for servers that want something else than a form, and the receiver as README starts it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::documents::Block;
use crate::recorder::Exchange;
use crate::seen::{assert_lines, assert_posted};
use crate::trial::Trial;

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

/// The server's own way to say where it listens, by cargo as it is called there.
pub fn receiver(block: &Block) {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).expect("target/debug/deps/TEST");
    let cargo = block.text.trim().strip_prefix("cargo ").expect("cargo");
    let mut command = Command::new(env!("CARGO"));
    command.args(cargo.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
    // cargo becomes the receiver; its own word about building goes to stderr.
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").and_then(|url| url.strip_suffix("/\n"));
    let trial = Trial::new(block);
    let frames = trial.frames(2, 64, 64);
    trial.write("frames.rgb", frames.concat());
    let run = trial.run_script(&format!(
        "pngpost -s 64x64 http://{}/classify < frames.rgb",
        address.unwrap_or_else(|| panic!("{line:?}"))
    ));
    let _ = child.kill();
    let _ = child.wait();
    assert_lines(&run.ok().lines(), &crate::seen::Picture::all(64, 64, &frames.concat()));
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
