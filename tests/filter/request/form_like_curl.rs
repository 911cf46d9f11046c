//! Values of `-F`, against real curl: axum's parser sees the same fields from both.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::support::file;
use crate::support::multipart::{Part, parts};
use crate::support::program::run;
use crate::support::server::{Server, ok};

/// Fields as they are typed, which curl and pngpost take alike. FILE is a file that holds "from a file".
#[rustfmt::skip]
const ALIKE: [&str; 56] = [
    "a=", "a=b", "a=b c", "a=b=c", "a==", "a=-", "a=.", "a=,", "a=a,b", "a=)", "a=x(y)",
    "a=<FILE", "a=< FILE", "a=<FILE ", "a=<\"FILE\"", "a=< \"FILE\" ", "a= b", "a=b ", "a=  b  ",
    "a=\tb\t", "a=\nb\r\n", "a=\x0cb\x0c", "a= ", "a= b c ", "a=b\nc", "a=\"b\"",
    "a=\"\"", "a=\" \"", "a=\" b \"", "a= \"b\"", "a=\"b\" ", "a= \"b\"\n", "a=\"b;c\"",
    "a=\"b;type=text/plain\"", "a=\"b,c\"", "a=\"b\\\"c\"", "a=\"b\\\\c\"", "a=\"b\\c\"",
    "a=\"\\\"\\\"\"", "a=\"b\\\\\"", "a=\"@b\"", "a=\"<b\"", "a=\"(b\"", "a=\"", "a=\"b",
    "a=\"b\\\"", "a= \"b ", "a=b\"", "a=b\"c\"", "a=b\\\"c", "a=b\\\\c", "a='b'", "a= @b",
    "a= <b", "caf\u{e9}=\u{2603}", "a=\u{a0}b\u{a0}",
];

/// Fields that they take differently, the value in curl and the one here: README names these.
const UNLIKE: [(&str, &[u8], &[u8]); 3] = [
    ("a=b;c", b"b", b"b;c"),
    ("a=b; type=text/plain", b"b", b"b; type=text/plain"),
    ("a=b ;", b"b", b"b ;"),
];

/// The field that curl sends; it may warn.
fn of_curl(curl: &Path, option: &str, field: &str) -> Part {
    let server = Server::answering(|_, _| ok(""));
    let mut command = Command::new(curl);
    command.args(["-q", "-sS", "--noproxy", "*", option, field, &server.url()]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{field}: {}", String::from_utf8_lossy(&output.stderr));
    parts(&server.requests()[0]).remove(0)
}

fn ours(option: &str, field: &str) -> Part {
    let server = Server::answering(|_, _| ok(""));
    run(&["-s", "1x1", option, field, &server.url()], &[0; 3]).ok();
    parts(&server.requests()[0]).remove(0)
}

#[test]
fn a_value_of_form_is_what_it_is_in_curl() {
    let Some(curl) = needed("curl") else { return };
    let file = file("form-value", "from a file");
    for field in ALIKE {
        let field = field.replace("FILE", &file);
        // Here a file may have gone to the shell: bad usage.
        if field != "a=" {
            assert_eq!(ours("-F", &field), of_curl(&curl, "-F", &field), "{field:?}");
        }
        if !field.contains(&file) {
            let literal = ours("--form-string", &field);
            assert_eq!(literal, of_curl(&curl, "--form-string", &field), "{field:?}");
        }
    }
    for (field, in_curl, here) in UNLIKE {
        assert_eq!(of_curl(&curl, "-F", field).bytes, in_curl, "{field:?}");
        assert_eq!(ours("-F", field).bytes, here, "{field:?}");
    }
}
