//! Recorded sessions of real servers, played to nodes of ours at the quorum port: an observer is led by what real leaders said, and a
//! leader leads those that say what real learners said, once they introduce themselves as ours.
//!
//! What ours say is compared whole. Where a recording begins within a session, one that was recorded from its beginning is
//! played first.

use async_std::{net::TcpListener, task::block_on};
use ballotbox::{
    Epoch, GroupId, Member, Node, ServerId, Zxid,
    election::PeerState,
    leadership::{LeaderWord, LearnerWord, LostBecause, Record},
    membership::Role,
    node::{NodeEvent, Status},
};
use ballotbox_core::wire::{PacketKind, QuorumPacket};

use crate::{
    common::{
        Lab, id, patiently,
        peer::{Peer, vote_for},
        talk::Talk,
    },
    golden_quorum::{RECORDINGS, Recorded, Sender, packets, streams},
    quorum_port::{info, introduced, one_that_leads},
};

/// Its sessions begin, and do not end.
const FROM_THE_BEGINNING: &str = "lead-empty";

/// A leader of ours that no recording knows.
const LEADER: u64 = 50;

/// The epoch before its own, larger than any that was recorded.
const EPOCH: Epoch = Epoch(100);

#[test]
fn an_observer_is_led_by_every_recorded_leader() {
    let (mut whole, mut broken_off, mut within) = (0, 0, 0);
    for (version, recording) in RECORDINGS {
        let first = beginning(recording, Sender::Leader);
        for ((scenario, connection, sender), frames) in streams(recording) {
            if sender != Sender::Leader {
                continue;
            }
            println!("{version}, {scenario}, {connection}");
            let begins = kind(&frames[0]) == Some(PacketKind::LEADERINFO);
            let goes_on = frames.iter().any(|frame| kind(frame) == Some(PacketKind::UPTODATE));
            if begins && goes_on {
                block_on(is_led_by(&frames));
                whole += 1;
            } else if begins {
                block_on(comes_again_after(&frames, &first));
                broken_off += 1;
            } else {
                block_on(is_led_by(&[&first[..], &frames].concat()));
                within += 1;
            }
        }
    }
    println!("{whole} whole, {broken_off} broken off, {within} from within");
    assert!(whole >= 25 && broken_off == 4 && within >= 14);
}

async fn is_led_by(frames: &[Recorded]) {
    let (node, listener, _voter) = observer().await;
    let (mut learner, _others) = Talk::with_learner(&listener).await;
    let (epoch, pings) = lead(&mut learner, frames).await;
    follows_to_the_end(node, learner, epoch, pings).await;
}

/// A real leader hangs up on a learner that it has no use for: it comes again, and is led by the next one.
async fn comes_again_after(frames: &[Recorded], next: &[Recorded]) {
    let (node, listener, _voter) = observer().await;
    let (mut learner, _others) = Talk::with_learner(&listener).await;
    let (epoch, _) = lead(&mut learner, frames).await;
    learner.until(PacketKind::ACKEPOCH).await;
    let heard: Vec<_> = learner.heard.iter().map(|packet| packet.kind).collect();
    assert_eq!(heard, [PacketKind::OBSERVERINFO, PacketKind::ACKEPOCH]);
    drop(learner);
    let (mut learner, _others) = Talk::with_learner(&listener).await;
    assert_eq!(node.watch().status().await.unwrap().leader(), None);
    let (later, pings) = lead(&mut learner, next).await;
    assert_eq!(Epoch(learner.heard[0].zxid >> 32), epoch, "it has taken note of the first");
    follows_to_the_end(node, learner, later, pings).await;
}

/// An observer of ours that has elected 5, and where 5 listens.
async fn observer() -> (Node, TcpListener, Peer) {
    let mut lab = Lab::new([Member::voter(id(5)), Member::observer(id(2))]);
    let listener = lab.listener(5);
    let node = Node::start(lab.config_in_memory(2, Record::default())).await.unwrap();
    let mut voter = Peer::greet(&lab, 2, 5).await;
    let mut vote = vote_for(5, 1);
    vote.state = PeerState::Leading;
    voter.say(&vote.encode()).await;
    (node, listener, voter)
}

