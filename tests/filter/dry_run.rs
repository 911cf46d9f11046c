//! --dry-run: everything is read and encoded, nothing is sent, and no secret is shown.

use crate::support::echo::echoing;
use crate::support::file;
use crate::support::images::pgm;
use crate::support::program::{Run, Running, command, run};
use crate::support::server::{Server, ok};
use crate::support::signals::stop;
use crate::support::tiny_frames;

fn rehearse(options: &[&str], url: &str, frames: &[u8]) -> Run {
    run(&[&["-n"], options, &[url]].concat(), frames)
}

#[test]
fn the_first_request_is_shown_as_it_would_go_out_and_none_does() {
    let server = Server::answering(|_, _| ok("taken"));
    let options = ["-s", "1x1", "-F", "key=secret-1", "-F", "image=@-;filename={{n:03}}.png"];
    let more = [
        "-F",
        "note=n{{n}}",
        "-H",
        "X-Key: secret-2",
        "-u",
        "me:secret-3",
        "-X",
        "PUT",
        "--no-http-keep-alive",
    ];
    let options = [&options[..], &more, &["--skip", "7"]].concat();
    let url = format!("{}a/{{{{n}}}}?key=secret-4&frame={{{{n}}}}&secret-5", server.url());
    let told = rehearse(&options, &url, &tiny_frames(10)).said();
    let place = server.address;
    let sent = run(&[&options[..], &[&url]].concat(), &tiny_frames(8)).ok();
    assert_eq!(sent.lines(), ["taken"]);
    let [request] = &server.requests()[..] else { panic!("one request") };
    let length = request.body.len();
    // Headers in their order, values of the user withheld.
    let names: Vec<_> =
        request.head[1..].iter().map(|line| line.split_once(": ").unwrap()).collect();
    let shown = |name: &str, value: &str| match name {
        "Content-Type" => value.split("pngpost-").next().unwrap().to_owned(),
        "X-Key" | "Authorization" => "(withheld)".to_owned(),
        _ => value.to_owned(),
    };
    let values =
        "frame 7: red 0 to 0, mean 0; green 0 to 0, mean 0; blue 7 to 7, mean 7".to_owned();
    let mut expected =
        vec![values, format!("> PUT http://{place}/a/7?key=(withheld)&frame=7&(withheld)")];
    expected.extend(names.iter().map(|(name, value)| format!("> {name}: {}", shown(name, value))));
    let form = "Content-Disposition: form-data; name=";
    expected.push(format!("> part: {form}\"key\": 8 bytes"));
    let png = length_of_png(&request.body);
    expected.push(format!(
        "> part: {form}\"image\"; filename=\"007.png\", Content-Type: image/png: {png} bytes"
    ));
    expected.push(format!("> part: {form}\"note\": 2 bytes"));
    expected.push(format!(
        "dry run: 3 frames (3 of 1x1), 9 bytes read, {} bytes to send; nothing was sent",
        3 * length
    ));
    let without: Vec<_> = told.iter().map(|line| without_boundary(line)).collect();
    assert_eq!(without, expected);
    assert_eq!(server.connections(), 1);
    assert!(told.iter().all(|line| !line.contains("secret")), "{told:?}");
}

fn without_boundary(line: &str) -> String {
    line.split("pngpost-").next().unwrap().to_owned()
}

fn length_of_png(body: &[u8]) -> usize {
    let find = |piece: &[u8]| body.windows(piece.len()).position(|it| it == piece).unwrap();
    find(b"IEND") + 8 - find(b"\x89PNG")
}

trait Said {
    fn said(self) -> Vec<String>;
}

impl Said for Run {
    /// The lines on stderr of a run that is content, and has nothing on stdout.
    #[track_caller]
    fn said(self) -> Vec<String> {
        assert_eq!((self.status, self.stdout.as_slice()), (Some(0), &b""[..]), "{}", self.stderr);
        let lines = self.stderr.lines().map(|line| line.strip_prefix("pngpost: ").unwrap());
        // The user agent names the program, too.
        lines.map(str::to_owned).collect()
    }
}

