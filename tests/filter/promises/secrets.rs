//! Promise 7: secrets stay secret.

use crate::support::folder::Folder;
use crate::support::program::run;
use crate::support::server::{Server, ok, response_with};
use crate::support::tiny_frames;

const SECRET: &str = "hunter2";

#[test]
fn no_message_holds_a_secret() {
    let folder = Folder::new("secrets");
    let field_file = format!("f=<{}", folder.file("field", SECRET));
    let bad_headers = format!("@{}", folder.file("headers", format!("X: y\n{SECRET}\n")));
    let bad_user = format!("@{}", folder.file("user", SECRET));
    let location = format!("Location: /{SECRET}?key={SECRET}#{SECRET}\r\n");
    let answers = [
        ok("fine"),
        Vec::new(),
        response_with("302 Found", &location, ""),
        response_with(&format!("500 {SECRET}"), &format!("X: {SECRET}\r\n"), ""),
        response_with("200 OK", &format!("Transfer-Encoding: {SECRET}\r\n"), ""),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n").into_bytes(),
        SECRET.as_bytes().to_vec(),
    ];
    let server = Server::answering(move |number, _| answers[number % answers.len()].clone());
    let url = format!("http://me:{SECRET}@{}/", server.address);
    let plain_url = server.url();
    let header = format!("X-Key: {SECRET}");
    let sound = ["-F", "f=hunter2", "-F", &field_file, "--form-string", "g=hunter2", "-H", &header];
    let runs: [&[&str]; 17] = [
        &[&url],
        &["-u", "me:hunter2", &plain_url],
        &["-u", &bad_user, &plain_url],
        &["-u", SECRET, &plain_url],
        &["-H", &bad_headers, &plain_url],
        &["-H", SECRET, &plain_url],
        &["-F", SECRET, &plain_url],
        &["-H", "X:", SECRET, &plain_url],
        &["--raw=hunter2", &plain_url],
        &["-p", "-uhunter2", &plain_url],
        &["http://me:hunter2/x@127.0.0.1/"],
        &["http://127.0.0.1:hunter2@/"],
        &["-s", "https://me:hunter2@127.0.0.1/"],
        &["--useradmin:hunter2", &plain_url],
        &["-H", "Authorization: Bearer hunter2", &plain_url],
        &["--oauth2-bearer", "Bearer hunter2", &plain_url],
        &["-n", "--oauth2-bearer", SECRET, &plain_url],
    ];
    for arguments in runs {
        for verbosity in [&["--verbose"][..], &["--keep-going", "--ndjson"]] {
            let all = [&["-s", "1x1"], verbosity, &sound[..], arguments].concat();
            let run = run(&all, &tiny_frames(8));
            let text = format!("{}{}", run.stderr, String::from_utf8_lossy(&run.stdout));
            assert!(!text.contains(SECRET), "{all:?}: {text}");
        }
    }
}
