//! Blocks that no test here can run, each by its exact text, with the reason and the lines that run it.

use crate::documents::{Block, MANUAL, README, read};

struct Elsewhere {
    document: &'static str,
    text: &'static str,
    /// The reason why no test here runs it.
    reason: &'static str,
    /// Lines of this file that run it.
    place: (&'static str, &'static [&'static str]),
}

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        document: README,
        text: "sh tests/demo.sh    # builds it, posts 64 frames to a small server, shows the lines\n\
               cargo test          # runs the real binary against real servers\n",
        reason: "cargo test would run itself, and the demonstration builds a release",
        place: (".ci/run", &["sh tests/demo.sh", "cargo test --locked"]),
    },
    Elsewhere {
        document: README,
        text: "pip wheel --no-deps --wheel-dir target/wheels .\n\
               pip install --no-index --find-links target/wheels pngpost    # there, wherever you have copied it to\n",
        reason: "a release is built; the script runs it in an environment of its own",
        place: ("tests/install.sh", &["from_readme 'pip wheel' >\"$work/block\""]),
    },
    Elsewhere {
        document: README,
        text: "cargo install --locked --path .\n\
               install -Dm644 -t ~/.cargo/share/man/man1 man/pngpost.1\n\
               install -Dm644 -t ~/.cargo/share/man/man7 man/pngpost-recipes.7\n\
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
        document: README,
        text: "cargo deb\n\
               sudo dpkg -i target/debian/pngpost_*.deb\n\
               sudo dpkg --purge pngpost    # removes it\n",
        reason: "it wants root, and pngpost is another one then for the whole machine",
        place: ("tests/install.sh", &["dpkg --install \"$package\"", "dpkg --purge pngpost"]),
    },
    Elsewhere {
        document: README,
        text: "python3 tests/bench/run.py    # all of it, in about ten minutes; --help has the rest\n",
        reason: "it takes ten minutes, and wants the machine for itself; a small part of it runs",
        place: (".ci/run", &["python3 tests/bench/run.py --quick"]),
    },
    Elsewhere {
        document: MANUAL,
        text: "20 MB + E (F + 3 W + 8 P) + J (2 P + 8 R + 0.4 MB)\n",
        reason: "it is a formula; the test of the bound holds the memory against it",
        place: (
            "tests/filter/promises/bounded.rs",
            &["assert!(manual.contains(formula), \"the manual has another bound\");"],
        ),
    },
];

impl Elsewhere {
    fn is(&self, block: &Block) -> bool {
        (self.document, self.text) == (block.document, block.text.as_str())
    }
}

pub fn has(block: &Block) -> bool {
    ELSEWHERE.iter().any(|elsewhere| elsewhere.is(block))
}

/// Entries of no block, and entries whose place does not run them.
pub fn faults(blocks: &[Block]) -> Vec<String> {
    let mut faults = Vec::new();
    for elsewhere in ELSEWHERE {
        let Elsewhere { document, text, reason, place: (file, lines) } = elsewhere;
        if !blocks.iter().any(|block| elsewhere.is(block)) {
            faults.push(format!("run elsewhere ({reason}), but nowhere in {document}:\n{text}"));
        }
        let script = read(file);
        for line in *lines {
            if !script.lines().any(|own| own.trim() == *line) {
                faults.push(format!("{file} has no line {line:?} to run:\n{text}"));
            }
        }
    }
    faults
}
