//! What a program has started ends with it.

use super::*;

#[test]
fn whatever_a_program_has_started_ends_with_it_wherever_it_hides() {
    // Each of them says that it is there, and outlives its parent.
    let hide_outs = [
        "sleep MARK &",
        "setsid sleep MARK &",
        "(setsid sh -c 'trap \"\" TERM HUP INT; sleep MARK; sleep MARK' &) &",
        "(sh -c '(sh -c \"sleep MARK & sleep MARK\" &) ; exit' &)",
        "sh -c 'kill -STOP $$; sleep MARK' &",
    ];
    for end in ["by itself", "asked to stop", "node killed"] {
        let (place, mark) = alone("trees");
        let hidden: String = hide_outs.map(|one| format!("{one}\n")).concat();
        let then = if end == "by itself" { "read line; exit 6" } else { "sleep 1000" };
        let script = format!("{hidden}echo began; {then}").replace("MARK", &mark);
        let mut command = Working::command(1, &place, &["--stdin"], &["sh", "-c", &script, &mark]);
        let mut node = Working::spawned(command.stdin(Stdio::piped()));
        assert_eq!(node.prints(), "began");
        // The node, its guard, the shell, and at least one for each of the others.
        until(|| marked(&mark).len() >= 3 + hide_outs.len(), || format!("{:?}", marked(&mark)));
        match end {
            "by itself" => {
                drop(node.node.child.stdin.take());
                assert_eq!(node.work("ended")["code"], 6);
                assert_eq!(node.code(), Some(6));
            }
            "asked to stop" => {
                node.signal("-TERM");
                assert_eq!(node.code(), Some(0));
            }
            _ => node.node.child.kill().unwrap(),
        }
        nothing_is_left(&mark);
    }
}

#[test]
fn orphans_that_end_leave_no_zombies() {
    let (place, mark) = alone("zombies");
    let script =
        "i=0; while [ $i -lt 1000 ]; do (sleep 0 &); i=$((i+1)); done; echo began; sleep 1000";
    let mut node = Working::start(1, &place, &[], &["sh", "-c", script, &mark]);
    assert_eq!(node.prints(), "began");
    let guard = guard_of(node.pid());
    // The first process of the program is the only one.
    until(|| children_of(guard).len() == 1, || format!("{:?}", children_of(guard)));
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

/// The end of the work is not the end of a pipe: a process that keeps the stdout of the node holds nothing up.
#[test]
fn a_node_does_not_wait_for_those_who_have_its_stdout() {
    let (place, mark) = alone("stdout");
    let script = format!("setsid sleep {mark} >&1 & echo began; exit 0");
    let mut node = Working::start(1, &place, &[], &["sh", "-c", &script, &mark]);
    assert_eq!(node.prints(), "began");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn the_work_has_the_lock_of_the_work_and_nothing_else_of_ours() {
    let (place, mark) = alone("descriptors");
    let script = "echo began; sleep 1000";
    let mut node = Working::start(1, &place, &[], &["sh", "-c", script, &mark]);
    let program = node.work("running")["pid"].to_string();
    assert_eq!(node.prints(), "began");
    let open = fs::read_dir(format!("/proc/{program}/fd")).unwrap().flatten();
    let open: Vec<_> = open.filter_map(|one| fs::read_link(one.path()).ok()).collect();
    let data = place.1.canonicalize().unwrap();
    let ours: Vec<_> = open.iter().filter(|path| path.starts_with(&data)).collect();
    assert_eq!(ours, [&data.join("1/work.lock")], "{open:?}");
    let sockets = open.iter().filter(|path| path.to_string_lossy().starts_with("socket:"));
    assert_eq!(sockets.count(), 0, "{open:?}");
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn an_end_that_is_asked_for_at_any_moment_of_the_start_leaves_nothing_behind() {
    for number in 0..40u32 {
        let (place, mark) = alone("early");
        let options = ["--before-leading", "exit 0"];
        let command = ["sh", "-c", "sleep 1000", &mark];
        let mut node = Working::start(1, &place, &options, &command);
        // Some moments are events; between them a number of steps of a loop that does nothing.
        let event = ["listening", "looking", "elected", "leading", "work"][number as usize % 5];
        node.node.until(|one| one["event"] == event);
        for step in 0..number * 3000 {
            std::hint::black_box(step);
        }
        node.signal(if number % 2 == 0 { "-TERM" } else { "-KILL" });
        let code = node.code();
        assert!(matches!(code, Some(0) | None), "{code:?} after {event}, run {number}");
        nothing_is_left(&mark);
    }
}
