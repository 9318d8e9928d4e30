//! `ballotbox check` on files of real servers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::PLAIN;
use crate::common::patience::InTime;

fn check(path: &Path) -> Output {
    ballotbox(&["check"], path)
}

fn ballotbox(args: &[&str], path: &Path) -> Output {
    let mut ballotbox = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
    ballotbox.args(args).arg(path).output_in_time()
}

/// A file of this content in a folder that no other test has.
fn file(test: &str, content: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("zoo-cfg-{test}"));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("zoo.cfg");
    fs::write(&path, content).unwrap();
    path
}

fn both(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

#[test]
fn a_clean_file_passes_the_strict_check_without_the_word() {
    let path = file("clean", PLAIN);
    for args in [&["check"][..], &["check", "--strict"], &["check", "--json"]] {
        let output = ballotbox(args, &path);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!both(&output).to_lowercase().contains("warning"), "{args:?}: {}", both(&output));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn the_strict_check_exits_with_1_on_any_warning() {
    let path = file("warned", &format!("{PLAIN}maxClientCnxns=many\n"));
    for (args, code) in
        [(&["check"][..], 0), (&["check", "--strict"], 1), (&["check", "--strict", "--json"], 1)]
    {
        let output = ballotbox(args, &path);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(both(&output).contains("zoo.cfg:10: maxClientCnxns is `many`"), "{args:?}");
    }
    let refused =
        file("refused-strictly", &format!("{PLAIN}maxClientCnxns=many\nsslQuorum=true\n"));
    assert_eq!(ballotbox(&["check", "--strict"], &refused).status.code(), Some(2));
}

#[test]
fn a_refused_file_gets_all_its_faults_told_a_line_each() {
    let text = "tickTime=2000 # ms\ninitLimit=ten\nsyncLimit=5\ndataDir=data\nserver.1=zka:2888\n\
                server.2=zkb:2888:2888\nserver.3=zkc:2888:3888:leader\nsslQuorum=true\nmaxClientCnxns=\n";
    let path = file("six-faults", text);
    for args in [&["check"][..], &["node", "--config"], &["probe", "--config"]] {
        let output = ballotbox(args, &path);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<_> = told.lines().collect();
        for (line, number) in lines.iter().zip([1, 2, 5, 6, 7, 8]) {
            let begin = format!("ballotbox: {}:{number}: error: ", path.display());
            assert!(line.starts_with(&begin), "{args:?}: {line}");
        }
        let last = format!("ballotbox: {}:9: warning: maxClientCnxns is ``", path.display());
        assert!(lines.len() == 7 && lines[6].starts_with(&last), "{args:?}: {told}");
    }
}

#[test]
fn json_is_one_object_with_findings_members_and_settings() {
    let path =
        file("json", &format!("{PLAIN}server.4=zoo4:2888:3888:observer;2181\npeerType=leader\n"));
    let output = ballotbox(&["check", "--json"], &path);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = &told["files"][0];
    assert_eq!(file["file"], path.to_str().unwrap());
    assert_eq!((&file["kind"], &file["good"]), (&"zoo.cfg".into(), &true.into()));
    let finding = &file["findings"][0];
    assert_eq!(finding["severity"], "warning");
    assert_eq!((&finding["line"], &finding["real_server"]), (&11.into(), &"refuses".into()));
    assert!(finding["text"].as_str().unwrap().starts_with("peerType is `leader`"));
    assert_eq!(file["members"][3]["role"], "observer");
    assert_eq!(file["members"][3]["client"], "0.0.0.0:2181");
    assert_eq!(file["members"][0]["election"][0], "zoo1:3888");
    assert_eq!(file["settings"]["tickTime"], "2000 ms");
    assert_eq!(file["ignored"][0]["key"], "clientPort");
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["event"], "warning");

    let refused = self::file("json-refused", &format!("{PLAIN}sslQuorum=true\n"));
    let output = ballotbox(&["check", "--json"], &refused);
    assert_eq!(output.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = &told["files"][0];
    assert_eq!((&file["good"], &file["findings"][0]["severity"]), (&false.into(), &"error".into()));
    assert_eq!(file["findings"][0]["real_server"], "takes");
}

#[test]
fn several_files_are_checked_at_once_and_the_worst_decides() {
    let (good, bad) = (file("several-good", PLAIN), file("several-bad", "dataDir=/d\n"));
    let bad = bad.to_str().unwrap();
    let output = ballotbox(&["check", bad, "examples/three-voters.json"], &good);
    assert_eq!(output.status.code(), Some(2));
    let (out, err) = (both(&output), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(out.contains("zoo3:3888") && out.contains("A quorum is 2 of 3 voters"), "{out}");
    assert!(err.starts_with(&format!("ballotbox: {bad}: error: there is no server")), "{err}");
}

#[test]
fn a_flood_of_faults_is_cut_off_and_counted() {
    let many: Vec<_> = (0..5000).map(|n| format!("server.x{n}=h\nclientPort=x\n")).collect();
    let many = many.concat();
    let path = file("flood", &format!("{PLAIN}{many}"));
    let output = check(&path);
    assert_eq!(output.status.code(), Some(2));
    let told = both(&output);
    assert!(told.lines().count() < 250 && told.contains("and 4900 more"), "{told}");
}

#[test]
fn the_command_checks_a_zoo_cfg_by_name_or_by_content() {
    let dir = std::env::temp_dir().join(format!("ballotbox-check-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for name in ["zoo.cfg", "zoo_sample"] {
        let path = dir.join(name);
        fs::write(&path, format!("{PLAIN}server.4=zoo4:2888:3888\n")).unwrap();
        let output = check(&path);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        for expected in
            ["zoo3:3888", "3 of 4 voters", "clientPort (line 6)", "4 participants outlive"]
        {
            assert!(text.contains(expected), "{name}: {expected} in {text}");
        }
        fs::write(&path, format!("{PLAIN}sslQuorum=true\n")).unwrap();
        let output = check(&path);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text.contains(&format!("{name}:10: error: TLS among the servers needs ")),
            "{text}"
        );
    }
    let votes = dir.join("votes");
    fs::write(&votes, "\n { \"members\": [] }").unwrap();
    let text = String::from_utf8(check(&votes).stderr).unwrap();
    assert!(text.contains("members") && !text.contains("server.N"), "{text}");
    fs::remove_dir_all(dir).unwrap();
}
