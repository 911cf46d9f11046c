//! Recipes for failures: going on after one, trying again, and the messages and records of one.

use std::io::Write;
use std::net::TcpListener;

use serde_json::Value;

use crate::documents::Block;
use crate::program::Run;
use crate::recorder::Answer;
use crate::seen::{Picture, assert_lines};
use crate::server::{Request, ok};
use crate::trial::Trial;

pub const ERROR: &str =
    "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfault";

/// A trial whose server fails once, at this request.
fn failing_once(block: &Block, at: usize, answer: fn() -> Answer) -> Trial {
    let script = move |number| if number == at { answer() } else { Answer::Receiver };
    let trial = Trial::with(block, &[], script);
    trial.write("frames.rgb", trial.frames(24, 64, 64).concat());
    trial
}

/// The run that fails, its lines in a file.
fn first_run(trial: &Trial, option: &str) -> Run {
    let url = format!("http://{}/classify", trial.recorder.address);
    trial.run_script(&format!("pngpost -s 64x64 {option} {url} < frames.rgb > lines"))
}

/// The recipe goes on with the --skip of the message.
#[track_caller]
fn go_on(trial: &Trial, failed: &Run) -> Vec<String> {
    let (_, skip) = failed.stderr.split_once("go on with ").expect("how to go on");
    assert!(trial.block.text.contains(&format!("{} ", skip.trim_end())), "{skip}");
    trial.run().ok();
    lines(trial)
}

fn lines(trial: &Trial) -> Vec<String> {
    String::from_utf8(trial.read("lines")).unwrap().lines().map(str::to_owned).collect()
}

/// Frame 17 has no line, with an answer or without: it is posted again.
pub fn resume(block: &Block) {
    for answer in [|| Answer::Own(ERROR), || Answer::Cut] {
        let trial = failing_once(block, 17, answer);
        let failed = first_run(&trial, "-f");
        assert_eq!(failed.status, Some(1));
        assert_lines(&go_on(&trial, &failed), &trial.pictures());
    }
}

/// The loop has a line for each frame in the end, whatever an earlier run or a crash has left, and ends at an input that
/// is cut short.
pub fn looped(block: &Block) {
    for (goes_on, torn, end, messages) in
        [(false, "", "", 2), (false, "{", "", 2), (true, "", "", 1), (true, "{\"w", "cut", 2)]
    {
        let trial = Trial::with(block, &[], |number| match number % 10 {
            9 => Answer::Own(ERROR),
            _ => Answer::Receiver,
        });
        let frames = trial.frames(24, 64, 64).concat();
        trial.write("frames.rgb", [&frames, end.as_bytes()].concat());
        trial.write("lines", "");
        if goes_on {
            first_run(&trial, "-f");
        }
        trial.write("lines", [&trial.read("lines"), torn.as_bytes()].concat());
        let run = trial.run();
        assert_eq!((run.status, run.stderr.lines().count()), (Some(0), messages), "{}", run.stderr);
        assert_lines(&lines(&trial), &Picture::all(64, 64, &frames));
    }
}

/// Cuts and error pages cost no frame its line, and the log tells of them.
pub fn over_night(block: &Block) {
    let trial = Trial::with(block, &[], |number| match number {
        3 => Answer::Cut,
        5 => Answer::Own(ERROR),
        _ => Answer::Receiver,
    });
    assert_eq!(trial.run().status, Some(0));
    assert_lines(&lines(&trial), &trial.pictures());
    let log = String::from_utf8(trial.read("log")).unwrap();
    assert_eq!(log.matches("frame 3: upload: ").count(), 1, "{log}");
}

/// The status is frame 17's line, until the frame is posted again.
pub fn resume_again(block: &Block) {
    assert_resumed(&failing_once(block, 17, || Answer::Own(ERROR)));
}

/// The recipe makes the lines of all frames out of those of a run that fails.
#[track_caller]
fn assert_resumed(trial: &Trial) {
    assert_eq!(first_run(trial, "").status, Some(1));
    trial.run().ok();
    assert_lines(&lines(trial), &trial.pictures());
}

/// The message, word for word.
pub fn message(block: &Block) {
    let trial = failing_once(block, 17, || Answer::Own(ERROR));
    assert_eq!(first_run(&trial, "-f").stderr, block.text);
}

/// Every third request is refused, and nevertheless all frames have their lines. The summary says so.
pub fn busy_server(block: &Block) {
    let trial = Trial::with(block, &["--fail", "0.34"], |_| Answer::Receiver);
    let run = trial.run();
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains(" attempts refused"), "{}", run.stderr);
    assert_lines(&run.lines(), &trial.pictures());
    let exchanges = trial.recorder.exchanges();
    let refused = exchanges.iter().filter(|exchange| exchange.seen["error"].is_string()).count();
    assert!(refused > 1, "{refused}");
    assert_eq!(exchanges.len(), trial.pictures().len() + refused);
}

/// jq prints the frames that have failed, with their status or error.
pub fn records(block: &Block) {
    let trial = Trial::with(block, &[], |number| match number {
        1 => Answer::Own(ERROR),
        3 => Answer::Cut,
        _ => Answer::Receiver,
    });
    let run = trial.run();
    let lines = run.lines();
    assert_eq!((&*lines[0], lines.len()), ("1: 500", 2));
    assert!(lines[1].starts_with("3: upload: no response: closed before there was one"));
    // jq's status is the pipe's.
    assert_eq!(run.status, Some(0));
}

/// Records of a frame that was answered, and of one without a server; only the times differ.
pub fn records_shown(block: &Block) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || answer_once(listener));
    let trial = Trial::new(block);
    trial.write("frames.rgb", trial.frames(2, 64, 64).concat());
    let options = "-s 64x64 --ndjson --keep-going --retry 3 --retry-delay 0.01";
    let run = trial.run_script(&format!("pngpost -q {options} http://{address}/ < frames.rgb"));
    server.join().unwrap();
    let shown: Vec<String> = block.text.lines().map(str::to_owned).collect();
    let place = address.to_string();
    let lines: Vec<_> = run.lines().iter().map(|line| line.replace(&place, "host:443")).collect();
    assert_eq!(without_times(&lines), without_times(&shown));
}

/// Answers "cat" to the first request, and stops listening.
fn answer_once(listener: TcpListener) {
    let (mut connection, _) = listener.accept().unwrap();
    drop(listener);
    Request::read(&mut connection).expect("a whole request");
    connection.write_all(&ok("cat")).unwrap();
}

/// As text, so that the order of the members counts.
fn without_times(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| without(without(line.clone(), "seconds"), "behind")).collect()
}

fn without(record: String, name: &str) -> String {
    let time = serde_json::from_str::<Value>(&record).expect("a record")[name].as_f64();
    assert!(time.is_some_and(|time| (0.0..60.0).contains(&time)), "{record}");
    let (before, after) = record.split_once(&format!("\"{name}\":")).unwrap();
    format!("{before}\"{name}\":0,{}", after.split_once(',').unwrap().1)
}
