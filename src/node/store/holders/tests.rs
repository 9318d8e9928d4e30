use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use rustix::fs::{FlockOperation, flock};

use super::*;
use crate::scratch::Scratch;

/// A file in a folder of its own.
struct Place(Scratch);

impl Place {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self) -> PathBuf {
        self.0.join("work.lock")
    }

    fn is_held_here(&self) -> bool {
        LockFile::at(&self.path()).unwrap().is_held_by(Path::new("/proc/self"))
    }
}

#[test]
fn a_file_is_held_by_who_has_locked_it_whatever_becomes_of_its_name() {
    let place = Place::new();
    let file = File::create(place.path()).unwrap();
    let locked = LockFile::at(&place.path()).unwrap();
    assert!(!place.is_held_here(), "it is open, and not locked");
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(place.is_held_here());
    assert_eq!(HeldBy::of(&place.path(), Some(7)), HeldBy::ThisProcess);
    assert_eq!(locked.holders(), [], "but for this process");
    fs::remove_file(place.path()).unwrap();
    assert!(locked.is_held_by(Path::new("/proc/self")), "it was removed");
    assert_eq!(HeldBy::of(&place.path(), Some(7)), HeldBy::Unseen { pid: Some(7) });
    fs::write(place.path(), b"").unwrap();
    assert!(!place.is_held_here(), "another file has taken its place");
    drop(file);
    assert!(!locked.is_held_by(Path::new("/proc/self")));
}

#[test]
fn the_processes_that_hold_a_lock_are_found_with_their_names() {
    let place = Place::new();
    let script = format!("exec 9>'{}'; flock 9; cat & echo; cat", place.path().display());
    let mut shell = Command::new("sh");
    let piped = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let HeldBy::Processes(holders) = HeldBy::of(&place.path(), None) else {
        panic!("none is seen")
    };
    assert!(holders.iter().any(|holder| holder.pid == child.id()), "{holders:?}");
    assert!(holders.iter().all(|holder| holder.pid != std::process::id()), "{holders:?}");
    let shell = holders.iter().find(|holder| holder.pid == child.id()).unwrap();
    assert_eq!(shell.to_string(), format!("{} (sh)", child.id()));
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn who_holds_a_lock_is_told_in_one_line() {
    let holder = |pid| WorkHolder { pid, name: "sleep".into() };
    let processes = |count| HeldBy::Processes((1..=count).map(holder).collect()).to_string();
    assert_eq!(processes(1), "process 1 (sleep)");
    assert_eq!(processes(2), "process 1 (sleep), 2 (sleep)");
    assert!(processes(8).ends_with(", 8 (sleep)"));
    assert!(processes(9).ends_with(", 9 (sleep)"));
    assert!(processes(10).ends_with(", 8 (sleep) and 2 more"));
    let unseen = HeldBy::Unseen { pid: None }.to_string();
    assert!(unseen.ends_with("of another container or of another user"), "{unseen}");
    let numbered = HeldBy::Unseen { pid: Some(7) }.to_string();
    assert!(numbered.ends_with("(there it is process 7, or what that has started)"), "{numbered}");
}
