//! Tools that we did not write, run to their end: their output goes into the program, and they read its output.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// The output of the tool, its arguments split at blanks. It must succeed.
pub fn output(tool: &Path, arguments: &str, input: &[u8]) -> Vec<u8> {
    output_of(Command::new(tool).args(arguments.split_whitespace()), input)
}

pub fn output_of(command: &mut Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool starts");
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let feeder = thread::spawn(move || {
        // A tool that reads no input may be gone.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    output.stdout
}

/// The output of a script of tests/tools, with numpy and Pillow.
pub fn script(python: &Path, name: &str, arguments: &[&Path], input: &[u8]) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name);
    output_of(Command::new(python).arg(file).args(arguments), input)
}
