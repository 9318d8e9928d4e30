//! How a node ends whose work has ended, by itself or not; signals; and what the program is started with.

use super::*;
use crate::run;

#[test]
fn a_program_runs_while_its_node_leads_and_finds_out_for_whom_and_how_long() {
    let (place, mark) = alone("environment");
    let script = forever(
        "for name in ID EPOCH LEASE_MS LEASE_FILE; do eval echo \\$BALLOTBOX_$name; done; echo \"$@\"",
    );
    let command = ["sh", "-c", &script, &mark, "-v", "a b", ""];
    let mut node = Working::start(1, &place, &[], &command);
    let running = node.work("running");
    let printed: Vec<_> = (0..5).map(|_| node.prints()).collect();
    let lease_file = place.1.join("1/lease");
    assert_eq!(printed, ["1", "1", "2000", lease_file.to_str().unwrap(), "-v a b "]);
    assert_eq!(node.prints(), format!("began {}", running["pid"]));
    node.signal("-TERM");
    assert_eq!(node.work("ended")["code"], 143);
    assert_eq!(node.code(), Some(0), "it was asked to stop");
    nothing_is_left(&mark);
}

#[test]
fn a_node_ends_with_the_code_of_its_program_or_with_what_a_shell_would_say() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -9 $$", 137),
        ("kill -15 $$", 143),
        ("exec /nowhere/at/all", 127),
        ("exit 255", 255),
    ] {
        let (place, mark) = alone("codes");
        let mut node = Working::start(1, &place, &[], &["sh", "-c", script, &mark]);
        assert_eq!(node.work("ended")["code"], code, "{script}");
        assert_eq!(node.code(), Some(code), "{script}");
        nothing_is_left(&mark);
    }
}

#[test]
fn a_program_that_is_not_there_is_refused_before_the_node_competes() {
    let (place, mark) = alone("missing");
    for (command, told) in [
        (&["/nowhere/program", &mark][..], "cannot find the program /nowhere/program"),
        (&["no-such-program-anywhere"], "in a directory of PATH"),
        (&["/etc/passwd"], "expected an executable file"),
        (&[""], "no program is named"),
    ] {
        let output = Working::command(1, &place, &[], command).output_in_time();
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
        assert!(!place.1.exists(), "it has left something behind");
    }
    nothing_is_left(&mark);
}

