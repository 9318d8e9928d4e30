//! That the rules about disks and about leases can fail: disks that forget are found out, those that were lost in time are not.

use std::sync::Arc;

use ballotbox_core::leadership::Record;

use super::*;
use crate::scenario::{
    simulation::plan::Fault,
    vote_file::{MemberState, VoteFile},
};

const END: Duration = Duration::from_secs(2);

/// Three voters that start at once.
fn world(seed: u64) -> World {
    let members = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] }"#;
    World::new(&Arc::new(Setup::new(&VoteFile::parse("three", members).unwrap())), seed)
}

/// The same, when 3 leads them in epoch 1.
fn led(seed: u64) -> World {
    let mut world = world(seed);
    world.play_until(END);
    assert_eq!(world.violation(), None, "seed {seed}");
    assert_eq!(world.members[2].state(), MemberState::Leading { epoch: Some(Epoch(1)) });
    world
}

fn broken(world: &World) -> Option<&'static str> {
    begun_on_disks(world, 2, Epoch(1)).map(|violation| violation.rule)
}

#[test]
fn a_leader_whose_followers_have_disks_that_forget_is_found() {
    for seed in 0..20 {
        let mut world = world(seed);
        let empty = world.members[0].disk.record;
        while world.step(END) {
            for follower in &mut world.members[..2] {
                follower.disk.record = empty;
            }
        }
        let found = world.violation().map(|violation| (violation.rule, violation.details.as_str()));
        assert_eq!(found, Some((ON_DISKS, "epoch 1 is on those of 3")), "seed {seed}");
    }
}

#[test]
fn an_epoch_that_is_not_on_the_disk_of_its_leader_or_only_on_one_that_nobody_knows_is_found() {
    let mut world = led(0);
    assert_eq!(broken(&world), None);
    let kept = world.members[2].disk.record;
    world.members[2].disk.record = Record { current: Epoch(0), ..kept };
    assert_eq!(broken(&world), Some(ON_DISKS));
    world.members[2].disk.record = kept;
    for follower in &mut world.members[..2] {
        follower.disk.record.recorded = false;
    }
    assert_eq!(broken(&world), Some(ON_DISKS));
}

#[test]
fn a_disk_counts_that_was_lost_since_its_leader_was_elected_and_not_one_that_was_lost_before() {
    let mut world = led(0);
    for follower in 0..2 {
        world.wipe(follower);
    }
    assert_eq!(broken(&world), None);
    // The same losses, before a discovery that begins now.
    let now = world.now;
    world.reigns.discovery_begins(2, now.plus(1));
    assert_eq!(broken(&world), Some(ON_DISKS));
}

/// Three voters that start at once, and lead with a lease. When 3 does nothing any more, the others die, and start again.
fn leased(faults: &str, seed: u64) -> World {
    let text = format!(
        r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}], "timing": {{ "lease_ms": 1500 }}, {faults}
              "steps": [{{ "at_ms": 0, "start": [1, 2, 3] }}, {{ "at_ms": 1000, "hang": [3] }},
                        {{ "at_ms": 1000, "kill": [1, 2] }}, {{ "at_ms": 1001, "start": [1, 2] }}] }}"#
    );
    World::new(&Arc::new(Setup::new(&VoteFile::parse("leased", &text).unwrap())), seed)
}

/// The same, when the voters start again, and have been made to forget.
fn forgetful(faults: &str, seed: u64, forget: impl Fn(&mut World, usize)) -> World {
    let mut world = leased(faults, seed);
    world.play_until(Duration::from_micros(1_000_500));
    assert!(world.lease_of(2).is_some(), "seed {seed}");
    (0..2).for_each(|voter| forget(&mut world, voter));
    world.play_until(Duration::from_millis(1800));
    world
}

fn rule(world: &World) -> Option<&'static str> {
    world.violation().map(|violation| violation.rule)
}

#[test]
fn nobody_leads_while_a_leader_that_hangs_may_hold_its_lease() {
    for seed in 0..20 {
        let world = forgetful("", seed, |_, _| {});
        assert_eq!(rule(&world), None, "seed {seed}");
        assert_eq!(world.members[1].state(), MemberState::Looking, "seed {seed}");
    }
}

#[test]
fn voters_that_forget_what_they_have_promised_are_found() {
    for seed in 0..20 {
        let world = forgetful("", seed, |world, voter| world.members[voter].disk.forget_promise());
        assert_eq!(rule(&world), Some(PROMISES_BIND), "seed {seed}");
    }
}

