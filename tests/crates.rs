//! The crates that are in the binary: their licenses, and the oldest Rust that builds them.
//!
//! Each license asks that its text and its copyright line go along with copies: `man/THIRD-PARTY` goes wherever
//! the binary goes. A test makes its text anew from the crates' own files, and the file has to be the same. That
//! our own code keeps to `rust-version` is for clippy to say (`incompatible_msrv`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const FILE: &str = "man/THIRD-PARTY";

/// The crates that are linked are those of this target. Others of ours link the same ones or fewer.
const TARGET: &str = "x86_64-unknown-linux-gnu";

const HEAD: &str = "\
pngpost is linked with the Rust standard library and with the crates below. Each has its license here; where one
leaves the choice, it is used under the MIT license.

The Rust standard library: Copyright (c) The Rust Project Contributors, MIT OR Apache-2.0; parts of it are by
others and under other licenses. All of them are in COPYRIGHT-library.html of the Rust distribution.
";

/// The name of the file that holds a crate's license, best first, without what follows the first dot.
const LICENSES: [&str; 4] = ["LICENSE-MIT", "LICENSE", "COPYING", "LICENSE-ISC"];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "cargo: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Name and version of each crate that is linked, without ours.
fn linked() -> BTreeSet<(String, String)> {
    let tree = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--target", TARGET];
    let crates = cargo(&tree);
    let crates = crates.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        (name.to_owned(), version.trim_start_matches('v').to_owned())
    });
    crates.filter(|(name, _)| name != env!("CARGO_PKG_NAME")).collect()
}

fn license_file(folder: &Path) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let found = LICENSES.iter().find_map(|wanted| names.iter().find(|name| stem(name) == *wanted));
    let found = found.unwrap_or_else(|| panic!("{}: no license file", folder.display()));
    folder.join(found)
}

fn packages() -> Vec<Value> {
    let options = ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET];
    let mut metadata: Value = serde_json::from_str(&cargo(&options)).unwrap();
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    packages
}

/// The whole of the file: each text once, under the crates that it is the license of.
fn third_party() -> String {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut missing = linked();
    for package in packages() {
        let field = |name: &str| package[name].as_str().unwrap().to_owned();
        if !missing.remove(&(field("name"), field("version"))) {
            continue;
        }
        let manifest = PathBuf::from(field("manifest_path"));
        let text = fs::read_to_string(license_file(manifest.parent().unwrap())).unwrap();
        let text = text.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let title = format!("{} {}: {}\n", field("name"), field("version"), field("license"));
        texts.entry(text).or_default().push(title);
    }
    assert!(missing.is_empty(), "cargo metadata lacks {missing:?}");
    let mut sections: Vec<_> = texts.into_iter().map(|(text, titles)| (titles, text)).collect();
    sections.sort();
    let rule = "=".repeat(80);
    let section =
        |(titles, text): &(Vec<String>, String)| format!("\n{rule}\n{}\n{text}", titles.concat());
    HEAD.to_owned() + &sections.iter().map(section).collect::<String>()
}

#[test]
fn the_license_of_each_crate_goes_along() {
    let expected = third_party();
    if std::env::var_os("PNGPOST_WRITE_LICENSES").is_some() {
        fs::write(FILE, &expected).unwrap();
    }
    let found = fs::read_to_string(FILE).unwrap_or_default();
    let command = "PNGPOST_WRITE_LICENSES=1 cargo test --test crates";
    assert!(found == expected, "{FILE} is not what the crates say; `{command}` writes it anew");
}

/// Those of the Rust standard library that none of the crates has: of compiler-builtins, and of core's tables of
/// characters.
const OF_LIBRARY: [&str; 2] = ["Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];

/// The licenses that count of each choice in an expression.
fn chosen(expression: &str) -> impl Iterator<Item = String> {
    expression.split(" AND ").map(|part| {
        let choices: Vec<_> = part.trim_matches(['(', ')']).split(" OR ").collect();
        let best = ["MIT", "ISC"].into_iter().find(|it| choices.contains(it));
        best.unwrap_or(choices[0]).to_owned()
    })
}

#[test]
fn the_wheel_names_the_license_of_all_that_is_linked() {
    let linked = linked();
    let mut licenses: BTreeSet<String> = OF_LIBRARY.map(str::to_owned).into();
    for package in packages() {
        let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
        // Ours too.
        if linked.contains(&(field("name"), field("version"))) || field("name") == "pngpost" {
            licenses.extend(chosen(&field("license")));
        }
    }
    let text = fs::read_to_string("pyproject.toml").unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix("license = "));
    let found: BTreeSet<_> = found.unwrap().trim_matches('"').split(" AND ").collect();
    let expected: BTreeSet<_> = licenses.iter().map(String::as_str).collect();
    assert_eq!(found, expected, "license in pyproject.toml");
}

#[test]
fn no_crate_wants_a_newer_rust_than_ours() {
    let version = |text: &str| -> Vec<u32> {
        let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
        parts.resize(3, 0);
        parts
    };
    let ours = version(env!("CARGO_PKG_RUST_VERSION"));
    let newer: Vec<String> = packages()
        .iter()
        .filter_map(|package| {
            let wanted = package["rust_version"].as_str()?;
            (version(wanted) > ours).then(|| format!("{} {wanted}", package["name"]))
        })
        .collect();
    assert!(newer.is_empty(), "rust-version is {ours:?}, and these want more: {newer:?}");
}