#[test]
fn nothing_is_looked_up_or_connected() {
    let proxy = echoing();
    let via = format!("me:secret@{}", proxy.address);
    let said =
        rehearse(&["-s", "1x1", "--raw", "-x", &via], "http://no.such.invalid/", &[0; 3]).said();
    let place = proxy.address;
    assert_eq!(said[1], format!("> POST http://no.such.invalid/ through proxy {place}"));
    assert!(said.contains(&"> Proxy-Authorization: (withheld)".to_owned()), "{said:?}");
    assert!(said.iter().all(|line| !line.contains("secret")), "{said:?}");
    let said = rehearse(&["-s", "1x1", "--unix-socket", "/no/such"], "http://h/", &[0; 3]).said();
    assert_eq!(said[1], "> POST http://h/ through /no/such");
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn sizes_are_counted_and_bad_input_is_bad_input() {
    let stream = [pgm(2, 1, &[1, 2]), pgm(1, 1, &[1]), pgm(2, 1, &[1, 2])].concat();
    let said = rehearse(&["--raw"], "http://h/", &stream).said();
    let end = said.last().unwrap();
    assert!(end.starts_with("dry run: 3 frames (2 of 2x1, 1 of 1x1), 5 bytes read, "), "{end}");
    let said = rehearse(&["-s", "1x1"], "http://h/", &[]).said();
    assert_eq!(said, ["dry run: 0 frames, 0 bytes read, 0 bytes to send; nothing was sent"]);
    let run = rehearse(&["-s", "2x1"], "http://h/", &[0; 10]);
    assert_eq!((run.status, run.stdout.as_slice()), (Some(3), &b""[..]));
    assert!(run.stderr.contains("frame 1: "), "{}", run.stderr);
    assert!(run.stderr.contains("dry run: 1 frame (1 of 2x1), 6 bytes read, "), "{}", run.stderr);
    let many: Vec<_> = (1..=12).map(|width| pgm(width, 1, &vec![0; width as usize])).collect();
    let said = rehearse(&["--raw"], "http://h/", &many.concat()).said();
    assert!(said.last().unwrap().contains(", 1 of 8x1, 4 of other sizes), "), "{said:?}");
    // Of --quiet, only the status is left.
    let run = rehearse(&["-s", "2x1", "-q"], "http://h/", &[0; 10]);
    assert_eq!((run.status, run.stderr.as_str()), (Some(3), ""));
}

#[test]
fn what_would_be_bad_usage_is() {
    let token = file("dry-run-token", "no colon: secret\nsecret\n");
    let run = rehearse(&["-s", "1x1", "-H", &format!("@{token}")], "http://h/", &[0; 3]);
    assert_eq!(run.status, Some(2));
    let run = rehearse(&["-s", "1x1", "--cacert", "/no/such"], "https://h/", &[0; 3]);
    run.fails(2, "--cacert: /no/such: no such file or directory");
}

#[test]
fn a_frame_that_can_not_be_encoded_ends_it_or_is_passed_over_as_in_any_run() {
    let stream = [0.0, f32::NAN, 1.0].map(f32::to_le_bytes).concat();
    let options = ["-s", "1x1", "-p", "grayf32le", "--raw"];
    let nan = "pngpost: frame 1: row 0, column 0: sample is NaN";
    for (more, status, frames) in
        [(&[][..], 3, "1 frame (1 of"), (&["--keep-going"], 1, "2 frames (2 of")]
    {
        let run = rehearse(&[&options[..], more].concat(), "http://h/", &stream);
        assert_eq!((run.status, run.stdout.as_slice()), (Some(status), &b""[..]));
        let told: Vec<_> = run.stderr.lines().filter(|line| !line.contains("> ")).skip(1).collect();
        assert_eq!((told.len(), told[0]), (2, nan), "{}", run.stderr);
        assert!(told[1].starts_with(&format!("pngpost: dry run: {frames} 1x1), ")), "{}", told[1]);
    }
}

#[test]
fn ctrl_c_ends_it_with_its_summary() {
    let mut program = Running::start(command(&["-n", "-s", "1x1", "http://h/"]));
    let mut stderr = program.stderr_lines();
    program.write(&tiny_frames(1));
    assert!(stderr.any(|line| line.contains("> part: ")));
    stop(program.pid(), "SIGINT");
    let run = program.end();
    assert_eq!((run.signal, run.stdout.as_slice()), (Some(2), &b""[..]));
    let told: Vec<_> = stderr.collect();
    let [stopped, end] = &told[..] else { panic!("{told:?}") };
    assert_eq!(stopped, "pngpost: stopped by SIGINT");
    assert!(end.starts_with("pngpost: dry run: 1 frame (1 of 1x1), 3 bytes read, "), "{end}");
}
