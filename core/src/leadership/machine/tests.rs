//! What [`Leadership`] does in time.

mod world;

use self::world::{Wire, World, id, identity, ms, record};
use super::*;
use crate::{
    election::Epoch,
    leadership::{DirectoryId, EnsembleId, Ticket},
    membership::Role,
};

#[test]
fn an_elected_voter_leads_after_four_trips_and_a_disk_and_the_elections_learn_the_epoch() {
    let world = World::with_a_leader();
    for number in 1..=3 {
        assert_eq!(world.seats[&id(number)].established, [(Epoch(2), Round(1))]);
    }
    let (at, report) = &world.seats[&id(3)].reports[0];
    assert_eq!((*at, report), (ms(6), &Report::Leading { epoch: Epoch(2) }));
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
    world.tell(3, Event::Resign { within: Duration::from_secs(5) });
    world.run_until(ms(900));
    assert_eq!(world.established(3), Some((3, 2)));
    assert!(world.seats[&id(3)].core.is_retiring());
    world.tell(3, Event::WorkGoesOn(false));
    assert_eq!(world.lost(3), [(ms(900), LostBecause::Resigned)]);
    assert!(!world.seats[&id(3)].stands);
    world.run_until(ms(910));
    for number in [1, 2] {
        assert_eq!(world.lost(number), [(ms(901), LostBecause::LeaderLost)]);
        assert_eq!(world.looks_again(number), Some((ms(901), 1, None)));
    }
    world.run_until(ms(3000));
    assert!(world.seats[&id(3)].stands);
}

