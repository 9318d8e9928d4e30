//! Node and guard are killed, or asked to end, at each step of the start of the work.
//!
//! | step | how a test is there at that very moment |
//! | --- | --- |
//! | the guard is there, and the directory is not ours yet | the node waits for a guard that is stopped |
//! | the command before the work runs | it says so |
//! | the guard has the order to begin, and has not read it | it is stopped, until the node says that it leads |
//! | a process was made for it; it is the shim; it has just become the program | it is stopped as soon as it is seen, until it was seen as the shim |
//! | the program runs | it says so |
//!
//! Between the first look of the shim at its guard and the program is one call, in which no test can be. What holds there is what the shim has
//! asked the kernel for by then, as it does when the program runs.

use std::sync::mpsc::RecvTimeoutError;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// What happens to a node at a step.
#[derive(Clone, Copy, Debug)]
enum Fate {
    NodeKilled,
    GuardKilled,
    BothKilled,
    AskedToEnd,
}

const FATES: [Fate; 4] = [Fate::NodeKilled, Fate::GuardKilled, Fate::BothKilled, Fate::AskedToEnd];

impl Fate {
    fn befall(self, node: &Working, guard: u32) {
        match self {
            Self::NodeKilled => node.signal("-KILL"),
            Self::GuardKilled => kill("-KILL", guard),
            Self::BothKilled => {
                // Neither can do anything when the other one is gone.
                for signal in [Signal::STOP, Signal::KILL] {
                    for pid in [guard, node.pid()] {
                        signal_now(pid, signal);
                    }
                }
            }
            Self::AskedToEnd => node.signal("-TERM"),
        }
    }

    /// How the node ends then, at a step at which it waits for nobody.
    fn codes(self) -> &'static [Option<i32>] {
        match self {
            Self::NodeKilled | Self::BothKilled => &[None],
            Self::GuardKilled => &[Some(3)],
            // The work had to be killed if it was stopped.
            Self::AskedToEnd => &[Some(0), Some(1)],
        }
    }
}

