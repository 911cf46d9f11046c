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
        text: "cargo install --locked --path .\n\
               install -Dm644 -t ~/.cargo/share/man/man1 man/pngpost.1\n\
               install -Dm644 man/completions/pngpost.bash ~/.local/share/bash-completion/completions/pngpost\n\
               install -Dm644 -t ~/.config/fish/completions man/completions/pngpost.fish\n\
               install -Dm644 -t ~/.zsh man/completions/_pngpost\n",
        reason: "a release is built; the script runs it with a home of its own",
        place: (
            "tests/install.sh",
            &["from_readme 'cargo install --locked --path .' >\"$work/block\""],
        ),
    },
    Elsewhere {
        text: "cargo deb\n\
               sudo dpkg -i target/debian/pngpost_*.deb\n\
               sudo dpkg --purge pngpost    # removes it\n",
        reason: "it wants root, and pngpost is another one then for the whole machine",
        place: ("tests/install.sh", &["dpkg --install \"$package\"", "dpkg --purge pngpost"]),
    },
    Elsewhere {
        text: "python3 tests/bench/run.py    # all of it, in about ten minutes; --help has the rest\n",
        reason: "it takes ten minutes, and wants the machine for itself; a small part of it runs",
        place: (
            ".ci/run",
            &[
                "python3 tests/bench/run.py --quick --networks http --sizes 64x64 --parts race start",
            ],
        ),
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
