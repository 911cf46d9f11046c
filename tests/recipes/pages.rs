//! The manual's pages as programs show them: each display comes out as the tests run it, so it can be copied.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::documents::{Block, MANUAL, RECIPES, mdoc_blocks, read};
use crate::installed::needed;

/// What groff does by itself since 1.23. Debian and others undo it, and would hide the fault.
const TYPOGRAPHY: &str = ".char ' \\[cq]\n.char - \\[hy]\n";

#[test]
fn mandoc_shows_each_display_as_it_is_run() {
    if let Some(mandoc) = needed("mandoc") {
        assert_shown(&mandoc, &["-T", "utf8"], "");
    }
}

#[test]
fn groff_shows_each_display_as_it_is_run() {
    if let Some(groff) = needed("groff") {
        assert_shown(&groff, &["-m", "mdoc", "-T", "utf8", "-P", "-cbou"], TYPOGRAPHY);
    }
}

#[track_caller]
fn assert_shown(program: &Path, arguments: &[&str], before: &str) {
    for page in [MANUAL, RECIPES] {
        let source = read(page);
        let shown = output(program, arguments, format!("{before}{source}"));
        let shown: Vec<&str> = shown.lines().collect();
        let blocks = mdoc_blocks(page, &source);
        assert!(blocks.len() > 5, "{page}");
        for block in &blocks {
            let (place, text) = (block.place(), &block.text);
            assert!(
                is_shown(block, &shown),
                "{place}: {program:?} shows another text than\n{text}"
            );
        }
    }
}

fn output(program: &Path, arguments: &[&str], input: String) -> String {
    let mut command = Command::new(program);
    // groff warns of lines that it can't break.
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the block's lines follow each other, all behind the same blanks.
fn is_shown(block: &Block, shown: &[&str]) -> bool {
    let lines: Vec<&str> = block.text.lines().collect();
    shown.windows(lines.len()).any(|window| {
        let margin = window[0].strip_suffix(lines[0]).filter(|margin| margin.trim().is_empty());
        margin.is_some_and(|margin| {
            let behind = |line: &&str| format!("{margin}{line}").trim_end().to_owned();
            lines.iter().map(behind).eq(window.iter().map(|line| line.trim_end()))
        })
    })
}