/// Says what a leader has said, each word when it is its turn. Returns its epoch, and how many pings are to be answered.
async fn lead(learner: &mut Talk, frames: &[Recorded]) -> (Epoch, usize) {
    let (mut epoch, mut synced, mut begun, mut pings) = (Epoch(0), false, false, 0);
    for frame in frames {
        match kind(frame) {
            Some(PacketKind::LEADERINFO) => {
                learner.until(PacketKind::OBSERVERINFO).await;
                epoch = Epoch(QuorumPacket::decode(&frame.bytes).unwrap().zxid >> 32);
            }
            Some(PacketKind::DIFF | PacketKind::TRUNC | PacketKind::SNAP) if !synced => {
                learner.until(PacketKind::ACKEPOCH).await;
                synced = true;
            }
            Some(PacketKind::UPTODATE) if !begun => {
                learner.until(PacketKind::ACK).await;
                begun = true;
            }
            // Before that a real follower answers none.
            Some(PacketKind::PING) if begun => pings += 1,
            Some(_) | None => {}
        }
        learner.say(&frame.bytes).await;
    }
    (epoch, pings)
}

/// An observer follows, has answered every ping, and has said no more than that: above all not that it has what it does not keep.
async fn follows_to_the_end(node: Node, mut learner: Talk, epoch: Epoch, pings: usize) {
    learner.until(PacketKind::ACK).await;
    for _ in 0..pings {
        learner.until(PacketKind::PING).await;
    }
    let led = |status: &Status| status.leader() == Some((id(5), epoch));
    patiently(node.watch().until(led)).await.unwrap();
    node.stop().await.unwrap();
    let (noted, ack, pong) = (
        LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid: Zxid(0), bond: None },
        LearnerWord::Ack { epoch },
        LearnerWord::Pong { number: None, promises: false, stands: false },
    );
    let expected = [noted, ack.clone(), ack].into_iter().chain(vec![pong; pings]);
    let expected: Vec<_> = expected.map(|word| word.to_packet().unwrap()).collect();
    let heard = learner.until_closed().await;
    assert_eq!(heard[0].kind, PacketKind::OBSERVERINFO);
    assert_eq!(heard[1..], expected);
}

#[test]
fn every_recorded_learner_is_led_if_it_is_one_of_ours() {
    let (mut whole, mut within) = (0, 0);
    for (version, recording) in RECORDINGS {
        let first = beginning(recording, Sender::Learner);
        for ((scenario, connection, sender), frames) in streams(recording) {
            if sender != Sender::Learner {
                continue;
            }
            println!("{version}, {scenario}, {connection}");
            if is_introduction(&frames[0]) {
                block_on(is_led(&frames));
                whole += 1;
            } else {
                block_on(is_led(&[&first[..], &frames].concat()));
                within += 1;
            }
        }
    }
    println!("{whole} whole, {within} from within");
    assert!(whole >= 30 && within >= 10);
}

/// A leader of ours leads a learner that says these words, from its introduction on, with our block and in our epoch.
async fn is_led(frames: &[Recorded]) {
    let first = QuorumPacket::decode(&frames[0].bytes).unwrap();
    let LearnerWord::Info(said) = LearnerWord::from_packet(&first).unwrap() else { panic!() };
    let (lab, node) = leads_beside(said.id.unwrap(), said.role).await;
    let epoch = Epoch(EPOCH.0 + 1);
    let mut learner =
        Talk::with_leader(lab.address(LEADER), &with_our_block(first, said.role)).await;
    let mut acknowledged = 0;
    for frame in &frames[1..] {
        let mut packet = QuorumPacket::decode(&frame.bytes).unwrap();
        if packet.kind == PacketKind::ACKEPOCH {
            learner.until(PacketKind::LEADERINFO).await;
        }
        if packet.kind == PacketKind::ACK && Zxid(packet.zxid).counter() == 0 {
            let answered = [PacketKind::NEWLEADER, PacketKind::UPTODATE].get(acknowledged);
            if let Some(kind) = answered {
                learner.until(*kind).await;
            }
            acknowledged += 1;
            packet.zxid = epoch.0 << 32;
        }
        learner.say(&packet.encode()).await;
    }
    // All of it was read when the leader hangs up on what nobody says.
    learner.say(&QuorumPacket::bare(PacketKind::ACKEPOCH, 0).encode()).await;
    let heard = learner.until_closed().await;
    let heard = heard.iter().map(|packet| LeaderWord::from_packet(packet).unwrap());
    let (pings, heard): (Vec<_>, Vec<_>) =
        heard.partition(|word| matches!(word, LeaderWord::Ping { .. }));
    let is_ours = |ping: &LeaderWord| matches!(ping, LeaderWord::Ping { epoch: named, number: Some(_) } if *named == epoch);
    assert!(pings.iter().all(is_ours), "{pings:?}");
    let LeaderWord::Info { epoch: proposed, block: Some(_) } = heard[0] else {
        panic!("{heard:?}")
    };
    let expected = [
        LeaderWord::Sync { zxid: Zxid(0) },
        LeaderWord::NewLeader { epoch, founding: false },
        LeaderWord::UpToDate,
    ];
    let expected = if acknowledged > 0 { &expected[..] } else { &expected[..2] };
    assert_eq!((proposed, &heard[1..]), (epoch, expected));
    // What a node has to tell it has told when it has ended.
    let mut watch = node.watch();
    node.stop().await.unwrap();
    let news = watch.news().await.unwrap();
    let (mut led, mut lost, mut malformed) = (Vec::new(), Vec::new(), 0);
    for occurrence in news.events {
        malformed += u32::from(matches!(occurrence.event, NodeEvent::MalformedPacket { .. }));
        if let NodeEvent::Leading { epoch, .. } = occurrence.event {
            led.push(epoch);
        } else if let NodeEvent::Lost { epoch, cause } = occurrence.event {
            lost.push((epoch, cause));
        } else if let NodeEvent::LearnerTurnedAway { refusal, .. } = occurrence.event {
            panic!("{refusal}");
        }
    }
    assert_eq!((led, lost, malformed), (vec![epoch], vec![(epoch, LostBecause::Stopped)], 1));
}

