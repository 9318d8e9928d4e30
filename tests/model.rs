//! The model checker on the production cores: every order of events of a small ensemble.
//!
//! | model | what is free | what must hold |
//! | --- | --- | --- |
//! | three voters, timely | the order of messages of different links | one leader a round, the best vote; all agree |
//! | three voters, free | that, and when timers run out | the invariants; two leaders in one round *are* found |
//! | three voters, a link breaks, one crashes | that as well | the invariants |
//! | two link tables | dials that cross or fail, cuts, timers | never two links for good, never none, no newest frame lost |
//!
//! What grows without end is bounded: rounds, breaks, dials. The larger models take a minute:
//! `cargo test --test model -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "model/election.rs"]
mod election;
#[path = "model/links.rs"]
mod links;
