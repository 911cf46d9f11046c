//! Recipes for servers that want something else than a form, and README's toy server.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::fs;

use crate::daemon::Nginx;
use crate::documents::Block;
use crate::recorder::Exchange;
use crate::seen::{assert_lines, assert_posted};
use crate::trial::{FRAMES, Trial};

/// The recipe, run; the server has to have seen frames.rgb once.
fn posted(block: &Block) -> Vec<Exchange> {
    let trial = Trial::new(block);
    let lines = trial.run().ok().lines();
    let exchanges = trial.recorder.exchanges();
    assert_posted(&exchanges, &trial.pictures());
    assert_lines(&lines, &trial.pictures());
    exchanges
}

fn header<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    exchange.header(name)
}

fn body(exchange: &Exchange) -> Value {
    serde_json::from_slice(&exchange.request.body).expect("JSON")
}

/// The ten lines of Flask, on a free port: a dark frame and a light one.
pub fn toy(block: &Block) {
    let trial = Trial::new(block);
    trial.write("two.rgb", [vec![20; 64 * 64 * 3], vec![200; 64 * 64 * 3]].concat());
    let (flask, address) = block.text.split_once('#').expect("its address");
    let place = address.trim().rsplit('/').next().unwrap();
    let script = format!(
        "{flask} --port 0 > told 2>&1 &\n\
         until url=$(grep -o 'http://127[.0-9]*:[0-9]*' told); do sleep 0.1; done\n\
         pngpost -s 64x64 \"$url/{place}\" < two.rgb; kill $!"
    );
    let lines = trial.run_script(&script).ok().lines();
    let lights = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lights: Vec<_> =
        lights.map(|line| (line["label"].clone(), line["light"].clone())).collect();
    assert_eq!(lights, [(json!("night"), json!(20)), (json!("day"), json!(200))]);
}

/// Django takes a header that is its cookie's token, and wants to come from one of its own pages over https.
pub fn csrf(block: &Block) {
    for exchange in posted(block) {
        let token = header(&exchange, "x-csrftoken").expect("a token");
        assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(header(&exchange, "cookie"), Some(&*format!("csrftoken={token}")));
        let host = header(&exchange, "host").unwrap();
        assert_eq!(header(&exchange, "referer"), Some(&*format!("http://{host}/")));
    }
}

/// Each frame is a file of nginx's.
pub fn web_dav(block: &Block) {
    let mut trial = Trial::new(block);
    let at = trial.folder.path().display().to_string();
    fs::create_dir(trial.folder.path().join("dir")).unwrap();
    trial.write("users", "u:{PLAIN}p\n");
    let users = format!("auth_basic frames; auth_basic_user_file {at}/users;");
    let settings = format!("root {at}; dav_methods PUT; {users}");
    let Some(nginx) = Nginx::start(&trial.folder, &settings) else { return };
    let nginx = format!("127.0.0.1:{}", nginx.port);
    let receiver = std::mem::replace(&mut trial.recorder.address, nginx);
    assert_eq!(trial.run().ok().lines(), [""; FRAMES]);
    let stored = format!("cat dir/00000[0-4].png | pngpost http://{receiver}");
    assert_lines(&trial.run_script(&stored).ok().lines(), &trial.pictures());
}