#[test]
fn work_that_does_not_end_holds_a_resignation_up_for_as_long_as_was_said() {
    let mut world = World::with_a_leader();
    world.tell(3, Event::WorkGoesOn(true));
    world.tell(3, Event::Resign { within: Duration::from_secs(5) });
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

/// Somebody introduces itself to 3, which leads.
fn arrives(world: &mut World, change: impl FnOnce(&mut Info)) -> Option<Refusal> {
    let mut info = world.seats[&id(1)].last_info.clone().unwrap();
    change(&mut info);
    let session = SessionId::Accepted(1000);
    let already = world.reports(3).len();
    world.tell(3, Event::Arrived { session, info });
    world.reports(3)[already..].iter().find_map(|report| {
        if let Report::TurnedAway { refusal, .. } = report { Some(refusal.clone()) } else { None }
    })
}

#[test]
fn who_does_not_belong_here_is_turned_away_with_the_reason() {
    type Change = fn(&mut Info);
    let cases: [(Change, &str); 9] = [
        (
            |info| {
                let block = info.block.as_mut().unwrap();
                block.members = "server.1=h:1:1\nserver.2=h:2:2\nversion=0".into();
            },
            "its member list differs: server 3: only in ours",
        ),
        (|info| info.id = None, "a learner without an id"),
        (|info| info.id = Some(id(77)), "77 is not in the member list here"),
        (|info| info.id = Some(id(3)), "3 is the id of the leader itself: two processes have it"),
        (
            |info| info.role = Role::Observer,
            "1 is a voter in the member list here, and says that it is an observer",
        ),
        (
            |info| info.accepted = Epoch(i64::from(i32::MAX) - 1),
            "accepted epoch 2147483646 is too near the largest there can be, 2147483646",
        ),
        (
            |info| info.accepted = Epoch(i64::from(i32::MAX) - 1_000_000),
            "accepted epoch 2146483647 is too near the largest there can be, 2147483646",
        ),
        (
            |info| info.block.as_mut().unwrap().ensemble_name = "other".into(),
            "the ensemble is called \"\" here, and \"other\" there",
        ),
        (
            |info| info.block.as_mut().unwrap().directory = DirectoryId(5),
            "1 is connected with data directory 0000000000000001, and this one has 0000000000000005: two processes have the same id",
        ),
    ];
    for (change, told) in cases {
        let mut world = World::with_a_leader();
        let refusal = arrives(&mut world, change).unwrap().to_string();
        assert_eq!(refusal, told);
        assert!(world.seats[&id(3)].stands);
    }
}

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

/// It says no more of itself than a real server does.
fn as_real_server(number: u64, role: Role) -> impl FnOnce(&mut Info) {
    move |info| (info.id, info.role, info.block) = (Some(id(number)), role, None)
}

#[test]
fn who_comes_as_a_real_server_is_not_believed_by_a_member_of_an_ensemble_of_ours() {
    let mut world = World::with_a_leader();
    // 1 is here, 9 was never seen.
    for (number, role) in [(1, Role::Voter), (9, Role::Observer)] {
        let refusal = arrives(&mut world, as_real_server(number, role));
        assert_eq!(refusal, Some(Refusal::RealServer { id: id(number) }));
        assert_eq!(world.established(3), Some((3, 2)));
        assert!(world.seats[&id(3)].stands);
    }
}

#[test]
fn who_comes_as_a_real_server_is_believed_by_a_member_that_never_followed_one_of_ours() {
    let mut world = World::of(&[Record::default(); 3]);
    world.elect(3, 1, &[1, 3]);
    assert!(arrives(&mut world, as_real_server(2, Role::Voter)).is_some());
    assert!(world.seats[&id(3)].core.is_beside_real_server());
    assert!(!world.seats[&id(3)].stands);
}

#[test]
fn real_servers_may_elect_one_of_them_when_one_of_ours_was_elected_and_is_not_followed() {
    let known = Record { ensemble: Some(EnsembleId(7)), ..record(1) };
    for (comes, stands) in [(true, false), (false, true)] {
        let mut world = World::of(&[known; 3]);
        world.elect(3, 1, &[3]);
        if comes {
            let info = world.seats[&id(3)].core.epochs().info();
            world.seats.get_mut(&id(1)).unwrap().last_info = Some(info);
            assert!(arrives(&mut world, as_real_server(1, Role::Voter)).is_some());
        }
        world.run_until(ms(2001));
        assert_eq!(world.seats[&id(3)].stands, stands);
        world.run_until(ms(4010));
        assert!(world.seats[&id(3)].stands, "for a while only");
    }
}

#[test]
fn real_servers_that_elect_one_of_ours_again_and_again_may_elect_one_of_them_in_the_end() {
    let known = Record { ensemble: Some(EnsembleId(7)), ..record(1) };
    let mut world = World::of(&[known; 3]);
    let info = world.seats[&id(3)].core.epochs().info();
    world.seats.get_mut(&id(1)).unwrap().last_info = Some(info);
    for (round, passed) in (1..=10).zip((200..).step_by(200)) {
        assert!(world.seats[&id(3)].stands, "round {round}");
        world.elect(3, round, &[3]);
        assert!(arrives(&mut world, as_real_server(1, Role::Voter)).is_some());
        world.run_until(ms(passed));
        world.tell(3, Event::Unelected);
    }
    world.elect(3, 11, &[3]);
    assert!(!world.seats[&id(3)].stands, "two seconds after the first of them has come");
    world.run_until(ms(4010));
    assert!(world.seats[&id(3)].stands, "for a while only");
}

#[test]
fn a_real_server_that_is_turned_away_hears_nothing_that_only_ours_say() {
    let mut world = World::with_a_leader();
    let mut info = world.seats[&id(1)].last_info.clone().unwrap();
    (info.id, info.block) = (Some(id(77)), None);
    let session = SessionId::Accepted(1000);
    let event = Timed { at: world.now, event: Event::Arrived { session, info } };
    let actions = world.seats.get_mut(&id(3)).unwrap().core.actions_on(event);
    assert!(!actions.iter().any(|action| matches!(action, Action::Tell { .. })), "{actions:?}");
    assert!(actions.contains(&Action::Close { session }));
}

#[test]
fn a_leader_that_may_be_a_real_server_is_dialled_again_when_it_does_not_listen_yet() {
    let mut world = World::of(&[record(0), record(0), record(0)]);
    world.seats.get_mut(&id(3)).unwrap().running = false;
    world.elect(3, 1, &[1]);
    world.run_until(ms(500));
    assert_eq!(world.looks_again(1), None, "real servers lead a while after they were elected");
    world.seats.get_mut(&id(3)).unwrap().running = true;
    world.elect(3, 1, &[2, 3]);
    world.run_until(ms(1000));
    assert_eq!(world.established(1), Some((3, 1)));
    // Now it is known as one of ours, which listens as long as it lives.
    world.kill(3);
    world.run_until(ms(1025));
    assert!(world.looks_again(1).is_some());
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
