//! What [`Leadership`] does in time.

mod again;
mod arrivals;
mod directories;
mod handover;
mod leased;
mod leases;
mod leases_held_up;
mod real_servers;
mod tampered;
mod unwilling;
mod waits;
mod world;

use std::time::Duration;

use self::world::{Wire, World, ms, reading, timed};
use super::*;
use crate::{
    election::Epoch,
    leadership::{
        EnsembleId, Incarnation, Info, LeaderWord, Refusal, Ticket,
        fixtures::{id, identity, record},
    },
    membership::Role,
};

#[test]
fn an_elected_voter_leads_after_four_trips_and_a_disk_and_the_elections_learn_the_epoch() {
    let world = World::with_a_leader();
    for number in 1..=3 {
        assert_eq!(world.seats[&id(number)].established, [(Epoch(2), Round(1))]);
        assert_eq!(world.seats[&id(number)].epochs_stored, [Epoch(2)]);
    }
    let (at, report) = &world.seats[&id(3)].reports[0];
    assert_eq!((*at, report), (ms(6), &Report::Leading { epoch: Epoch(2) }));
}

#[test]
fn a_leader_knows_until_when_it_is_supported_and_can_ask_at_any_time() {
    let mut world = World::with_a_leader();
    let leads = |world: &World| world.seats[&id(3)].core.leads();
    assert_eq!(leads(&world), Some((Epoch(2), reading(1006))), "the first ping went out at once");
    assert_eq!(world.seats[&id(1)].core.leads(), None);
    world.run_until(ms(1000));
    assert_eq!(world.seats[&id(3)].core.pings(), (5, 5));
    for number in [1, 3] {
        world.tell(number, Event::Confirm);
    }
    assert_eq!(world.seats[&id(3)].core.pings(), (6, 5));
    world.run_until(ms(1002));
    assert_eq!(world.seats[&id(3)].core.pings(), (6, 6));
    assert_eq!(leads(&world), Some((Epoch(2), reading(2000))));
    assert!(!world.seats[&id(3)].core.is_beside_real_server());
}

#[test]
fn a_leader_knows_whose_word_does_not_count_yet_and_everybody_which_life_of_it_leads() {
    let mut world = World::of(&[Record::default(), record(1), record(1)]);
    let identity = Identity { incarnation: Incarnation(5), ..identity(3) };
    world.seat(3, identity, record(1));
    let known = |world: &World, number| {
        let core = &world.seats[&id(number)].core;
        (core.amnesia(), core.incarnation_of_leader())
    };
    world.elect(3, 1, &[2, 3]);
    world.run_until(ms(20));
    let five = Some(Incarnation(5));
    assert_eq!(known(&world, 3), ([(id(2), false)].into(), five));
    world.elect(3, 1, &[1]);
    world.run_until(ms(26));
    assert_eq!(known(&world, 3), ([(id(1), true), (id(2), false)].into(), five));
    // A quorum answers a later ping, and 1 writes that down.
    world.run_until(ms(500));
    assert_eq!(known(&world, 3).0, [(id(1), false), (id(2), false)].into());
    assert_eq!([1, 2].map(|number| known(&world, number)), [([].into(), five), ([].into(), five)]);
    world.tell(3, Event::Unelected);
    assert_eq!(known(&world, 3), ([].into(), None));
}

#[test]
fn a_session_is_current_until_it_ends_or_another_one_takes_its_place() {
    let mut world = World::with_a_leader();
    let is_current =
        |world: &World, number, session| world.seats[&id(number)].core.is_current(session);
    let first = world.wires[0];
    let ((learner, dialled), (_, accepted)) = (first.learner, first.leader);
    assert!(is_current(&world, 3, accepted) && is_current(&world, learner.number(), dialled));
    assert!(!is_current(&world, 3, SessionId::Accepted(99)));
    assert!(!is_current(&world, 3, dialled), "another one has dialled it");
    world.tell(3, Event::Ended { session: accepted });
    world.tell(learner.number(), Event::Ended { session: dialled });
    assert!(!is_current(&world, 3, accepted) && !is_current(&world, learner.number(), dialled));
}

#[test]
fn a_lone_voter_leads_on_however_long_it_was_held_up() {
    let mut world = World::of(&[record(1)]);
    world.elect(1, 1, &[1]);
    world.run_until(ms(100));
    let for_ever = Reading { boot: Duration::MAX, raw: Duration::MAX };
    assert_eq!(world.seats[&id(1)].core.leads(), Some((Epoch(2), for_ever)));
    world.pause(1);
    world.run_until(ms(5000));
    world.resume(1);
    world.run_until(ms(6000));
    assert_eq!(world.lost(1), []);
}

