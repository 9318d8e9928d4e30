//! Restarts in any order, fifty times: a member that comes back rejoins, and nothing is left over. One test, alone in its
//! process, so that it can count.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "this is a test")]
#![cfg(target_os = "linux")]

mod common;

use std::{collections::BTreeMap, fs};

use async_std::task::block_on;
use common::{Lab, agreed};

const VOTERS: u64 = 5;
const RESTARTS: usize = 50;

#[test]
fn a_restarted_member_rejoins_fifty_times_in_any_order_and_nothing_is_left_over() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    block_on(async {
        // Whatever the runtime keeps for itself is there after one life.
        restart(0, &mut rng).await;
        let before = counts();
        restart(RESTARTS, &mut rng).await;
        let after = counts();
        assert!(after <= before, "descriptors and threads: {before:?}, then {after:?}");
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

/// Descriptors and threads of this process.
fn counts() -> (usize, usize) {
    let entries = |path: &str| fs::read_dir(path).unwrap().count();
    (entries("/proc/self/fd"), entries("/proc/self/task"))
}
