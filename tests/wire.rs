//! Nodes under bytes that no peer would send: whatever comes, a valid exchange still elects, and nobody else waits.
//!
//! Named after the failures of ZooKeeper that each guards against.

use crate::common::{
    Lab, elects, id, patiently,
    peer::{Peer, vote_for},
};
use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
    task::{block_on, spawn},
};
use ballotbox::{
    Node, Round, Standing,
    election::{Notification, PeerState},
    node::{NodeEvent, NodeState},
};
use ballotbox_core::wire::{FrameBuffer, Greeting, GreetingForm};

/// Asks as a stranger, who is answered at once, whatever state the node is in.
async fn ask(lab: &Lab, node: u64) -> Notification {
    let mut stranger = Peer::greet(lab, node, 1_000_000).await;
    stranger.say(&vote_for(1_000_000, 0).encode()).await;
    stranger.hear().await
}

async fn start_all(lab: &mut Lab, numbers: &[u64]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for number in numbers {
        nodes.push(lab.start(*number).await);
    }
    nodes
}

async fn all_elect(nodes: &[Node], leader: u64) {
    for node in nodes {
        elects(&mut node.watch(), leader).await;
    }
}

/// Bodies that are no notification, or none that may count.
fn unsound_bodies() -> Vec<Vec<u8>> {
    let sound = vote_for(3, 1).encode();
    let with = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let mut body = sound.clone();
        body[range].copy_from_slice(bytes);
        body
    };
    let mut bodies: Vec<_> = (1..28).map(|len| sound[..len].to_vec()).collect();
    bodies.extend([
        sound[..30].to_vec(),
        sound[..41].to_vec(),
        with(0..4, &77i32.to_be_bytes()),
        with(0..4, &(-1i32).to_be_bytes()),
        with(4..12, &77i64.to_be_bytes()),
        with(4..12, &(-2i64).to_be_bytes()),
        with(12..20, &(-1i64).to_be_bytes()),
        with(40..44, &(-1i32).to_be_bytes()),
        with(40..44, &i32::MAX.to_be_bytes()),
        [with(40..44, &3i32.to_be_bytes()), b"\xff\xfe\xfd".to_vec()].concat(),
        vec![0xff; 100],
        vec![0; 512 * 1024],
    ]);
    bodies
}

#[test]
fn zookeeper_3769_and_4898_unsound_notifications_are_dropped_and_the_link_stays() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let one = lab.start(1).await;
        let mut two = Peer::greet(&lab, 1, 2).await;
        for body in unsound_bodies() {
            two.say(&body).await;
        }
        // The same link still carries a vote, which is counted and answered.
        two.say(&vote_for(2, 1).encode()).await;
        let adopted =
            |status: &ballotbox::node::Status| status.election.ballots.contains_key(&id(2));
        patiently(one.watch().until(adopted)).await.unwrap();
        assert_eq!(ask(&lab, 1).await.vote.map(|vote| vote.leader), Some(id(2)));
        let news = one.watch().news().await.unwrap();
        let malformed = |event: &NodeEvent| matches!(event, NodeEvent::Malformed { .. });
        let told = news.events.iter().filter(|occurred| malformed(&occurred.event)).count();
        assert!((4..10).contains(&told), "{told} reports of some thirty unsound bodies");
    });
}

#[test]
fn zookeeper_2988_a_vote_for_nobody_we_know_is_ignored() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let one = lab.start(1).await;
        let mut two = Peer::greet(&lab, 1, 2).await;
        two.say(&vote_for(77, 5).encode()).await;
        two.say(&vote_for(2, 1).encode()).await;
        let heard = |status: &ballotbox::node::Status| status.election.ballots.contains_key(&id(2));
        let status = patiently(one.watch().until(heard)).await.unwrap();
        assert_eq!(
            (status.election.vote.unwrap().leader, status.election.round),
            (id(2), Round(1))
        );
    });
}

