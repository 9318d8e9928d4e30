//! Hand-overs: a leader gives its epoch up, and names who is to lead next.
//!
//! Three voters run the production [`Leadership`](ballotbox_core::leadership::Leadership) with a lease. The first of them leads the
//! others, and its work goes on. It resigns or is stopped, in favour of one or of any; its work ends when it likes, or is killed when the
//! lease is over. What it says at the end is heard by all, by some, late, not at all, or once more in a later epoch; elections
//! come between, processes are killed, and a second passes: long enough for a nomination to have come to nothing.

#[path = "handover/judge.rs"]
mod judge;
#[path = "handover/sessions.rs"]
mod sessions;
#[path = "handover/state.rs"]
mod state;
#[path = "handover/steps.rs"]
mod steps;
#[path = "handover/the_end.rs"]
mod the_end;
#[path = "handover/walk.rs"]
mod walk;
#[path = "handover/weak.rs"]
mod weak;

use std::ops::Range;

use stateright::{Model, Property};

use self::{
    state::{Left, State, Step},
    weak::Weakness,
};
use crate::{
    checks::{check, is_broken},
    random_walks::{self, Walks},
};

/// What is left open, and what is looked at beside the rules.
#[derive(Clone, Copy, Debug)]
struct Voters {
    /// The first voter has handed over to the second before, and that one to it.
    again: bool,
    left: Left,
    weakness: Weakness,
    beside: Beside,
}

/// What is looked at beside the rules.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    /// That all ends well, from each state.
    Ends,
    /// That a hand-over needs no vote where nothing disturbs it.
    NoVote,
}

/// A leader gives its epoch up, and nothing else happens.
const CALM: Left = Left {
    resigns: 1,
    stops: 0,
    elections: 0,
    repeats: 0,
    breaks: 0,
    crashes: 0,
    seconds: 0,
    moments: 0,
};

const RULES: &str = "every rule holds";
const NO_VOTE: &str = "who was named leads in the end, all follow it, and nobody has voted";

impl Voters {
    const fn new(left: Left) -> Self {
        Self { again: false, left, weakness: Weakness::None, beside: Beside::Nothing }
    }
}

impl Model for Voters {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::led(self.again, self.left, self.weakness)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.broken.is_none() {
            state.steps(steps);
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        state.take(step);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties =
            vec![Property::always(RULES, |_, state: &State| state.broken.is_none())];
        match self.beside {
            Beside::Nothing => {}
            Beside::Ends => {
                properties.push(Property::always(the_end::RULE, |_, state: &State| {
                    the_end::is_right(state)
                }));
            }
            Beside::NoVote => {
                properties.push(Property::always(NO_VOTE, |_, state: &State| {
                    let mut steps = Vec::new();
                    state.steps(&mut steps);
                    let goes_on = !steps.is_empty() || state.has_a_moment_to_wait();
                    goes_on || (state.is_led() && state.book.is_handed_over())
                }));
            }
        }
        properties
    }
}

#[test]
fn a_hand_over_that_nothing_disturbs_needs_no_vote() {
    let left = Left { moments: 3, ..CALM };
    let undisturbed = Voters { beside: Beside::NoVote, ..Voters::new(left) };
    check(undisturbed, 80_000);
    let stops = Left { resigns: 0, stops: 1, ..left };
    check(Voters { left: stops, ..undisturbed }, 100);
}

#[test]
fn a_hand_over_ends_well_though_one_crashes_or_a_session_breaks() {
    let faults = [(Left { crashes: 1, ..CALM }, 4_000), (Left { breaks: 1, ..CALM }, 15_000)];
    for (left, floor) in faults {
        check(Voters { beside: Beside::Ends, ..Voters::new(left) }, floor);
        let left = Left { resigns: 0, stops: 1, ..left };
        check(Voters { beside: Beside::Ends, ..Voters::new(left) }, 100);
    }
}

#[test]
fn a_hand_over_keeps_every_rule_though_time_passes() {
    check(Voters::new(Left { seconds: 2, ..CALM }), 50_000);
    check(Voters::new(Left { seconds: 1, breaks: 1, ..CALM }), 200_000);
}

#[test]
fn a_hand_over_keeps_every_rule_though_elections_come_between() {
    check(Voters::new(Left { elections: 2, ..CALM }), 150_000);
}

#[test]
fn what_was_said_at_the_end_of_an_epoch_is_nothing_when_it_comes_again() {
    check(Voters { again: true, ..Voters::new(Left { repeats: 2, ..CALM }) }, 7_000);
}

/// Walks on which anything may happen, from an epoch that is led in.
fn walks(weakness: Weakness, seeds: Range<u64>, steps_max: usize) -> Walks<State> {
    Walks { begin: State::led(false, Left::FREE, weakness), seeds, steps_max }
}

/// Walks. More is seen than this, unless something cuts it off.
fn walk(count: u64, floor: usize) {
    let sights = walks(Weakness::None, random_walks::seeds(count), 250).keep_all_rules();
    assert!(sights.handed_over > floor && sights.led > sights.named && sights.killed > floor / 10);
}

#[test]
fn random_walks_keep_every_rule_of_hand_overs_and_end_well() {
    walk(1000, 100);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_walks_keep_every_rule_of_hand_overs_and_end_well() {
    walk(100_000, 10_000);
}

/// There is a way to a rule that is broken where another one is weaker.
fn is_needed(weakness: Weakness, model: Voters) {
    let state = is_broken(Voters { weakness, ..model }, RULES);
    assert_eq!(state.broken, Some(weakness.breaks()));
}

#[test]
fn an_epoch_must_not_be_released_before_its_work_has_ended() {
    is_needed(Weakness::ReleasedWhenTold, Voters::new(CALM));
}

#[test]
fn a_successor_needs_the_words_and_promises_of_others() {
    let found = walks(Weakness::SuccessorNeedsNobody, 0..50_000, 100).break_a_rule();
    println!("{} steps", found.way.len());
    assert_eq!(found.rule, judge::ONE_WORK);
}

#[test]
fn a_nomination_must_name_the_epoch_that_ends_with_it() {
    let left = Left { resigns: 0, repeats: 1, ..CALM };
    is_needed(Weakness::NominationOfAnyEpoch, Voters { again: true, ..Voters::new(left) });
}
