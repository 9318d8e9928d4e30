//! [`Core`]: the one shape that everything here has which decides.

use std::fmt::Debug;

/// A state machine: told what happened, it says what is to be done. It knows no time, no sockets, and draws no numbers.
///
/// Its driver carries out the actions in their order, and reports back with events.
pub trait Core: Sized {
    /// What can happen.
    type Event;
    /// What can be asked for.
    type Action;

    /// Takes in what happened, and adds to `out` what is to be done, in this order.
    fn handle(&mut self, event: Self::Event, out: &mut Vec<Self::Action>);

    /// The same, with the actions in a list of their own.
    fn actions_on(&mut self, event: Self::Event) -> Vec<Self::Action> {
        let mut out = Vec::new();
        self.handle(event, &mut out);
        out
    }
}

/// Lets `core` decide on an event. With debug assertions it panics, with the whole step, if that breaks a rule that always
/// holds.
pub(crate) fn checked<C>(
    core: &mut C,
    event: C::Event,
    out: &mut Vec<C::Action>,
    decide: fn(&mut C, C::Event, &mut Vec<C::Action>),
    first_broken: fn(Step<'_, C>) -> Option<&'static str>,
) where
    C: Core<Event: Clone + Debug, Action: Debug> + Clone + Debug,
{
    let before = cfg!(debug_assertions).then(|| (core.clone(), event.clone(), out.len()));
    decide(core, event, out);
    if let Some((before, event, already)) = before {
        let step = Step { before: &before, event: &event, actions: &out[already..], after: core };
        debug_assert_eq!(first_broken(step), None, "{step:?}");
    }
}

/// A rule about every step of a core: its name, and whether a step keeps to it.
pub type Rule<C> = (&'static str, fn(Step<'_, C>) -> bool);

/// The name of the first of these rules that a step breaks.
pub(crate) fn first_broken<C: Core>(rules: &[Rule<C>], step: Step<'_, C>) -> Option<&'static str> {
    rules.iter().find(|(_, keeps)| !keeps(step)).map(|(name, _)| *name)
}

/// What one event did to a core: what the rules are about that always hold.
#[derive(Debug)]
pub struct Step<'a, C: Core> {
    /// The core before.
    pub before: &'a C,
    /// What happened.
    pub event: &'a C::Event,
    /// What is to be done about it.
    pub actions: &'a [C::Action],
    /// The core after.
    pub after: &'a C,
}

impl<C: Core> Clone for Step<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Core> Copy for Step<'_, C> {}
