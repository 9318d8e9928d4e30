//! The epochs of an ensemble: no two begin that are the same, whatever is late, lost, crashed or wiped.
//!
//! Three voters are looked at in every order of events, within the bounds of each test; walks go further, at random. Elections
//! are free: anybody is elected at any time, by anybody.

#[path = "epochs/bounds.rs"]
mod bounds;
#[path = "epochs/explore.rs"]
mod explore;
#[path = "epochs/judge.rs"]
mod judge;
#[path = "epochs/likeness.rs"]
mod likeness;
#[path = "epochs/sessions.rs"]
mod sessions;
#[path = "epochs/state.rs"]
mod state;
#[path = "epochs/steps.rs"]
mod steps;
#[path = "epochs/the_end.rs"]
mod the_end;
#[path = "epochs/walk.rs"]
mod walk;
#[path = "epochs/weak.rs"]
mod weak;

use std::ops::Range;

use self::{
    bounds::{Left, Start},
    explore::Bounds,
    state::{State, Step},
    weak::Weakness,
};
use crate::{
    door::Door,
    random_walks::{self, Walks},
};

/// No faults, and epochs up to the second.
const CALM: Left = Left { elections: 4, pings: 0, epochs: 2, ..Left::CALM };

/// Looks at every state there is, and says how many. There are more than this, unless something cuts them off.
fn check(bounds: &Bounds, floor: usize) {
    let explored = bounds.explore();
    if let Some((rule, way)) = explored.found {
        panic!("broken after {} steps: {rule}: {way:#?}", way.len());
    }
    println!(
        "{} states, {} steps deep, {} beginnings, {} ends: {bounds:?}",
        explored.states, explored.depth, explored.begun, explored.ends
    );
    assert!(explored.states > floor && explored.begun > 0);
}

/// Voters that begin an ensemble's first epoch, or the next one.
fn unled(start: Start, left: Left) -> Bounds {
    Bounds { start, led: false, left, weakness: Weakness::None, in_full: false }
}

/// Voters of which the first leads the others in the first epoch.
fn led(start: Start, left: Left) -> Bounds {
    Bounds { start, led: true, left, weakness: Weakness::None, in_full: false }
}

#[test]
fn voters_that_remember_begin_no_epoch_twice_though_one_crashes() {
    check(&unled(Start::recorded(0), Left { crashes: 1, ..CALM }), 100_000);
}

#[test]
fn voters_that_remember_begin_no_epoch_twice_though_one_is_wiped() {
    check(&unled(Start::recorded(0), Left { wipes: 1, pings: 1, ..CALM }), 150_000);
}

#[test]
fn voters_that_are_led_begin_no_epoch_twice_though_one_is_wiped() {
    check(&led(Start::recorded(0), Left { elections: 2, wipes: 1, pings: 1, ..CALM }), 50_000);
}

#[test]
fn a_new_ensemble_begins_no_epoch_twice_though_one_crashes() {
    check(&unled(Start::new(), Left { crashes: 1, ..CALM }), 40_000);
}

#[test]
fn a_new_ensemble_begins_no_epoch_twice_though_one_is_wiped() {
    check(&unled(Start::new(), Left { wipes: 1, pings: 1, ..CALM }), 10_000);
}

#[test]
fn voters_that_were_told_to_have_no_past_begin_no_epoch_twice() {
    check(&unled(Start::told(), CALM), 30_000);
    check(&unled(Start::told(), Left { elections: 3, crashes: 1, ..CALM }), 5_000);
}

#[test]
fn who_hears_what_first_makes_no_difference_where_it_is_left_out() {
    let left = Left { elections: 3, crashes: 1, ..CALM };
    for start in [Start::recorded(0), Start::told()] {
        let bounds = unled(start, left);
        let [few, all] = [bounds.explore(), Bounds { in_full: true, ..bounds }.explore()];
        let [reached, possible] = [&few, &all].map(|explored| explored.outcomes.len());
        println!("{reached} outcomes in {} states, {possible} in {}", few.states, all.states);
        assert!(few.states < all.states);
        assert_eq!(few.outcomes, all.outcomes);
    }
}

#[test]
fn a_session_that_breaks_begins_no_epoch_twice() {
    check(&unled(Start::recorded(0), Left { elections: 3, breaks: 1, ..CALM }), 20_000);
}

