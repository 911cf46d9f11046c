//! The direction of imports: a frame's road runs down, and nothing goes back up.
//!
//! Each folder and file of `src` imports only those below it in one list, so that there is no circle. Inside a folder,
//! files import each other without a circle; its mod.rs is its face, and any of them may use it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each folder and file, from above to below.
#[rustfmt::skip]
const ORDER: &[&str] = &[
    "show", "setup", "args", "output", "stop", "pipeline", "upload", "http", "dry", "headers", "request", "encode", "input",
    "frame", "progress", "counts", "ending", "files", "memory", "messages", "random", "lock",
];

/// A file's name without `.rs`, and the code in it, without comments.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.insert(name, code.collect::<Vec<_>>().join("\n"));
        }
    }
    files
}

/// The names that stand in `code` right after `prefix`, alone or in braces.
fn names_after(prefix: &str, code: &str) -> BTreeSet<String> {
    let name = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut names = BTreeSet::new();
    for rest in code.split(prefix).skip(1) {
        match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((group, _)) => names.extend(group.split(',').map(|item| name(item.trim()))),
            None => drop(names.insert(name(rest))),
        }
    }
    names
}

fn src() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

#[test]
fn each_folder_imports_only_those_below_it() {
    let mut codes = files(src());
    // main.rs stands above all, build.rs outside.
    for name in ["main", "build"] {
        codes.remove(name).expect(name);
    }
    for entry in fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            codes.insert(name, files(&path).into_values().collect::<Vec<_>>().join("\n"));
        }
    }
    let place = |name: &String| ORDER.iter().position(|row| row == name);
    for (name, code) in &codes {
        let at = place(name).unwrap_or_else(|| panic!("{name} has no place in the list"));
        for import in names_after("crate::", code) {
            let is_below = place(&import).is_some_and(|import| import > at);
            assert!(is_below, "{name} imports {import}, which does not stand below it");
        }
    }
    assert_eq!(codes.len(), ORDER.len(), "a place without code");
}

#[test]
fn files_of_a_folder_import_each_other_without_a_circle() {
    for folder in ORDER.iter().filter(|name| src().join(name).is_dir()) {
        let mut files = files(&src().join(folder));
        files.remove("mod");
        files.remove("tests");
        let names: BTreeSet<String> = files.keys().cloned().collect();
        let mut left: BTreeMap<String, BTreeSet<String>> = files
            .into_iter()
            .map(|(name, code)| {
                let siblings = names_after("super::", &code);
                (name, siblings.intersection(&names).cloned().collect())
            })
            .collect();
        // A file that imports none of those that are left is no part of a circle.
        while let Some(name) = left.iter().find(|(_, imports)| imports.is_empty()) {
            let name = name.0.clone();
            left.remove(&name);
            for imports in left.values_mut() {
                imports.remove(&name);
            }
        }
        assert!(left.is_empty(), "a circle in {folder}: {left:?}");
    }
}

#[test]
fn tests_stand_in_folders_of_the_names_of_src() {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filter"));
    for entry in fs::read_dir(tests).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // The manual's promises are about all of src, and so is what holds when a call fails.
        let is_of_all = ["promises", "support", "torture"].contains(&name);
        let is_folder = path.is_dir() && !is_of_all;
        let has_place = src().join(name).is_dir() || src().join(format!("{name}.rs")).is_file();
        assert!(!is_folder || has_place, "src has no {name}");
    }
}
