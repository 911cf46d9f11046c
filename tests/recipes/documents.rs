//! The blocks that people copy from: those of README.md and man/install.md, and the displays of the manual's pages.
//!
//! They are read from the files themselves, so that a test runs the text that stands there.

use std::fs;
use std::path::Path;

pub const README: &str = "README.md";
pub const INSTALL: &str = "man/install.md";
pub const MANUAL: &str = "man/pngpost.1";
pub const RECIPES: &str = "man/pngpost-recipes.7";

/// One block, without the indentation that it has in common.
#[derive(Clone, Debug)]
pub struct Block {
    pub document: &'static str,
    /// Of its first line, from 1.
    pub line: usize,
    pub text: String,
    /// The file that it is, if the paragraph before ends in its name: "`frames.py`:" in Markdown,
    /// ".Pa frames.py :" in mdoc.
    pub file: Option<String>,
}

impl Block {
    pub fn place(&self) -> String {
        format!("{} line {}", self.document, self.line)
    }

    /// Its values of `-s`, WxH, in their order.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        let mut words = self.text.split_whitespace();
        let mut sizes = Vec::new();
        while words.by_ref().any(|word| word == "-s") {
            let (width, height) = words.next().and_then(|size| size.split_once('x')).expect("WxH");
            sizes.push((width.parse().unwrap(), height.parse().unwrap()));
        }
        sizes
    }
}

pub fn read(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// All blocks of all documents.
pub fn blocks() -> Vec<Block> {
    let mut blocks = markdown_blocks(README, &read(README));
    blocks.extend(markdown_blocks(INSTALL, &read(INSTALL)));
    for page in [MANUAL, RECIPES] {
        blocks.extend(mdoc_blocks(page, &read(page)));
    }
    blocks
}

/// Fenced blocks, also inside list items, and those that are indented by four blanks after an empty line.
pub fn markdown_blocks(document: &'static str, text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let fence = lines[at].trim_start().strip_prefix("```");
        let is_indented = lines[at].starts_with("    ") && (at == 0 || lines[at - 1].is_empty());
        let (first, end, next) = match fence {
            Some(_) => {
                let end = (at + 1..lines.len()).find(|&line| lines[line].trim() == "```");
                let end = end.unwrap_or_else(|| panic!("{document} line {}: no end", at + 1));
                (at + 1, end, end + 1)
            }
            None if is_indented => {
                let is_inside = |line: &str| line.is_empty() || line.starts_with("    ");
                let end = (at..lines.len()).find(|&line| !is_inside(lines[line]));
                let end = end.unwrap_or(lines.len());
                (at, end, end)
            }
            None => {
                at += 1;
                continue;
            }
        };
        blocks.push(Block {
            document,
            line: first + 1,
            text: without_indentation(&lines[first..end]),
            file: file_name(&lines[..at], |line| line.strip_suffix("`:")?.rsplit('`').next()),
        });
        at = next;
    }
    blocks
}

fn without_indentation(lines: &[&str]) -> String {
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let common = lines.iter().filter(|line| !line.is_empty()).map(indentation).min().unwrap_or(0);
    let text: Vec<&str> = lines.iter().map(|line| line.get(common..).unwrap_or("")).collect();
    text.join("\n").trim_end().to_owned() + "\n"
}

/// The name that the last line of text ends in.
fn file_name(before: &[&str], name_of: impl Fn(&str) -> Option<&str>) -> Option<String> {
    let line = before.iter().rev().find(|line| !line.trim().is_empty())?;
    let name = name_of(line.trim_end())?;
    name.ends_with(".py").then(|| name.to_owned())
}

/// Displays of several lines, `.Bd`, and of one line, `.Dl` and `.D1`.
pub fn mdoc_blocks(document: &'static str, text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let begin = at;
        at += 1;
        let (line, text) = match lines[begin].split_whitespace().next() {
            Some(".Bd") => {
                let count = lines[at..].iter().take_while(|&&line| line != ".Ed").count();
                let text: String = lines[at..at + count].iter().map(|line| shown(line)).collect();
                at += count;
                (begin + 2, text)
            }
            Some(".Dl" | ".D1") => (begin + 1, shown(&lines[begin][".Dl ".len()..])),
            _ => continue,
        };
        let file = file_name(&lines[..begin], |line| line.strip_prefix(".Pa ")?.strip_suffix(" :"));
        blocks.push(Block { document, line, text, file });
    }
    blocks
}

/// A line of a display as `man` shows it. A line that begins as a request does would not be shown.
fn shown(line: &str) -> String {
    assert!(!line.starts_with(['.', '\'']), "no text in mdoc: {line}");
    line.replace("\\e", "\\") + "\n"
}
