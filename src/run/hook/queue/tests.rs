use std::collections::BTreeMap;

use super::*;
use crate::Epoch;

const LIMIT: Duration = Duration::from_secs(30);

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn queue() -> HookQueue {
    HookQueue::new(LIMIT)
}

fn leading(epoch: i64) -> Change {
    Change { state: State::Leading { epoch: Some(Epoch(epoch)) }, cause: None }
}

fn following(leader: u64, epoch: i64) -> Change {
    let state = State::Following { leader: id(leader), epoch: Some(Epoch(epoch)) };
    Change { state, cause: None }
}

fn lost(cause: LostBecause) -> Change {
    Change { state: State::Looking, cause: Some(cause) }
}

impl HookQueue {
    fn becomes(&mut self, changes: impl IntoIterator<Item = Change>) -> Vec<HookAction> {
        self.actions_on(HookEvent::Changed(changes.into_iter().collect()))
    }

    fn ends_well(&mut self) -> Vec<HookAction> {
        self.actions_on(HookEvent::Ended(RunEnd::Exited(0)))
    }
}

/// The one run that is asked for.
fn the_run(actions: &[HookAction]) -> HookRun {
    let [HookAction::Run(run)] = actions else { panic!("{actions:?}") };
    *run
}

fn told(run: &HookRun) -> BTreeMap<&'static str, String> {
    run.variables(id(1))
        .into_iter()
        .map(|(name, value)| (name.strip_prefix("BALLOTBOX_").unwrap(), value))
        .collect()
}

#[test]
fn the_first_run_is_when_it_is_settled_for_the_first_time() {
    let mut queue = queue();
    let looking = Change { state: State::Looking, cause: None };
    assert_eq!(queue.becomes([looking, looking]), []);
    let run = the_run(&queue.becomes([looking, following(3, 5)]));
    assert_eq!(
        run.variables(id(1)).map(|(_, value)| value),
        ["1", "following", "", "3", "5", "5", "", "1", "0"]
    );
    // It is still that.
    assert_eq!(queue.becomes([following(3, 5)]), []);
    assert_eq!(queue.ends_well(), []);
    assert_eq!(queue.becomes([following(3, 5)]), []);
}

#[test]
fn a_run_says_what_it_was_before_and_why_that_is_over() {
    let mut queue = queue();
    the_run(&queue.becomes([leading(5)]));
    queue.ends_well();
    let run = told(&the_run(&queue.becomes([lost(LostBecause::QuorumLost)])));
    assert_eq!(
        [&*run["STATE"], &*run["PREVIOUS"], &*run["CAUSE"]],
        ["looking", "leading", "quorum-lost"]
    );
    assert_eq!([&*run["LEADER"], &*run["EPOCH"], &*run["TOKEN"]], ["", "", ""]);
    queue.ends_well();
    // The cause was told.
    let run = told(&the_run(&queue.becomes([leading(6)])));
    assert_eq!([&*run["PREVIOUS"], &*run["CAUSE"], &*run["LEADER"]], ["looking", "", "1"]);
}

#[test]
fn the_second_run_begins_after_the_first_has_ended_and_no_change_ends_it() {
    let mut queue = queue();
    the_run(&queue.becomes([following(3, 5)]));
    assert_eq!(queue.becomes([lost(LostBecause::LeaderLost)]), []);
    assert_eq!(queue.becomes([leading(6)]), []);
    let run = the_run(&queue.ends_well());
    assert_eq!((run.state, run.sequence, run.skipped), (leading(6).state, 3, 1));
    assert_eq!(run.cause, Some(LostBecause::LeaderLost));
    assert_eq!(queue.ends_well(), []);
}

