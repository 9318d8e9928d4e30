//! Sessions of the quorum port between ours and real servers: what a real follower passes over, and what becomes of a learner of ours
//! that a real leader has no use for.
//!
//! A real leader refuses a learner with a newer configuration than its own, and, while it still collects voters, one with a newer
//! history. Neither can be ours: with a zoo.cfg it says that its configuration has version 0, that its zxid is 0, and, as an
//! observer, that its current epoch is 0.

use std::{collections::BTreeMap, fs, net::TcpListener, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    Epoch, Role, Round, Zxid,
    leadership::{
        DirectoryId, EnsembleId, Incarnation, Info, LeaderBlock, LeaderWord, LearnerWord, Successor,
    },
    node::{NodeEvent, Status},
};
use ballotbox_actors::kit::clock;
use ballotbox_core::wire::{PacketKind, QuorumPacket};

use crate::{
    beside_real::{epochs_in, events_of},
    common::{agreed_on, id, patiently, talk::Talk},
    interop_links::Claimant,
    zookeeper::{Ours, Server, Zoo},
};

/// The epoch that the real servers have accepted, before they lose all they have.
const ACCEPTED: i64 = 6;

fn said(word: &LeaderWord) -> Vec<u8> {
    word.to_packet().unwrap().encode()
}

fn learned(word: &LearnerWord) -> Vec<u8> {
    word.to_packet().unwrap().encode()
}

#[test]
fn a_real_follower_passes_over_what_a_leader_of_ours_adds() {
    let Some(zoo) = Zoo::voters([1, 3]) else { return };
    let listener: async_std::net::TcpListener =
        TcpListener::bind(zoo.quorum(3).to_string()).unwrap().into();
    let mut one = zoo.serve(1);
    one.until_looking();
    let mut claimant = Claimant::greet(&zoo, 1, 3);
    claimant.vote(3, Round(1)).unwrap();
    block_on(async {
        let (mut follower, _others) = Talk::with_learner(&listener).await;
        follower.until(PacketKind::FOLLOWERINFO).await;
        let (epoch, zxid) = (Epoch(1), Zxid(0));
        let block = LeaderBlock {
            directory: DirectoryId(u64::MAX),
            incarnation: Incarnation(1),
            ensemble: EnsembleId(7),
            ended: Epoch(0),
            lease: None,
        };
        follower.say(&said(&LeaderWord::Info { epoch, block: Some(block) })).await;
        follower.until(PacketKind::ACKEPOCH).await;
        follower.say(&said(&LeaderWord::Sync { zxid })).await;
        follower.say(&said(&LeaderWord::NewLeader { epoch, founding: false })).await;
        follower.until(PacketKind::ACK).await;
        assert_eq!(epochs_in(&zoo.data(1)), (epoch.0, epoch.0));
        follower.say(&said(&LeaderWord::UpToDate)).await;
        follower.until(PacketKind::ACK).await;
        follower.say(&said(&LeaderWord::Ping { epoch, number: None })).await;
        follower.until(PacketKind::PING).await;
        let noted = LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid, bond: None };
        let ack = LearnerWord::Ack { epoch };
        let heard: Vec<_> = follower.heard.iter().map(QuorumPacket::encode).collect();
        assert_eq!(heard[1..4], [learned(&noted), learned(&ack), learned(&ack)]);
        assert_eq!(heard.len(), 5);
    });
    one.until_logged("Getting a diff from the leader");
}

#[test]
fn an_observer_that_a_real_leader_has_no_room_for_comes_again_and_again_with_a_pause() {
    let members = [(2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];
    let Some(mut zoo) = Zoo::new(members) else { return };
    zoo.java_options.push("-Dzookeeper.leader.maxConcurrentSnapSyncs=1".to_owned());
    let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
    assert_eq!((two.until_in_service(), three.until_in_service()), (3, 3));
    two.until_logged("Peer state changed: following - broadcast");
    block_on(async {
        // It has the only place as long as it does not say that it has the snapshot.
        let info = Info { id: Some(id(77)), role: Role::Observer, accepted: Epoch(0), block: None };
        let first = learned(&LearnerWord::Info(info));
        let mut slow = Talk::with_leader(zoo.quorum(3).to_string(), &first).await;
        slow.until(PacketKind::LEADERINFO).await;
        let noted = LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid: Zxid(0), bond: None };
        slow.say(&learned(&noted)).await;
        slow.until(PacketKind::NEWLEADER).await;

        let node = zoo.node(9).await;
        for _ in 0..6 {
            three.until_logged("too many concurrent sync.");
        }
        let before = clock::now();
        for _ in 0..6 {
            three.until_logged("too many concurrent sync.");
        }
        let passed = clock::now() - before;
        println!("six more attempts in {passed:?}");
        assert!(passed > Duration::from_millis(500));
        let status = node.watch().status().await.unwrap();
        assert_eq!((status.elected(), status.leader()), (Some(id(3)), None));

        drop(slow);
        let led = |status: &Status| status.leader() == Some((id(3), Epoch(1)));
        patiently(node.watch().until(led)).await.unwrap();
        let events = events_of(&node).await;
        let is_loss = |event: &NodeEvent| {
            matches!(
                event,
                NodeEvent::Lost { .. }
                    | NodeEvent::GaveUp { .. }
                    | NodeEvent::NotEstablished { .. }
            )
        };
        assert!(!events.iter().any(is_loss), "{events:?}");
    });
}

