//! Who dies or hangs, and what ends the work then.

use super::{processes::children_of_thread, *};

const SHORT: [&str; 2] = ["--lease", "1s"];

/// A program of several processes, some of which its shell does not know.
fn program(mark: &str) -> String {
    forever(&format!("setsid sleep {mark} &\n(sleep {mark} &)"))
}

fn start(name: &str) -> (Working, (PathBuf, PathBuf), String) {
    let (place, mark) = alone(name);
    let mut node = Working::start(1, &place, &SHORT, &["sh", "-c", &program(&mark), &mark]);
    node.work("running");
    assert!(node.prints().starts_with("began"));
    (node, place, mark)
}

#[test]
fn the_work_of_a_killed_node_is_killed() {
    let (mut node, _, mark) = start("node-killed");
    node.signal("-KILL");
    assert_eq!(node.code(), None);
    nothing_is_left(&mark);
}

#[test]
fn the_work_of_a_stopped_node_ends_though_the_node_does_not() {
    let (mut node, _, mark) = start("node-stopped");
    let guard = guard_of(node.pid());
    node.signal("-STOP");
    // The two of us that are left have the mark, too.
    let left =
        || marked(&mark).into_iter().filter(|pid| ![node.pid(), guard].contains(pid)).count();
    until(|| left() == 0, || format!("{:?}", marked(&mark)));
    node.signal("-CONT");
    let ended = node.work("ended");
    assert_eq!(ended["code"], 143, "{ended}");
    // It leads again, and so does its program run.
    assert!(node.prints().starts_with("began"));
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn without_its_guard_a_node_ends_what_is_left_and_then_itself() {
    let (mut node, place, mark) = start("guard-killed");
    kill("-KILL", guard_of(node.pid()));
    node.node.until(|event| {
        event["text"]
            .as_str()
            .is_some_and(|text| text.contains("the guard of the program was killed"))
    });
    assert_eq!(node.code(), Some(3));
    nothing_is_left(&mark);
    assert_eq!(fs::read(place.1.join("1/lease")).unwrap(), b"", "nobody leads");
}

#[test]
fn a_stopped_guard_holds_nothing_up_but_the_end() {
    let (mut node, _, mark) = start("guard-stopped");
    let guard = guard_of(node.pid());
    kill("-STOP", guard);
    node.signal("-TERM");
    // The node gives up; its socket is closed then, and the guard ends the work as soon as it can.
    assert_eq!(node.code(), Some(1));
    kill("-CONT", guard);
    nothing_is_left(&mark);
}

#[test]
fn a_program_that_ends_itself_with_its_whole_group_takes_nobody_with_it() {
    let (place, mark) = alone("group");
    let script = "kill -9 0";
    let mut node = Working::start(1, &place, &[], &["sh", "-c", script, &mark]);
    assert_eq!(node.work("ended")["code"], 137);
    assert_eq!(node.code(), Some(137));
    nothing_is_left(&mark);
}

/// What a thread has started is killed when that thread ends: the first one lasts as long as its process.
#[test]
fn the_program_is_a_child_of_the_first_thread_of_its_guard() {
    let (place, mark) = alone("threads");
    let mut node = Working::start(1, &place, &SHORT, &["sh", "-c", &program(&mark), &mark]);
    let program = pid_in(&node.work("running"));
    let guard = guard_of(node.pid());
    let children = children_of_thread(guard, guard);
    assert!(children.contains(&program), "{children:?}");
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}
