use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use super::*;
use crate::scratch::Scratch;

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn work_lock(&self) -> PathBuf {
        self.0.join("work.lock")
    }

    fn end(&self) -> Vec<LeftOver> {
        end_left_overs(&self.work_lock(), &self.0.join("lease"))
    }

    fn holders(&self) -> Vec<u32> {
        let holders = LockFile::at(&self.work_lock()).unwrap().holders();
        holders.into_iter().map(|holder| holder.pid).collect()
    }

    /// A shell that holds `work.lock`, and then does this. It says the number of the process that goes on, which ends with its stdin.
    fn shell(&self, lease_file: &str, script: &str) -> Work {
        let script = format!("exec 9>>'{}' 3<&0; flock 9; {script}", self.work_lock().display());
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .env("BALLOTBOX_LEASE_FILE", self.0.join(lease_file))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Work { child, stdin, pid: line.trim().parse().unwrap() }
    }

    /// The same, if what goes on is `cat` in the end.
    fn cat(&self, lease_file: &str, script: &str) -> Work {
        let work = self.shell(lease_file, script);
        while fs::read_to_string(format!("/proc/{}/comm", work.pid)).unwrap() != "cat\n" {
            std::thread::yield_now();
        }
        work
    }
}

/// What a node was killed beside. It ends when this is dropped, whatever a test has found.
struct Work {
    child: Child,
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Work {
    /// It has gone on so far; now it ends by itself.
    fn went_on(mut self, folder: &Folder) {
        assert!(folder.holders().contains(&self.pid));
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    fn was_killed(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), None);
    }

    fn left_over(&self, fate: Fate) -> LeftOver {
        LeftOver { pid: self.pid, name: "cat".into(), fate }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// A shell that becomes the work.
const PLAIN: &str = "echo $$; exec cat";

#[test]
fn what_a_node_has_left_behind_is_killed() {
    let folder = Folder::new();
    let work = folder.cat("lease", PLAIN);
    assert_eq!(folder.end(), [work.left_over(Fate::Ended)]);
    work.was_killed();
    assert!(folder.holders().is_empty());
    assert_eq!(folder.end(), [], "nothing is left");
}

#[test]
fn what_work_has_started_in_another_session_and_left_is_killed() {
    let folder = Folder::new();
    let mut work = folder.cat("lease", "(setsid cat <&3 & echo $!)");
    assert!(work.child.wait().unwrap().success(), "only what it has started goes on");
    assert_eq!(folder.end(), [work.left_over(Fate::Ended)]);
    assert!(folder.holders().is_empty());
}

#[test]
fn all_of_a_tree_are_killed_and_told() {
    let folder = Folder::new();
    let work = folder
        .shell("lease", "for i in 1 2 3; do cat <&3 & done; trap '' TERM; echo $$; wait; cat");
    let ended = folder.end();
    assert!(ended.iter().all(|left_over| left_over.fate == Fate::Ended), "{ended:?}");
    assert_eq!(ended.len(), 4, "{ended:?}");
    work.was_killed();
    assert!(folder.holders().is_empty());
}

#[test]
fn what_was_not_started_for_this_directory_is_told_and_goes_on() {
    let folder = Folder::new();
    for (lease_file, script) in [
        ("lease", "echo $$; exec env -i cat"),
        ("of-another", PLAIN),
        // The environment with which it was started counts.
        ("lease2", PLAIN),
    ] {
        let work = folder.cat(lease_file, script);
        assert_eq!(folder.end(), [work.left_over(Fate::NotOurs)], "{lease_file}, {script}");
        work.went_on(&folder);
    }
}

#[test]
fn what_has_merely_opened_the_lock_does_not_hold_it() {
    let folder = Folder::new();
    let mut reader = folder.cat("lease", "flock -u 9; echo $$; exec cat");
    let work = folder.cat("lease", PLAIN);
    assert_eq!(folder.end(), [work.left_over(Fate::Ended)]);
    work.was_killed();
    assert!(folder.holders().is_empty());
    drop(reader.stdin.take());
    assert!(reader.child.wait().unwrap().success(), "it was not killed");
}

#[test]
fn this_process_is_never_ended() {
    let folder = Folder::new();
    let lock = Lock::take(&folder.work_lock()).unwrap();
    assert_eq!(folder.end(), []);
    drop(lock);
    assert_eq!(folder.end(), []);
}

#[test]
fn nothing_is_ended_while_another_node_runs_in_the_directory() {
    let folder = Folder::new();
    let work = folder.cat("lease", PLAIN);
    let node = Lock::take(&folder.0.join("lock")).unwrap();
    assert_eq!(folder.end(), []);
    assert_eq!(folder.holders(), [work.pid]);
    drop(node);
    assert_eq!(folder.end(), [work.left_over(Fate::Ended)]);
}

#[test]
fn where_nothing_was_there_is_nothing_to_end_and_nothing_is_made() {
    let folder = Folder::new();
    assert_eq!(folder.end(), []);
    assert_eq!(fs::read_dir(&*folder.0).unwrap().count(), 0);
    let left_over = LeftOver { pid: 7, name: "a\nb".into(), fate: Fate::NotOurs };
    assert_eq!(
        left_over.to_string(),
        "process 7 (a\\nb) was not started by us for this directory, and goes on"
    );
}