#[test]
fn a_learner_that_says_nothing_for_as_long_as_the_silence_is_parted_with() {
    let mut world = World::with_a_leader();
    world.pause(1);
    world.run_until(ms(950));
    assert_eq!(world.wires.len(), 2);
    world.run_until(ms(1250));
    assert_eq!(world.wires.len(), 1);
    assert_eq!(world.lost(3), []);
}

#[test]
fn a_step_after_which_the_epochs_have_forgotten_something_is_found() {
    let world = World::with_a_leader();
    let before = &world.seats[&id(1)].core;
    let mut after = before.clone();
    let event = &timed(world.now, Event::Tick);
    let broken =
        |after| invariants::first_broken(crate::Step { before, event, actions: &[], after });
    assert_eq!(broken(&after), None);
    after.epochs = World::of(&[record(1); 3]).seats[&id(1)].core.epochs.clone();
    after.reign = Reign::None;
    let found =
        invariants::broken_by_epochs(crate::Step { before, event, actions: &[], after: &after });
    let rule =
        "no promise and no record ever falls, and nothing is acknowledged that was not accepted";
    assert_eq!(found, Some(rule));
}

#[test]
fn nothing_changes_for_an_hour() {
    let mut world = World::with_a_leader();
    world.run_until(ms(3_600_000));
    assert!((1..=3).all(|number| world.lost(number).is_empty()));
    assert_eq!(world.wires.len(), 2);
}

#[test]
fn a_frozen_leader_is_left_after_the_silence_and_knows_it_first_when_it_wakes() {
    let mut world = World::with_a_leader();
    world.run_until(ms(1010));
    world.pause(3);
    world.run_until(ms(3000));
    for number in [1, 2] {
        let [(at, LostBecause::Silence)] = world.lost(number)[..] else { panic!() };
        assert!(at > ms(1900) && at <= ms(2010), "{at:?}");
        assert_eq!(world.looks_again(number), Some((at, 1, Some(3))));
    }
    world.resume(3);
    world.run_until(ms(3001));
    assert_eq!(world.lost(3), [(ms(3000), LostBecause::QuorumLost)]);
}

#[test]
fn a_leader_that_is_cut_off_ends_after_the_silence() {
    let mut world = World::with_a_leader();
    world.run_until(ms(1000));
    world.wires.iter_mut().for_each(|wire| wire.cut = true);
    world.run_until(ms(2100));
    let [(at, LostBecause::QuorumLost)] = world.lost(3)[..] else { panic!() };
    assert!(at > ms(1790) && at <= ms(2006), "{at:?}");
}

#[test]
fn one_follower_is_enough_for_a_leader_of_three() {
    let mut world = World::with_a_leader();
    world.kill(1);
    world.run_until(ms(5000));
    assert_eq!(world.lost(3), []);
    world.kill(2);
    world.run_until(ms(7000));
    assert_eq!(world.lost(3).len(), 1);
}

#[test]
fn a_leader_whose_process_is_gone_is_left_at_once() {
    let mut world = World::with_a_leader();
    world.kill(3);
    world.run_until(ms(25));
    for number in [1, 2] {
        assert_eq!(world.lost(number), [(ms(22), LostBecause::LeaderLost)]);
        assert_eq!(world.looks_again(number), Some((ms(22), 1, Some(3))));
    }
}

#[test]
fn a_connection_that_breaks_is_made_again_and_nobody_notices() {
    let mut world = World::with_a_leader();
    let Wire { learner: (learner, session), .. } = world.wires[0];
    let Wire { leader, .. } = world.wires.remove(0);
    world.later(learner, Event::Ended { session });
    world.later(leader.0, Event::Ended { session: leader.1 });
    world.run_until(ms(5000));
    assert!((1..=3).all(|number| world.lost(number).is_empty()));
    assert_eq!(world.wires.len(), 2);
}