/// A signal that comes at once: no program has to be started for it.
fn signal_now(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

/// Waits until the guard has the name that it goes by.
fn guard_soon(node: &Working) -> u32 {
    soon(|| guard_if_any(node.pid()), || "there is no guard".to_owned())
}

/// Nothing was printed, and nothing is left that could.
fn the_program_has_not_run(node: &Working, mark: &str) {
    nothing_is_left(mark);
    assert_eq!(node.printed.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_guard_that_is_stopped_or_killed_before_the_directory_is_ours_ends_the_node() {
    for signal in [Signal::STOP, Signal::KILL] {
        let (place, mark) = alone("barrier-prepare");
        let mut node = Working::start(1, &place, &[], &["sh", "-c", "echo began", &mark]);
        let guard = guard_soon(&node);
        signal_now(guard, signal);
        // The guard may have been ready by then. Its node leads, and does not end by itself while that one is stopped.
        let looks =
            |node: &Working| node.node.lines.try_iter().any(|line| line.contains("looking"));
        let mut was_ready = false;
        until(
            || {
                was_ready |= looks(&node);
                was_ready || node.node.child.try_wait().unwrap().is_some()
            },
            || format!("the node neither ends nor looks, after {signal:?}"),
        );
        signal_now(guard, Signal::CONT);
        let code = node.code();
        nothing_is_left(&mark);
        if was_ready || looks(&node) {
            assert!(matches!(code, Some(0 | 3)), "{signal:?}: {code:?}");
        } else {
            assert_eq!(code, Some(3), "{signal:?}");
            the_program_has_not_run(&node, &mark);
        }
    }
}

#[test]
fn nobody_runs_the_program_when_its_node_or_guard_ends_during_the_command_before_it() {
    for fate in FATES {
        let (place, mark) = alone("barrier-before");
        // One process: of more, the kernel ends the first, and the next node on that directory the others, if node and guard are both gone.
        let before =
            format!("echo before >&2; echo '{{\"event\":\"before\"}}' >&2; exec sleep {mark}");
        let script = format!("echo began; sleep {mark}");
        let command = ["sh", "-c", &script, &mark];
        let mut node = Working::start(1, &place, &["--before-leading", &before], &command);
        node.node.until(|event| event["event"] == "before");
        fate.befall(&node, guard_of(node.pid()));
        let code = node.code();
        assert!(fate.codes().contains(&code), "{fate:?}: {code:?}");
        the_program_has_not_run(&node, &mark);
    }
}

#[test]
fn an_order_to_begin_that_a_guard_reads_late_leaves_nothing_behind() {
    for fate in FATES {
        let (place, mark) = alone("barrier-order");
        let script = format!("echo began; exec sleep {mark}");
        let command = ["sh", "-c", &script, &mark];
        let mut node = Working::start(1, &place, &[], &command);
        // It is ready by then, and has got no order.
        node.node.until(|event| event["event"] == "looking");
        let guard = guard_of(node.pid());
        signal_now(guard, Signal::STOP);
        node.node.until(|event| event["event"] == "leading");
        fate.befall(&node, guard);
        signal_now(guard, Signal::CONT);
        let code = node.code();
        assert!(fate.codes().contains(&code), "{fate:?}: {code:?}");
        nothing_is_left(&mark);
    }
}

/// How far a process has come on its way to be the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// It is still a copy of the guard, which waits for it.
    Copy,
    Shim,
    Program,
}

/// Stops the first process that this guard starts, and says how far that has come.
fn stop_on_the_way(guard: u32) -> (u32, Step) {
    let started = || children_of(guard).first().copied();
    let child = soon(started, || "the guard starts nothing".to_owned());
    signal_now(child, Signal::STOP);
    until(
        || matches!(state_of(child), Some('T') | None),
        || format!("{child} is {:?}", state_of(child)),
    );
    let line = command_line(child);
    let is = |name| line.starts_with(name);
    let step = match () {
        () if is("ballotbox-guard") => Step::Copy,
        () if is("ballotbox-shim") => Step::Shim,
        () => Step::Program,
    };
    (child, step)
}

#[test]
fn a_process_that_is_on_its_way_to_be_the_program_does_not_become_it_later() {
    for fate in FATES {
        // A shim is one for less than a millisecond.
        for attempt in 1.. {
            assert!(attempt < 200, "no shim was seen in {attempt} attempts");
            let (place, mark) = alone("barrier-shim");
            let script = format!("echo began; exec sleep {mark}");
            let command = ["sh", "-c", &script, &mark];
            let node = Working::command(1, &place, &["--lease", "2s"], &command);
            // A group that is stopped and has nobody left gets a SIGHUP from the kernel.
            let mut node = Working::spawned(&mut ignoring("HUP", &node));
            let guard = guard_soon(&node);
            let (child, step) = stop_on_the_way(guard);
            fate.befall(&node, guard);
            match fate {
                // The guard kills it, unless it waits for it.
                Fate::NodeKilled | Fate::AskedToEnd if step != Step::Copy => {}
                Fate::NodeKilled | Fate::AskedToEnd => signal_now(child, Signal::CONT),
                Fate::GuardKilled | Fate::BothKilled => {
                    // A signal has been sent before it has been heard.
                    let is_gone = || matches!(state_of(guard), Some('Z') | None);
                    until(is_gone, || format!("{guard} is {:?}", state_of(guard)));
                    signal_now(child, Signal::CONT);
                }
            }
            let code = node.code();
            assert!(fate.codes().contains(&code), "{fate:?}, {step:?}: {code:?}");
            nothing_is_left(&mark);
            if step == Step::Shim {
                the_program_has_not_run(&node, &mark);
                break;
            }
        }
    }
}

#[test]
fn a_program_that_has_just_begun_ends_with_its_node_or_guard() {
    for fate in FATES {
        let (place, mark) = alone("barrier-program");
        let script = format!("echo began; exec sleep {mark}");
        let command = ["sh", "-c", &script, &mark];
        let mut node = Working::start(1, &place, &[], &command);
        assert_eq!(node.prints(), "began");
        fate.befall(&node, guard_of(node.pid()));
        let code = node.code();
        assert!(fate.codes().contains(&code), "{fate:?}: {code:?}");
        nothing_is_left(&mark);
    }
}
