//! That the rule about disks can fail: disks that forget are found out, those that were lost in time are not.

use std::sync::Arc;

use ballotbox_core::leadership::Record;

use super::*;
use crate::scenario::vote_file::{MemberState, VoteFile};

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
