//! Two link tables, and the connections between them.
//!
//! Each side starts when it likes, though it may be greeted before. Of an attempt nothing may come for ever: the side that
//! waits for it must get its link all the same. A write may be reported as done when its link has ended.
//!
//! Strangers greet one side as the other, and are silent, speak rubbish, speak as the other would, or hang up. An instance
//! that hangs keeps its ends open, beside its successor.
//!
//! There is no time. A timer that is there to dial again runs out whenever it likes. All others are longer than a round
//! trip, so they run out only when nothing moves on the connection they are about, unless one may be
//! [early](Left::hurries); among each other they run out in any order.

#[path = "links/faults.rs"]
mod faults;
#[path = "links/judge.rs"]
mod judge;
#[path = "links/state.rs"]
mod state;
#[path = "links/the_end.rs"]
mod the_end;

use ballotbox_core::links::{LinkId, Timer};
use stateright::{Model, Property};

use self::{
    faults::{Left, Manner},
    judge::Wrong,
    state::{Holder, Stage, State},
};
use crate::{checks::check, members::id};

/// What is left open.
#[derive(Clone, Debug)]
struct Pair {
    /// They are linked when it begins, and nothing is under way.
    linked: bool,
    left: Left,
}

impl Pair {
    /// From the very beginning.
    const fn apart(left: Left) -> Self {
        Self { linked: false, left }
    }