#[test]
fn a_second_lease_is_found_whatever_the_voters_say_that_they_have_promised() {
    for seed in 0..20 {
        let world = forgetful("", seed, |world, voter| {
            world.members[voter].disk.forget_promise();
            world.leases.is_wiped(voter);
        });
        assert_eq!(rule(&world), Some(ONE_LEASE), "seed {seed}");
    }
}

#[test]
fn where_machines_may_be_paused_with_their_clocks_a_second_lease_is_counted() {
    let faults = r#""faults": { "until_ms": 1, "vm_pauses": 1 },"#;
    let mut overlaps = 0;
    for seed in 0..20 {
        let world = forgetful(faults, seed, |world, voter| {
            world.members[voter].disk.forget_promise();
            world.leases.is_wiped(voter);
        });
        assert_eq!(rule(&world), None, "seed {seed}");
        overlaps += world.overlapping_leases();
    }
    assert!(overlaps > 10, "{overlaps}");
}

/// Three voters with a lease. The work of 3, which leads, is stuck when they are all killed, and these start again.
fn stuck(seed: u64, again: &str, forget: impl Fn(&mut World, usize)) -> World {
    let text = format!(
        r#"{{ "members": [{{ "id": 1 }}, {{ "id": 2 }}, {{ "id": 3 }}], "timing": {{ "lease_ms": 1500 }},
              "steps": [{{ "at_ms": 0, "start": [1, 2, 3] }}, {{ "at_ms": 1000, "kill": [1, 2, 3] }},
                        {{ "at_ms": 1001, "start": [{again}] }}] }}"#
    );
    let file = VoteFile::parse("stuck", &text).unwrap();
    let mut world = World::new(&Arc::new(Setup::new(&file)), seed);
    world.play_until(Duration::from_millis(999));
    world.work_sticks(0, false);
    world.play_until(Duration::from_micros(1_000_500));
    assert_eq!(world.leases.left_behind(2), Some(Epoch(1)), "seed {seed}");
    (0..2).for_each(|voter| forget(&mut world, voter));
    world.play_until(Duration::from_millis(1800));
    world
}

/// C5: the last promises were made after 800 ms at the earliest, and last for 1530 ms.
#[test]
fn while_work_goes_on_that_is_left_behind_its_member_does_not_lead_and_others_when_promises_are_over()
 {
    let leaders = |world: &World| {
        let leads =
            |member: &usize| matches!(world.members[*member].state(), MemberState::Leading { .. });
        (0..3).filter(leads).collect::<Vec<_>>()
    };
    for seed in 0..20 {
        let mut world = stuck(seed, "1, 2, 3", |_, _| {});
        assert_eq!((rule(&world), leaders(&world)), (None, vec![]), "seed {seed}");
        world.play_until(Duration::from_millis(2300));
        assert_eq!((rule(&world), leaders(&world)), (None, vec![]), "seed {seed}");
        world.play_until(Duration::from_secs(6));
        assert_eq!((rule(&world), leaders(&world)), (None, vec![1]), "seed {seed}");
        world.work_comes_free(0);
        world.play_until(Duration::from_secs(7));
        assert_eq!((rule(&world), world.leases.left_behind(2)), (None, None), "seed {seed}");
    }
}

#[test]
fn work_that_begins_beside_work_that_is_left_behind_is_found() {
    for seed in 0..20 {
        let world = stuck(seed, "1, 2", |world, voter| {
            world.members[voter].disk.forget_promise();
            world.leases.is_wiped(voter);
        });
        assert_eq!(rule(&world), Some(ONE_WORK), "seed {seed}");
    }
}

/// One voter leads with a lease, and is killed in the end.
#[test]
fn a_fault_from_before_a_machine_started_anew_does_not_free_work_that_is_stuck_since() {
    let text = r#"{ "members": [{ "id": 1 }], "timing": { "lease_ms": 1500 },
                    "steps": [{ "at_ms": 0, "start": [1] }, { "at_ms": 9000, "kill": [1] }] }"#;
    let file = VoteFile::parse("one", text).unwrap();
    let mut world = World::new(&Arc::new(Setup::new(&file)), 0);
    let leads = |epoch| MemberState::Leading { epoch: Some(Epoch(epoch)) };
    world.play_until(Duration::from_secs(1));
    assert_eq!(world.members[0].state(), leads(1));
    world.work_sticks(0, false);
    world.inject(Fault::Reboot(0));
    world.inject(Fault::Booted(0));
    world.play_until(Duration::from_secs(8));
    assert_eq!(world.members[0].state(), leads(2));
    world.work_sticks(1, false);
    world.work_comes_free(0);
    world.play_until(Duration::from_secs(10));
    assert_eq!((rule(&world), world.leases.left_behind(0)), (None, Some(Epoch(2))));
}
