//! Image servers: the request that pngpost makes is that of the curl line in the server's own
//! documentation. Real curl makes that line's request, with the same PNG in the place of the image.
//!
//! Held together are method, path, Content-Type, the documented headers and the body, byte for byte.
//! Left out are User-Agent, which names the client, and Accept, which is `*/*` with those lines.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::installed::needed;
use crate::support::file;
use crate::support::program::run;
use crate::support::server::{Request, Server, ok};

const PIXEL: [u8; 3] = [1, 2, 3];

/// An image, and a server that both programs post it to.
struct Case {
    curl: PathBuf,
    server: Server,
    png: Vec<u8>,
}

impl Case {
    /// `None` if curl is not installed.
    fn new() -> Option<Case> {
        let curl = needed("curl")?;
        let server = Server::answering(|_, _| ok("{}"));
        run(&["-s", "1x1", "--raw", &server.url()], &PIXEL).ok();
        let png = server.requests.lock().unwrap().remove(0).body;
        Some(Case { curl, server, png })
    }

    fn base64(&self) -> String {
        STANDARD.encode(&self.png)
    }

    fn last(&self) -> Request {
        self.server.requests.lock().unwrap().pop().expect("a request")
    }

    /// The request that curl sends to this path.
    fn curl(&self, path: &str, arguments: &[&str]) -> Request {
        let url = format!("http://{}{path}", self.server.address);
        let mut curl = Command::new(&self.curl);
        curl.args(["-q", "-sS", "--noproxy", "*"]).args(arguments).arg(url);
        let output = curl.stdin(Stdio::null()).stderr(Stdio::inherit());
        assert!(output.output().unwrap().status.success());
        self.last()
    }

    fn pngpost(&self, path: &str, arguments: &[&str]) -> Request {
        let url = format!("http://{}{path}", self.server.address);
        run(&[&["-s", "1x1"], arguments, &[&url]].concat(), &PIXEL).ok();
        self.last()
    }
}

#[track_caller]
fn assert_same(ours: &Request, documented: &Request, headers: &[&str]) {
    assert_eq!(ours.head[0], documented.head[0]);
    for name in headers {
        assert!(!documented.header(name).is_empty(), "{name}");
        assert_eq!(ours.header(name), documented.header(name), "{name}");
    }
    assert_eq!(ours.body.escape_ascii().to_string(), documented.body.escape_ascii().to_string());
}

/// A line with `curl -d` and no header says that JSON is a form; our request says that it is JSON.
#[track_caller]
fn assert_same_json(ours: &Request, documented: &Request) {
    assert_eq!(documented.header("Content-Type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(ours.header("Content-Type"), ["application/json"]);
    assert_same(ours, documented, &[]);
}

#[test]
fn tensorflow_serving() {
    let Some(case) = Case::new() else { return };
    let path = "/v1/models/resnet:predict";
    let template = r#"{"instances": [{"b64": "{{png:b64}}"}]}"#;
    let data = template.replace("{{png:b64}}", &case.base64());
    let documented = case.curl(path, &["-d", &data, "-X", "POST"]);
    assert_same_json(&case.pngpost(path, &["--json", template]), &documented);
}

#[test]
fn google_vision() {
    let Some(case) = Case::new() else { return };
    let path = "/v1/images:annotate";
    // In one line: curl -d drops the line ends of a file.
    let template = r#"{ "requests": [ { "image": { "content": "{{png:b64}}" }, "features": [ { "type": "LABEL_DETECTION", "maxResults": 1 } ] } ] }"#;
    let data = template.replace("{{png:b64}}", &case.base64());
    let headers = [
        "-H",
        "Authorization: Bearer TOKEN",
        "-H",
        "x-goog-user-project: PROJECT_ID",
        "-H",
        "Content-Type: application/json; charset=utf-8",
    ];
    let data = format!("@{}", file("vision-request.json", data));
    let documented = case.curl(path, &[&["-X", "POST"], &headers[..], &["-d", &data]].concat());
    let template = format!("@{}", file("vision-template.json", template));
    let ours = case.pngpost(path, &[&headers[..], &["--json", &template]].concat());
    assert_same(&ours, &documented, &["Authorization", "x-goog-user-project", "Content-Type"]);
}

#[test]
fn ollama() {
    let Some(case) = Case::new() else { return };
    let template = r#"{
  "model": "llava",
  "prompt":"What is in this picture?",
  "stream": false,
  "images": ["{{png:b64}}"]
}"#;
    let data = template.replace("{{png:b64}}", &case.base64());
    let documented = case.curl("/api/generate", &["-d", &data]);
    assert_same_json(&case.pngpost("/api/generate", &["--json", template]), &documented);
}

#[test]
fn openai_compatible() {
    let Some(case) = Case::new() else { return };
    let path = "/v1/chat/completions";
    let template = r#"{
    "model": "gpt-4o-mini",
    "messages": [
      {
        "role": "user",
        "content": [
          {
            "type": "text",
            "text": "What’s in this image?"
          },
          {
            "type": "image_url",
            "image_url": {
              "url": "data:image/png;base64,{{png:b64}}"
            }
          }
        ]
      }
    ],
    "max_tokens": 300
  }"#;
    let data = template.replace("{{png:b64}}", &case.base64());
    let key = ["-H", "Authorization: Bearer KEY"];
    let json = ["-H", "Content-Type: application/json"];
    let documented = case.curl(path, &[&json[..], &key, &["-d", &data]].concat());
    let ours = case.pngpost(path, &[&key[..], &["--json", template]].concat());
    assert_same(&ours, &documented, &["Authorization", "Content-Type"]);
}