#[test]
fn a_leader_that_resigns_waits_for_the_work_then_tells_and_does_not_stand_for_a_while() {
    let mut world = World::with_a_leader();
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_secs(5) });
    world.run_until(ms(900));
    assert_eq!(world.established(3), Some((3, 2)));
    assert!(world.seats[&id(3)].core.is_retiring());
    world.tell(3, Event::WorkGoesOn(true));
    assert_eq!(world.established(3), Some((3, 2)), "more work has begun");
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.lost(3), [(ms(900), LostBecause::Resigned)]);
    assert!(!world.seats[&id(3)].stands);
    world.run_until(ms(920));
    for number in [1, 2] {
        assert_eq!(world.lost(number), [(ms(901), LostBecause::LeaderLost)]);
        assert_eq!(world.looks_again(number), None);
        assert_eq!(world.established(number), Some((2, 3)), "all settle on the best of them");
        let is_told = |report: &&Report| matches!(report, Report::GaveUp { .. });
        assert!(!world.reports(number).iter().any(is_told), "it is no failure");
    }
    world.run_until(ms(3000));
    assert!(world.seats[&id(3)].stands);
}

#[test]
fn work_that_does_not_end_holds_a_resignation_up_for_as_long_as_was_said() {
    let mut world = World::with_a_leader();
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, Event::Resign { to: Successor::Any, within: Duration::from_secs(5) });
    world.run_until(ms(10_000));
    assert_eq!(world.lost(3), [(ms(5020), LostBecause::Resigned)]);
    // Until it ends we do not stand, and no other epoch of ours begins.
    assert!(!world.seats[&id(3)].stands);
    world.tell(3, Event::Unelected);
    world.elect(3, 2, &[1, 2, 3]);
    world.run_until(ms(10_100));
    assert_eq!(world.established(3), None);
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.established(3), Some((3, 3)));
    assert!(world.seats[&id(3)].stands);
}

#[test]
fn a_leader_that_is_to_end_and_loses_its_epoch_otherwise_waits_for_its_work_no_longer() {
    let mut world = World::with_a_leader();
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, Event::Stop { within: Duration::from_secs(5) });
    assert!(!world.seats[&id(3)].core.has_stopped());
    world.kill(1);
    world.kill(2);
    world.run_until(ms(3000));
    assert_eq!(world.lost(3).last().map(|(_, cause)| *cause), Some(LostBecause::QuorumLost));
    assert!(world.seats[&id(3)].core.has_stopped());
}

#[test]
fn a_leader_that_was_started_again_sends_its_old_followers_away_at_once() {
    let mut world = World::with_a_leader();
    let (record, _) = world.seats[&id(3)].core.promises();
    world.kill(3);
    // It is back before anybody has dialled it, and looks.
    world.seat(3, identity(3), record);
    world.run_until(ms(30));
    for number in [1, 2] {
        assert_eq!(
            world.lost(number).last().map(|(_, cause)| *cause),
            Some(LostBecause::LeaderLost)
        );
        assert!(world.looks_again(number).is_some_and(|(at, ..)| at < ms(30)));
    }
}

#[test]
fn who_comes_early_is_not_sent_away() {
    let mut world = World::of(&[record(1); 3]);
    world.elect(3, 1, &[1, 2]);
    world.run_until(ms(50));
    assert!([1, 2].iter().all(|number| world.looks_again(*number).is_none()));
    world.elect(3, 1, &[3]);
    world.run_until(ms(70));
    assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((3, 2)); 3]);
}

#[test]
fn an_orderly_stop_is_told_and_nothing_happens_after_it() {
    let mut world = World::with_a_leader();
    world.tell(1, Event::Stop { within: Duration::from_secs(5) });
    world.tell(3, Event::Stop { within: Duration::from_secs(5) });
    assert!(world.seats[&id(1)].stopped && world.seats[&id(3)].stopped);
    assert_eq!(world.lost(1), [(ms(20), LostBecause::Stopped)]);
    assert_eq!(world.lost(3), [(ms(20), LostBecause::Stopped)]);
    world.run_until(ms(30));
    assert_eq!(world.lost(2), [(ms(21), LostBecause::LeaderLost)]);
    assert_eq!(world.seats[&id(3)].core.next_deadline(), None);
}

#[test]
fn a_new_ensemble_waits_for_its_last_voter_for_as_long_as_it_takes() {
    let new = Record { recorded: false, ..record(0) };
    let mut world = World::of(&[new; 3]);
    world.elect(2, 1, &[1, 2]);
    world.run_until(ms(600_000));
    let missing = || [id(3)].into();
    for number in [1, 2] {
        let told = Report::Waiting { leader: id(2), missing: missing() };
        assert_eq!(world.reports(number), [&told], "{number}");
        assert_eq!(world.looks_again(number), None);
    }
    world.elect(2, 1, &[3]);
    world.run_until(ms(600_020));
    assert!((1..=3).all(|number| world.established(number) == Some((2, 1))));
}

