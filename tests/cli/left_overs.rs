//! Work that goes on after its node.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::{
    leaders::{ensemble, leading, start},
    patience::{ended, until},
};

#[test]
fn a_node_names_the_processes_that_go_on_after_an_earlier_one_and_leads_when_they_have_ended() {
    let place = ensemble("left-overs", 1);
    let mut node = start(1, &place);
    leading(&mut node);
    assert_eq!(node.end("-TERM"), Some(0));
    let lock = place.1.join("1/work.lock");
    let script = format!("exec 9>'{}'; flock 9; echo; exec cat", lock.display());
    let mut shell = Command::new("sh");
    let piped = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut work = piped.spawn().unwrap();
    BufReader::new(work.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let pid = work.id();
    let comm = format!("/proc/{pid}/comm");
    until(|| fs::read_to_string(&comm).unwrap() == "cat\n", || "it is no cat".to_owned());

    let mut node = start(1, &place);
    let told = node.until(|event| {
        assert_ne!(event["event"], "leading", "its work may go on elsewhere");
        event["text"].as_str().is_some_and(|text| text.contains("work that an earlier node"))
    });
    let text = told["text"].as_str().unwrap();
    assert!(text.contains(&format!("work.lock is held by process {pid} (cat): ")), "{text}");
    assert_eq!(work.try_wait().unwrap(), None, "it is told, and not ended");
    drop(work.stdin.take());
    ended(&mut work, "the work");
    leading(&mut node);
}