#[test]
fn a_program_that_vanishes_or_cannot_be_executed_any_more_ends_the_node_with_127_or_126() {
    for (change, code) in [("rm", 127), ("chmod a-x", 126)] {
        let (place, mark) = alone("vanishes");
        let program = place.1.with_extension("program");
        let _ = fs::remove_file(&program);
        fs::copy("/bin/sh", &program).unwrap();
        // The command before it is the last to see it.
        let change = format!("{change} {}", program.display());
        let command = [program.to_str().unwrap(), "-c", "exit 0", &mark];
        let mut node = Working::start(1, &place, &["--before-leading", &change], &command);
        node.work("preparing");
        assert_eq!(node.work("ended")["code"], code);
        assert_eq!(node.code(), Some(code));
        nothing_is_left(&mark);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    let place = ensemble("work-wrong", 1);
    let votes = place.0.to_str().unwrap();
    let node = ["node", "--id", "1", "--votes", votes];
    for (more, told) in [
        (&["--while-leading"][..], "<CMD>"),
        (&["--", "true"], "--while-leading"),
        (&["--while-leading", "true"], "wasn't expected"),
        (&["--stop-within", "1s"], "--while-leading"),
        (
            &["--while-leading", "--when-it-ends", "wait", "--", "true"],
            "expected stop, restart or resign",
        ),
        (&["--while-leading", "--stop-within", "1200ms", "--", "true"], "at least 2.05s"),
        (&["--while-leading", "--lease", "900ms", "--", "true"], "at least 950ms"),
    ] {
        let output = run(&[&node, more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(told), "{more:?}: {}", text(&output.stderr));
    }
    let members = r#"{"members":[{"id":1,"election":"127.0.0.1:1"},
        {"id":2,"election":"127.0.0.1:2","role":"observer"}]}"#;
    let votes = crate::file("work-observer.json", members);
    let votes = votes.to_str().unwrap();
    let output = run(&[
        "node",
        "--id",
        "2",
        "--votes",
        votes,
        "--no-data-dir",
        "--while-leading",
        "--",
        "true",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is an observer"), "{}", text(&output.stderr));
}

/// A program for the shell that says which signal it got, and ends with 4.
fn answering(signal: &str, mark: &str) -> String {
    format!("trap 'echo {signal}; exit 4' {signal}\necho began\nwhile :; do sleep {mark}; done")
}

/// Waits until the shell waits for its `sleep`: a signal that comes before that one is there reaches the shell alone, which answers when
/// it has slept.
fn sleeps(mark: &str) {
    let is_there = || marked(mark).iter().any(|pid| command_line(*pid).starts_with("sleep"));
    until(is_there, || "it does not sleep".to_owned());
}

#[test]
fn signals_that_ask_for_an_end_reach_the_program_and_then_the_node_ends() {
    for (signal, name) in [("-INT", "INT"), ("-TERM", "TERM"), ("-QUIT", "QUIT")] {
        let (place, mark) = alone("asking");
        let script = answering(name, &mark);
        let mut node = Working::start(1, &place, &PATIENT, &["sh", "-c", &script, &mark]);
        assert_eq!(node.prints(), "began");
        sleeps(&mark);
        node.signal(signal);
        assert_eq!(node.prints(), name);
        assert_eq!(node.work("ended")["code"], 4);
        assert_eq!(node.code(), Some(0), "{name}");
        nothing_is_left(&mark);
    }
}

#[test]
fn other_signals_are_passed_on_and_change_nothing_for_the_node() {
    let (place, mark) = alone("passed-on");
    let traps = "for one in HUP USR1 USR2 WINCH; do trap \"echo $one\" $one; done";
    // The shell runs a trap when what it waits for has ended, and `wait` ends at once.
    let script = format!("{traps}\nsleep {mark} & echo began\nwhile :; do wait; done");
    let mut node = Working::start(1, &place, &[], &["sh", "-c", &script, &mark]);
    assert_eq!(node.prints(), "began");
    node.work("running");
    for (signal, name) in
        [("-HUP", "HUP"), ("-USR1", "USR1"), ("-USR2", "USR2"), ("-WINCH", "WINCH")]
    {
        node.signal(signal);
        assert_eq!(node.prints(), name);
    }
    node.signal("-PIPE");
    node.signal("-TERM");
    assert_eq!(node.work("ended")["code"], 143);
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn a_program_that_ignores_the_request_is_killed_in_time_and_a_second_request_kills_it_at_once() {
    let (place, mark) = alone("ignores");
    let script = forever("trap '' TERM");
    let options = ["--stop-within", "300ms"];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert!(node.prints().starts_with("began"));
    node.signal("-TERM");
    assert_eq!(node.work("ended")["code"], 137);
    assert_eq!(node.code(), Some(1), "it had to be killed");
    nothing_is_left(&mark);

    let (place, mark) = alone("ignores-longer");
    let options = ["--lease", "60s", "--stop-within", "50s"];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert!(node.prints().starts_with("began"));
    node.signal("-TERM");
    node.work("ending");
    node.signal("-TERM");
    assert_eq!(node.work("ended")["code"], 137);
    assert_eq!(node.code(), Some(1));
    nothing_is_left(&mark);
}

#[test]
fn a_program_reads_nothing_unless_it_is_given_our_stdin() {
    for (options, read) in [(&[][..], "read nothing"), (&["--stdin"], "read from the test")] {
        let (place, mark) = alone("stdin");
        let script = "read line && echo read $line || echo read nothing";
        let mut command = Working::command(1, &place, options, &["sh", "-c", script, &mark]);
        let mut node = Working::spawned(command.stdin(Stdio::piped()));
        let mut stdin = node.node.child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, b"from the test\n").unwrap();
        assert_eq!(node.prints(), read);
        node.code();
        nothing_is_left(&mark);
    }
}

#[test]
fn a_command_that_fails_before_the_work_gives_the_leadership_up_and_another_attempt_follows() {
    let (place, mark) = alone("before");
    let counted = place.1.with_extension("count");
    let _ = fs::remove_file(&counted);
    let before =
        format!("echo $BALLOTBOX_EPOCH >> {0}; test $(wc -l < {0}) -gt 1", counted.display());
    let script = forever("echo epoch $BALLOTBOX_EPOCH");
    let options = ["--before-leading", &before];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert_eq!(node.work("unprepared")["code"], 1);
    let epochs = node.prints();
    assert_eq!(fs::read_to_string(&counted).unwrap().lines().count(), 2);
    assert_ne!(epochs, "epoch 1", "the first one was given up");
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn a_program_that_is_to_begin_again_does_so_in_the_same_epoch() {
    let (place, mark) = alone("restart");
    let options = ["--when-it-ends", "restart"];
    let script = "echo epoch $BALLOTBOX_EPOCH; exit 3";
    let mut node = Working::start(1, &place, &options, &["sh", "-c", script, &mark]);
    for _ in 0..2 {
        assert_eq!(node.prints(), "epoch 1");
        assert_eq!(node.work("ended")["code"], 3);
        node.work("pausing");
    }
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn without_a_lease_the_program_is_told_so() {
    let (place, mark) = alone("no-lease");
    let script = forever("echo $BALLOTBOX_LEASE_MS");
    let mut node = Working::start(1, &place, &["--lease", "off"], &["sh", "-c", &script, &mark]);
    assert_eq!(node.prints(), "0");
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    assert_eq!(fs::read(place.1.join("1/lease")).unwrap(), b"");
    nothing_is_left(&mark);
}

#[test]
fn a_program_that_is_not_well_three_times_is_ended_and_begins_again_in_another_epoch() {
    let (place, mark) = alone("health");
    let sick = place.1.with_extension("sick");
    let _ = fs::remove_file(&sick);
    let health =
        format!("echo looked at $BALLOTBOX_EPOCH >> {0}.log; ! test -e {0}", sick.display());
    let script = forever("echo epoch $BALLOTBOX_EPOCH");
    let options = ["--health", &health];
    let mut node = Working::start(1, &place, &options, &["sh", "-c", &script, &mark]);
    assert_eq!(node.prints(), "epoch 1");
    fs::write(&sick, "").unwrap();
    node.work("unwell");
    fs::remove_file(&sick).unwrap();
    // They are told by two ways: either may come first.
    let (mut code, mut cause) = (None, None);
    while code.is_none() || cause.is_none() {
        let event = node.node.next();
        match event["event"].as_str() {
            Some("lost") => cause = Some(event["cause"].clone()),
            Some("work") if event["state"] == "ended" => code = Some(event["code"].clone()),
            _ => {}
        }
    }
    assert_eq!((code.unwrap(), cause.unwrap()), (143.into(), "unhealthy".into()));
    assert!(node.prints().starts_with("began"));
    assert_eq!(node.prints(), "epoch 2");
    let log = fs::read_to_string(format!("{}.log", sick.display())).unwrap();
    assert!(log.lines().filter(|line| *line == "looked at 1").count() >= 3, "{log}");
    node.signal("-TERM");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

/// As a shell starts what it runs in the background.
#[test]
fn a_node_that_was_started_with_signals_ignored_takes_them_all_the_same_and_so_does_its_program() {
    let (place, mark) = alone("ignored");
    let script = answering("INT", &mark);
    let node = Working::command(1, &place, &PATIENT, &["sh", "-c", &script, &mark]);
    let mut node = Working::spawned(&mut ignoring("INT QUIT", &node));
    assert_eq!(node.prints(), "began");
    sleeps(&mark);
    node.signal("-INT");
    assert_eq!(node.prints(), "INT");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn a_node_ends_with_3_and_says_what_lies_in_the_place_of_its_lease_file() {
    let (place, mark) = alone("no-lease-file");
    let directory = place.1.join("1");
    let file = directory.join("lease");
    let elsewhere = place.1.join("elsewhere");
    fs::create_dir_all(&directory).unwrap();
    fs::write(&elsewhere, "kept").unwrap();
    let put = |command: &str| {
        let script = format!("{command} \"$0\" && exec test -e \"$0\" -o -L \"$0\"");
        assert!(Command::new("sh").args(["-c", &script]).arg(&file).status().unwrap().success());
    };
    let link = format!("ln -s '{}'", elsewhere.display());
    for (command, undo, found) in [
        (link.as_str(), "rm", "is a symbolic link"),
        ("ln -s /nowhere/at/all", "rm", "is a symbolic link"),
        ("mkdir", "rmdir", "is a directory"),
        ("mkfifo", "rm", "is a named pipe"),
    ] {
        put(command);
        let output = Working::command(1, &place, &[], &["sleep", &mark]).output_in_time();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        let expected = ["expected a plain file", "Remove it", file.to_str().unwrap()];
        assert!(told.contains(found), "{told}");
        assert!(expected.iter().all(|part| told.contains(part)), "{told}");
        assert!(Command::new(undo).arg(&file).status().unwrap().success(), "it was changed");
        nothing_is_left(&mark);
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
}

#[test]
fn a_third_request_ends_the_node_itself_while_its_program_does_not_die() {
    let (place, mark) = alone("third");
    let mut node = Working::start(1, &place, &PATIENT, &["sh", "-c", &forever(""), &mark]);
    assert!(node.prints().starts_with("began"));
    // Nothing dies without it.
    let guard = guard_of(node.pid());
    kill("-STOP", guard);
    node.signal("-TERM");
    node.work("ending");
    let ask_again = || {
        let ended = node.node.child.try_wait().unwrap();
        if ended.is_none() {
            node.signal("-TERM");
        }
        ended
    };
    let status = soon(ask_again, || "the node does not end, however often it is asked".to_owned());
    assert_eq!(status.code(), None, "{status}");
    kill("-CONT", guard);
    nothing_is_left(&mark);
}

#[test]
fn a_hang_up_ends_a_node_whose_program_does_not_run() {
    let (place, mark) = (ensemble("work-hang-up", 3), mark("hang-up"));
    let mut node = Working::start(1, &place, &[], &["sleep", &mark]);
    node.node.until(|event| event["event"] == "looking");
    node.signal("-HUP");
    assert_eq!(node.code(), Some(0));
    nothing_is_left(&mark);
}

#[test]
fn a_signal_that_nobody_expects_ends_the_node_and_so_the_program() {
    for signal in ["-ALRM", "-ABRT"] {
        let (place, mark) = alone("unexpected");
        let mut node = Working::start(1, &place, &[], &["sh", "-c", &forever(""), &mark]);
        assert!(node.prints().starts_with("began"));
        node.signal(signal);
        assert_eq!(node.code(), None, "{signal}");
        nothing_is_left(&mark);
    }
}

#[test]
fn a_node_that_cannot_go_on_ends_its_program_and_then_itself_with_3() {
    let (place, mark) = alone("broken");
    let mut node = Working::start(1, &place, &[], &["sh", "-c", &forever(""), &mark]);
    assert!(node.prints().starts_with("began"));
    // Another node may use the directory from now on.
    fs::remove_file(place.1.join("1/lock")).unwrap();
    assert_eq!(node.code(), Some(3));
    nothing_is_left(&mark);
}

#[test]
fn a_node_whose_directory_is_in_use_leaves_the_program_of_the_other_alone_and_ends_with_3() {
    let (place, mark) = alone("in-use");
    let mut first = Working::start(1, &place, &[], &["sh", "-c", &forever(""), &mark]);
    assert!(first.prints().starts_with("began"));
    let running = first.work("running");
    let other = mark.clone() + "1";
    let output = Working::command(1, &place, &[], &["sleep", &other]).output_in_time();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    nothing_is_left(&other);
    assert!(state_of(pid_in(&running)).is_some(), "the program was ended");
    first.signal("-TERM");
    assert_eq!(first.work("ended")["code"], 143);
    assert_eq!(first.code(), Some(0));
    nothing_is_left(&mark);
}
