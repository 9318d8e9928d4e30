//! The model checker on the production cores: every order of events of a small ensemble.
//!
//! | model | what is free | what must hold |
//! | --- | --- | --- |
//! | three voters, timely | the order in which each hears of links and messages | the best vote is elected, and all agree |
//! | three voters, a link breaks and one is missed, or one crashes and comes back | that as well | the rules; in the end all agree, with the lost one or without |
//! | three voters, free | that, and when timers run out | the rules; in the end all agree; two leaders in one round *are* found |
//! | two link tables | who starts when, dials that cross, fail or hang, cuts, timers | never two links for good, never none, no newest frame lost |
//!
//! "In the end" is asked in every state: if from there on nothing else goes wrong, where does it lead? What grows without
//! end is bounded: rounds, breaks, dials. The larger models take minutes: `cargo test --test model -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "model/election.rs"]
mod election;
#[path = "model/links.rs"]
mod links;
#[path = "model/the_end.rs"]
mod the_end;
#[path = "model/voters.rs"]
mod voters;
