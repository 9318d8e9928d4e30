//! `ballotbox holds` and the examples in other languages: what they make of a lease file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use ballotbox::{
    Epoch,
    leadership::{LeaseTerms, Reading, lease::Clocks},
    run::LeaseFile,
};
use ballotbox_actors::kit::clock;

use super::{
    ballotbox,
    patience::{InTime, PATIENCE},
    run, text,
};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// A lease file with a name that no other test has.
fn lease_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lease"))
}

/// What asks whether a lease file says that this node leads.
type Asks = fn(&Path) -> Command;

fn holds(path: &Path) -> Command {
    let mut command = ballotbox(&["holds"]);
    command.env("BALLOTBOX_LEASE_FILE", path).env("BALLOTBOX_LEASE_MS", "2000");
    command
}

/// The example in shell, with a `ballotbox` to call.
fn in_steps(path: &Path, steps: &[&str]) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_ballotbox")).parent().unwrap();
    let mut folders = vec![built.to_owned()];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    let mut command = Command::new("examples/in_steps.sh");
    command.args(steps).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("PATH", env::join_paths(folders).unwrap()).env("BALLOTBOX_LEASE_FILE", path);
    command
}

fn in_one_step(path: &Path) -> Command {
    in_steps(path, &["true"])
}

fn in_python(path: &Path) -> Command {
    let mut command = Command::new("python3");
    command.arg("examples/lease.py").current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("BALLOTBOX_LEASE_FILE", path);
    command
}

/// All that asks, each with what it says of these: not leading, over, another boot, not whole.
fn askers() -> Vec<(&'static str, Asks, [&'static str; 4])> {
    let ours = ["does not lead", "ended", "another boot", "is damaged"];
    let mut askers: Vec<(_, Asks, _)> = vec![("holds", holds, ours), ("shell", in_one_step, ours)];
    if Command::new("python3")
        .arg("--version")
        .run_within(PATIENCE)
        .is_ok_and(|found| found.status.success())
    {
        let words = ["does not lead", "is over", "another boot", "torn or damaged"];
        askers.push(("python", in_python, words));
    } else {
        let required = env::var("BALLOTBOX_NETNS").is_ok_and(|value| value == "required");
        assert!(!required, "it is required here to run Python");
        eprintln!("left out: the example in Python: there is none here");
    }
    askers
}

fn refused(output: &Output, reason: &str, what: &str) {
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{what}: {told}");
    assert!(told.contains(reason), "{what}: {told}");
}

/// FNV-1a, once more.
fn sign(content: &mut [u8]) {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in &content[..40] {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    content[40..].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn every_language_reads_the_same_in_a_lease_file() {
    let path = lease_file("languages");
    let now = clock::reading();
    let later = now.plus(LONG);
    for (name, ask, [idle, over, boot, damaged]) in askers() {
        let asked = || ask(&path).output_in_time();
        let file = LeaseFile::create(&path).unwrap();
        refused(&asked(), idle, name);
        for until in [Reading { raw: now.raw, ..later }, Reading { boot: now.boot, ..later }] {
            file.write(Epoch(7), until).unwrap();
            refused(&asked(), over, name);
        }
        file.write(Epoch(7), later).unwrap();
        let output = asked();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{name}");
        let whole = fs::read(&path).unwrap();
        for at in [0, 15] {
            let mut content = whole.clone();
            content[at] ^= 1;
            fs::write(&path, &content).unwrap();
            refused(&asked(), damaged, name);
            sign(&mut content);
            fs::write(&path, &content).unwrap();
            refused(&asked(), boot, name);
        }
        fs::write(&path, &whole[..47]).unwrap();
        refused(&asked(), damaged, name);
        fs::remove_file(&path).unwrap();
        refused(&asked(), path.to_str().unwrap(), name);
    }
}

#[test]
fn holds_says_nothing_if_the_lease_lasts_for_as_long_as_is_asked() {
    let path = lease_file("for");
    let file = LeaseFile::create(&path).unwrap();
    file.write(Epoch(7), clock::reading().plus(LONG)).unwrap();
    let asked = |span| holds(&path).args(["--for", span]).output_in_time();
    let output = asked("30s");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let output = asked("11m");
    refused(&output, "the lease of epoch 7 leaves ", "for");
    let told = text(&output.stderr);
    assert!(told.starts_with("ballotbox: ") && told.lines().count() == 1, "{told}");
    assert!(told.trim_end().ends_with("expected 11 min"), "{told}");
}

#[test]
fn holds_takes_off_the_time_to_act() {
    let path = lease_file("slack");
    let file = LeaseFile::create(&path).unwrap();
    for _ in 0..20 {
        file.write(Epoch(7), clock::reading().plus(LeaseTerms::SLACK)).unwrap();
        // Whether it is over by the time this looks or not: there is no time to act.
        refused(&holds(&path).output_in_time(), "the lease of epoch 7 ", "slack");
    }
}

#[test]
fn holds_is_for_programs_that_a_node_runs() {
    let output = run(&["holds"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("BALLOTBOX_LEASE_FILE is not set"), "{told}");
    assert!(told.contains("`ballotbox node --while-leading`"), "{told}");
    let empty = ballotbox(&["holds"]).env("BALLOTBOX_LEASE_FILE", "").output_in_time();
    assert_eq!(empty.status.code(), Some(2));
    let path = lease_file("off");
    let _file = LeaseFile::create(&path).unwrap();
    let output = holds(&path).env("BALLOTBOX_LEASE_MS", "0").output_in_time();
    refused(&output, "the lease is off", "off");
}

#[test]
fn the_shell_example_takes_no_step_when_the_lease_is_over() {
    let path = lease_file("steps");
    let file = LeaseFile::create(&path).unwrap();
    file.write(Epoch(7), clock::reading().plus(LONG)).unwrap();
    let steps = ["echo first", ": > \"$BALLOTBOX_LEASE_FILE\"; echo second", "echo third"];
    let output = in_steps(&path, &steps).output_in_time();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "first\nsecond\n"));
    let told = text(&output.stderr);
    assert!(told.contains("does not lead") && told.ends_with("left out: echo third\n"), "{told}");
}

#[test]
fn the_python_example_tells_the_epoch_and_how_long_nobody_else_can_lead() {
    if !askers().iter().any(|(name, _, _)| *name == "python") {
        return;
    }
    let path = lease_file("python");
    let file = LeaseFile::create(&path).unwrap();
    file.write(Epoch(i64::MAX), clock::reading().plus(LONG)).unwrap();
    let output = in_python(&path).output_in_time();
    let told = text(&output.stdout);
    let parts = told.strip_prefix("this node leads in epoch 9223372036854775807, for ");
    let left = parts.and_then(|rest| rest.strip_suffix(" ms at least\n")).unwrap_or(told);
    let left: f64 = left.parse().unwrap_or_else(|_| panic!("{output:?}"));
    assert!((500_000.0..=599_950.0).contains(&left), "{left}");
}
