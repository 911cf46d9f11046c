//! What is told of a failed frame: what usually is wrong, and how to go on.

use crate::support::echo::echo;
use crate::support::program::{ADVICE, post, run};
use crate::support::server::{Server, response};
use crate::support::{tiny_frames, tiny_number};

#[test]
fn at_the_first_answer_of_a_run_a_status_is_told_with_what_usually_is_wrong() {
    let called = |name: &str| {
        let is_called = format!("the form field with the frame is called {name}");
        format!("{is_called} (-F NAME=@- changes that), or another field is missing")
    };
    let part = &*called("image");
    let key = "its key, token or password is not taken";
    let json = ["--json", "\"{{png:b64}}\""];
    let bare = "the body is the bare PNG: without --raw it is a form";
    for (status, options, usual) in [
        (400, &[][..], part),
        (422, &[], part),
        (500, &["-F", "x\n=@-"], &called("x\\n")),
        (400, &["--raw"], bare),
        (415, &["--raw"], bare),
        (500, &["--body-b64"], "the body is bare base64: without --body-b64 it is a form"),
        (422, &json, "the server may take other JSON, or a form"),
        (415, &[], "it may want the PNG alone (--raw) or JSON (--json)"),
        (405, &[], "the server takes another method there: -X, or another path"),
        (
            401,
            &["-F", "key=secret"],
            "a key in a field (-F) is not taken, or is wanted in a header: -H, -u or --oauth2-bearer",
        ),
        (403, &[], "-H, -u or --oauth2-bearer sends a key or token"),
        (401, &["-u", "me:secret"], key),
        (403, &["-H", "X-Key: secret"], key),
        (404, &[], "check the URL's path"),
        (413, &[], "the body is over the server's limit"),
    ] {
        let server = Server::answering(move |_, _| response(&format!("{status} secret"), "secret"));
        let port = if status == 400 { ", or the port wants https://" } else { "" };
        let second = if status == 500 { ADVICE } else { "" };
        let expected = format!(
            "pngpost: frame 0: upload: status {status}; {usual}{port}\n\
             pngpost: frame 1: upload: status {status}{second}\n"
        );
        let own = ["-s", "1x1", "--keep-going", &server.url()];
        let run = run(&[&own[..], options].concat(), &tiny_frames(2));
        assert_eq!(run.stderr, expected, "{options:?}");
    }
}

/// As Flask's server with TLS answers plain HTTP, or openssl's.
#[test]
fn a_port_that_hangs_up_before_the_first_answer_of_a_run_may_want_https() {
    let server = Server::answering(|_, request| match tiny_number(&request.body) {
        2 => echo(request),
        _ => Vec::new(),
    });
    let run = post(&["--keep-going", "--no-http-keep-alive"], &server.url(), 4);
    let closed = "upload: no response: closed before there was one";
    let expected = format!(
        "pngpost: frame 0: {closed}; does this port want https://?{ADVICE}\n\
         pngpost: frame 1: {closed}\npngpost: frame 3: {closed}\n"
    );
    assert_eq!(run.stderr, expected);
}

#[test]
fn how_to_go_on_is_told_by_what_is_out() {
    let server = Server::answering(|_, request| match tiny_number(&request.body) {
        17 => response("400 Bad Request", "bad"),
        _ => echo(request),
    });
    for (options, lines, told) in [
        (
            &[][..],
            18,
            "18 lines are out, the last is frame 17's answer, drop that line and go on with --skip 17",
        ),
        (
            &["--fail"],
            17,
            "run without --fail to see its answer; 17 lines are out, go on with --skip 17",
        ),
        (
            &["--skip", "10"],
            8,
            "8 lines are out in this run, the last is frame 17's answer, drop that line and go on \
             with --skip 17",
        ),
        (
            &["--skip", "17"],
            1,
            "1 line is out in this run, frame 17's answer, drop that line and go on with --skip 17",
        ),
        (&["--skip", "17", "--fail"], 0, "run without --fail to see its answer"),
    ] {
        let run = post(options, &server.url(), 20);
        let run = run.fails(1, &format!("frame 17: upload: status 400; {told}"));
        assert_eq!(run.lines().len(), lines, "{options:?}");
    }
}
