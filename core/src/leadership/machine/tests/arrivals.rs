//! Who comes to a leader, and whether it is served; and what real servers make of it.

use super::*;
use crate::leadership::EPOCH_MAX;

/// Somebody introduces itself to 3, which leads.
pub(super) fn arrives(world: &mut World, change: impl FnOnce(&mut Info)) -> Option<Refusal> {
    let mut info = world.seats[&id(1)].last_info.clone().unwrap();
    change(&mut info);
    let session = SessionId::Accepted(1000);
    let already = world.reports(3).len();
    world.tell(3, Event::Arrived { session, info, from: None });
    world.reports(3)[already..].iter().find_map(|report| {
        if let Report::TurnedAway { refusal, .. } = report { Some(refusal.clone()) } else { None }
    })
}

#[test]
fn who_does_not_belong_here_is_turned_away_with_the_reason() {
    type Change = fn(&mut Info);
    let cases: [(Change, &str); 8] = [
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
    ];
    for (change, told) in cases {
        let mut world = World::with_a_leader();
        let refusal = arrives(&mut world, change).unwrap().to_string();
        assert_eq!(refusal, told);
        assert!(world.seats[&id(3)].stands);
    }
}

/// It says no more of itself than a real server does.
pub(super) fn as_real_server(number: u64, role: Role) -> impl FnOnce(&mut Info) {
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
    assert_eq!(world.looks_again(3), Some((ms(0), 1, None)), "it was elected itself");
}

/// That is so for all epochs that are as near to the end as our own.
#[test]
fn an_accepted_epoch_is_too_large_only_if_it_is_near_the_end_and_past_the_next_of_ours() {
    let limit = EPOCH_MAX.0 - 1_000_000;
    for (ours, theirs, is_let_in) in [
        (1, limit, true),
        (1, limit + 1, false),
        (limit + 5, limit + 6, true),
        (limit + 5, limit + 7, false),
        (EPOCH_MAX.0 - 1, EPOCH_MAX.0, false),
    ] {
        let mut world = World::of(&[record(ours); 3]);
        let info = world.seats[&id(1)].core.epochs().info();
        world.seats.get_mut(&id(1)).unwrap().last_info = Some(info);
        let refusal = arrives(&mut world, |info| info.accepted = Epoch(theirs));
        assert_eq!(refusal.is_none(), is_let_in, "{ours}, {theirs}: {refusal:?}");
    }
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
fn a_real_server_that_comes_while_nobody_of_ours_is_to_lead_by_it_shortens_no_later_election() {
    let known = Record { ensemble: Some(EnsembleId(7)), ..record(1) };
    for leads in [false, true] {
        let mut world = if leads { World::with_a_leader() } else { World::of(&[known; 3]) };
        let info = world.seats[&id(3)].core.epochs().info();
        world.seats.get_mut(&id(1)).unwrap().last_info = Some(info);
        assert!(arrives(&mut world, as_real_server(1, Role::Voter)).is_some());
        world.run_until(ms(900));
        world.tell(3, Event::Unelected);
        world.kill(1);
        world.kill(2);
        world.run_until(ms(10_000));
        world.elect(3, 2, &[3]);
        world.run_until(ms(11_999));
        assert_eq!(world.looks_again(3), None, "{leads}");
        world.run_until(ms(12_000));
        assert_eq!(world.looks_again(3), Some((ms(12_000), 2, None)));
        assert!(world.seats[&id(3)].stands);
    }
}

#[test]
fn a_real_server_that_is_turned_away_hears_nothing_that_only_ours_say() {
    let mut world = World::with_a_leader();
    let mut info = world.seats[&id(1)].last_info.clone().unwrap();
    (info.id, info.block) = (Some(id(77)), None);
    let session = SessionId::Accepted(1000);
    let event = timed(world.now, Event::Arrived { session, info, from: None });
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
