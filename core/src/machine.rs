//! [`Core`]: the one shape that everything here has which decides.

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
