//! Blocks that no test here can run, each with the reason and the line that runs it.

use crate::documents::{Block, INSTALL, MANUAL, README, read};

struct Elsewhere {
    document: &'static str,
    /// Words that no other block there has.
    words: &'static str,
    /// The reason why no test here runs it.
    reason: &'static str,
    /// A file, and its line that runs it.
    place: (&'static str, &'static str),
}

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        document: README,
        words: "sh tests/demo.sh",
        reason: "cargo test would run itself, and the demonstration builds a release",
        place: (".ci/run", "sh tests/demo.sh"),
    },
    Elsewhere {
        document: INSTALL,
        words: "pip wheel",
        reason: "a release is built; the script runs it in an environment of its own",
        place: ("tests/install.sh", "from_page 'pip wheel' >\"$work/block\""),
    },
    Elsewhere {
        document: INSTALL,
        words: "cargo install --locked --path .",
        reason: "a release is built; the script runs it with a home of its own",
        place: ("tests/install.sh", "from_page 'cargo install --locked --path .' >\"$work/block\""),
    },
    Elsewhere {
        document: INSTALL,
        words: "cargo uninstall",
        reason: "it removes what the block above has installed",
        place: ("tests/install.sh", "from_page 'cargo uninstall' >\"$work/block\""),
    },
    Elsewhere {
        document: INSTALL,
        words: "sudo dpkg -i target/debian/pngpost_*.deb",
        reason: "it wants root, and pngpost is another one then for the whole machine",
        place: ("tests/install.sh", "dpkg --install \"$package\""),
    },
    Elsewhere {
        document: MANUAL,
        words: "20 MB + ",
        reason: "it is a formula; the test of the bound holds the memory against it",
        place: (
            "tests/filter/promises/bounded.rs",
            "assert!(manual.contains(formula), \"the manual has another bound\");",
        ),
    },
];

impl Elsewhere {
    fn is(&self, block: &Block) -> bool {
        self.document == block.document && block.text.contains(self.words)
    }
}

pub fn has(block: &Block) -> bool {
    ELSEWHERE.iter().any(|elsewhere| elsewhere.is(block))
}

/// Entries of no block, and entries whose place does not run them.
pub fn faults(blocks: &[Block]) -> Vec<String> {
    let mut faults = Vec::new();
    for elsewhere in ELSEWHERE {
        let Elsewhere { document, words, reason, place: (file, line) } = elsewhere;
        if blocks.iter().filter(|block| elsewhere.is(block)).count() != 1 {
            faults.push(format!(
                "not one block of {document} has {words:?}, run elsewhere: {reason}"
            ));
        }
        if !read(file).lines().any(|own| own.trim() == *line) {
            faults.push(format!("{file} has no line {line:?} to run {words:?}"));
        }
    }
    faults
}
