//! Ways that a state goes when what comes next depends on the state alone. Ways that meet go on as one, and each is walked once.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

thread_local! {
    /// How long the way is from the states where this thread has walked it.
    static KNOWN: RefCell<HashMap<u64, usize>> = RefCell::default();
}

/// Whether the way from this state gets to its end in at most `moves_max` moves. `print` stands for a state, `go_on` makes
/// the next move.
pub(crate) fn gets_there<S>(
    state: &mut S,
    moves_max: usize,
    print: impl Fn(&S) -> u64,
    is_the_end: impl Fn(&S) -> bool,
    go_on: impl Fn(&mut S),
) -> bool {
    let mut way = Vec::new();
    while way.len() <= moves_max {
        let here = print(state);
        let known = KNOWN.with_borrow(|known| known.get(&here).copied());
        if let Some(rest) = known.or_else(|| is_the_end(state).then_some(0)) {
            remember(&way, rest);
            return rest + way.len() <= moves_max;
        }
        way.push(here);
        go_on(state);
    }
    false
}

fn remember(way: &[u64], rest: usize) {
    KNOWN.with_borrow_mut(|known| {
        let lengths = (rest + 1..).zip(way.iter().rev());
        known.extend(lengths.map(|(length, print)| (*print, length)));
    });
}

/// What stands for a state where ways are remembered.
pub(crate) fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
