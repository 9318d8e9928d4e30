//! What a node with a program is started by: a terminal, a container, a service manager.

use std::io::Write as _;

use super::*;

/// A program that says which signals it gets, and goes on.
const SAYS: &str = "trap 'echo got INT' INT; trap 'echo got TERM' TERM; echo began; \
                    while :; do sleep 1000 & wait; done";

/// The command in one line, for programs that run one by a shell.
fn in_one_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

/// What a terminal shows of this command, and how it ends.
fn at_a_terminal(command: &Command) -> Command {
    let mut script = Command::new("script");
    // In place of the shell, which would die of the same key.
    let line = format!("exec {}", in_one_line(command));
    script.args(["-qec", &line, "/dev/null"]);
    within(&mut script, command);
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    script
}

#[test]
fn stdin_that_is_a_terminal_is_not_given_to_a_program() {
    let (place, mark) = alone("terminal-stdin");
    let node = Working::command(1, &place, &["--stdin"], &["sleep", &mark]);
    let output = rest_of(at_a_terminal(&node).spawn().unwrap(), "the terminal");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("--stdin, and stdin is a terminal"), "{shown}");
    assert!(shown.contains("Expected a file or a pipe"), "{shown}");
    assert!(!place.1.exists(), "it has left something behind");
    nothing_is_left(&mark);
}

#[test]
fn at_a_terminal_a_program_reads_nothing_and_is_not_stopped_for_it() {
    let (place, mark) = alone("terminal-reads");
    let script = "read line && echo read $line || echo read nothing";
    let node = Working::command(1, &place, &[], &["sh", "-c", script, &mark]);
    let output = rest_of(at_a_terminal(&node).spawn().unwrap(), "the terminal");
    let shown = text(&output.stdout);
    assert!(shown.contains("read nothing"), "{shown}");
    assert_eq!(output.status.code(), Some(0), "{shown}");
    nothing_is_left(&mark);
}

#[test]
fn at_a_terminal_one_ctrl_c_reaches_the_program_once_and_a_second_one_kills_it() {
    let (place, mark) = alone("terminal");
    let node = Working::command(1, &place, &PATIENT, &["sh", "-c", SAYS, &mark]);
    let mut script = at_a_terminal(&node).spawn().unwrap();
    let mut keys = script.stdin.take().unwrap();
    let shown = lines(script.stdout.take().unwrap(), |_| true);
    let until = |wanted: &str| {
        let mut before = Vec::new();
        loop {
            let line = shown.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                let there = left_of(&mark);
                let states: Vec<_> = there.iter().map(|pid| (pid, state_of(*pid))).collect();
                panic!("{wanted:?} is missing, as {error}: {before:?}, {states:?}");
            });
            if line.contains(wanted) {
                return before;
            }
            before.push(line);
        }
    };
    until("began");
    keys.write_all(b"\x03").unwrap();
    until("got INT");
    keys.write_all(b"\x03").unwrap();
    let between = until("\"state\":\"ended\"");
    assert!(!between.iter().any(|line| line.contains("got")), "{between:?}");
    assert_eq!(code_of(&mut script, "what the terminal runs"), Some(1));
    nothing_is_left(&mark);
}

#[test]
fn a_node_that_ignores_the_end_of_its_terminal_lets_its_program_ignore_it_too() {
    let (place, mark) = alone("nohup");
    let node = Working::command(1, &place, &PATIENT, &["sh", "-c", SAYS, &mark]);
    let mut node = Working::spawned(&mut ignoring("HUP", &node));
    let program = pid_in(&node.work("running"));
    assert_eq!(node.prints(), "began");
    node.signal("-HUP");
    kill("-HUP", program);
    node.signal("-TERM");
    assert_eq!(node.prints(), "got TERM");
    node.signal("-TERM");
    assert_eq!(node.work("ended")["code"], 137);
    assert_eq!(node.code(), Some(1));
    nothing_is_left(&mark);
}

/// As a service manager does that does not know of guards.
#[test]
fn a_request_to_all_processes_at_once_ends_all_of_them() {
    let (place, mark) = alone("all-at-once");
    let script = forever("sleep 1000 &");
    let mut node = Working::start(1, &place, &PATIENT, &["sh", "-c", &script, &mark]);
    assert!(node.prints().starts_with("began"));
    node.work("running");
    for pid in marked(&mark) {
        let _ = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
    }
    // The program may have ended before the node has heard that it is to stop.
    assert!(matches!(node.code(), Some(0 | 143)));
    nothing_is_left(&mark);
}

#[test]
fn as_the_first_process_of_a_container_a_node_ends_at_once_and_leaves_no_zombies() {
    let (place, mark) = alone("first");
    let orphans =
        "i=0; while [ $i -lt 100 ]; do (sleep 0 &); i=$((i+1)); done; echo began; sleep 1000";
    let node = Working::command(1, &place, &PATIENT, &["sh", "-c", orphans, &mark]);
    let mut container = Command::new("unshare");
    container.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    container.arg(node.get_program()).args(node.get_args());
    within(&mut container, &node);
    if !Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        assert_ne!(std::env::var("BALLOTBOX_NETNS").as_deref(), Ok("required"));
        return eprintln!("left out: this user may make no containers");
    }
    let mut container = Working::spawned(&mut container);
    assert_eq!(container.prints(), "began");
    let node = children_of(container.pid())[0];
    let guard = guard_of(node);
    until(|| children_of(guard).len() == 1, || format!("{:?}", children_of(guard)));
    kill("-TERM", node);
    assert_eq!(container.work("ended")["code"], 143);
    assert_eq!(container.code(), Some(0));
    nothing_is_left(&mark);
}
