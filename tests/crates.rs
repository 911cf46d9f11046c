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
