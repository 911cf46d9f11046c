//! The form as axum's parser sees it, and the request byte for byte.

use crate::support::decode;
use crate::support::folder::Folder;
use crate::support::multipart::{Part, parts};
use crate::support::program::run;
use crate::support::server::{Request, Server, ok};

/// The parts of the form that one frame is sent in.
fn parts_with(arguments: &[&str]) -> Vec<Part> {
    parts(&request_with(arguments))
}

/// The one request that is sent for one frame.
fn request_with(arguments: &[&str]) -> Request {
    let server = Server::answering(|_, _| ok(""));
    run(&[&["-s", "1x1"], arguments, &[&server.url()]].concat(), &[1, 2, 3]).ok();
    server.requests().remove(0)
}

fn field(name: &str, value: &[u8]) -> Part {
    let name = Some(name.to_owned());
    Part { name, file_name: None, content_type: None, bytes: value.to_vec() }
}

/// The image part, its bytes left out: `without_image` has looked at them.
fn image(name: &str, file_name: &str, content_type: &str) -> Part {
    Part {
        name: Some(name.to_owned()),
        file_name: Some(file_name.to_owned()),
        content_type: Some(content_type.to_owned()),
        bytes: Vec::new(),
    }
}

fn without_image(mut parts: Vec<Part>) -> Vec<Part> {
    for part in parts.iter_mut().filter(|part| part.file_name.is_some()) {
        assert_eq!(decode(&part.bytes).pixels, [1, 2, 3]);
        part.bytes.clear();
    }
    parts
}

#[test]
fn the_frame_alone_is_image_png() {
    assert_eq!(without_image(parts_with(&[])), [image("image", "image.png", "image/png")]);
}

#[test]
fn fields_go_out_as_they_are_in_their_order_and_the_frame_last() {
    let folder = Folder::new("fields");
    let text = folder.file("text", b"from a file\nsecond line\n");
    let binary = folder.file("binary", b"\0\xff\r\n--\r\n\r\n");
    let parts = parts_with(&[
        "-F",
        "a=1;type=x",
        "--form=b=\"\"",
        "-Fa=again",
        "-F",
        &format!("c=<{text}"),
        "-F",
        &format!("d=<{binary}"),
        "--form-string",
        "e=@-;x",
        "--form-string",
        "f=</etc/passwd",
        "-F",
        "g= \"quoted\" ",
    ]);
    let expected = [
        field("a", b"1;type=x"),
        field("b", b""),
        field("a", b"again"),
        field("c", b"from a file\nsecond line"),
        field("d", b"\0\xff\r\n--\r\n"),
        field("e", b"@-;x"),
        field("f", b"</etc/passwd"),
        field("g", b"quoted"),
        image("image", "image.png", "image/png"),
    ];
    assert_eq!(without_image(parts), expected);
}

#[test]
fn the_frames_part_stands_where_it_is_named() {
    let parts = parts_with(&["-F", "a=1", "-F", "file=@-", "-F", "b=2"]);
    let expected = [field("a", b"1"), image("file", "image.png", "image/png"), field("b", b"2")];
    assert_eq!(without_image(parts), expected);
    let settings = "x=@-;filename=\"a;b\\\\c\";type=\"image/x-png; q=1\"";
    let parts = without_image(parts_with(&["-F", settings]));
    assert_eq!(parts[0].content_type.as_deref(), Some("image/x-png; q=1"));
    for text in [
        "x=@-; type=image/apng ;filename=f.png",
        "x=@- ;filename=f.png ;type=image/apng",
        "x=@ -;FILENAME= \"f.png\" ; Type= image/apng",
        "x=@\"-\";filename=f.png;type= image/apng ;",
    ] {
        let parts = without_image(parts_with(&["-F", text]));
        assert_eq!(parts, [image("x", "f.png", "image/apng")], "{text}");
    }
    let parts = without_image(parts_with(&["-F", "x=@-;type=image/x-png; q=1 ;filename=f.png"]));
    assert_eq!(parts, [image("x", "f.png", "image/x-png; q=1")]);
}

