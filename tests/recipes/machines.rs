//! Recipes for many machines: the lines are those of one process, though processes are killed on the way.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use crate::documents::Block;
use crate::program::Run;
use crate::recorder::Answer;
use crate::seen::assert_lines;
use crate::trial::Trial;
use crate::turnstile::Turnstile;

/// Four blocks, and a part of one.
const COUNT: usize = 430;
/// The request at which the server stops answering, until processes have been killed.
const HELD: usize = 150;

/// Where requests wait.
#[derive(Default)]
struct Gate {
    reached: Turnstile,
    opened: Turnstile,
}

/// In the place of ssh: on a machine of any name, the words are run by a shell here.
const SSH: &str = r#"while case $1 in -*) ;; *) false ;; esac; do shift; done
shift
[ "$1" != -- ] || shift
exec env SHELL=/bin/sh sh -c "$*""#;

/// A trial on two machines, and the gate at which its requests wait.
fn machines(block: &Block) -> (Trial, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at_gate = Arc::clone(&gate);
    let trial = Trial::with(block, &[], move |number| {
        if number >= HELD {
            at_gate.reached.pass_one();
            at_gate.opened.wait_for(1);
        }
        Answer::Receiver
    });
    trial.write("frames.rgb", trial.frames(COUNT, 64, 64).concat());
    trial.command("ssh", SSH);
    (trial, gate)
}

/// The recipe, some of whose processes are killed while their requests wait.
fn run_with_some_killed(trial: &Trial, gate: &Gate) -> Run {
    let running = trial.start(&trial.script());
    gate.reached.wait_for(1);
    let pids = posting_to(&trial.recorder.address);
    assert!(!pids.is_empty(), "someone waits at the gate");
    for pid in &pids {
        Command::new("kill").args(["-KILL", pid]).status().unwrap();
    }
    gate.opened.pass_one();
    running.finish()
}

/// The pngposts that have this address on their command line.
fn posting_to(address: &str) -> Vec<String> {
    let built = fs::canonicalize(env!("CARGO_BIN_EXE_pngpost")).unwrap();
    let is_one = |process: &Path| {
        let program = fs::read_link(process.join("exe")).unwrap_or_default();
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        let url = format!("http://{address}/");
        program == built && memchr::memmem::find(&arguments, url.as_bytes()).is_some()
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let pids = processes.filter(|process| is_one(process));
    pids.map(|process| process.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn lines(trial: &Trial) -> Vec<String> {
    String::from_utf8(trial.read("lines")).unwrap().lines().map(str::to_owned).collect()
}

/// Another machine takes over.
pub fn one_killed(block: &Block) {
    let (trial, gate) = machines(block);
    let run = run_with_some_killed(&trial, &gate);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert_lines(&lines(&trial), &trial.pictures());
    assert!(trial.recorder.exchanges().len() > COUNT, "some frames were posted again");
}

/// The same command once more goes on: with the blocks that failed, and no others.
pub fn one_killed_and_resumed(block: &Block) {
    let (trial, gate) = machines(block);
    let failed = run_with_some_killed(&trial, &gate);
    assert!(failed.status.is_some_and(|status| status > 0), "{}", failed.stderr);
    assert!(!trial.folder.path().join("lines").exists());
    let before = trial.recorder.exchanges().len();
    let log = String::from_utf8(trial.read("log")).unwrap();
    // Exit status and signal.
    let has_failed = |line: &str| line.split('\t').skip(6).take(2).any(|word| word != "0");
    let count = log.lines().skip(1).filter(|line| has_failed(line)).count();
    assert!((1..=4).contains(&count), "{log}");
    trial.run().ok();
    assert_lines(&lines(&trial), &trial.pictures());
    let posted_again = trial.recorder.exchanges().len() - before;
    assert!(
        posted_again <= 100 * count && posted_again > 100 * (count - 1),
        "{posted_again}\n{log}"
    );
    numbers(&trial);
}

/// Each process counts its frames from 0, and {#} is its block.
fn numbers(trial: &Trial) {
    let posted = trial.recorder.exchanges().len();
    fs::remove_file(trial.folder.path().join("log")).unwrap();
    let numbered = "'pngpost -F block={#} -F n={{n}} ";
    trial.run_script(&trial.script().replace("'pngpost ", numbered)).ok();
    let pictures = trial.pictures();
    for exchange in &trial.recorder.exchanges()[posted..] {
        let fields = exchange.seen["fields"].clone();
        let number = |at: usize| -> usize { fields[at][1].as_str().unwrap().parse().unwrap() };
        assert_eq!((&fields[0][0], &fields[1][0]), (&json!("block"), &json!("n")));
        let place = (number(0) - 1) * 100 + number(1);
        assert_eq!(exchange.seen["crc32"], pictures[place].crc32, "{fields}");
    }
}
