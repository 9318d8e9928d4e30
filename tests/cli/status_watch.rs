//! `ballotbox status --watch`, at a pipe and at a terminal.

use std::{ffi::OsString, fs, io::Read, path::Path, process::Stdio, sync::mpsc};

use ballotbox_actors::kit::clock;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::{
    PATIENCE, ballotbox,
    by_url::told,
    leaders::{ensemble, leading, start},
    patience::{Lines, code_of, ended, rest_of},
    status::alone,
    text,
};

/// What begins a table that takes the place of the one before.
const FROM_THE_TOP: &str = "\u{1b}[H\u{1b}[J";

/// A terminal, and the end of it that a program writes to.
fn terminal() -> (fs::File, fs::File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let end = fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (terminal.into(), end)
}

/// Watches the first of two nodes with these arguments, of its directory and its URL, until it ends; then the watch says this.
fn tells_each_change_and_ends_with_the_node(
    name: &str,
    args: impl Fn(&Path, &str) -> Vec<OsString>,
    last_words: &str,
) {
    let place = ensemble(name, 2);
    let (first, url) = told(1, &place);
    let mut watch = ballotbox(&["status", "--watch", "--json"])
        .args(args(&place.1.join("1"), &url))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Lines::of(watch.stdout.take().unwrap());
    let mut reports = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert_eq!(reports.next().unwrap()["leader"], Value::Null);
    let mut second = start(2, &place);
    let epoch = leading(&mut second);
    let led = reports.find(|report| report["state"] == "following").unwrap();
    assert_eq!(led["leader"]["epoch"], epoch);
    assert_eq!(second.end("-TERM"), Some(0));
    assert!(
        reports.any(|report| report["state"] == "looking" && report["voters"][1]["link"] == false)
    );
    assert_eq!(first.end("-TERM"), Some(0));
    assert_eq!(reports.next(), None);
    let output = rest_of(watch, "the watch");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(last_words), "{}", text(&output.stderr));
}

#[test]
fn a_watch_tells_each_change_and_ends_with_the_node() {
    let args = |data: &Path, _: &str| vec!["--data-dir".into(), data.into()];
    tells_each_change_and_ends_with_the_node("watched", args, "any more");
}

#[test]
fn a_watch_by_url_tells_each_change_and_ends_with_the_node() {
    let args = |_: &Path, url: &str| vec![url.into()];
    let last_words = "no node answers at http://127.0.0.1:";
    tells_each_change_and_ends_with_the_node("watched-url", args, last_words);
}

#[test]
fn a_watch_that_is_interrupted_says_whether_somebody_leads() {
    let (node, data) = alone("interrupted");
    let mut watch = ballotbox(&["status", "--watch", "--data-dir"])
        .arg(&data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = Lines::of(watch.stdout.take().unwrap()).next().unwrap();
    assert!(line.contains("1 leading in epoch 1; 1 accepted, 1 current, recorded;"), "{line}");
    let pid = watch.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(code_of(&mut watch, "the watch"), Some(0));
    assert_eq!(node.end("-TERM"), Some(0));
}

#[test]
fn a_watch_at_a_terminal_shows_the_table_in_its_place() {
    let place = ensemble("terminal", 2);
    let mut first = start(1, &place);
    first.until(|event| event["event"] == "listening");
    let (mut terminal, end) = terminal();
    let mut watch = ballotbox(&["status", "--watch", "--data-dir"])
        .arg(place.1.join("1"))
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdout(end)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (say, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(count) = terminal.read(&mut some) {
            if say.send(some[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut seen = Vec::new();
    let until = clock::now() + PATIENCE;
    // A whole line of the table that is shown.
    let mut shows = |part: &str, but: &str| loop {
        let shown = text(&seen);
        let table = shown.rsplit(FROM_THE_TOP).next().unwrap();
        let mut whole = table.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        if let Some(line) = whole.find(|line| line.contains(part) && *line != but) {
            return line.to_owned();
        }
        let left = until.saturating_duration_since(clock::now());
        seen.extend(heard.recv_timeout(left).expect(part));
    };
    shows("looking for", "");
    let mut second = start(2, &place);
    leading(&mut second);
    let before = shows("following 2 in epoch 1", "");
    // Nothing changes, and the time goes on.
    shows("following 2 in epoch 1", &before);
    watch.kill().unwrap();
    ended(&mut watch, "the watch that was killed");
}
