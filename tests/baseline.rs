//! What is left of a node after it has stopped: nothing. One test, alone in its process, so that it can count.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "this is a test")]
#![cfg(target_os = "linux")]

mod common;

use std::fs;

use async_std::{io::WriteExt, net::TcpStream, task::block_on};
use ballotbox::{
    network::NetworkEvent,
    node::{NodeEvent, Occurrence},
};
use ballotbox_core::wire::{Greeting, GreetingForm};
use common::{Lab, elects, id, settled};

const CYCLES: usize = 1000;
const HANDSHAKES: usize = 10_000;
const CONNECTS: usize = 10_000;

/// Descriptors, threads, and resident pages of four KiB.
fn counts() -> (usize, usize, usize) {
    let entries = |path: &str| fs::read_dir(path).unwrap().count();
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let resident = statm.split(' ').nth(1).unwrap().parse().unwrap();
    (entries("/proc/self/fd"), entries("/proc/self/task"), resident)
}

#[test]
fn after_thousands_of_starts_stops_and_strangers_everything_is_as_before() {
    block_on(async {
        for _ in 0..50 {
            live_and_die().await;
        }
        let before = counts();
        for _ in 0..CYCLES {
            live_and_die().await;
        }
        assert_flat(before, "starts and stops");

        let mut lab = Lab::voters(1);
        let one = lab.start(1).await;
        elects(&mut one.watch(), 1).await;
        shake_hands(&lab, 100).await;
        let before = counts();
        // ZOOKEEPER-880: a valid handshake, then nothing more; strangers, and our own id (L2).
        shake_hands(&lab, HANDSHAKES).await;
        one.stop().await.unwrap();
        assert_flat(before, "handshakes");

        fail_to_connect(100).await;
        let before = counts();
        fail_to_connect(CONNECTS).await;
        assert_flat(before, "failed connects");
    });
}

fn assert_flat(before: (usize, usize, usize), what: &str) {
    // A thread for what blocks ends a moment after its work.
    settled(|| counts().1, &before.1);
    let after = counts();
    assert!(after.0 <= before.0, "descriptors grew over {what}: {before:?} to {after:?}");
    assert!(after.1 <= before.1, "threads grew over {what}: {before:?} to {after:?}");
    let mebibyte = 256;
    assert!(after.2 <= before.2 + 8 * mebibyte, "memory grew over {what}: {before:?} to {after:?}");
}

async fn live_and_die() {
    let mut lab = Lab::voters(3);
    let mut nodes = Vec::new();
    for number in 1..=3 {
        nodes.push(lab.start(number).await);
    }
    elects(&mut nodes[0].watch(), 3).await;
    for node in nodes {
        node.stop().await.unwrap();
    }
}

async fn shake_hands(lab: &Lab, times: usize) {
    for number in 0..times as u64 {
        let mut socket = TcpStream::connect(lab.address(1)).await.unwrap();
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        let greeting = Greeting { from: Some(id(1 + number % 3 * number)), form }.encode();
        // ZOOKEEPER-547: a frame of a gibibyte is announced, and costs nothing.
        let bytes = [greeting, i32::to_be_bytes(1 << 30).to_vec()].concat();
        socket.write_all(&bytes).await.unwrap();
    }
}

/// ZOOKEEPER-2442: peers that are never there.
async fn fail_to_connect(times: usize) {
    let absent = 99;
    let mut lab = Lab::voters(absent + 1);
    for number in 1..=absent {
        lab.absent(number);
    }
    for _ in 0..times / 99 {
        let node = lab.start(absent + 1).await;
        let mut watch = node.watch();
        let mut unreachable = 0;
        while unreachable < absent {
            let told = |occurred: &&Occurrence| {
                matches!(occurred.event, NodeEvent::Network(NetworkEvent::Unreachable { .. }))
            };
            let news = watch.news().await.unwrap();
            unreachable += news.events.iter().filter(told).count() as u64;
        }
        node.stop().await.unwrap();
    }
}