#[test]
fn the_head_is_complete_and_says_nothing_twice() {
    let server = Server::answering(|_, _| ok(""));
    let url = format!("http://me:pass@{}/a?b=c#d", server.address);
    let own = ["-H", "X-Twice: 1", "-H", "X-Twice: 2", "-H", "Accept:", "-H", "X: caf\u{e9}"];
    let all = [&["-s", "1x1", "-X", "PATCH"], &own[..], &[&url]].concat();
    run(&all, &[1, 2, 3]).ok();
    let request = server.requests().remove(0);
    assert_eq!(request.head[0], "PATCH /a?b=c HTTP/1.1");
    assert_eq!(request.header("Host"), [server.address.to_string()]);
    assert_eq!(request.header("Content-Length"), [request.body.len().to_string()]);
    assert_eq!(request.header("User-Agent"), [concat!("pngpost/", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(request.header("Authorization"), ["Basic bWU6cGFzcw=="]);
    assert_eq!(request.header("X-Twice"), ["1", "2"]);
    assert_eq!(request.header("X"), ["caf\u{e9}"]);
    assert_eq!(request.header("Accept-Encoding"), ["identity"]);
    for absent in ["Accept", "Cookie", "Expect", "Transfer-Encoding"] {
        assert_eq!(request.header(absent), [""; 0], "{absent}");
    }
    assert_eq!((request.header("Connection"), request.head.len()), (vec![], 10));
    let content_type = request.header("Content-Type");
    let boundary = content_type[0].strip_prefix("multipart/form-data; boundary=").unwrap();
    let last = format!("\r\n--{boundary}--\r\n");
    assert!(content_type.len() == 1 && request.body.ends_with(last.as_bytes()));
    assert_eq!(request_with(&[]).header("Accept"), ["*/*"]);
}

#[test]
fn header_names_go_out_as_they_are_spelled() {
    let request = request_with(&["-H", "x-MiXed: 1", "-H", "X-mixed: 2"]);
    let names = request.head[1..].iter().map(|line| line.split(':').next().unwrap());
    let own = ["Host", "User-Agent", "Accept", "Accept-Encoding"];
    let rest = ["x-MiXed", "X-mixed", "Content-Type", "Content-Length"];
    assert_eq!(names.collect::<Vec<_>>(), [own, rest].concat());
}

#[test]
fn headers_of_any_size_go_out() {
    let folder = Folder::new("long-headers");
    let file = folder.file("headers", format!("X-Long: {}\n", "x".repeat(1 << 20)));
    let long = "y".repeat(60_000);
    let request = request_with(&["-H", &format!("@{file}"), "-H", &format!("X-Other: {long}")]);
    assert_eq!(request.header("X-Long")[0].len(), 1 << 20);
    assert_eq!(request.header("X-Other"), [long]);
}

#[test]
fn raw_is_the_png_itself() {
    let request = request_with(&["--raw"]);
    assert_eq!(request.header("Content-Type"), ["image/png"]);
    assert_eq!(decode(&request.body).pixels, [1, 2, 3]);
    let request = request_with(&["--raw", "-H", "content-type: application/octet-stream"]);
    assert_eq!(request.header("Content-Type"), ["application/octet-stream"]);
    assert_eq!(request_with(&["--raw", "-H", "Content-Type:"]).header("Content-Type"), [""; 0]);
}

#[test]
fn headers_of_the_user_replace_pngposts_own() {
    let folder = Folder::new("own-headers");
    let more = folder.file("headers", b"X-File: a: {{n}}\r\n\r\nX-Other:  c \nX-Last;");
    let request = request_with(&[
        "-H",
        "accept: application/json",
        "-H",
        "X-Twice: 1",
        "-H",
        "X-Twice: 2",
        "-H",
        "User-Agent:",
        "-H",
        "accept-encoding: gzip",
        "-H",
        &format!("@{more}"),
        "-H",
        "Content-Type: multipart/related",
    ]);
    assert_eq!(request.header("Accept"), ["application/json"]);
    assert_eq!(request.header("X-Twice"), ["1", "2"]);
    assert_eq!(request.header("User-Agent"), [""; 0]);
    assert_eq!(request.header("Accept-Encoding"), ["gzip"]);
    assert_eq!(request.header("X-File"), ["a: {{n}}"]);
    assert_eq!(request.header("X-Other"), ["c"]);
    assert_eq!(request.header("X-Last"), [""]);
    let content_type = request.header("Content-Type");
    assert!(content_type.len() == 1, "{content_type:?}");
    assert!(content_type[0].starts_with("multipart/related; boundary=pngpost-"));
}

#[test]
fn basic_authentication_comes_from_the_option_a_file_or_the_url() {
    let folder = Folder::new("user");
    let user = folder.file("user", b"me:pass:word\r\n");
    // printf 'me:pass:word' | base64
    let expected = ["Basic bWU6cGFzczp3b3Jk"];
    assert_eq!(request_with(&["-u", "me:pass:word"]).header("Authorization"), expected);
    assert_eq!(request_with(&["-u", &format!("@{user}")]).header("Authorization"), expected);
    let own = request_with(&["-u", "me:x", "-H", "Authorization: Bearer t"]);
    assert_eq!(own.header("Authorization"), ["Bearer t"]);
    let token = ["--oauth2-bearer", "17|abc=="];
    assert_eq!(request_with(&token).header("Authorization"), ["Bearer 17|abc=="]);
    let own = request_with(&[&token[..], &["-H", "Authorization: Token t"]].concat());
    assert_eq!(own.header("Authorization"), ["Token t"]);
    let server = Server::answering(|_, _| ok(""));
    let url = format!("http://me:pass%3Aword@{}/a?b=c#d", server.address);
    run(&["-s", "1x1", &url], &[0; 3]).ok();
    let request = server.requests().remove(0);
    assert_eq!(request.header("Authorization"), expected);
    assert_eq!(request.head[0], "POST /a?b=c HTTP/1.1");
    assert_eq!(request.header("Host"), [server.address.to_string()]);
}

#[test]
fn the_method_is_the_users() {
    assert_eq!(request_with(&["-X", "PUT"]).head[0], "PUT / HTTP/1.1");
    let request = request_with(&["--request", "PATCH", "--raw"]);
    assert_eq!(request.head[0], "PATCH / HTTP/1.1");
    assert_eq!(request.header("Content-Length").len(), 1);
}
