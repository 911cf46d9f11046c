//! Records: `--ndjson`.

use serde_json::{Value, json};

use crate::support::program::{ADVICE, Run, Running, command, run};
use crate::support::server::{Request, Server, ok, response};
use crate::support::{noise, tiny_frames, tiny_number};

fn run_with(server: &Server, arguments: &[&str], frames: u32) -> Run {
    let fixed = ["--ndjson", "--raw", "-s", "1x1"];
    run(&[&fixed[..], arguments, &[&server.url()]].concat(), &tiny_frames(frames))
}

/// Each line as JSON, its times taken out once they are plausible.
fn records(run: &Run) -> Vec<Value> {
    let record = |line: String| {
        let mut record: Value = serde_json::from_str(&line).unwrap();
        let mut take = |name| record.as_object_mut().unwrap().shift_remove(name).unwrap();
        let (seconds, behind) =
            (take("seconds").as_f64().unwrap(), take("behind").as_f64().unwrap());
        // The frame was there before its last attempt began.
        assert!(0.0 <= seconds && seconds < behind && behind < 60.0, "{line}");
        record
    };
    run.lines().into_iter().map(record).collect()
}

/// Bodies that are hard on a line, on JSON, or on both.
fn hard_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "\n",
        "{\n  \"a\": 1\r\n}\n",
        "\"\\ud800\" and \\udc00",
        "\"\\/\u{8}\u{c}\t",
        "\u{2028}\u{2029}\u{85}\u{202e}\u{feff}\u{fffd}",
        "\u{10ffff}é",
        "{\"frame\":7}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push((0..=0x1f).chain([0x7f]).collect());
    bodies.extend([b"\xff".to_vec(), b"\xed\xa0\x80".to_vec(), b"caf\xe9\n\0".to_vec()]);
    bodies.push(b"ab\xc3".to_vec());
    bodies.push(noise(3, 100_000));
    bodies
}

fn body_of(record: &Value) -> Vec<u8> {
    use base64::Engine as _;
    match (record.get("body"), record.get("body_b64")) {
        (Some(text), None) => text.as_str().unwrap().as_bytes().to_vec(),
        (None, Some(text)) => {
            let text = text.as_str().unwrap();
            base64::engine::general_purpose::STANDARD.decode(text).unwrap()
        }
        _ => panic!("body or body_b64: {record}"),
    }
}

#[test]
fn each_response_is_in_its_record_byte_for_byte() {
    let bodies = hard_bodies();
    let count = bodies.len() as u32;
    let sent = bodies.clone();
    let server =
        Server::answering(move |_, request| ok(&sent[tiny_number(&request.body) as usize]));
    let run = run_with(&server, &["-j", "4"], count).ok();
    // Some readers would end a line there, and a terminal obey.
    let text = str::from_utf8(&run.stdout).unwrap();
    assert!(!text.contains(['\x7f', '\u{85}', '\u{202e}', '\u{2028}', '\u{2029}', '\u{feff}']));
    let records = records(&run);
    assert_eq!(records.len(), bodies.len());
    for (number, (record, body)) in records.iter().zip(&bodies).enumerate() {
        assert_eq!(record["frame"], number);
        assert_eq!(body_of(record), *body, "{record}");
        assert_eq!(record.get("body").is_some(), str::from_utf8(body).is_ok());
    }
}

fn unless(bad: u32, answer: impl Fn() -> Vec<u8>) -> impl Fn(usize, &Request) -> Vec<u8> {
    move |_, request| match tiny_number(&request.body) {
        number if number == bad => answer(),
        number => ok(format!("answer {number}")),
    }
}

#[test]
fn with_keep_going_a_frame_without_a_response_has_its_record_too() {
    let server = Server::answering(unless(2, Vec::new));
    let run = run_with(&server, &["--no-http-keep-alive", "--keep-going", "--skip", "1"], 4);
    let error = "upload: no response: closed before there was one";
    assert_eq!(
        (run.status, run.stderr.as_str()),
        (Some(1), &*format!("pngpost: frame 2: {error}{ADVICE}\n"))
    );
    let expected = [
        json!({"frame": 1, "status": 200, "attempts": 1, "body": "answer 1"}),
        json!({"frame": 2, "status": null, "attempts": 1, "error": error}),
        json!({"frame": 3, "status": 200, "attempts": 1, "body": "answer 3"}),
    ];
    assert_eq!(records(&run), expected);
}

#[test]
fn without_keep_going_a_failed_frame_has_a_record_only_of_its_response() {
    let both = [
        json!({"frame": 0, "status": 200, "attempts": 1, "body": "answer 0"}),
        json!({"frame": 1, "status": 404, "attempts": 1, "body": "no"}),
    ];
    let page = response("404 x", "no");
    for (options, answer, expected) in [
        (&[][..], Vec::new(), &both[..1]),
        (&["--fail"], page.clone(), &both[..1]),
        (&[], page, &both),
    ] {
        let server = Server::answering(unless(1, move || answer.clone()));
        let run = run_with(&server, options, 3);
        assert_eq!((run.status, &*records(&run)), (Some(1), expected));
    }
}

#[test]
fn attempts_are_counted_and_seconds_are_those_of_the_last_one() {
    let server = Server::answering(|number, _| match number {
        0 | 1 => {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            response("503 Service Unavailable", "")
        }
        _ => ok("taken"),
    });
    let run = run_with(&server, &["--retry-delay", "0.001"], 1).ok();
    let record: Value = serde_json::from_str(&run.lines()[0]).unwrap();
    assert_eq!((&record["attempts"], &record["body"]), (&json!(3), &json!("taken")));
    assert!(record["seconds"].as_f64().unwrap() < 1.5, "{record}");
}

/// Behind an upload that takes its time, the next frame waits for the job, and the time counts.
#[test]
fn behind_counts_from_the_last_byte_of_the_frame_to_its_line() {
    const SERVICE: f64 = 0.4;
    let server = Server::answering(|_, _| {
        std::thread::sleep(std::time::Duration::from_secs_f64(SERVICE));
        ok("taken")
    });
    let behind = |number: u32, run: &Run| -> (f64, f64) {
        let record: Value = serde_json::from_str(&run.lines()[number as usize]).unwrap();
        (record["seconds"].as_f64().unwrap(), record["behind"].as_f64().unwrap())
    };
    let run = run_with(&server, &[], 3).ok();
    for number in 0..3 {
        let (seconds, behind) = behind(number, &run);
        assert!(seconds >= SERVICE, "{run:?}");
        // All three were read at once.
        let least = f64::from(number + 1) * SERVICE;
        assert!(behind >= least, "frame {number}: {behind}");
    }
    // And the last byte counts, not the first one.
    let mut program = Running::start(command(&["--ndjson", "--raw", "-s", "1x1", &server.url()]));
    program.write(&[0; 2]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    program.write(&[0; 1]);
    let record: Value = serde_json::from_str(&program.line()).unwrap();
    assert!((SERVICE..3.0).contains(&record["behind"].as_f64().unwrap()), "{record}");
    program.finish().ok();
}