#[test]
fn an_observer_does_not_follow_real_servers_that_have_lost_the_epoch_it_has_followed() {
    let members = [(2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];
    let Some(zoo) = Zoo::new(members) else { return };
    for number in [2, 3] {
        let directory = zoo.data(number).join("version-2");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("acceptedEpoch"), ACCEPTED.to_string()).unwrap();
        fs::write(directory.join("currentEpoch"), "0").unwrap();
    }
    let servers = both_in_service(&zoo);
    let mut ours = Ours::start(&zoo, 9);
    assert_eq!(ours.until("following")["epoch"], ACCEPTED + 1);

    // If it came while they collect, they would begin a larger epoch than its own.
    ours.pause();
    drop(servers);
    for number in [2, 3] {
        fs::remove_dir_all(zoo.data(number)).unwrap();
    }
    let servers = both_in_service(&zoo);
    ours.resume();
    assert_eq!(ours.until("lost")["epoch"], ACCEPTED + 1);
    let told = format!("3 proposes epoch 1, and this member has followed {} already", ACCEPTED + 1);
    let at = |warning: serde_json::Value| warning["at_ms"].as_f64().unwrap();
    let mut last = at(ours.until_warned(&told));
    for _ in 0..3 {
        let next = at(ours.until_warned(&told));
        assert!(next - last > 900.0, "{last} and {next}");
        last = next;
    }
    // It keeps nothing, so a new one knows of no other epoch.
    drop(ours);
    assert_eq!(Ours::start(&zoo, 9).until("following")["epoch"], 1);
    drop(servers);
}

/// Starts the two, and waits until 3 leads 2.
fn both_in_service(zoo: &Zoo) -> [Server; 2] {
    let mut servers = [zoo.serve(2), zoo.serve(3)];
    assert_eq!(servers.each_mut().map(Server::until_in_service), [3, 3]);
    servers[0].until_logged("Peer state changed: following - broadcast");
    servers
}

/// What names a successor goes only to those who have introduced themselves as ours: a real server sees members that have settled.
#[test]
fn a_hand_over_among_ours_does_not_disturb_a_real_observer_that_has_come_and_it_elects_the_successor()
 {
    let voters = [1, 2, 3].map(|number| (number, Role::Voter));
    let Some(zoo) = Zoo::new(voters.into_iter().chain([(9, Role::Observer)])) else { return };
    block_on(async {
        let mut nodes = BTreeMap::new();
        for number in 1..=3 {
            nodes.insert(number, zoo.node(number).await);
        }
        let (leader, epoch) = agreed_on(&nodes, Status::leader).await;
        let mut observer = zoo.serve(9);
        observer.outcome_with(leader.number());
        let next = if leader == id(1) { 2 } else { 1 };
        let mut leadership = patiently(nodes[&leader.number()].lead()).await.unwrap();
        let (to, within) = (Successor::To(id(next)), Duration::from_secs(30));
        while let Err(why) = patiently(leadership.resign(to, within)).await {
            println!("not yet: {why}");
            patiently(leadership.confirm()).await.unwrap();
        }
        drop(leadership);
        let newer = |status: &Status| status.leader().filter(|(_, newer)| *newer > epoch);
        assert_eq!(agreed_on(&nodes, newer).await, (id(next), Epoch(epoch.0 + 1)));
        // It is turned away as ever, and elects whom ours have settled on.
        observer.outcome_with(next);
        assert_eq!(agreed_on(&nodes, newer).await, (id(next), Epoch(epoch.0 + 1)));
    });
}