#[test]
fn of_a_hundred_changes_in_a_moment_the_last_run_is_about_the_last_and_the_skipped_ones_sum_up() {
    let mut queue = queue();
    let mut runs = vec![the_run(&queue.becomes([leading(1)]))];
    for epoch in 2..=50 {
        // Runs end now and then.
        if epoch % 7 == 0 {
            runs.push(the_run(&queue.ends_well()));
        }
        assert_eq!(queue.becomes([lost(LostBecause::Resigned)]), []);
        assert_eq!(queue.becomes([leading(epoch)]), []);
    }
    runs.push(the_run(&queue.ends_well()));
    assert_eq!(queue.ends_well(), []);
    let last = runs.last().unwrap();
    assert_eq!((last.state, last.sequence), (leading(50).state, 99));
    let skipped: u64 = runs.iter().map(|run| run.skipped).sum();
    assert_eq!(runs.len() as u64 + skipped, 99);
    assert!(runs.windows(2).all(|two| {
        let (before, after) = (two[0], two[1]);
        after.sequence == before.sequence + 1 + after.skipped
            && after.previous == Some(before.state)
    }));
}

#[test]
fn what_was_lost_and_came_back_while_a_run_went_on_has_a_run_though_it_is_the_same_again() {
    let mut queue = queue();
    the_run(&queue.becomes([following(3, 5)]));
    assert_eq!(queue.becomes([lost(LostBecause::Silence), following(3, 5)]), []);
    let run = the_run(&queue.ends_well());
    assert_eq!((run.state, run.sequence, run.skipped), (following(3, 5).state, 3, 1));
}

#[test]
fn what_comes_with_one_answer_is_one_run() {
    let run = the_run(&queue().becomes([leading(1), lost(LostBecause::Resigned), following(2, 2)]));
    assert_eq!((run.state, run.sequence, run.skipped), (following(2, 2).state, 3, 2));
}

#[test]
fn a_run_that_takes_too_long_is_killed_and_told_of_and_the_next_one_follows() {
    let mut queue = queue();
    let first = the_run(&queue.becomes([leading(1)]));
    queue.becomes([lost(LostBecause::Resigned)]);
    assert_eq!(queue.actions_on(HookEvent::TimedOut), [HookAction::Kill]);
    // Only its end lets the next one begin.
    assert_eq!(queue.becomes([leading(2)]), []);
    let actions = queue.actions_on(HookEvent::Ended(RunEnd::Signalled(9)));
    let [HookAction::Warn(warning), next] = &actions[..] else { panic!("{actions:?}") };
    let killed = HookWarning::Killed { run: first, limit: LIMIT, failures: 1 };
    assert_eq!(*warning, killed);
    assert_eq!(
        warning.to_string(),
        "the hook had not ended 30s after change 1 (leading), and was killed with its process group: make it faster, \
         or --hook-timeout longer (failure 1)"
    );
    assert_eq!(the_run(std::slice::from_ref(next)).sequence, 3);
}

#[test]
fn a_run_that_ends_well_as_its_time_is_over_is_no_failure() {
    let mut queue = queue();
    queue.becomes([leading(1)]);
    assert_eq!(queue.actions_on(HookEvent::TimedOut), [HookAction::Kill]);
    assert_eq!(queue.ends_well(), []);
    // What comes late is about nothing.
    assert_eq!(queue.actions_on(HookEvent::TimedOut), []);
}

#[test]
fn failures_are_told_and_counted_and_nothing_else() {
    let mut queue = queue();
    queue.becomes([leading(1)]);
    let ends = [
        (RunEnd::Exited(3), "exit code 3 (failure 1)"),
        (
            RunEnd::Exited(127),
            "exit code 127, which sh gives when it finds no such command (failure 2)",
        ),
        (RunEnd::Signalled(15), "ended by signal 15 (failure 3)"),
        (
            RunEnd::NotStarted("no memory".into()),
            "/bin/sh cannot be started: no memory (failure 4)",
        ),
    ];
    for (epoch, (end, expected)) in (2..).zip(ends) {
        let actions = queue.actions_on(HookEvent::Ended(end));
        let [HookAction::Warn(warning)] = &actions[..] else { panic!("{actions:?}") };
        let told = warning.to_string();
        assert!(told.starts_with("the hook failed at change "), "{told}");
        assert!(told.ends_with(expected), "{told}");
        the_run(&queue.becomes([leading(epoch)]));
    }
}

