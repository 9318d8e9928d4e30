//! Members that would not lead: their application has asked them not to.

use std::time::Duration;

use super::{
    super::*,
    leased::{led, voters},
    world::{World, ms},
};
use crate::leadership::{
    CannotResign, Successor,
    fixtures::{id, record},
};

const UNWILLING: Event = Event::Willing(false);
const SOON: Duration = Duration::from_secs(5);

fn stands(world: &World, number: u64) -> bool {
    world.seats[&id(number)].stands
}

fn stage(world: &World, number: u64) -> Stage {
    world.seats[&id(number)].core.stage()
}

#[test]
fn a_member_that_would_not_lead_votes_follows_and_promises_and_is_not_named() {
    let mut world = voters(3);
    world.tell(2, UNWILLING);
    assert!(!stands(&world, 2));
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(1010));
    // 1 is gone: the epoch and its lease last by the word of 2.
    world.kill(1);
    world.run_until(ms(4010));
    assert_eq!([2, 3].map(|number| world.established(number)), [Some((3, 2)); 2]);
    let refusal = |world: &World| world.seats[&id(3)].core.cannot_resign(Successor::To(id(2)));
    assert_eq!(refusal(&world), Some(CannotResign::DoesNotStand { id: id(2) }));
    world.tell(2, Event::Willing(true));
    assert!(stands(&world, 2));
    world.run_until(ms(4410));
    assert_eq!(refusal(&world), None, "its next answer has said so");
}

#[test]
fn a_leader_that_would_not_lead_any_more_names_another_as_soon_as_its_work_has_ended() {
    for works in [true, false] {
        let mut world = led();
        world.tell(3, Event::WorkGoesOn(works));
        world.run_until(ms(1010));
        world.tell(3, UNWILLING);
        if works {
            world.run_until(ms(3000));
            assert_eq!(world.established(1), Some((3, 2)));
            world.tell(3, Event::WorkGoesOn(false));
        }
        let lost: Vec<_> = world.lost(3).into_iter().map(|(_, cause)| cause).collect();
        assert_eq!(lost, [LostBecause::Resigned], "{works}");
        let now = world.now;
        world.run_until(now.plus(Duration::from_millis(20)));
        assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((2, 3)); 3]);
        // The time for which one that has resigned does not stand is over.
        world.run_until(now.plus(Duration::from_secs(10)));
        assert!(!stands(&world, 3));
        world.tell(3, Event::Willing(true));
        assert!(stands(&world, 3));
    }
}

#[test]
fn where_nobody_else_can_be_elected_nobody_leads_until_the_one_that_can_is_willing() {
    let mut world = voters(1);
    world.elect(1, 1, &[1]);
    world.run_until(ms(1010));
    assert_eq!(world.established(1), Some((1, 2)));
    world.tell(1, UNWILLING);
    assert_eq!((world.established(1), stands(&world, 1)), (None, false));
    world.run_until(ms(9000));
    assert_eq!((stage(&world, 1), stands(&world, 1)), (Stage::Looking, false));
    world.tell(1, Event::Willing(true));
    assert!(stands(&world, 1), "at once");
}

/// At every step on the way to an epoch, and once it has begun without a lease yet.
#[test]
fn what_is_not_established_yet_is_given_up_at_once() {
    for step in 0..20 {
        let mut world = voters(3);
        world.seats.get_mut(&id(3)).unwrap().promises_hang = true;
        world.elect(3, 1, &[1, 2, 3]);
        world.run_until(ms(step));
        assert_eq!(world.established(3), None, "{step}");
        world.tell(3, UNWILLING);
        assert_eq!((stage(&world, 3), stands(&world, 3)), (Stage::Looking, false), "{step}");
        assert_eq!(world.looks_again(3), Some((ms(step), 1, None)), "{step}");
        assert_eq!(world.lost(3), [], "nobody was told that it leads");
    }
}

#[test]
fn an_election_that_had_not_heard_of_it_yet_is_held_again() {
    let mut world = voters(3);
    world.tell(3, UNWILLING);
    world.elect(3, 1, &[1, 2, 3]);
    assert_eq!(stage(&world, 3), Stage::Looking);
    assert_eq!(world.looks_again(3), Some((ms(0), 1, None)));
    // The same of one that is named before its leader has heard.
    let mut world = led();
    world.run_until(ms(1010));
    world.tell(2, UNWILLING);
    world.tell(3, Event::Resign { to: Successor::To(id(2)), within: SOON });
    world.run_until(ms(1030));
    assert!(!world.seats[&id(2)].nominated.is_empty());
    assert_eq!(world.looks_again(2).map(|(_, round, _)| round), Some(2));
    assert_eq!(stage(&world, 2), Stage::Looking);
    world.elect(1, 3, &[1, 2, 3]);
    world.run_until(ms(1060));
    assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((1, 3)); 3]);
}

#[test]
fn a_member_that_has_just_resigned_stands_when_it_is_willing_and_that_time_is_over() {
    let mut world = World::of(&[record(1); 3]);
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(20));
    world.tell(3, UNWILLING);
    world.run_until(ms(1000));
    world.tell(3, Event::Willing(true));
    assert!(!stands(&world, 3));
    world.run_until(ms(2020));
    assert!(stands(&world, 3));
}
