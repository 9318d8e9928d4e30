use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use rustix::fs::{FlockOperation, flock};

use super::*;

/// A file of its own for each test, which is removed with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("ballotbox-holders-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn is_held_here(&self) -> bool {
        LockFile::at(&self.0).unwrap().is_held_by(Path::new("/proc/self"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_is_held_by_who_has_locked_it_whatever_becomes_of_its_name() {
    let scratch = Scratch::new("here");
    let file = File::create(&scratch.0).unwrap();
    let locked = LockFile::at(&scratch.0).unwrap();
    assert!(!scratch.is_held_here(), "it is open, and not locked");
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(scratch.is_held_here());
    assert_eq!(HeldBy::of(&scratch.0, Some(7)), HeldBy::ThisProcess);
    assert_eq!(locked.holders(), [], "but for this process");
    fs::remove_file(&scratch.0).unwrap();
    assert!(locked.is_held_by(Path::new("/proc/self")), "it was removed");
    assert_eq!(HeldBy::of(&scratch.0, Some(7)), HeldBy::Unseen { pid: Some(7) });
    fs::write(&scratch.0, b"").unwrap();
    assert!(!scratch.is_held_here(), "another file has taken its place");
    drop(file);
    assert!(!locked.is_held_by(Path::new("/proc/self")));
}

#[test]
fn the_processes_that_hold_a_lock_are_found_with_their_names() {
    let scratch = Scratch::new("others");
    let script = format!("exec 9>'{}'; flock 9; cat & echo; cat", scratch.0.display());
    let mut shell = Command::new("sh");
    let piped = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let HeldBy::Processes(holders) = HeldBy::of(&scratch.0, None) else { panic!("none is seen") };
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
    assert!(processes(10).ends_with(", 8 (sleep) and 2 more"));
    let unseen = HeldBy::Unseen { pid: None }.to_string();
    assert!(unseen.ends_with("of another container or of another user"), "{unseen}");
    let numbered = HeldBy::Unseen { pid: Some(7) }.to_string();
    assert!(numbered.ends_with("(there it is process 7, or what that has started)"), "{numbered}");
}
