//! Where an election leads if nothing else goes wrong: from every state, all are to agree in the end, or if too few run for
//! a quorum, nobody is to have a leader.
//!
//! | when | then |
//! | --- | --- |
//! | something is under way | every end hears one thing of it, in turn |
//! | a voter has crashed | it starts again; or, in the other ending, all hear that it is out of reach |
//! | a link is missing | it is made |
//! | a voter leads or follows in an epoch, without the others that takes | it gives up |
//! | nothing is left to be heard | every timer that is armed runs out, in turn, and what follows is heard |
//!
//! Strangers stay where they are, until the peer they claim to be is there: a voter linked to one does not hear that the
//! peer is out of reach.

use super::{
    members::VOTERS,
    voters::{Left, State, ends, pairs},
    walks::{fingerprint, gets_there},
};

/// No way is longer.
const MOVES_MAX: usize = 100;

/// What becomes of a voter that has crashed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Ending {
    Return,
    Absence,
}

/// How it ends, if all is right then.
pub(super) fn of(zxids: &[i64; VOTERS], from: &State) -> Option<State> {
    let mut state = from.clone();
    for _ in 0..MOVES_MAX {
        if is_the_end(&state, Ending::Return) {
            return Some(state);
        }
        go_on(&mut state, zxids, Ending::Return);
    }
    None
}

/// Whether all agree in the end, or nobody has a leader if there can be none, however it comes about.
pub(super) fn is_right(zxids: &[i64; VOTERS], from: &State) -> bool {
    let mut from = from.clone();
    from.left = Left::default();
    let all_run = (0..VOTERS).all(|voter| from.runs(voter));
    let endings: &[_] =
        if all_run { &[Ending::Return] } else { &[Ending::Return, Ending::Absence] };
    endings.iter().all(|ending| walk(zxids, from.clone(), *ending))
}

fn walk(zxids: &[i64; VOTERS], mut state: State, ending: Ending) -> bool {
    gets_there(
        &mut state,
        MOVES_MAX,
        |state| fingerprint(&(state, ending, zxids)),
        |state| is_the_end(state, ending),
        |state| go_on(state, zxids, ending),
    )
}

/// Nothing moves any more, and all is right. Without a quorum all look for ever, as often as their timers run out.
fn is_the_end(state: &State, ending: Ending) -> bool {
    let waits = state.decisions().any(|decision| decision.is_some()) && !state.armed().is_empty();
    let moves = !state.is_quiet()
        || waits
        || pairs().any(|(a, b)| state.may_connect(a, b))
        || !state.lost().is_empty()
        || (0..VOTERS).any(|voter| ending == Ending::Return && !state.runs(voter));
    !moves && state.is_right()
}

fn go_on(state: &mut State, zxids: &[i64; VOTERS], ending: Ending) {
    let gone = (0..VOTERS).find(|voter| !state.runs(*voter));
    let missing: Vec<_> = pairs().filter(|(a, b)| state.may_connect(*a, *b)).collect();
    let unaware: Vec<_> = ends().filter(|(a, b)| state.may_miss(*a, *b)).collect();
    if !state.is_quiet() {
        hear_in_turn(state);
    } else if let Some(gone) = gone.filter(|_| ending == Ending::Return) {
        state.start(gone, zxids[gone]);
    } else if !missing.is_empty() {
        for (a, b) in missing {
            state.connect(a, b);
        }
    } else if !unaware.is_empty() {
        for (voter, peer) in unaware {
            state.miss(voter, peer);
        }
    } else if !state.lost().is_empty() {
        for voter in state.lost() {
            state.give_up(voter);
        }
    } else {
        for (voter, timer) in state.armed() {
            state.fire(voter, timer);
            hear_all(state);
        }
    }
}

fn hear_in_turn(state: &mut State) {
    ends().for_each(|(voter, peer)| state.hear(voter, peer));
}

fn hear_all(state: &mut State) {
    for _ in 0..MOVES_MAX {
        if state.is_quiet() {
            break;
        }
        hear_in_turn(state);
    }
}
