//! The blocks that people copy from: those of README.md, and the manual's displays, whose entries in EXAMPLES
//! are a block each.
//!
//! They are read from the files themselves, so that what a test runs is what stands there.

use std::fs;
use std::path::Path;

pub const README: &str = "README.md";
pub const MANUAL: &str = "man/pngpost.1";

/// One block, without the indentation that it has in common.
#[derive(Clone, Debug)]
pub struct Block {
    pub document: &'static str,
    /// Of its first line, from 1.
    pub line: usize,
    pub text: String,
    /// The file that it is, where the paragraph before ends in its name, such as "`frames.py`:".
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

/// All blocks of both.
pub fn blocks() -> Vec<Block> {
    let mut blocks = markdown_blocks(README, &read(README));
    blocks.extend(mdoc_blocks(MANUAL, &read(MANUAL)));
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
            file: file_name(&lines[..at]),
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

/// The name that the line before the empty one ends in.
fn file_name(before: &[&str]) -> Option<String> {
    let line = before.iter().rev().find(|line| !line.trim().is_empty())?;
    let name = line.trim_end().strip_suffix("`:")?.rsplit('`').next()?;
    name.ends_with(".py").then(|| name.to_owned())
}

/// The entries of the displays: an empty line is between two.
pub fn mdoc_blocks(document: &'static str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut is_display, mut is_entry) = (false, false);
    for (at, line) in text.lines().enumerate() {
        match line.split_whitespace().next() {
            Some(".Bd") => (is_display, is_entry) = (true, false),
            Some(".Ed") => is_display = false,
            None => is_entry = false,
            _ if !is_display => {}
            _ => {
                if !is_entry {
                    is_entry = true;
                    let text = String::new();
                    blocks.push(Block { document, line: at + 1, text, file: None });
                }
                let text = &mut blocks.last_mut().expect("an entry").text;
                *text += &line.replace("\\e", "\\").replace("\\-", "-");
                *text += "\n";
            }
        }
    }
    blocks
}
