//! Bodies of JSON and of base64, and the numbers and images that are filled in for each frame.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::program::run;
use crate::support::server::{Request, Server, ok};
use crate::support::{decode, file, tiny_frames};

/// The requests that are sent for these 1x1 frames, in their order.
fn requests_with(arguments: &[&str], path: &str, frames: &[u8]) -> Vec<Request> {
    let server = Server::answering(|_, _| ok(""));
    let url = format!("http://{}/{path}", server.address);
    run(&[&["-s", "1x1"], arguments, &[&url]].concat(), frames).ok();
    server.requests()
}

fn request_with(arguments: &[&str]) -> Request {
    requests_with(arguments, "", &[1, 2, 3]).remove(0)
}

/// The image in base64, as it goes out for the frame `[1, 2, 3]`.
fn base64_png() -> String {
    let png = request_with(&["--raw"]).body;
    assert_eq!(decode(&png).pixels, [1, 2, 3]);
    STANDARD.encode(png)
}

#[test]
fn json_from_a_file_is_the_same_with_its_line_ends() {
    let template = "{\n  \"image\": \"{{png:b64}}\"\n}\n";
    let request = request_with(&["--json", &format!("@{}", file("template.json", template))]);
    assert_eq!(request.body, template.replace("{{png:b64}}", &base64_png()).into_bytes());
}

#[test]
fn base64_alone_is_the_whole_body() {
    assert_eq!(request_with(&["--body-b64"]).body, base64_png().into_bytes());
}

#[test]
fn the_head_says_what_the_body_is_unless_a_header_says_otherwise() {
    let json = ["--json", "[\"{{png:b64}}\"]"];
    let types = |arguments: &[&str]| {
        let request = request_with(arguments);
        let all = |name| request.header(name).join("|");
        (all("Content-Type"), all("Accept"))
    };
    let expected = |content_type: &str, accept: &str| (content_type.into(), accept.into());
    assert_eq!(types(&json), expected("application/json", "application/json"));
    let form = expected("application/x-www-form-urlencoded", "*/*");
    assert_eq!(types(&["--body-b64"]), form);
    for body in [&json[..], &["--body-b64"]] {
        let own = ["-H", "content-type: text/plain", "-H", "Accept: x/y"];
        assert_eq!(types(&[body, &own].concat()), expected("text/plain", "x/y"));
        let none = ["-H", "Content-Type:", "-H", "Accept:"];
        assert_eq!(types(&[body, &none].concat()), expected("", ""));
    }
}

#[test]
fn the_number_is_filled_in_in_fields_file_name_and_url() {
    let text = file("literal", "{{n}} {{x}} {{");
    let arguments = [
        "--skip",
        "9",
        "-F",
        "id=a{{n}}-{{n:03}}",
        "-F",
        "image=@-;filename=\"{{n:04}}.png\"",
        "--form-string",
        "string={{n}} {{x}}",
        "-F",
        &format!("file=<{text}"),
    ];
    let requests = requests_with(&arguments, "up/{{n}}?id={{n:03}}&x=%7B%7B", &tiny_frames(11));
    for (request, number) in requests.iter().zip([9, 10]) {
        assert_eq!(request.head[0], format!("POST /up/{number}?id={number:03}&x=%7B%7B HTTP/1.1"));
        let body = String::from_utf8_lossy(&request.body);
        for part in [
            format!("name=\"id\"\r\n\r\na{number}-{number:03}\r\n"),
            format!("name=\"image\"; filename=\"{number:04}.png\"\r\n"),
            "name=\"string\"\r\n\r\n{{n}} {{x}}\r\n".to_owned(),
            "name=\"file\"\r\n\r\n{{n}} {{x}} {{\r\n".to_owned(),
        ] {
            assert!(body.contains(&part), "{part}: {body}");
        }
    }
    assert_eq!(requests.len(), 2);
}

/// Of each kind of file that an option names.
#[test]
fn a_byte_order_mark_of_a_file_is_dropped_and_one_of_utf_16_is_refused() {
    let files = |mark: &[u8]| {
        [
            ("--form", "key=<", file("key.txt", [mark, b"k\n"].concat())),
            ("--header", "@", file("header.txt", [mark, b"X-Mark: h\r\n"].concat())),
            ("--user", "@", file("user.txt", [mark, b"me:x\n"].concat())),
            ("--json", "@", file("with-mark.json", [mark, b"[\"{{png:b64}}\"]"].concat())),
        ]
    };
    let [form, header, user, json] =
        files(b"\xef\xbb\xbf").map(|(option, at, name)| [option.to_owned(), at.to_owned() + &name]);
    for body in [form, json] {
        let is_form = body[0] == "--form";
        let arguments = [&body[..], &header, &user].concat();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let request = &requests_with(&arguments, "", &[0; 3])[0];
        assert_eq!(request.header("X-Mark"), ["h"]);
        assert_eq!(request.header("Authorization"), ["Basic bWU6eA=="]);
        let text = String::from_utf8_lossy(&request.body);
        let begin = if is_form { "name=\"key\"\r\n\r\nk\r\n" } else { "[\"iVBOR" };
        assert!(text.contains(begin) && (is_form || text.starts_with(begin)), "{text}");
    }
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        for (option, at, name) in files(mark) {
            let value = format!("{at}{name}");
            let run = run(&["-s", "1x1", option, &value, "http://127.0.0.1:1/"], &[0; 3]);
            let why = "is UTF-16, by its byte order mark; save it as UTF-8";
            run.fails(2, &format!("{option}: {name}: {why}"));
        }
    }
}
