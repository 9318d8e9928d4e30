//! Where it leads if nothing else goes wrong: from every state, the two tables are to be linked in the end.
//!
//! Everything under way arrives, and when all is quiet every timer that is armed runs out, in turn. Strangers that are
//! silent or speak rubbish stay, and so does a frozen instance. Those who spoke for somebody else leave: what they can do
//! is not to outlast them.

use super::{
    faults::Left,
    state::{Stage, State},
};
use crate::walks::{fingerprint, gets_there};

/// No way is longer.
const MOVES_MAX: usize = 40;

/// Nothing is under way for longer.
const STEPS_MAX: usize = 200;

/// How it ends, if they are linked then.
pub(super) fn of(from: &State) -> Option<State> {
    let mut state = from.clone();
    for _ in 0..MOVES_MAX {
        calm_down(&mut state);
        if is_the_end(&state) {
            return Some(state);
        }
        go_on(&mut state);
    }
    None
}

/// Whether they are linked in the end, and stay so.
pub(super) fn is_link(from: &State) -> bool {
    let mut state = from.clone();
    (state.left, state.wrong) = (Left::default(), None);
    calm_down(&mut state);
    gets_there(&mut state, MOVES_MAX, fingerprint, is_the_end, |state| {
        go_on(state);
        calm_down(state);
    })
}

/// Nothing moves any more, and they are linked.
fn is_the_end(state: &State) -> bool {
    let waits = state.sides.iter().any(|side| !side.started || !side.armed.is_empty());
    state.is_quiet()
        && !waits
        && state.speakers().is_empty()
        && state.is_linked()
        && state.wrong.is_none()
}

fn go_on(state: &mut State) {
    if let Some(side) = (0..2).find(|side| !state.sides[*side].started) {
        return state.start(side);
    }
    if !state.speakers().is_empty() {
        return state.speakers_leave();
    }
    for side in 0..2 {
        for timer in state.sides[side].armed.clone() {
            state.fire(side, timer);
            calm_down(state);
        }
    }
}

fn calm_down(state: &mut State) {
    for _ in 0..STEPS_MAX {
        let under_way =
            |number: &usize| matches!(state.connections[*number].stage, Stage::UnderWay { .. });
        let numbers = 0..state.connections.len();
        let ends = numbers.clone().flat_map(|number| [(number, 0), (number, 1)]);
        let readable =
            |(number, side): &(usize, usize)| state.connections[*number].ends[*side].is_readable();
        let writing = |side: usize| Some((side, *state.sides[side].writing.first()?));
        if let Some(number) = numbers.clone().find(under_way) {
            state.make(number);
        } else if let Some((number, side)) = ends.clone().find(readable) {
            state.deliver(number, side);
        } else if let Some((side, link)) = (0..2).find_map(writing) {
            state.written(side, link);
        } else {
            return;
        }
    }
}
