//! Restarts in any order, fifty times, and leaderships that are lost and had again: a member that comes back rejoins, and nothing
//! is left over. One test, alone in its process, so that it can count.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "this is a test")]
#![cfg(target_os = "linux")]

mod common;

use std::{collections::BTreeMap, fs, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    leadership::{DirectoryId, LostBecause, Record},
    node::{Keep, LeadershipConfig, MemoryDisk, Node},
};
use common::{Lab, agreed, patiently, settled};

const VOTERS: u64 = 5;
const RESTARTS: usize = 50;
const COMEBACKS: usize = 20;

#[test]
fn a_restarted_member_rejoins_and_a_lost_leadership_comes_back_and_nothing_is_left_over() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    block_on(async {
        // Whatever the runtime keeps for itself is there after one life.
        restart(0, &mut rng).await;
        let before = counts();
        restart(RESTARTS, &mut rng).await;
        let after = settled(counts, &before);
        assert!(after <= before, "descriptors and threads: {before:?}, then {after:?}");

        lead_and_lose(1).await;
        let before = counts();
        lead_and_lose(COMEBACKS).await;
        let after = settled(counts, &before);
        assert!(after <= before, "leaderships: {before:?}, then {after:?}");
    });
}

/// An ensemble whose members are stopped and started this many times: in order, in reverse, the leader, or anybody.
async fn restart(times: usize, rng: &mut fastrand::Rng) {
    let mut lab = Lab::voters(VOTERS);
    let mut nodes = BTreeMap::new();
    for number in 1..=VOTERS {
        nodes.insert(number, lab.start(number).await);
    }
    let mut leader = agreed(&nodes).await;
    for turn in 0..times {
        let number = match turn / 5 % 4 {
            0 => turn as u64 % VOTERS + 1,
            1 => VOTERS - turn as u64 % VOTERS,
            2 => leader.number(),
            _ => rng.u64(1..=VOTERS),
        };
        nodes.remove(&number).unwrap().stop().await.unwrap();
        leader = agreed(&nodes).await;
        nodes.insert(number, lab.start(number).await);
        let joined = agreed(&nodes).await;
        assert_eq!(joined, leader, "restart {turn} of {number}: a joiner disturbs nobody");
    }
    for node in nodes.into_values() {
        node.stop().await.unwrap();
    }
}

/// Of three voters two run. One of them leads, loses its quorum with the other one, and leads again when that is back, this many
/// times.
async fn lead_and_lose(times: usize) {
    let mut lab = Lab::voters(3);
    lab.absent(2);
    let disks = [1, 2, 3].map(|number| {
        MemoryDisk::new(DirectoryId(number), Record { recorded: true, ..Record::default() })
    });
    let start = async |lab: &mut Lab, number: u64| {
        let disk = disks[usize::try_from(number).unwrap() - 1].clone();
        let mut config = lab.config(number);
        let mut leadership = LeadershipConfig::new(Keep::InMemory(disk));
        // A quorum that is gone is given up for lost this much later.
        leadership.timing.silence = Duration::from_millis(250);
        leadership.timing.ping = Duration::from_millis(50);
        config.leadership = Some(leadership);
        Node::start(config).await.unwrap()
    };
    let third = start(&mut lab, 3).await;
    let mut token = 0;
    let mut counted = Vec::new();
    for _ in 0..times {
        let first = start(&mut lab, 1).await;
        let mut leadership = patiently(third.lead()).await.unwrap();
        assert!(leadership.token() > token);
        token = leadership.token();
        first.stop().await.unwrap();
        assert_eq!(patiently(leadership.lost()).await, LostBecause::QuorumLost);
        drop(leadership);
        counted.push(counts());
    }
    // It may be dialling at one moment or another.
    let least = |counts: &[(usize, usize)]| {
        let (descriptors, threads) =
            (counts.iter().map(|one| one.0), counts.iter().map(|one| one.1));
        (descriptors.min(), threads.min())
    };
    let (before, after) = counted.split_at(times / 2);
    if !before.is_empty() {
        let (before, after) = (least(before), least(after));
        assert!(after.0 <= before.0 && after.1 <= before.1, "{counted:?}");
    }
    third.stop().await.unwrap();
}

/// Descriptors and threads of this process.
fn counts() -> (usize, usize) {
    let entries = |path: &str| fs::read_dir(path).unwrap().count();
    (entries("/proc/self/fd"), entries("/proc/self/task"))
}
