//! The server to try things on: it finds the image in each body, and its options change the answers.

use std::process::{Command, Output};

use serde_json::Value;

use crate::started::{Receiver, program};
use crate::support::program::{Run, run};
use crate::support::tiny_frames;

/// The program's run on so many frames of 1x1.
fn post(receiver: &Receiver, options: &[&str], count: u32) -> Run {
    let url = format!("http://{}/", receiver.address);
    run(&[&["-s", "1x1"], options, &[&url]].concat(), &tiny_frames(count))
}

fn records(receiver: &Receiver, options: &[&str], count: u32) -> Vec<Value> {
    let options = [&["--ndjson", "--keep-going", "-q"], options].concat();
    let lines = post(receiver, &options, count).lines();
    lines.iter().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

fn statuses(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["status"].as_u64().expect("a status")).collect()
}

/// The output of a run of the receiver that ends by itself.
fn output(options: &[&str]) -> Output {
    Command::new(program()).args(options).output().expect("it starts")
}

#[test]
fn it_says_where_the_image_was_in_each_body() {
    let receiver = Receiver::start(&[]);
    let cases: [(&[&str], Value); 5] = [
        (&["-F", "picture=@-"], "picture".into()),
        (&["--raw"], Value::Null),
        (&["--body-b64"], Value::Null),
        (&["--json", r#"{"a/b": [0, {"c": "{{png:b64}}"}]}"#], "/a~1b/1/c".into()),
        (&["--json", r#"{"url": "data:image/png;base64,{{png:b64}}"}"#], "/url".into()),
    ];
    for (options, part) in cases {
        for (number, line) in post(&receiver, options, 2).ok().lines().iter().enumerate() {
            let seen: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&seen["part"], &seen["width"]), (&part, &1.into()), "{options:?}");
            let pixels = crate::support::tiny(number as u32);
            assert_eq!(seen["crc32"], format!("{:08x}", crc32fast::hash(&pixels)), "{options:?}");
        }
    }
}

#[test]
fn fail_takes_its_share_evenly_and_always_the_same() {
    for (rate, failed) in [
        ("0", &[][..]),
        ("0.25", &[3, 7, 11]),
        ("0.3", &[3, 6, 9]),
        ("1", &(0..12).collect::<Vec<_>>()),
    ] {
        for _ in 0..2 {
            let receiver = Receiver::start(&["--fail", rate]);
            let statuses = statuses(&records(&receiver, &["--retry", "0"], 12));
            let is_failed = |number: u32| if failed.contains(&number) { 503 } else { 200 };
            assert_eq!(statuses, (0..12).map(is_failed).collect::<Vec<_>>(), "{rate}");
        }
    }
}

#[test]
fn status_takes_the_place_of_200_and_the_json_stays() {
    for status in ["201", "302", "404", "500", "599"] {
        let receiver = Receiver::start(&["--status", status]);
        let records = records(&receiver, &[], 2);
        assert_eq!(statuses(&records), [status.parse::<u64>().unwrap(); 2]);
        let body: Value = serde_json::from_str(records[1]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["width"], 1);
    }
    let receiver = Receiver::start(&["--status", "204"]);
    assert_eq!(post(&receiver, &[], 2).ok().stdout, b"\n\n");
}

#[test]
fn a_body_without_an_image_is_400_at_any_status() {
    let receiver = Receiver::start(&["--status", "201"]);
    let records = records(&receiver, &["--json", r#"{"n": "{{n}}", "b": "-{{png:b64}}"}"#], 1);
    assert_eq!(statuses(&records), [400]);
    assert_eq!(
        records[0]["body"],
        "{\"error\":\"no image: no string of the JSON is a PNG in base64\"}\n"
    );
}

#[test]
fn a_value_that_is_none_is_refused_by_the_option_s_name() {
    let takes = [
        ("--port", "a whole number from 0 to 65535", &["65536", "-1", "x"][..]),
        ("--delay", "seconds from 0 to 3600, such as 0.5", &["", "-1", "3601", "inf", "nan", "1s"]),
        ("--fail", "a share from 0 to 1, such as 0.25", &["", "1.1", "-0", "25%", "."]),
        ("--status", "a whole number from 200 to 599", &["199", "600", "200.0", "ok"]),
    ];
    for (option, what, values) in takes {
        for value in values {
            let output = output(&[&format!("{option}={value}")]);
            let message = format!("receiver: {option}: takes {what}\n");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), stderr), (Some(2), message), "{value:?}");
        }
        let help = String::from_utf8(output(&["--help"]).stdout).unwrap();
        assert!(help.contains(option), "{option}");
    }
}
