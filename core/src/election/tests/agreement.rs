//! Whole ensembles: that they agree, on whom, how fast, and that they stay.

use proptest::prelude::*;

use super::{world::World, *};

const SECOND: Duration = Duration::from_secs(1);

/// An ensemble of voters without history, all started.
fn running(voters: u64, observers: u64) -> World {
    let mut world = World::new(members(voters, observers), 1);
    world.start_together((1..=voters + observers).map(|number| (number, 0, 0)));
    world
}

#[test]
fn undisturbed_servers_agree_on_the_best_without_waiting_for_any_timer() {
    for voters in 1..=5 {
        let mut world = running(voters, 0);
        world.deliver_all();
        assert_eq!(world.agreed(), Some(voters));
        assert_eq!(world.now, Duration::ZERO);
    }
}

#[test]
fn the_newest_history_wins() {
    let mut world = World::new(members(3, 0), 1);
    world.start_together([(1, 5, 2), (2, 9, 1), (3, 4, 2)]);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(1));
}

#[test]
fn zookeeper_822_a_minority_that_is_gone_holds_up_nobody() {
    let mut world = World::new(members(5, 0), 1);
    world.start_together([1, 3, 5].map(|number| (number, 0, 0)));
    world.deliver_all();
    assert_eq!(world.agreed(), None, "2 and 4 may be starting, too");
    world.pass(ElectionTiming::default().settle);
    assert_eq!(world.agreed(), Some(5));
    world.kill(5);
    world.deliver_all();
    assert_eq!(world.agreed(), None, "a quorum is gone");
    world.restart(5);
    world.deliver_all();
    assert_eq!(world.agreed(), Some(5), "1 and 3 know for long that 2 and 4 are gone");
}

#[test]
fn without_a_quorum_nobody_is_elected() {
    let mut world = World::new(members(4, 1), 1);
    for number in [1, 4, 5] {
        world.start(number, 0, 0);
    }
    world.pass(1000 * SECOND);
    assert!(world.cores.values().all(|core| core.state() == State::Looking));
    // The first word of a third voter is enough, whatever the others are waiting for.
    world.start(2, 0, 0);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(4));
}

#[test]
fn zookeeper_975_a_late_joiner_follows_without_disturbing() {
    let mut world = World::new(members(5, 1), 1);
    for number in [1, 2, 3, 4] {
        world.start(number, 0, 0);
    }
    world.pass(SECOND);
    world.start(5, 99, 99);
    world.start(6, 0, 0);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(4));
    assert!(world.cores.values().all(|core| core.round() == Round(1)));
}

#[test]
fn the_leader_dies_and_the_next_is_elected_at_once() {
    let mut world = running(5, 2);
    world.pass(SECOND);
    world.kill(5);
    world.deliver_all();
    assert_eq!(world.agreed(), Some(4), "{}", world.summary());
    world.restart(5);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(4));
}

#[test]
fn zookeeper_131_a_candidate_that_dies_having_voted_costs_one_more_round() {
    let mut world = running(5, 0);
    for _ in 0..12 {
        world.deliver_one();
    }
    world.kill(5);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(4));
    assert!(world.cores.values().all(|core| core.round() <= Round(2)));
}

#[test]
fn a_restarted_follower_rejoins_even_if_it_is_needed_for_the_quorum() {
    let mut world = World::new(members(3, 0), 1);
    world.start(1, 0, 0);
    world.start(2, 0, 0);
    world.pass(SECOND);
    world.kill(1);
    world.restart(1);
    world.pass(2 * SECOND);
    assert_eq!(world.agreed(), Some(2));
}

#[test]
fn every_server_restarted_in_turn_rejoins_and_followers_change_nothing() {
    let mut world = running(5, 1);
    world.pass(SECOND);
    for number in [1, 2, 3, 4, 6, 1, 2, 3, 4, 6] {
        world.kill(number);
        world.pass(SECOND);
        world.restart(number);
        world.pass(SECOND);
        assert_eq!(world.agreed(), Some(5));
    }
    assert!(world.cores.values().all(|core| core.round() == Round(1)));
    for number in [5, 4, 5, 3, 2, 1] {
        world.kill(number);
        world.pass(SECOND);
        world.restart(number);
        world.pass(SECOND);
        assert!(world.agreed().is_some());
    }
}