#[test]
fn the_last_run_says_that_the_node_has_stopped_and_then_it_is_over() {
    let mut queue = queue();
    queue.becomes([leading(1)]);
    queue.ends_well();
    let run = the_run(&queue.actions_on(HookEvent::Stop));
    assert_eq!((run.state, run.previous), (State::Stopped, Some(leading(1).state)));
    assert_eq!(queue.becomes([leading(2)]), []);
    assert_eq!(queue.ends_well(), [HookAction::Done]);
}

#[test]
fn a_node_that_stops_while_the_hook_runs_waits_for_that_and_for_the_last_run() {
    let mut queue = queue();
    queue.becomes([leading(1)]);
    let stopped = Change { state: State::Stopped, cause: Some(LostBecause::Stopped) };
    assert_eq!(queue.becomes([stopped]), []);
    assert_eq!(queue.actions_on(HookEvent::Stop), []);
    let run = the_run(&queue.ends_well());
    assert_eq!((run.state, run.cause, run.sequence), (State::Stopped, stopped.cause, 2));
    let actions = queue.actions_on(HookEvent::Ended(RunEnd::Exited(1)));
    assert!(matches!(actions[..], [HookAction::Warn(_), HookAction::Done]), "{actions:?}");
}

#[test]
fn a_node_that_never_settled_has_one_run_when_it_stops() {
    let mut queue = queue();
    let run = told(&the_run(&queue.actions_on(HookEvent::Stop)));
    assert_eq!([&*run["STATE"], &*run["PREVIOUS"], &*run["SEQ"]], ["stopped", "", "1"]);
    assert_eq!(queue.ends_well(), [HookAction::Done]);
}

#[test]
fn what_does_not_die_is_told_once_overlaps_with_nothing_and_keeps_no_node_from_ending() {
    let mut queue = queue();
    let run = the_run(&queue.becomes([leading(1)]));
    queue.actions_on(HookEvent::TimedOut);
    let warning = HookAction::Warn(HookWarning::DoesNotDie { run });
    assert_eq!(queue.actions_on(HookEvent::TimedOut), [warning]);
    assert_eq!(queue.becomes([leading(2)]), []);
    let mut other = queue.clone();
    assert_eq!(queue.actions_on(HookEvent::Stop), [HookAction::Done]);
    // Or it dies in the end.
    let next = the_run(&other.actions_on(HookEvent::Ended(RunEnd::Signalled(9))));
    assert_eq!(next.sequence, 2);
}

#[test]
fn each_run_is_counted_once_by_how_it_ended_and_each_change_without_one() {
    let mut queue = queue();
    assert_eq!(queue.take_counts(), None);
    let none = HookCounts::default();
    queue.becomes([leading(5)]);
    assert_eq!(queue.take_counts(), None, "it goes on");
    // Three changes while it runs have one run.
    queue.becomes([lost(LostBecause::QuorumLost), following(2, 6), leading(7)]);
    queue.ends_well();
    assert_eq!(queue.take_counts(), Some(HookCounts { succeeded: 1, skipped: 2, ..none }));
    assert_eq!(queue.take_counts(), None);
    queue.becomes([following(3, 8)]);
    queue.actions_on(HookEvent::Ended(RunEnd::Exited(3)));
    assert_eq!(queue.take_counts(), Some(HookCounts { failed: 1, ..none }));
    queue.actions_on(HookEvent::TimedOut);
    assert_eq!(queue.take_counts(), None, "it is about to be killed");
    queue.actions_on(HookEvent::Ended(RunEnd::Signalled(9)));
    assert_eq!(queue.take_counts(), Some(HookCounts { killed: 1, ..none }));
    // This one does not die at once.
    queue.becomes([leading(9)]);
    queue.actions_on(HookEvent::TimedOut);
    queue.actions_on(HookEvent::TimedOut);
    assert_eq!(queue.take_counts(), Some(HookCounts { killed: 1, ..none }));
    queue.actions_on(HookEvent::Ended(RunEnd::Signalled(9)));
    assert_eq!(queue.take_counts(), None);
}
