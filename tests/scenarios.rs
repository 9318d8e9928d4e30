//! Scenarios: vote files with the trace that is expected of them beside it, one behaviour each.
//!
//! Each is named after where the failure it stands for is known from: `zookeeper-1732-…` after the issue, `reading-8-…`
//! after what reading the Java code showed. The trace is that of seed 0; with other seeds the expectations hold, too. Of a large
//! ensemble only a digest is kept: the lines in capitals, and how many there were of each other kind.
//! `tests/scenarios/README.md` lists every known failure with the scenario or test that shows how it goes here.
//! A change of behaviour shows as a difference between traces. `UPDATE_SCENARIOS=1 cargo test --test it scenarios` writes
//! them anew: read the difference before you commit it.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ballotbox::scenario::{
    simulation::{Setup, Verb, play, play_with_trace},
    vote_file::VoteFile,
};

/// The whole trace is kept of ensembles up to this size.
const TRACED_MAX: usize = 9;

/// With this many other seeds the expectations have to hold; of large ensembles with fewer.
const SEEDS: u64 = 100;
const SEEDS_OF_LARGE: u64 = 5;

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
        let (trace, run) = play_with_trace(&setup(&path), 0);
        let trace = if run.members.len() > TRACED_MAX { digest(&trace) } else { trace };
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
        "{}\nif that is meant to be: UPDATE_SCENARIOS=1 cargo test --test it scenarios",
        changed.join("\n")
    );
}

#[test]
fn what_every_scenario_expects_comes_true_whatever_the_seed() {
    for path in scenarios() {
        let setup = setup(&path);
        let large = play(&setup, 0).members.len() > TRACED_MAX;
        for seed in 0..if large { SEEDS_OF_LARGE } else { SEEDS } {
            let run = play(&setup, seed);
            let name = path.display();
            assert!(run.is_good(), "{name} --seed {seed}: {run:?}");
        }
    }
}

#[test]
fn every_trace_belongs_to_a_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_trace = path.extension().is_some_and(|extension| extension == "trace");
        assert!(!is_trace || path.with_extension("json").exists(), "{}", path.display());
    }
}

#[test]
fn the_list_of_known_failures_names_every_scenario_and_only_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("tests/scenarios/README.md")).unwrap();
    for path in scenarios() {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(list.contains(&format!("]({name})")), "{name} is not in the list");
    }
    for link in list.split("](").skip(1) {
        let name = link.split(')').next().unwrap();
        assert!(root.join("tests/scenarios").join(name).exists(), "{name}");
    }
    let tests = list.split('`').filter_map(|code| code.split_once("::"));
    let mut count = 0;
    for (file, test) in tests {
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}(")), "{file} has no test {test}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

/// The lines in capitals, and the number of the others by what they tell.
fn digest(trace: &str) -> String {
    let mut digest = String::new();
    let mut others = BTreeMap::<&str, u64>::new();
    for line in trace.lines() {
        let verb = Verb::of_line(line).unwrap_or_else(|| panic!("{line}"));
        if verb.is_loud() {
            let _ = writeln!(digest, "{line}");
        } else {
            *others.entry(verb.word()).or_default() += 1;
        }
    }
    for (what, count) in others {
        let _ = writeln!(digest, "{count:>10}    x  {what}");
    }
    digest
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
