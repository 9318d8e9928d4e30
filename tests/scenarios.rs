//! Scenarios: vote files with the trace that is expected of them beside it, one behaviour each.
//!
//! Each is named after where the failure it stands for is known from: `zookeeper-1732-…` after the issue, `reading-8-…`
//! after what reading the Java code showed. The trace is that of seed 0; with other seeds the expectations hold, too.
//! A change of behaviour shows as a difference between traces. `UPDATE_SCENARIOS=1 cargo test --test scenarios` writes
//! them anew: read the difference before you commit it.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox::{
    simulation::{Ending, Setup, play, play_with_trace},
    vote_file::VoteFile,
};

/// With so many other seeds the expectations have to hold.
const SEEDS: u64 = 100;

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn setup(path: &Path) -> Arc<Setup> {
    let file = VoteFile::read(path).unwrap();
    assert!(file.title.is_some() && !file.expectations.is_empty(), "{}", path.display());
    Arc::new(Setup::new(&file))
}

#[test]
fn every_scenario_goes_as_its_trace_says() {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut changed = Vec::new();
    for path in scenarios() {
        let (trace, _) = play_with_trace(&setup(&path), 0);
        let golden = path.with_extension("trace");
        if update {
            fs::write(&golden, &trace).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if let Some(difference) = first_difference(&expected, &trace) {
            changed.push(format!("{}: {difference}", golden.display()));
        }
    }
    assert!(
        changed.is_empty(),
        "{}\nif that is meant to be: UPDATE_SCENARIOS=1 cargo test --test scenarios",
        changed.join("\n")
    );
}

#[test]
fn what_every_scenario_expects_comes_true_whatever_the_seed() {
    for path in scenarios() {
        let setup = setup(&path);
        for seed in 0..SEEDS {
            let run = play(&setup, seed);
            let name = path.display();
            assert_eq!(run.ending, Ending::Elected, "{name} --seed {seed}: {run:?}");
        }
    }
}

#[test]
fn every_trace_belongs_to_a_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("json").exists(), "{}", path.display());
    }
}

fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut lines = (1..).zip(expected.lines().zip(found.lines()));
    Some(match lines.find(|(_, (expected, found))| expected != found) {
        Some((number, (expected, found))) => {
            format!("line {number}\n  expected {expected}\n  found    {found}")
        }
        None => format!("{} lines became {}", expected.lines().count(), found.lines().count()),
    })
}
