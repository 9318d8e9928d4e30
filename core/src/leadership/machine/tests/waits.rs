//! How long who waits for whom, and what counts as an answer.

use std::time::Duration;

use super::{
    arrivals::{arrives, as_real_server},
    *,
};
use crate::leadership::{DirectoryId, Incarnation, LeaderBlock};

#[test]
fn an_epoch_that_nobody_takes_note_of_is_given_up_and_not_on_disk() {
    let mut world = World::of(&[record(1); 3]);
    world.elect(3, 1, &[1, 2, 3]);
    // They have introduced themselves, and say no more.
    world.pause(1);
    world.pause(2);
    world.run_until(ms(5));
    assert_eq!(world.seats[&id(3)].core.stage(), Stage::Announcing { epoch: Epoch(2) });
    world.run_until(ms(2010));
    assert_eq!(world.reports(3), [&Report::NotEstablished { leader: id(3) }]);
    assert_eq!(world.looks_again(3), Some((ms(2001), 1, None)));
    assert_eq!(world.seats[&id(3)].core.promises().0, record(1));
}

#[test]
fn a_leader_is_given_longer_to_synchronise_than_to_be_silent_once_it_is_followed() {
    let mut world = World::of(&[record(1); 3]);
    world.pause(3);
    world.elect(3, 1, &[1]);
    let say = |world: &mut World, word| {
        world.tell(1, Event::LeaderSaid { session: SessionId::Dialled(1), word });
    };
    let block = LeaderBlock {
        directory: DirectoryId(3),
        incarnation: Incarnation(1),
        ensemble: EnsembleId(7),
        ended: Epoch(0),
        lease: None,
    };
    say(&mut world, LeaderWord::Info { epoch: Epoch(2), block: Some(block) });
    world.run_until(ms(1900));
    assert_eq!(world.looks_again(1), None);
    say(&mut world, LeaderWord::Sync { zxid: Zxid(0) });
    say(&mut world, LeaderWord::NewLeader { epoch: Epoch(2), founding: false });
    world.run_until(ms(1950));
    say(&mut world, LeaderWord::UpToDate);
    assert_eq!(world.established(1), Some((3, 2)));
    world.run_until(ms(2949));
    assert_eq!(world.lost(1), []);
    world.run_until(ms(2950));
    assert_eq!(world.lost(1), [(ms(2950), LostBecause::Silence)]);
}

#[test]
fn a_leader_is_not_kept_by_learners_that_say_much_and_answer_no_ping() {
    let mut world = World::with_a_leader();
    world.wires.iter_mut().for_each(|wire| wire.cut = true);
    let sessions: Vec<_> = world.wires.iter().map(|wire| wire.leader.1).collect();
    for passed in (100..=1900).step_by(100) {
        world.run_until(ms(passed));
        let words = [
            LearnerWord::Pong { number: None, promises: false, stands: false },
            LearnerWord::Other,
            LearnerWord::Ack { epoch: Epoch(2) },
        ];
        for (session, word) in
            sessions.iter().flat_map(|one| words.clone().map(|word| (*one, word)))
        {
            world.tell(3, Event::LearnerSaid { session, word });
        }
    }
    let [(at, LostBecause::QuorumLost)] = world.lost(3)[..] else { panic!("{:?}", world.lost(3)) };
    assert!(at <= ms(1210), "{at:?}");
}

#[test]
fn who_has_taken_note_of_an_epoch_stays_while_others_are_waited_for() {
    let mut world = World::of(&[record(1); 5]);
    world.elect(5, 1, &[1, 2, 5]);
    world.run_until(ms(1));
    world.pause(2);
    world.run_until(ms(1500));
    assert_eq!(world.seats[&id(5)].core.stage(), Stage::Announcing { epoch: Epoch(2) });
    world.elect(5, 1, &[3]);
    world.run_until(ms(1510));
    for number in [1, 3, 5] {
        assert_eq!(world.established(number), Some((5, 2)), "{number}");
    }
}

#[test]
fn real_servers_that_elect_one_of_ours_wait_for_it_no_longer_than_it_has_a_quorum_of_ours() {
    let known = Record { ensemble: Some(EnsembleId(7)), ..record(1) };
    let timing =
        LeadershipTiming { establish: Duration::from_secs(20), ..LeadershipTiming::default() };
    for has_quorum in [false, true] {
        let mut world = World::of(&[known; 3]);
        let (ensemble, identity) = (Arc::clone(&world.ensemble), Arc::new(identity(3)));
        let core = Leadership::new(id(3), ensemble, identity, timing, Zxid(0), known, None);
        let info = core.epochs().info();
        world.seats.get_mut(&id(3)).unwrap().core = core;
        world.elect(3, 1, &[3]);
        if has_quorum {
            // It introduces itself, and its answer takes long.
            world.elect(3, 1, &[1]);
            world.pause(1);
            world.run_until(ms(5));
        }
        world.seats.get_mut(&id(1)).unwrap().last_info = Some(info);
        assert!(arrives(&mut world, as_real_server(2, Role::Voter)).is_some());
        world.run_until(ms(2010));
        assert_eq!(world.seats[&id(3)].stands, has_quorum);
        world.run_until(ms(20_010));
        assert_ne!(world.seats[&id(3)].stands, has_quorum);
    }
}