#[test]
fn the_largest_round_there_is_does_not_break_the_elections_that_follow() {
    block_on(async {
        let mut lab = Lab::voters(3);
        lab.absent(2);
        lab.absent(3);
        let one = lab.start(1).await;
        let mut forged = Peer::greet(&lab, 1, 2).await;
        forged.say(&vote_for(2, i64::MAX).encode()).await;
        let absurd = |status: &ballotbox::node::Status| status.election.round == Round(i64::MAX);
        patiently(one.watch().until(absurd)).await.unwrap();
        drop(forged);
        let (two, three) = (lab.start(2).await, lab.start(3).await);
        let leader = patiently(two.watch().elected()).await.unwrap().elected().unwrap();
        // Now the one elected goes, in a round that cannot grow any more.
        let mut rest = vec![one, two, three];
        let gone = rest.iter().position(|node| node.id() == leader).unwrap();
        rest.remove(gone).stop().await.unwrap();
        for node in &rest {
            let other = |status: &ballotbox::node::Status| {
                status.elected().is_some_and(|elected| elected != leader)
            };
            patiently(node.watch().until(other)).await.unwrap();
        }
    });
}

#[test]
fn zookeeper_1789_a_bare_greeting_of_an_observer_is_served() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let _one = lab.start(1).await;
        let mut socket = TcpStream::connect(lab.address(1)).await.unwrap();
        socket.write_all(&9i64.to_be_bytes()).await.unwrap();
        let mut observer = Peer { socket, buffer: FrameBuffer::default() };
        // The form of 3.4: 40 bytes, without a member list.
        let mut body = vote_for(9, 0).encode()[..40].to_vec();
        body[39] = 1;
        observer.say(&body).await;
        assert_eq!(observer.hear().await.vote.unwrap().leader, id(1));
    });
}

#[test]
fn zookeeper_3720_a_node_greets_with_one_address_unless_told_to_give_all() {
    block_on(async {
        for all in [false, true] {
            let mut lab = Lab::voters(2);
            let raw = lab.listener(1);
            let mut config = lab.config(2);
            config.greet_with_all_addresses = all;
            let own = config.membership.election(id(2))[0].clone();
            let _two = Node::start(config).await.unwrap();
            let (mut socket, _) = patiently(raw.accept()).await.unwrap();
            let mut bytes = [0; 2048];
            let count = patiently(socket.read(&mut bytes)).await.unwrap();
            let form = if all { GreetingForm::V2(vec![own]) } else { GreetingForm::V1(own) };
            let expected = Greeting { from: Some(id(2)), form }.encode();
            assert_eq!(bytes[..count.min(expected.len())], expected);
        }
    });
}

#[test]
fn an_election_ends_as_ever_under_a_storm_of_garbage_strangers_and_silence() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let addresses: Vec<_> = (1..=3).map(|number| lab.address(number)).collect();
        let storm: Vec<_> = addresses
            .into_iter()
            .flat_map(|address| (0..4).map(move |kind| spawn(attack(address, kind))))
            .collect();
        let nodes = start_all(&mut lab, &[1, 2, 3]).await;
        all_elect(&nodes, 3).await;
        for attacker in storm {
            attacker.await;
        }
        let answer = ask(&lab, 3).await;
        assert_eq!(answer.state, PeerState::Leading);
        let mut watch = nodes[0].watch();
        all_elect(&nodes, 3).await;
        let status = watch.status().await.unwrap();
        assert_eq!(status.state(), NodeState::Decided(Standing::Following));
        watch.news().await.unwrap();
    });
}

/// A hundred connections of one kind of malice.
async fn attack(address: std::net::SocketAddr, kind: u64) {
    let mut held = Vec::new();
    for number in 0..100u64 {
        let Ok(mut socket) = TcpStream::connect(address).await else { continue };
        let form = GreetingForm::V1("10.9.9.9:22".parse().unwrap());
        let greeting = |claim| Greeting { from: Some(id(claim)), form }.encode();
        let bytes = match kind {
            0 => Vec::new(),
            1 => number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().repeat(40),
            2 => greeting(1_000 + number),
            _ => [greeting(number % 5), i32::MAX.to_be_bytes().to_vec()].concat(),
        };
        // The node may hang up at any moment.
        let _ = socket.write_all(&bytes).await;
        held.push(socket);
    }
}