#[test]
fn torchserve() {
    let Some(case) = Case::new() else { return };
    let path = "/predictions/resnet-18";
    let image = file("kitten_small.png", &case.png);
    let documented = case.curl(path, &["-T", &image]);
    assert_eq!(documented.header("Content-Type"), [""; 0]);
    let ours = case.pngpost(path, &["-X", "PUT", "--raw", "-H", "Content-Type:"]);
    assert_eq!(ours.header("Content-Type"), [""; 0]);
    assert_same(&ours, &documented, &[]);

    let documented = case.curl(path, &["-F", &format!("data=@{image}")]);
    let ours = case.pngpost(path, &["-F", "data=@-;filename=kitten_small.png"]);
    assert_eq!(ours.head[0], documented.head[0]);
    assert_eq!(without_boundary(&ours), without_boundary(&documented));
}

/// The body of a form with `BOUNDARY` in the place of its boundary.
fn without_boundary(request: &Request) -> String {
    let content_type = request.header("Content-Type")[0];
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect(content_type);
    request.body.escape_ascii().to_string().replace(boundary, "BOUNDARY")
}

#[test]
fn hugging_face() {
    let Some(case) = Case::new() else { return };
    let path = "/hf-inference/models/google/vit-base-patch16-224";
    let data = format!("@{}", file("cats.png", &case.png));
    let headers = ["-H", "Authorization: Bearer hf_TOKEN", "-H", "Content-Type: image/png"];
    let line = [&["-X", "POST"], &headers[..], &["--data-binary", &data]].concat();
    let documented = case.curl(path, &line);
    let ours = case.pngpost(path, &["--raw", "-H", "Authorization: Bearer hf_TOKEN"]);
    assert_same(&ours, &documented, &["Authorization", "Content-Type"]);
}

#[test]
fn roboflow() {
    let Some(case) = Case::new() else { return };
    let path = "/your-model/42?api_key=YOUR_KEY";
    // base64 YOUR_IMAGE.png | curl -d @- URL: lines of 76 characters, which -d joins again.
    let text = case.base64();
    let lines: Vec<_> = text.as_bytes().chunks(76).map(|line| [line, b"\n"].concat()).collect();
    let lines = format!("@{}", file("roboflow.base64", lines.concat()));
    let documented = case.curl(path, &["-d", &lines]);
    let ours = case.pngpost(path, &["--body-b64"]);
    assert_same(&ours, &documented, &["Content-Type"]);
}