#[test]
fn what_is_not_established_in_time_is_elected_again() {
    let mut world = World::of(&[record(1); 3]);
    world.elect(3, 4, &[3]);
    world.kill(2);
    world.run_until(ms(2000));
    assert_eq!(world.looks_again(3), Some((ms(2000), 4, None)));
    assert_eq!(world.reports(3), [&Report::NotEstablished { leader: id(3) }]);
    // A leader that never answers.
    world.pause(3);
    world.elect(3, 5, &[1]);
    world.run_until(ms(5000));
    assert_eq!(world.looks_again(1), Some((ms(4000), 5, None)));
}

#[test]
fn a_follower_that_was_held_up_itself_gives_its_leader_one_more_ping() {
    let mut world = World::with_a_leader();
    world.run_until(ms(1000));
    world.pause(1);
    world.run_until(ms(1900));
    // Nothing was lost on the way, but the clock is looked at first.
    world.resume(1);
    world.now = ms(2100);
    world.tell(1, Event::Tick);
    assert_eq!(world.lost(1), []);
    world.run_until(ms(9000));
    assert!((1..=3).all(|number| world.lost(number).is_empty()));
}

#[test]
fn a_disk_that_is_full_for_a_while_keeps_a_voter_silent_for_a_while() {
    let mut world = World::of(&[record(1); 3]);
    world.seats.get_mut(&id(1)).unwrap().disk_works = false;
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(20));
    assert_eq!(world.established(3), Some((3, 2)));
    assert_eq!(world.established(1), None);
    assert!(world.seats[&id(1)].core.is_unable_to_store());
    world.seats.get_mut(&id(1)).unwrap().disk_works = true;
    world.run_until(ms(1100));
    assert_eq!(world.established(1), Some((3, 2)));
    assert!(!world.seats[&id(1)].core.is_unable_to_store());
}

#[test]
fn a_leader_that_cannot_write_lets_others_stand() {
    let mut world = World::of(&[record(1); 3]);
    world.seats.get_mut(&id(3)).unwrap().disk_works = false;
    world.elect(3, 1, &[1, 2, 3]);
    world.run_until(ms(20));
    assert!(!world.seats[&id(3)].stands);
    assert_eq!(world.established(3), None);
    assert_eq!(world.looks_again(3), Some((ms(4), 1, None)), "nobody waits for the disk");
}

#[test]
fn a_leader_without_our_block_is_left_alone_by_voters_and_followed_by_observers() {
    let mut world = World::of(&[record(1); 3]);
    world.seat(9, identity(9), Record::default());
    for number in [1, 9] {
        world.elect(3, 1, &[number]);
        let session = SessionId::Dialled(1);
        let info = LeaderWord::Info { epoch: Epoch(7), block: None };
        world.tell(number, Event::LeaderSaid { session, word: info });
    }
    let met = Report::BesideRealServer { peer: id(3) };
    assert_eq!(world.reports(1), [&met]);
    assert!(!world.seats[&id(1)].stands);
    assert_eq!(world.looks_again(1), None, "it may well lead the others");
    let session = SessionId::Dialled(1);
    for word in [
        LeaderWord::Sync { zxid: Zxid(0) },
        LeaderWord::NewLeader { epoch: Epoch(7), founding: false },
        LeaderWord::UpToDate,
    ] {
        world.tell(9, Event::LeaderSaid { session, word });
    }
    assert_eq!(world.established(9), Some((3, 7)));
}

#[test]
fn a_stale_ticket_and_a_stale_session_mean_nothing() {
    let mut world = World::with_a_leader();
    world.tell(3, Event::Tick);
    let before = world.seats[&id(3)].core.clone();
    world.tell(3, Event::Stored { ticket: Ticket(99) });
    world.tell(3, Event::Ended { session: SessionId::Accepted(999) });
    let session = SessionId::Dialled(7);
    world.tell(3, Event::LeaderSaid { session, word: LeaderWord::UpToDate });
    world.tell(3, Event::DialFailed { session, refused: true });
    assert_eq!(world.seats[&id(3)].core, before);
}

#[test]
fn who_follows_looks_again_when_its_leader_waits_for_others_as_if_it_had_never_led() {
    let mut world = World::with_a_leader();
    let (session, missing) = (SessionId::Dialled(1), [id(2)].into());
    let waiting = LeaderWord::Waiting { number: 1, missing };
    world.tell(1, Event::LeaderSaid { session, word: waiting });
    assert_eq!(world.lost(1), [(ms(20), LostBecause::LeaderLost)]);
    assert_eq!(world.looks_again(1), Some((ms(20), 1, None)));
}
