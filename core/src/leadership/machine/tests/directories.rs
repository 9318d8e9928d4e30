//! Two processes that say they are the same member.

use std::{net::SocketAddr, time::Duration};

use super::{
    super::*,
    arrivals::arrives,
    world::{World, ms, timed},
};
use crate::leadership::{
    Claimant, DirectoryId, Incarnation, Info, Refusal,
    admission::Doorkeeper,
    fixtures::{id, identity},
};

#[test]
fn a_newer_session_of_the_same_directory_takes_the_place_of_the_older_one() {
    let mut world = World::with_a_leader();
    assert_eq!(arrives(&mut world, |_| {}), None);
    world.run_until(ms(30));
    assert_eq!(world.wires.len(), 2, "the older one was closed, and dialled again");
}

#[test]
fn another_directory_takes_the_place_of_one_that_does_not_answer() {
    let mut world = World::with_a_leader();
    world.pause(1);
    world.run_until(ms(1500));
    let other = |info: &mut Info| info.block.as_mut().unwrap().directory = DirectoryId(5);
    assert_eq!(arrives(&mut world, other), None);
}

fn from(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// Of these sessions of 1, of which each has another port, the leader has turned these away.
fn turned_away(
    world: &mut World,
    sessions: &[(u16, DirectoryId, Incarnation)],
) -> Vec<(u16, Refusal)> {
    let mut turned_away = vec![];
    for (port, directory, incarnation) in sessions {
        let mut info = world.seats[&id(1)].last_info.clone().unwrap();
        let block = info.block.as_mut().unwrap();
        (block.directory, block.incarnation) = (*directory, *incarnation);
        let session = SessionId::Accepted(1000 + u64::from(*port));
        let event = Event::Arrived { session, info, from: Some(from(*port)) };
        let event = timed(world.now, event);
        let actions = world.seats.get_mut(&id(3)).unwrap().core.actions_on(event);
        turned_away.extend(actions.into_iter().find_map(|action| {
            let Action::Report(Report::TurnedAway { refusal, .. }) = action else { return None };
            Some((*port, refusal))
        }));
    }
    turned_away
}

const OURS: DirectoryId = DirectoryId(1);

#[test]
fn who_comes_with_another_directory_is_told_where_both_are() {
    let mut world = World::with_a_leader();
    let sessions = [(1, OURS, Incarnation(1)), (2, DirectoryId(5), Incarnation(7))];
    let told = turned_away(&mut world, &sessions);
    let [(2, refusal)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        refusal.to_string(),
        "1 is connected from 10.0.0.1:1 with data directory 0000000000000001, and this one from 10.0.0.1:2 has \
         0000000000000005: two processes have the same id"
    );
}

#[test]
fn of_two_processes_on_one_directory_the_one_that_was_started_last_is_served() {
    let mut world = World::with_a_leader();
    let sessions =
        [(1, Incarnation(1)), (2, Incarnation(2)), (1, Incarnation(1)), (2, Incarnation(2))];
    let told = turned_away(&mut world, &sessions.map(|(port, start)| (port, OURS, start)));
    let [(1, refusal)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        refusal.to_string(),
        "1 is connected from 10.0.0.1:2 with data directory 0000000000000001 at its start 2, and this one from 10.0.0.1:1 has \
         the same directory at start 1: two processes run on one directory, or on copies of it; stop all but one"
    );
    // Once nothing is heard of the later one, the earlier one is what there is.
    world.run_until(ms(1500));
    assert_eq!(turned_away(&mut world, &[(1, OURS, Incarnation(1))]), []);
}

#[test]
fn two_copies_do_not_take_the_place_of_each_other_for_ever() {
    let mut world = World::with_a_leader();
    let sessions = [1, 2, 1, 2, 1, 2, 1].map(|port| (port, OURS, Incarnation(2)));
    let told = turned_away(&mut world, &sessions);
    let ports: Vec<_> = told.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [1, 2, 1], "the fifth session would be the fourth takeover");
    let claimant =
        |port| Claimant { directory: OURS, incarnation: Incarnation(2), from: Some(from(port)) };
    let (id, connected, theirs) = (id(1), claimant(2), claimant(1));
    assert_eq!(told[0].1, Refusal::SameDirectory { id, connected, theirs });
}

/// How often in a row one process is let in that comes after each of these waits, its older session having answered until then.
fn let_in(wait: u64) -> usize {
    let world = World::with_a_leader();
    let seat = &world.seats[&id(1)];
    let (info, record) = (seat.last_info.clone().unwrap(), seat.core.promises().0);
    let (ensemble, silence) = (Arc::clone(&world.ensemble), Duration::from_secs(1));
    let mut door = Doorkeeper::new(id(3), ensemble, identity(3).into());
    let mut last = None;
    let mut comes = |turn: u64| {
        let (session, at) = (SessionId::Accepted(turn), ms(turn * wait));
        if let Some(last) = last.replace(session) {
            door.heard(last, at);
        }
        let is_let_in = door.admit(session, &info, None, record, silence, at).is_ok();
        if let Some(before) = turn.checked_sub(1) {
            door.left(SessionId::Accepted(before));
        }
        is_let_in
    };
    (1..=20).take_while(|turn| comes(*turn)).count()
}

#[test]
fn a_process_whose_connection_breaks_now_and_then_is_always_let_in() {
    assert_eq!(let_in(10_001), 20);
    assert_eq!(let_in(10_000), 4, "three takeovers in ten silences each are too many");
}

#[test]
fn a_session_answers_until_nothing_was_heard_on_it_for_as_long_as_the_silence() {
    let world = World::with_a_leader();
    let seat = &world.seats[&id(1)];
    let (info, record) = (seat.last_info.clone().unwrap(), seat.core.promises().0);
    let mut other = info.clone();
    other.block.as_mut().unwrap().directory = DirectoryId(5);
    for (comes, is_let_in) in [(5999, false), (6000, true)] {
        let mut door = Doorkeeper::new(id(3), Arc::clone(&world.ensemble), identity(3).into());
        let mut admit = |turn, info: &Info, at| {
            let silence = Duration::from_secs(1);
            door.admit(SessionId::Accepted(turn), info, None, record, silence, ms(at))
        };
        assert!(admit(1, &info, 5000).is_ok());
        assert_eq!(admit(2, &other, comes).is_ok(), is_let_in, "{comes}");
    }
}
