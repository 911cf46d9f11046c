//! Blocks that a test cannot run, each by its exact text, with the reason and the line that runs it.

use crate::documents::{Block, README, read};

struct Elsewhere {
    text: &'static str,
    /// Why no test runs it.
    reason: &'static str,
    /// Lines of this file that run it.
    place: (&'static str, &'static [&'static str]),
}

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        text: "sh tests/demo.sh    # builds it, posts 64 frames to a small server, shows the lines\n\
               cargo test          # runs the real binary against real servers\n",
        reason: "cargo test would run itself, and the demonstration builds a release",
        place: (".ci/run", &["sh tests/demo.sh", "cargo test --locked"]),
    },
    Elsewhere {
        text: "cargo install --path .\nman ./man/pngpost.1\n",
        reason: "a release is built, and written to the user's own folder",
        place: (".ci/run", &["cargo install --locked --path . --root target/installed"]),
    },
];

pub fn has(block: &Block) -> bool {
    block.document == README && ELSEWHERE.iter().any(|elsewhere| elsewhere.text == block.text)
}

/// Entries of no block, and those whose place does not run them.
pub fn faults(blocks: &[Block]) -> Vec<String> {
    let mut faults = Vec::new();
    for Elsewhere { text, reason, place: (file, lines) } in ELSEWHERE {
        if !blocks.iter().any(|block| block.document == README && block.text == *text) {
            faults.push(format!("run elsewhere ({reason}), but nowhere in README.md:\n{text}"));
        }
        let script = read(file);
        for line in *lines {
            if !script.lines().any(|own| own.trim() == *line) {
                faults.push(format!("{file} has no line {line:?}, as is said of:\n{text}"));
            }
        }
    }
    faults
}