/// Servers by a part of their recipe, and curl's lines as their own documentation has them: with the PNG in kitten.png, and
/// with its JSON in data.json, BASE64 being the PNG.
const DOCUMENTED: &[(&str, &str, &str)] = &[
    (
        "resnet:predict",
        "curl -d @data.json -X POST http://localhost:8501/v1/models/resnet:predict",
        r#"{"instances": [{"b64": "BASE64"}]}"#,
    ),
    (
        "vision.googleapis",
        "curl -X POST -H 'Authorization: Bearer the token' -H 'x-goog-user-project: PROJECT_ID' \
             -H 'Content-Type: application/json; charset=utf-8' -d @data.json \
             https://vision.googleapis.com/v1/images:annotate",
        r#"{"requests": [{"image": {"content": "BASE64"},
            "features": [{"type": "LABEL_DETECTION", "maxResults": 1}]}]}"#,
    ),
    (
        "/api/generate",
        "curl http://localhost:11434/api/generate -d @data.json",
        r#"{"model": "llava", "prompt": "What is in this picture?", "stream": false, "images": ["BASE64"]}"#,
    ),
    (
        "api.openai.com",
        "curl https://api.openai.com/v1/chat/completions -H 'Content-Type: application/json' \
             -H 'Authorization: Bearer the token' -d @data.json",
        r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is in this image?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,BASE64"}}]}]}"#,
    ),
    ("resnet-18", "curl http://localhost:8080/predictions/resnet-18 -F data=@kitten.png", ""),
    (
        "request=@-",
        "curl http://localhost:8000/predict -F 'request=@kitten.png;filename=image.png'
         curl -X POST -F 'picture=@kitten.png;filename=image.png' http://localhost:3000/classify",
        "",
    ),
    (
        "BlockBlob",
        "curl -T kitten.png -H 'x-ms-blob-type: BlockBlob' -H 'Content-Type: image/png' \
             'https://ACCOUNT.blob.core.windows.net/BOX/000000.png?SAS'",
        "",
    ),
    (
        "x-amz-signature",
        "curl -F key=run7/000000.png -F x-amz-algorithm=AWS4-HMAC-SHA256 \
             -F x-amz-date=20261130T120000Z -F x-amz-credential=ID/20261130/us-east-1/s3/aws4_request \
             -F policy=e30= -F x-amz-signature=0a1b -F 'file=@kitten.png;filename=image.png' \
             https://BUCKET.s3.amazonaws.com/",
        "",
    ),
    (
        "AWSAccessKeyId",
        "curl -T kitten.png 'https://BUCKET.s3.amazonaws.com/a.png?AWSAccessKeyId=ID&Signature=S'",
        "",
    ),
    (
        "/v2/models",
        "curl -H 'Content-Type: application/json' -d @data.json \
             http://localhost:8080/v2/models/resnet/infer",
        r#"{"id": "0", "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES",
            "parameters": {"content_type": "base64"}, "data": ["BASE64"]}]}"#,
    ),
    (
        "gradio_api",
        "curl http://localhost:7860/gradio_api/run/NAME -d @data.json \
             -H 'Content-Type: application/json'",
        r#"{"data": [{"url": "data:image/png;base64,BASE64"}]}"#,
    ),
    (
        "huggingface",
        "curl https://router.huggingface.co/hf-inference/models/MODEL -X POST \
             -H 'Authorization: Bearer the token' -H 'Content-Type: image/png' --data-binary @kitten.png",
        "",
    ),
    (
        "roboflow",
        "base64 kitten.png | curl -d @- 'https://detect.roboflow.com/MODEL/42?api_key=KEY'",
        "",
    ),
];

/// The request is that of curl's line in the server's own documentation, with the same image. A line with `curl -d` and
/// no header says that JSON is a form; ours says that it is JSON.
pub fn as_documented(block: &Block) {
    let is_it = |documented: &&(&str, &str, &str)| block.text.contains(documented.0);
    let (_, curl, data) = DOCUMENTED.iter().find(is_it).expect("its documentation");
    let mut trial = Trial::new(block);
    let lines = trial.run().ok().lines();
    let ours = trial.recorder.exchanges();
    let pictures = vec![trial.pictures(); ours.len() / FRAMES].concat();
    assert_posted(&ours, &pictures);
    match block.text.contains("| jq") {
        true => assert_eq!(lines, vec!["null"; ours.len()]),
        false => assert_lines(&lines, &pictures),
    }
    let (width, height) = block.sizes()[0];
    let raw =
        format!("pngpost -s {width}x{height} --raw http://{} < frames.rgb", trial.recorder.address);
    trial.run_script(&raw).ok();
    let png = trial.recorder.exchanges()[ours.len()].request.body.clone();
    trial.write("data.json", data.replace("BASE64", &BASE64_STANDARD.encode(&png)));
    trial.write("kitten.png", png);
    trial.block.text = curl.replace("curl ", "curl -sS -H Expect: -w '\\n' ");
    trial.run().ok();
    let documented = trial.recorder.exchanges().split_off(ours.len() + FRAMES);
    assert_eq!(documented.len(), curl.matches("curl ").count());
    for (ours, documented) in ours.chunks(ours.len() / documented.len()).zip(&documented) {
        assert_same(&ours[0], documented);
    }
}

#[track_caller]
fn assert_same(ours: &Exchange, documented: &Exchange) {
    assert_eq!(ours.request.head[0], documented.request.head[0]);
    for name in ["authorization", "x-goog-user-project", "x-ms-blob-type"] {
        assert_eq!(header(ours, name), header(documented, name));
    }
    let ([own, own_body], [theirs, body]) = (without_boundary(ours), without_boundary(documented));
    if let Ok(json) = serde_json::from_slice::<Value>(&documented.request.body) {
        assert_eq!(self::body(ours), json);
        let is_named = theirs.starts_with("application/json");
        assert_eq!(own, if is_named { &*theirs } else { "application/json" });
    } else {
        assert_eq!((own, own_body), (theirs, body));
    }
}

/// Content-Type and body, with `BOUNDARY` in the place of a form's boundary.
fn without_boundary(exchange: &Exchange) -> [String; 2] {
    let content_type = header(exchange, "content-type").unwrap_or_default();
    let boundary = content_type.split_once("boundary=").map_or("no boundary", |it| it.1);
    let body = exchange.request.body.escape_ascii().to_string();
    [content_type.to_owned(), body].map(|text| text.replace(boundary, "BOUNDARY"))
}

/// The frame's number, in the file name and in the URL.
pub fn numbers(block: &Block) {
    for (number, exchange) in posted(block).iter().enumerate() {
        assert_eq!(exchange.seen["file_name"], format!("{number:06}.png"));
        let first = format!("POST /classify?frame={number} HTTP/1.1");
        assert_eq!(exchange.request.head[0], first);
    }
}