/// Voters, and what somebody can do to them who speaks as one of them.
fn with_an_impostor(door: Door) -> Bounds {
    let is_believed = (0..3).any(|voter| door.lets_impostors_in(voter));
    let weakness = if is_believed { Weakness::Impostor } else { Weakness::None };
    Bounds { weakness, ..unled(Start::recorded(0), Left { elections: 3, ..CALM }) }
}

#[test]
fn where_the_door_is_locked_no_epoch_begins_twice_for_an_impostors_sake() {
    check(&with_an_impostor(Door::Locked), 1_000);
}

#[test]
fn where_the_door_is_open_an_epoch_that_begins_twice_for_an_impostors_sake_is_found() {
    let explored = with_an_impostor(Door::Open).explore();
    let (rule, way) = explored.found.expect("an impostor is believed");
    println!("{rule}: {} steps, {} states", way.len(), explored.states);
    assert!(judge::ORDER.contains(&rule), "{rule}: {way:#?}");
    assert!(way.iter().any(|step| matches!(step, Step::Forge { .. })), "{way:#?}");
}

const CRASH: Left = Left { crashes: 1, ..CALM };
const WIPE: Left = Left { wipes: 1, pings: 1, ..CALM };

#[test]
#[ignore = "takes minutes"]
fn the_same_where_three_are_led() {
    for left in [CRASH, WIPE] {
        check(&led(Start::recorded(0), Left { elections: 3, ..left }), 800_000);
    }
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_more_elections_of_a_new_ensemble() {
    for left in [CRASH, WIPE] {
        check(&unled(Start::new(), Left { elections: 5, ..left }), 200_000);
        check(&unled(Start::told(), left), 200_000);
    }
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_more_elections_and_faults() {
    check(&unled(Start::recorded(0), Left { breaks: 1, ..CALM }), 150_000);
    check(&unled(Start::recorded(0), Left { elections: 5, ..CALM }), 800_000);
    check(&unled(Start::recorded(0), Left { crashes: 2, ..CALM }), 200_000);
    check(&unled(Start::recorded(0), Left { crashes: 1, ..WIPE }), 300_000);
}

/// Walks on which anything may happen, and disks are lost at most this often.
fn walks(starts: &[Start], wipes: u16, weakness: Weakness, seeds: Range<u64>) -> Walks<State> {
    let steps_max = if starts.len() == 3 { 250 } else { 400 };
    Walks { begin: State::new(starts, Left { wipes, ..Left::FREE }, weakness), seeds, steps_max }
}

/// Walks. More is seen than this, unless something cuts it off.
fn walk(start: Start, voters: u64, count: u64, floor: usize) {
    let starts: Vec<_> = (1..=voters).map(|drawn| Start { drawn, ..start }).collect();
    let sights = walks(&starts, 2, Weakness::None, random_walks::seeds(count)).keep_all_rules();
    assert!(sights.begun > floor && sights.recorded > floor / 2);
}

#[test]
fn random_walks_begin_no_epoch_twice() {
    for start in [Start::recorded(0), Start::new(), Start::told()] {
        walk(start, 3, 500, 100);
    }
    walk(Start::recorded(0), 5, 500, 50);
    walk(Start::new(), 5, 500, 10);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_walks_begin_no_epoch_twice() {
    for start in [Start::recorded(0), Start::new(), Start::told()] {
        walk(start, 3, 50_000, 10_000);
        walk(start, 5, 50_000, 2_000);
    }
}

/// A walk finds that the rule is needed.
fn is_needed(weakness: Weakness, start: Start) {
    let found = walks(&[start; 3], 1, weakness, 0..50_000).break_a_rule();
    println!("{weakness:?}: {} steps: {}", found.way.len(), found.rule);
    assert!(judge::ORDER.contains(&found.rule), "{}", found.rule);
}

#[test]
fn voters_that_were_wiped_must_not_count_at_once() {
    is_needed(Weakness::NoAmnesia, Start::recorded(0));
}

#[test]
fn voters_that_were_wiped_must_not_count_before_a_quorum_has_confirmed_it() {
    is_needed(Weakness::FollowedIsRecorded, Start::recorded(0));
}

#[test]
fn a_founding_must_not_do_with_the_introductions_of_all() {
    is_needed(Weakness::IntroductionOfAll, Start::new());
}

#[test]
fn a_founding_must_not_do_with_a_quorum() {
    is_needed(Weakness::QuorumFounds, Start::new());
}

#[test]
fn an_epoch_that_was_accepted_before_must_not_count() {
    is_needed(Weakness::EqualCounts, Start::recorded(0));
}
