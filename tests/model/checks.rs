//! Looking at every state of a model.

use std::{fmt::Debug, hash::Hash};

use stateright::{Checker, HasDiscoveries, Model};

/// Looks at every state there is, and says how many. There are more than this, unless something cuts them off.
pub(crate) fn check<M>(model: M, floor: usize)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let what = format!("{model:?}");
    let checker = until_broken(model);
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!("{states} states, {} steps deep: {what}", checker.max_depth());
    assert!(states > floor, "{states}");
}

/// Looks at states, the shortest ways first, until a rule is broken.
fn until_broken<M>(model: M) -> impl Checker<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    model.checker().finish_when(HasDiscoveries::AnyFailures).threads(2).spawn_bfs().join()
}

/// Looks for a way on which this rule is broken, and says how long it is. Returns where it ends.
pub(crate) fn is_broken<M>(model: M, rule: &'static str) -> M::State
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let what = format!("{model:?}");
    let checker = until_broken(model);
    let way = checker.discovery(rule).expect("a weak rule is broken");
    let state = way.last_state().clone();
    let (steps, states) = (way.into_actions().len(), checker.unique_state_count());
    println!("{steps} steps, {states} states: {what}");
    state
}