    /// Once they are linked.
    const fn linked(left: Left) -> Self {
        Self { linked: true, left }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Start { side: usize },
    Fire { side: usize, timer: Timer },
    Make { connection: usize },
    Fail { connection: usize },
    Hang { connection: usize },
    Deliver { connection: usize, to: usize },
    Written { side: usize, link: LinkId },
    Cut { connection: usize },
    Say { side: usize },
    Greet { side: usize, manner: Manner },
    Crowd,
    Freeze { side: usize },
}

/// What this side and its user may do next, and what may happen to it.
fn steps_of(state: &State, side: usize, steps: &mut Vec<Step>) {
    let (this, left) = (&state.sides[side], state.left);
    if !this.started {
        steps.push(Step::Start { side });
    }
    for timer in this.armed.iter().copied() {
        let may_run_out = match timer {
            Timer::Redial(_) => left.dials > 0,
            Timer::Steady(_)
            | Timer::Answer(_)
            | Timer::Silence(_)
            | Timer::Candidate(_)
            | Timer::Guest(_) => left.hurries > 0 || !state.is_early(side, timer),
        };
        if may_run_out {
            steps.push(Step::Fire { side, timer });
        }
    }
    steps.extend(this.writing.iter().map(|link| Step::Written { side, link: *link }));
    if left.words > 0 {
        steps.push(Step::Say { side });
    }
    if left.strangers > 0 {
        let manners = Manner::towards(side).iter();
        steps.extend(manners.map(|manner| Step::Greet { side, manner: *manner }));
    }
    if left.crowds > 0 && side == 0 && this.table.link(id(1)).is_some() {
        steps.push(Step::Crowd);
    }
    if left.frozen > 0 && this.started {
        steps.push(Step::Freeze { side });
    }
}

/// What may come of a connection, and over it.
fn steps_over(state: &State, connection: usize, steps: &mut Vec<Step>) {
    let (one, left) = (&state.connections[connection], state.left);
    if matches!(one.stage, Stage::UnderWay { .. }) {
        steps.push(Step::Make { connection });
        if left.failures > 0 {
            steps.push(Step::Fail { connection });
        }
        if left.hangs > 0 {
            steps.push(Step::Hang { connection });
        }
    } else if left.cuts > 0 && one.ends.iter().any(|end| end.held) {
        steps.push(Step::Cut { connection });
    }
    let readable = (0..2).filter(|to| one.ends[*to].is_readable());
    steps.extend(readable.map(|to| Step::Deliver { connection, to }));
}

impl Model for Pair {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let state = State::new(Left::default());
        let begin = if self.linked { the_end::of(&state) } else { Some(state) };
        begin.into_iter().map(|state| State { left: self.left, ..state }).collect()
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for side in 0..2 {
            steps_of(state, side, steps);
        }
        for connection in 0..state.connections.len() {
            steps_over(state, connection, steps);
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        let left = &mut state.left;
        match step {
            Step::Start { side } => state.start(side),
            Step::Fire { side, timer } => {
                left.hurries -= u8::from(before.is_early(side, timer));
                state.fire(side, timer);
            }
            Step::Make { connection } => state.make(connection),
            Step::Fail { connection } => {
                left.failures -= 1;
                state.fail(connection);
            }
            Step::Hang { connection } => {
                left.hangs -= 1;
                state.connections[connection].stage = Stage::Hangs;
            }
            Step::Deliver { connection, to } => state.deliver(connection, to),
            Step::Written { side, link } => state.written(side, link),
            Step::Cut { connection } => {
                left.cuts -= 1;
                state.cut(connection);
            }
            Step::Say { side } => {
                left.words -= 1;
                state.sides[side].word += 1;
                state.say(side);
            }
            Step::Greet { side, manner } => {
                left.strangers -= 1;
                state.greet(side, manner);
            }
            Step::Crowd => {
                left.crowds -= 1;
                state.crowd();
            }
            Step::Freeze { side } => {
                left.frozen -= 1;
                state.freeze(side);
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = rules();
        if self.left.hurries == 0 {
            properties
                .push(Property::always("a link that works is never closed", |_, state: &State| {
                    state.wrong != Some(Wrong::ClosesWhatWorks)
                }));
        }
        properties.extend(sights(self));
        properties
    }
}

/// What must hold whatever happens.
fn rules() -> Vec<Property<Pair>> {
    vec![
        Property::always("never two links at one side", |_, state: &State| {
            !state.sides.iter().any(|side| side.doubled)
        }),
        Property::always("the higher id dials", |_, state: &State| {
            let open = state.sides.iter().flat_map(|side| side.open.values());
            open.into_iter().all(|connection| state.connections[*connection].dialer == 1)
        }),
        Property::always("what is not linked will be tried", |_, state: &State| {
            (0..2).all(|side| {
                let this = &state.sides[side];
                let peer = id(1 - side);
                let waits = this.armed.contains(&Timer::Redial(peer));
                let dials = state.attempts_of(side) > 0;
                !this.started || this.table.link(peer).is_some() || waits || dials
            })
        }),
        Property::always("no link gives way to one that is silent", |_, state: &State| {
            state.wrong != Some(Wrong::GivesWayToSilence)
        }),
        Property::always("who has spoken makes room only for who answers", |_, state: &State| {
            state.wrong != Some(Wrong::DropsWhoSpoke)
        }),
        Property::always(
            "in the end there is one link, and the newest words were heard",
            |_, state: &State| the_end::is_link(state),
        ),
    ]
}

/// What must be seen somewhere: else the model leaves out what it is there for.
fn sights(Pair { linked, left }: &Pair) -> Vec<Property<Pair>> {
    let mut sights = vec![Property::sometimes("they are linked", |_, state: &State| {
        state.is_quiet() && state.is_linked()
    })];
    if left.dials > 2 {
        sights.push(Property::sometimes(
            "there is an attempt beside one that takes long",
            |_, state: &State| (0..2).any(|side| state.attempts_of(side) > 1),
        ));
    }
    // Who is linked is not to be had by a stranger.
    let has_place = !linked || left.cuts > 0 || left.frozen > 0;
    if left.strangers > 0 && has_place {
        sights.push(Property::sometimes("a silent stranger has a link", |_, state: &State| {
            state.is_link_to(Holder::Stranger { speaks: false })
        }));
        sights.push(Property::sometimes("one that speaks has a link", |_, state: &State| {
            state.is_link_to(Holder::Stranger { speaks: true })
        }));
    }
    if left.frozen > 0 {
        sights.push(Property::sometimes("a link leads to one that hangs", |_, state: &State| {
            state.is_link_to(Holder::Frozen)
        }));
    }
    sights
}

#[test]
fn two_tables_always_end_with_one_link_whichever_dials_cross_or_fail() {
    check(Pair::apart(Left { dials: 3, failures: 1, ..Left::default() }), 40_000);
}

#[test]
fn an_attempt_that_hangs_for_ever_keeps_nobody_from_the_link() {
    check(Pair::apart(Left { dials: 3, failures: 1, hangs: 1, ..Left::default() }), 50_000);
}

#[test]
fn the_newest_word_is_heard_whenever_it_is_said_and_the_link_is_cut() {
    check(Pair::linked(Left { dials: 2, cuts: 1, words: 1, ..Left::default() }), 30_000);
}

#[test]
fn a_cut_link_is_replaced_no_matter_which_side_notices_first() {
    check(Pair::apart(Left { dials: 2, failures: 1, cuts: 1, ..Left::default() }), 70_000);
}

#[test]
fn a_stranger_keeps_nobody_from_the_link() {
    check(Pair::apart(Left { dials: 1, strangers: 1, ..Left::default() }), 90_000);
}

#[test]
fn a_stranger_takes_the_link_from_nobody() {
    check(Pair::linked(Left { strangers: 2, words: 1, ..Left::default() }), 30_000);
    check(Pair::linked(Left { dials: 1, cuts: 1, strangers: 1, ..Left::default() }), 20_000);
}

#[test]
fn a_frozen_instance_gives_way_to_the_next_one() {
    check(Pair::apart(Left { dials: 2, frozen: 1, ..Left::default() }), 60_000);
}

#[test]
fn a_frozen_instance_gives_way_though_strangers_are_there() {
    check(Pair::linked(Left { dials: 1, strangers: 1, frozen: 1, ..Left::default() }), 10_000);
    check(Pair::linked(Left { dials: 1, crowds: 1, frozen: 1, ..Left::default() }), 50_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_more_dials() {
    check(Pair::apart(Left { dials: 3, failures: 1, cuts: 1, ..Left::default() }), 1_000_000);
    check(Pair::apart(Left { dials: 3, hangs: 1, cuts: 1, ..Left::default() }), 800_000);
    check(Pair::apart(Left { dials: 2, cuts: 1, words: 1, ..Left::default() }), 600_000);
    check(Pair::apart(Left { dials: 2, hurries: 1, ..Left::default() }), 150_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_more_strangers() {
    check(Pair::apart(Left { dials: 2, strangers: 1, ..Left::default() }), 1_000_000);
    check(Pair::apart(Left { dials: 1, strangers: 1, words: 1, ..Left::default() }), 800_000);
    check(Pair::linked(Left { strangers: 2, words: 2, ..Left::default() }), 150_000);
    check(Pair::linked(Left { dials: 1, cuts: 2, strangers: 1, ..Left::default() }), 100_000);
    check(Pair::linked(Left { dials: 1, cuts: 1, strangers: 2, ..Left::default() }), 100_000);
    let left = Left { dials: 1, cuts: 1, strangers: 1, hurries: 1, ..Left::default() };
    check(Pair::linked(left), 100_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_a_frozen_instance_and_more_strangers() {
    check(Pair::linked(Left { dials: 2, strangers: 1, frozen: 1, ..Left::default() }), 100_000);
    check(Pair::linked(Left { dials: 1, strangers: 2, frozen: 1, ..Left::default() }), 100_000);
    let left = Left { dials: 1, cuts: 1, strangers: 1, frozen: 1, ..Left::default() };
    check(Pair::linked(left), 100_000);
    check(Pair::apart(Left { dials: 1, strangers: 1, frozen: 1, ..Left::default() }), 800_000);
}