#[test]
fn a_minority_cut_off_comes_back_to_the_leader_of_the_others() {
    let mut world = running(5, 0);
    world.pass(SECOND);
    for inside in [4, 5] {
        for outside in [1, 2, 3] {
            world.cut(inside, outside);
        }
    }
    world.pass(10 * SECOND);
    assert!([4, 5].iter().all(|number| world.cores[&id(*number)].decision().is_none()));
    assert_eq!(world.cores[&id(1)].decision().unwrap().vote.leader, id(3));
    world.heal();
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(3));
}

#[test]
fn a_chain_of_three_gets_a_leader_that_stays() {
    let mut world = World::new(members(3, 0), 1);
    world.cut(1, 3);
    for number in 1..=3 {
        world.start(number, 0, 0);
    }
    world.pass(5 * SECOND);
    let round = world.cores[&id(3)].round();
    assert_eq!(world.cores[&id(3)].decision().unwrap().standing, Standing::Leading);
    assert_eq!(world.cores[&id(2)].decision().unwrap().vote.leader, id(3));
    world.pass(600 * SECOND);
    assert_eq!(world.cores[&id(3)].round(), round);
}

#[test]
fn zookeeper_491_among_weightless_groups_one_that_weighs_leads() {
    let mut world = World::new(one_group_with_weight(), 1);
    world.start_together((0..9).map(|number| (number, 0, 0)));
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(2));
    world.kill(2);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(1));
    world.kill(1);
    world.pass(60 * SECOND);
    assert_eq!(world.agreed(), None, "one of three that weigh something");
}

#[test]
fn the_largest_round_there_is_does_not_end_elections() {
    let mut world = running(3, 0);
    world.pass(SECOND);
    world.kill(3);
    world.cores.get_mut(&id(1)).unwrap().actions_on(Event::Heard {
        from: id(2),
        notification: notification(Looking, plain(2), i64::MAX),
    });
    world.pass(SECOND);
    for number in [2, 1, 3, 2, 1] {
        world.restart(number);
        world.pass(2 * SECOND);
        assert!(world.agreed().is_some());
        if let Some(leader) = world.agreed() {
            world.kill(leader);
            world.pass(2 * SECOND);
            assert!(world.running().len() < 2 || world.agreed().is_some());
            world.restart(leader);
            world.pass(2 * SECOND);
        }
    }
}

#[test]
fn the_messages_of_an_election_stay_linear_in_the_pairs() {
    let mut world = running(15, 10);
    world.pass(SECOND);
    assert_eq!(world.agreed(), Some(15));
    assert!(world.delivered < 15 * 25 * 16, "{} notifications", world.delivered);
    let before = world.delivered;
    world.pass(600 * SECOND);
    // In ten minutes, ten questions of each of ten observers, and the answers.
    assert_eq!(world.delivered, before + 200, "settled voters are silent");
}