/// One that leads alone, as it has all the weight, beside a member that is not there.
async fn leads_beside(other: ServerId, role: Role) -> (Lab, Node) {
    let group = Some(GroupId(1));
    let ours = Member { weight: Some(1), group, ..Member::voter(id(LEADER)) };
    let other = match role {
        Role::Voter => Member { weight: Some(0), group, ..Member::voter(other) },
        Role::Observer => Member::observer(other),
    };
    let absent = other.id.number();
    let mut lab = Lab::new([ours, other]);
    lab.absent(absent);
    let record = Record { accepted: EPOCH, current: EPOCH, recorded: true, ..Record::default() };
    let node = Node::start(lab.config_in_memory(LEADER, record)).await.unwrap();
    patiently(node.watch().until(|status| status.leader().is_some())).await.unwrap();
    (lab, node)
}

/// The same introduction, with what ours add. Those of 3.4 lack the version of a configuration, which stands before that.
fn with_our_block(first: QuorumPacket, role: Role) -> Vec<u8> {
    let mut ours = info(1, role);
    ours.block.as_mut().unwrap().recorded = true;
    let ours = LearnerWord::Info(ours).to_packet().unwrap().data.unwrap();
    let mut data = first.data.unwrap();
    data.resize(20, 0);
    data.extend(&ours[20..]);
    QuorumPacket { data: Some(data), ..first }.encode()
}

#[test]
fn recorded_real_followers_hear_nothing_and_change_nothing() {
    block_on(async {
        let (lab, node) = one_that_leads().await;
        let mut refused = 0;
        for (version, recording) in RECORDINGS {
            for recorded in packets(recording) {
                let packet = QuorumPacket::decode(&recorded.bytes).unwrap();
                let is_first = packet.kind == PacketKind::FOLLOWERINFO;
                let Ok(LearnerWord::Info(info)) = LearnerWord::from_packet(&packet) else {
                    continue;
                };
                // 2 would be a member.
                if !is_first || info.id == Some(id(2)) {
                    continue;
                }
                let mut follower = Talk::with_leader(lab.address(1), &recorded.bytes).await;
                assert_eq!(follower.next().await, None, "{version}, {}", recorded.scenario);
                refused += 1;
            }
        }
        assert!(refused >= 10, "only {refused}");
        let status = node.watch().status().await.unwrap();
        assert_eq!(status.leader(), Some((id(1), Epoch(1))));
        assert!(!status.leadership.unwrap().beside_real_server);

        // Anybody can use the id of a member: one that has led ours believes no learner that it is a real server.
        let mut real = info(2, Role::Observer);
        real.block = None;
        let mut follower = Talk::with_leader(lab.address(1), &introduced(real)).await;
        assert_eq!(follower.next().await, None);
        let status = node.watch().status().await.unwrap();
        assert_eq!(status.leader(), Some((id(1), Epoch(1))));
        assert!(!status.leadership.unwrap().beside_real_server);
    });
}

/// What the first of those said in a session that was recorded from its beginning.
fn beginning(recording: &str, sender: Sender) -> Vec<Recorded> {
    let streams = streams(recording).into_iter();
    let mut from_the_beginning =
        streams.filter(|((scenario, _, who), _)| scenario == FROM_THE_BEGINNING && *who == sender);
    from_the_beginning.next().unwrap().1
}

fn is_introduction(frame: &Recorded) -> bool {
    matches!(kind(frame), Some(PacketKind::FOLLOWERINFO | PacketKind::OBSERVERINFO))
}

/// What a recorded frame is, if it is a packet.
fn kind(frame: &Recorded) -> Option<PacketKind> {
    (frame.kind == "packet").then(|| QuorumPacket::decode(&frame.bytes).unwrap().kind)
}
