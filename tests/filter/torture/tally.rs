//! The table of many runs: how many of each row had each outcome, and those that have broken an invariant.

use std::collections::BTreeMap;

use super::invariants::Outcome;

/// A run that has been checked.
pub struct Judged {
    /// Its row in the table.
    pub row: String,
    /// Its name, by which it can be run again.
    pub name: String,
    /// The error: the invariant that it has broken.
    pub result: Result<Outcome, String>,
}

/// Prints the table. No run may have broken an invariant.
pub fn report(title: &str, runs: &[Judged]) {
    let mut rows: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for Judged { row, result, .. } in runs {
        let outcome = result.as_ref().map_or("BROKEN".to_owned(), |outcome| format!("{outcome:?}"));
        *rows.entry((row, outcome)).or_default() += 1;
    }
    println!("{} runs: {title}", runs.len());
    let mut before = "";
    for ((row, outcome), count) in rows {
        println!("  {:<48} {count:>6}  {outcome}", if row == before { "" } else { row });
        before = row;
    }
    let broken = runs.iter().filter_map(|run| Some((run, run.result.as_ref().err()?)));
    let broken: Vec<_> = broken.map(|(run, why)| format!("{}: {why}", run.name)).collect();
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}
