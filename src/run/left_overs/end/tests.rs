use std::process::{Command, Stdio};

use super::*;

#[test]
fn what_is_not_any_more_what_it_was_is_not_killed() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let holder = WorkHolder { pid: child.id(), name: "cat".into() };
    // As if its number had gone to another process by the time it is held.
    assert!(matches!(kill(holder, |_| false), Err(None)));
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "it has ended by itself");
}

#[test]
fn a_descriptor_leads_to_its_process_and_to_no_other() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    assert!(leads_to(&process, pid));
    assert!(!leads_to(&process, std::process::id()));
    let holder = WorkHolder { pid, name: "cat".into() };
    let killed = kill(holder, |_| true).ok().unwrap();
    assert!(ends(&killed.process, clock::now() + Duration::from_secs(60)));
    assert_eq!(child.wait().unwrap().code(), None, "it was killed");
    assert!(!leads_to(&process, pid), "it is gone");
}

#[test]
fn the_wait_for_the_end_of_a_process_ends() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    assert!(!ends(&process, clock::now()));
    drop(child.stdin.take());
    assert!(ends(&process, clock::now() + Duration::from_secs(60)));
    child.wait().unwrap();
}