proptest! {
    #[test]
    fn with_timely_messages_all_agree_on_the_best_in_whatever_order(
        seed in any::<u64>(),
        voters in 1..6_u64,
        histories in proptest::collection::vec((0..3_i64, 0..3_i64), 6),
    ) {
        let mut world = World::new(members(voters, 1), seed);
        let servers = (1..=voters + 1).zip(histories).map(|(number, (zxid, epoch))| (number, zxid, epoch));
        let servers: Vec<_> = servers.collect();
        let electable = servers.iter().filter(|(number, ..)| *number <= voters);
        let best = electable.map(|(number, zxid, epoch)| vote(*epoch, *zxid, *number)).max();
        world.start_together(servers);
        world.pass(SECOND);
        prop_assert_eq!(world.agreed(), best.map(|best| best.leader.number()));
    }

    #[test]
    fn after_any_faults_all_agree_again_and_stay(
        seed in any::<u64>(),
        ensemble in any_ensemble(),
        newest in 0..3_i64,
    ) {
        let ids: Vec<u64> = ensemble.members().map(|(id, _)| id.number()).collect();
        let mut world = World::new(ensemble, seed);
        for number in &ids {
            let (zxid, epoch) = (world.any(3).cast_signed(), newest);
            world.start(*number, zxid, epoch);
        }
        for _ in 0..400 {
            disturb(&mut world, &ids);
        }
        world.heal();
        for number in &ids {
            if !world.cores.contains_key(&id(*number)) {
                world.restart(*number);
            }
        }
        world.pass(3 * SECOND);
        let leader = world.agreed();
        prop_assert!(leader.is_some(), "{}", world.summary());
        world.pass(100 * SECOND);
        prop_assert_eq!(world.agreed(), leader);
    }

    #[test]
    fn after_any_faults_and_leaderships_all_follow_one_that_wants_to_lead(
        seed in any::<u64>(),
        ensemble in any_ensemble(),
    ) {
        let ids: Vec<u64> = ensemble.members().map(|(id, _)| id.number()).collect();
        let mut world = World::new(ensemble, seed);
        world.start_together(ids.iter().map(|number| (*number, 0, 0)));
        for _ in 0..400 {
            disturb(&mut world, &ids);
            disturb_leaderships(&mut world, &ids);
        }
        world.heal();
        for number in &ids {
            if !world.cores.contains_key(&id(*number)) {
                world.restart(*number);
            }
        }
        for _ in 0..8 {
            world.pass(SECOND);
            world.give_up_lost();
        }
        world.pass(SECOND);
        let candidates = world.candidates();
        if candidates.is_empty() {
            prop_assert!(world.agreed().is_none() || world.all_are_led(), "{}", world.summary());
        } else {
            prop_assert!(world.all_are_led(), "{}", world.summary());
            prop_assert!(world.agreed().is_some(), "{}", world.summary());
        }
    }

    #[test]
    fn followers_that_come_and_go_never_move_the_leader(seed in any::<u64>(), voters in 3..8_u64) {
        let mut world = World::new(members(voters, 2), seed);
        world.start_together((1..=voters + 2).map(|number| (number, 0, 0)));
        world.pass(SECOND);
        let leader = voters;
        for _ in 0..20 {
            let number = 1 + world.any(voters + 2);
            let other = 1 + world.any(voters + 2);
            if number == leader || number == other {
                continue;
            }
            match world.any(3) {
                0 => world.flap(number, other),
                1 => world.restart(number),
                _ => {
                    world.cut(number, other);
                    let span = Duration::from_millis(world.any(3000));
                    world.pass(span);
                    world.heal();
                }
            }
            world.pass(2 * SECOND);
            prop_assert_eq!(world.agreed(), Some(leader), "{}", world.summary());
            prop_assert_eq!(world.cores[&id(leader)].round(), Round(1));
        }
    }
}

fn any_ensemble() -> impl Strategy<Value = Ensemble> {
    let grouped = (1..4_u64, 1..4_u64).prop_map(|(first, second)| {
        let voter = |(number, group, weight)| Member {
            weight: Some(weight),
            group: Some(GroupId(group)),
            ..Member::voter(id(number))
        };
        let first = (0..first).map(|number| (number, 1, 2));
        let second = (10..10 + second).map(|number| (number, 2, 1));
        let weightless = [(20, 1, 0), (30, 3, 0)];
        let voters = first.chain(second).chain(weightless).map(voter);
        Ensemble::new(voters.chain([Member::observer(id(5))])).unwrap()
    });
    let flat = (1..7_u64, 0..3_u64).prop_map(|(voters, observers)| members(voters, observers));
    prop_oneof![3 => flat, 1 => grouped]
}

fn disturb_leaderships(world: &mut World, ids: &[u64]) {
    let one = world.one_of(ids);
    match world.any(60) {
        0 | 1 => world.establish_some(),
        2 => world.give_up_lost(),
        3 => world.withdraw(one),
        4 => world.stand(one),
        _ => {}
    }
}

/// One step of a run in which messages are slow, timers do not wait for them, and links and servers fail.
fn disturb(world: &mut World, ids: &[u64]) {
    let [one, other] = [(); 2].map(|()| world.one_of(ids));
    match world.any(40) {
        0 if one != other => world.cut(one, other),
        1 if one != other => world.flap(one, other),
        2 => world.heal(),
        3 => world.kill(one),
        4 => world.restart(one),
        5..10 => {
            let until = world.now + SECOND;
            world.fire_next(until);
        }
        _ => {
            world.deliver_one();
        }
    }
}
