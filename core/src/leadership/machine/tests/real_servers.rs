//! A lie about real servers is forgotten, and the truth is not.

use super::{
    super::*,
    arrivals::{arrives, as_real_server},
    world::{World, ms, timed},
};
use crate::{
    leadership::{
        LeaderWord, Refusal,
        fixtures::{id, identity, record},
    },
    membership::Role,
};

/// 3 was elected by 1, which has come, and believes somebody who said that 2 is a real server.
fn deceived() -> World {
    let mut world = World::of(&[Record::default(); 3]);
    world.elect(3, 1, &[1, 3]);
    world.run_until(ms(2));
    assert!(arrives(&mut world, as_real_server(2, Role::Voter)).is_some());
    assert!(world.seats[&id(3)].core.is_beside_real_server() && !world.seats[&id(3)].stands);
    world.tell(1, Event::Unelected);
    world.tell(3, Event::Unelected);
    world
}

#[test]
fn who_is_not_elected_believes_nobody_that_says_it_is_a_real_server() {
    let mut world = World::of(&[Record::default(); 3]);
    world.elect(3, 1, &[1]);
    world.run_until(ms(2));
    for elected in [None, Some(1)] {
        if let Some(leader) = elected {
            world.elect(leader, 1, &[3]);
        }
        let refusal = arrives(&mut world, as_real_server(2, Role::Voter));
        assert_eq!(refusal, Some(Refusal::RealServer { id: id(2) }));
        assert!(!world.seats[&id(3)].core.is_beside_real_server());
        assert!(world.seats[&id(3)].stands);
    }
}

#[test]
fn a_voter_stands_again_when_nobody_leads_though_it_was_told_of_a_real_server() {
    let mut world = deceived();
    world.run_until(ms(2001));
    assert!(!world.seats[&id(3)].stands);
    world.run_until(ms(2003));
    assert!(world.seats[&id(3)].stands && !world.seats[&id(3)].core.is_beside_real_server());
}

#[test]
fn a_voter_follows_a_leader_of_ours_again_though_it_was_told_of_a_real_server() {
    let mut world = deceived();
    for number in [1, 2] {
        world.seat(number, identity(number), record(4));
    }
    world.elect(2, 2, &[1, 2, 3]);
    world.run_until(ms(2001));
    assert_eq!([1, 2, 3].map(|number| world.established(number).is_some()), [true, true, false]);
    let wires = world.wires.len();
    world.run_until(ms(2010));
    assert!(!world.seats[&id(3)].core.is_beside_real_server());
    assert_eq!(world.looks_again(3), Some((ms(2004), 2, None)));
    assert_eq!(world.wires.len(), wires, "it asks, and hangs up");
    world.tell(3, Event::Unelected);
    world.elect(2, 2, &[3]);
    world.run_until(ms(2300));
    assert_eq!(world.established(3), world.established(2));
    assert_eq!(world.lost(2), []);
}

#[test]
fn a_voter_asks_a_real_leader_as_nobody_and_ever_less_often() {
    let mut world = World::of(&[record(1); 3]);
    world.kill(3);
    let mut asked = Vec::new();
    world.elect(3, 1, &[1]);
    let session = SessionId::Dialled(1);
    let real = || LeaderWord::Info { epoch: Epoch(7), block: None };
    world.tell(1, Event::LeaderSaid { session, word: real() });
    world.elect(3, 2, &[1]);
    for number in 2..9 {
        let due = world.seats[&id(1)].core.next_deadline().unwrap();
        world.now = due;
        let tick = timed(due, Event::Tick);
        let actions = world.seats.get_mut(&id(1)).unwrap().core.actions_on(tick);
        let session = SessionId::Dialled(number);
        let [Action::Dial { session: dialled, leader, info }] = &actions[..] else {
            panic!("{actions:?}")
        };
        assert_eq!((*dialled, *leader), (session, id(3)));
        assert_eq!((info.id, info.role, info.accepted), (None, Role::Observer, Epoch(0)));
        let answer = timed(due, Event::LeaderSaid { session, word: real() });
        let actions = world.seats.get_mut(&id(1)).unwrap().core.actions_on(answer);
        assert_eq!(actions, [Action::Close { session }]);
        assert!(world.seats[&id(1)].core.is_beside_real_server());
        asked.push(due.0.as_secs());
    }
    assert_eq!(asked, [2, 6, 14, 30, 62, 122, 182]);
}
