//! What the machine gives: descriptors, and files that can be written.

use std::{fs, os::unix::fs::symlink, path::Path, process::Output};

use super::{file, patience::InTime, text};

/// Runs with at most this many descriptors: the soft limit, and the hard one.
fn run_with_descriptors(soft: u32, hard: u32, args: &[&str]) -> Output {
    let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &limits, "sh", env!("CARGO_BIN_EXE_ballotbox")]).args(args);
    shell.output_in_time()
}

/// A vote file with this many members, of which one is elected.
fn ensemble(name: &str, members: u32) -> String {
    let members: Vec<_> = (1..=members).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let path = file(name, &format!(r#"{{"members":[{}]}}"#, members.join(",")));
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_low_soft_limit_of_descriptors_is_raised() {
    let votes = ensemble("twelve-members.json", 12);
    let output = run_with_descriptors(64, 1024, &["elect", &votes]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn too_few_descriptors_are_told_with_both_numbers_before_anything_starts() {
    let votes = ensemble("fifty-one-members.json", 51);
    let output = run_with_descriptors(1024, 1024, &["elect", &votes]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("5266 open files and sockets"), "{output:?}");
    assert!(text(&output.stderr).contains("at most 1024"), "{output:?}");
    let output = run_with_descriptors(
        100,
        100,
        &["node", "--id", "1", "--votes", "examples/three-terminals.json"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("at most 100"), "{output:?}");
}

#[test]
fn a_diagram_is_never_drawn_over_its_vote_file_however_that_is_named() {
    let votes = ensemble("diagram-onto-itself.json", 1);
    let before = fs::read(&votes).unwrap();
    let dir = Path::new(&votes).parent().unwrap();
    let (soft, hard) = (dir.join("diagram-soft.svg"), dir.join("diagram-hard.svg"));
    let roundabout = dir.join("..").join(dir.file_name().unwrap()).join("diagram-onto-itself.json");
    for path in [&soft, &hard] {
        let _ = fs::remove_file(path);
    }
    symlink(&votes, &soft).unwrap();
    fs::hard_link(&votes, &hard).unwrap();
    for path in [Path::new(&votes), &soft, &hard, &roundabout] {
        let output = super::run(&["elect", &votes, "--diagram", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{path:?}");
        assert!(text(&output.stderr).contains("is the file to play"), "{output:?}");
        assert_eq!(fs::read(&votes).unwrap(), before);
    }
}

#[test]
fn a_diagram_that_cannot_be_written_is_told_before_the_play() {
    let votes = ensemble("diagram-nowhere.json", 1);
    let output = super::run(&["elect", &votes, "--diagram", "no-such-directory/x.svg"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("no-such-directory/x.svg"), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing was played: {output:?}");
}
