//! When an election is held again, and when a leader is dialled again.

use super::*;
use crate::leadership::{DirectoryId, Incarnation, LeaderBlock};

/// What 1 asks for when this happens.
fn asks(world: &mut World, event: Event) -> Vec<Action> {
    let event = timed(world.now, event);
    world.seats.get_mut(&id(1)).unwrap().core.actions_on(event)
}

fn dialled(actions: &[Action]) -> Option<SessionId> {
    actions.iter().find_map(|action| {
        if let Action::Dial { session, .. } = action { Some(*session) } else { None }
    })
}

fn elected(leader: u64) -> Event {
    Event::Elected { leader: id(leader), round: Round(1) }
}

#[test]
fn a_leader_or_follower_that_looks_again_has_lost_its_epoch_and_its_sessions() {
    let mut world = World::with_a_leader();
    for number in [1, 3] {
        world.tell(number, Event::Unelected);
        assert_eq!(world.lost(number), [(ms(20), LostBecause::Superseded)]);
        assert_eq!(world.seats[&id(number)].core.stage(), Stage::Looking);
    }
    assert_eq!(world.wires.len(), 0);
}

#[test]
fn no_two_sessions_of_one_life_have_the_same_name() {
    let mut world = World::of(&[record(1); 3]);
    let mut seen = BTreeSet::new();
    for event in [elected(3), elected(2), Event::Unelected, elected(3)] {
        let is_elected = event != Event::Unelected;
        let session = dialled(&asks(&mut world, event));
        assert_eq!(session.is_some(), is_elected);
        assert!(session.is_none_or(|session| seen.insert(session)), "{session:?} of {seen:?}");
    }
}

#[test]
fn a_leader_that_turns_us_away_is_told_of_and_the_election_held_again_after_a_pause() {
    let mut world = World::of(&[record(1); 3]);
    asks(&mut world, elected(3));
    let (session, reason) = (SessionId::Dialled(1), crate::UntrustedText::from("no"));
    let refused = LeaderWord::Refused { reason: reason.clone() };
    world.tell(1, Event::LeaderSaid { session, word: refused });
    let why = GiveUp::Refused { reason };
    assert_eq!(world.reports(1), [&Report::GaveUp { leader: id(3), why }]);
    world.run_until(ms(999));
    assert_eq!(world.looks_again(1), None);
    world.run_until(ms(1001));
    assert_eq!(world.looks_again(1), Some((ms(1000), 1, None)));
}

#[test]
fn bytes_of_the_leader_that_are_no_whole_word_yet_are_a_sign_of_life() {
    for (session, lasts) in [(SessionId::Dialled(1), true), (SessionId::Dialled(9), false)] {
        let mut world = World::with_a_leader();
        world.pause(3);
        world.run_until(ms(900));
        world.tell(1, Event::Alive { session });
        world.run_until(ms(1850));
        assert_eq!(world.lost(1).is_empty(), lasts, "{session:?}");
    }
}

/// 1 is refused by its leader at once, this often.
fn refused(world: &mut World, times: u64) -> Vec<Action> {
    let mut last = vec![];
    for _ in 0..times {
        let SessionId::Dialled(number) = world.seats[&id(1)].core.dial.session.unwrap() else {
            panic!("it has not dialled");
        };
        let session = SessionId::Dialled(number);
        last = asks(world, Event::DialFailed { session, refused: true });
        let again_at = world.seats[&id(1)].core.dial.again_at;
        world.now = again_at.unwrap_or(world.now);
        asks(world, Event::Tick);
    }
    last
}

/// Real servers listen a moment after they were elected.
#[test]
fn a_leader_that_may_be_a_real_server_is_dialled_again_and_after_some_refusals_that_is_told() {
    let mut world = World::of(&[record(1); 3]);
    asks(&mut world, elected(3));
    let is_told = |world: &World| world.seats[&id(1)].core.is_refused_for_long();
    refused(&mut world, 5);
    assert!(!is_told(&world));
    refused(&mut world, 1);
    assert!(is_told(&world));
    // It has our block: it is one of ours, which listens as long as it lives.
    let (directory, incarnation, ensemble) = (DirectoryId(3), Incarnation(1), EnsembleId(7));
    let block =
        Some(LeaderBlock { directory, incarnation, ensemble, ended: Epoch(0), lease: None });
    let session = world.seats[&id(1)].core.dial.session.unwrap();
    let info = LeaderWord::Info { epoch: Epoch(2), block };
    asks(&mut world, Event::LeaderSaid { session, word: info });
    assert!(!is_told(&world));
    let asked = asks(&mut world, Event::DialFailed { session, refused: true });
    let gone = Action::LookAgain { leader: id(3), round: Round(1), gone: true };
    assert!(asked.contains(&gone), "{asked:?}");
}

/// An observer follows a real server as well: once it has, a refusal says that it leads no more.
#[test]
fn a_real_leader_that_was_followed_and_refuses_is_gone() {
    let mut world = World::of(&[record(1); 3]);
    world.seat(9, identity(9), Record::default());
    world.elect(3, 1, &[9]);
    let session = SessionId::Dialled(1);
    for word in [
        LeaderWord::Info { epoch: Epoch(7), block: None },
        LeaderWord::Sync { zxid: Zxid(0) },
        LeaderWord::NewLeader { epoch: Epoch(7), founding: false },
        LeaderWord::UpToDate,
    ] {
        world.tell(9, Event::LeaderSaid { session, word });
    }
    assert_eq!(world.established(9), Some((3, 7)));
    world.kill(3);
    world.run_until(ms(10));
    assert_eq!(world.lost(9).len(), 1);
    assert_eq!(world.looks_again(9).map(|(_, _, gone)| gone), Some(Some(3)));
}

#[test]
fn a_leader_of_ours_that_is_only_out_of_reach_is_dialled_again_after_a_wait() {
    let mut world = World::with_a_leader();
    asks(&mut world, Event::Unelected);
    asks(&mut world, elected(3));
    let session = world.seats[&id(1)].core.dial.session.unwrap();
    let asked = asks(&mut world, Event::DialFailed { session, refused: false });
    assert_eq!(asked, []);
    world.now = ms(22);
    assert!(dialled(&asks(&mut world, Event::Tick)).is_some());
}

#[test]
fn a_session_that_breaks_is_dialled_again_at_once_by_one_that_followed_and_later_by_another() {
    let mut world = World::with_a_leader();
    let session = SessionId::Dialled(1);
    let again = dialled(&asks(&mut world, Event::Ended { session }));
    assert_eq!(again, Some(SessionId::Dialled(2)));
    // It breaks again before we follow: that may go on for ever.
    let session = SessionId::Dialled(2);
    assert_eq!(dialled(&asks(&mut world, Event::Ended { session })), None);
    let mut world = World::of(&[record(1); 3]);
    asks(&mut world, elected(3));
    let session = SessionId::Dialled(1);
    assert_eq!(dialled(&asks(&mut world, Event::Ended { session })), None);
    world.now = ms(2);
    assert_eq!(dialled(&asks(&mut world, Event::Tick)), Some(SessionId::Dialled(2)));
}
