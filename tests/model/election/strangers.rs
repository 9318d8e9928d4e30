//! Strangers that greet as voters: silent ones, and impostors, who speak as these.

use super::{
    super::{checks::is_broken, voters::Left},
    Begin, Voters, check,
};
use crate::door::Door;

#[test]
fn with_a_broken_link_and_a_stranger_all_agree_in_the_end() {
    let left = Left { breaks: 1, strangers: 1, ..Left::default() };
    check(Voters { left, ..Voters::settled() }, 800);
}

#[test]
fn with_a_crash_and_a_stranger_all_agree_in_the_end() {
    let left = Left { crashes: 1, strangers: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 30_000);
    let left = Left { crashes: 1, returns: 1, strangers: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 100_000);
}

#[test]
fn with_a_stranger_at_the_beginning_all_agree_in_the_end() {
    let left = Left { strangers: 1, ..Left::default() };
    let model = Voters { left, begin: Begin::Apart, frames: 1, ..Voters::timely() };
    check(model, 100_000);
}

#[test]
fn where_too_few_are_left_nobody_leads_for_a_strangers_sake() {
    let left = Left { crashes: 2, strangers: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 30_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_more_strangers_all_agree_in_the_end() {
    let left = Left { strangers: 1, ..Left::default() };
    check(Voters { left, begin: Begin::Apart, ..Voters::timely() }, 300_000);
    let left = Left { crashes: 2, strangers: 2, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 150_000);
    let left = Left { breaks: 1, strangers: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 120_000);
    let left = Left { breaks: 1, strangers: 2, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 150_000);
    let left = Left { breaks: 1, doubts: 1, strangers: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 100_000);
    let left = Left { crashes: 1, returns: 1, strangers: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 400_000);
}

/// Two of three voters crash, and an impostor speaks as one of them to the third.
fn with_an_impostor(door: Door) -> Voters {
    let left = Left { crashes: 2, strangers: 1, lies: 2, ..Left::default() };
    Voters { left, door, frames: 1, ..Voters::linked() }
}

#[test]
fn where_the_door_is_locked_nobody_leads_for_an_impostors_sake() {
    check(with_an_impostor(Door::Locked), 5_000);
}

/// Why an election alone needs TLS where strangers reach its port.
#[test]
fn where_the_door_is_open_a_voter_that_leads_with_an_impostor_alone_is_found() {
    let rule = "in the end all agree, or there are too few";
    let state = is_broken(with_an_impostor(Door::Open), rule);
    assert!(state.left.lies < 2, "no lie was needed: {state:#?}");
}
