//! Nodes at the quorum port, from outside: an observer is led by recorded bytes of real leaders, a voter leads what says the bytes
//! of a learner of ours, and hears those of real followers.

use crate::{
    common::{
        Lab, id, patiently,
        peer::{Peer, vote_for},
    },
    golden_quorum::{RECORDINGS, Recorded, Sender, packets, streams},
};
use async_std::{
    io::{ReadExt, WriteExt},
    net::{TcpListener, TcpStream},
    task::block_on,
};
use ballotbox::{
    Epoch, Member, Node, ServerId, Zxid,
    election::PeerState,
    leadership::{
        DirectoryId, Incarnation, Info, LeaderWord, LearnerBlock, LearnerWord, Record, Refusal,
    },
    membership::Role,
    node::{NodeEvent, Status},
};
use ballotbox_core::wire::{Opening, PacketKind, PacketStream, QuorumPacket};

/// A connection to a quorum port, or from it.
struct Talk {
    socket: TcpStream,
    stream: PacketStream,
    /// What has come.
    heard: Vec<PacketKind>,
}

impl Talk {
    async fn with_leader(lab: &Lab, number: u64, first: &[u8]) -> Self {
        let mut socket = TcpStream::connect(lab.address(number)).await.unwrap();
        socket.write_all(first).await.unwrap();
        Self { socket, stream: PacketStream::from_leader(), heard: Vec::new() }
    }

    /// Waits until a learner comes. Peers of the election come here, too.
    async fn with_learner(listener: &TcpListener) -> (Self, Vec<TcpStream>) {
        let mut others = Vec::new();
        loop {
            let (mut socket, _) = patiently(listener.accept()).await.unwrap();
            let mut head = [0; 4];
            patiently(socket.read_exact(&mut head)).await.unwrap();
            if Opening::of(&head) == Some(Opening::Learner) {
                let mut stream = PacketStream::from_learner();
                stream.room()[..4].copy_from_slice(&head);
                stream.filled(4);
                return (Self { socket, stream, heard: Vec::new() }, others);
            }
            others.push(socket);
        }
    }

    /// The next packet, or `None` where there is none any more.
    async fn next(&mut self) -> Option<QuorumPacket> {
        loop {
            if let Some(packet) = self.stream.next_packet().unwrap() {
                self.heard.push(packet.kind);
                return Some(packet);
            }
            let count = patiently(self.socket.read(self.stream.room())).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.stream.filled(count);
        }
    }

    async fn until(&mut self, kind: PacketKind) -> QuorumPacket {
        loop {
            let packet = self.next().await.expect("the connection was closed");
            if packet.kind == kind {
                return packet;
            }
        }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }
}

#[test]
fn an_observer_is_led_by_every_recorded_leader() {
    let mut followed = 0;
    for (version, recording) in RECORDINGS {
        for ((scenario, connection, sender), frames) in streams(recording) {
            let is_whole = kind(&frames[0]) == Some(PacketKind::LEADERINFO)
                && frames.iter().any(|frame| kind(frame) == Some(PacketKind::UPTODATE));
            if sender == Sender::Leader && is_whole {
                println!("{version}, {scenario}, {connection}");
                block_on(is_led_by(&frames));
                followed += 1;
            }
        }
    }
    assert!(followed >= 25, "only {followed}");
}

async fn is_led_by(frames: &[Recorded]) {
    let mut lab = Lab::new([Member::voter(id(5)), Member::observer(id(2))]);
    let listener = lab.listener(5);
    let node = Node::start(lab.config_in_memory(2, Record::default())).await.unwrap();
    let mut voter = Peer::greet(&lab, 2, 5).await;
    let mut vote = vote_for(5, 1);
    vote.state = PeerState::Leading;
    voter.say(&vote.encode()).await;

    let (mut learner, _others) = Talk::with_learner(&listener).await;
    let (mut epoch, mut synced) = (Epoch(0), false);
    let mut unanswered = 0;
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
            Some(PacketKind::UPTODATE) if unanswered == 0 => {
                learner.until(PacketKind::ACK).await;
                unanswered = 1;
            }
            Some(PacketKind::PING) if unanswered > 0 => unanswered += 1,
            Some(_) | None => {}
        }
        learner.say(&frame.bytes).await;
    }
    learner.until(PacketKind::ACK).await;
    for _ in 1..unanswered {
        learner.until(PacketKind::PING).await;
    }
    let led = |status: &Status| status.leader() == Some((id(5), epoch));
    patiently(node.watch().until(led)).await.unwrap();
    // It never says that it has what it does not keep.
    let acks = learner.heard.iter().filter(|kind| **kind == PacketKind::ACK).count();
    assert_eq!(acks, 2, "{:?}", learner.heard);
    node.stop().await.unwrap();
}

#[test]
fn a_learner_that_says_what_ours_say_is_led_and_hears_a_block() {
    block_on(async {
        let (lab, node) = one_that_leads().await;
        let mut learner = Talk::with_leader(&lab, 1, &introduced(info(2, Role::Observer))).await;
        let LeaderWord::Info { epoch, block: Some(_) } = word(&mut learner).await else { panic!() };
        assert_eq!(epoch, Epoch(1));
        let said = LearnerWord::AckEpoch { current: Some(Epoch(0)), zxid: Zxid(0) };
        learner.say(&said.to_packet().unwrap().encode()).await;
        learner.until(PacketKind::DIFF).await;
        learner.until(PacketKind::NEWLEADER).await;
        learner.say(&LearnerWord::Ack { epoch }.to_packet().unwrap().encode()).await;
        learner.until(PacketKind::UPTODATE).await;
        learner.say(&LearnerWord::Ack { epoch }.to_packet().unwrap().encode()).await;
        for _ in 0..5 {
            let ping = LeaderWord::from_packet(&learner.until(PacketKind::PING).await).unwrap();
            let LeaderWord::Ping { number, .. } = ping else { panic!() };
            assert!(number.is_some());
            learner.say(&LearnerWord::Pong { number }.to_packet().unwrap().encode()).await;
        }
        assert_eq!(node.watch().status().await.unwrap().leader(), Some((id(1), epoch)));
    });
}

#[test]
fn who_has_no_place_here_is_told_so_if_it_is_one_of_ours() {
    block_on(async {
        let (lab, node) = one_that_leads().await;
        let cases = [
            (info(77, Role::Voter), Refusal::UnknownId { id: id(77) }),
            (info(1, Role::Voter), Refusal::OurId { id: id(1) }),
            (
                info(2, Role::Voter),
                Refusal::Role { id: id(2), ours: Role::Observer, theirs: Role::Voter },
            ),
        ];
        for (info, expected) in cases {
            let mut learner = Talk::with_leader(&lab, 1, &introduced(info)).await;
            let LeaderWord::Refused { reason } = word(&mut learner).await else { panic!() };
            assert_eq!(reason.to_string(), expected.to_string());
            assert_eq!(learner.next().await, None);
            let events = node.watch().news().await.unwrap().events;
            let told = |event: &NodeEvent| matches!(event, NodeEvent::LearnerTurnedAway { refusal, .. } if *refusal == expected);
            assert!(events.iter().any(|occurrence| told(&occurrence.event)), "{expected}");
        }
        assert!(node.watch().status().await.unwrap().leader().is_some());
    });
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
                let mut follower = Talk::with_leader(&lab, 1, &recorded.bytes).await;
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
        let mut follower = Talk::with_leader(&lab, 1, &introduced(real)).await;
        assert_eq!(follower.next().await, None);
        let status = node.watch().status().await.unwrap();
        assert_eq!(status.leader(), Some((id(1), Epoch(1))));
        assert!(!status.leadership.unwrap().beside_real_server);
    });
}

/// The only voter of its ensemble, which leads; 2 is an observer.
async fn one_that_leads() -> (Lab, Node) {
    let mut lab = Lab::new([Member::voter(id(1)), Member::observer(id(2))]);
    lab.absent(2);
    let node = Node::start(lab.config_in_memory(1, Record::default())).await.unwrap();
    patiently(node.watch().until(|status| status.leader().is_some())).await.unwrap();
    (lab, node)
}

fn info(number: u64, role: Role) -> Info {
    let block = LearnerBlock {
        directory: DirectoryId(1000 + number),
        incarnation: Incarnation(1),
        recorded: false,
        new_ensemble: false,
        epoch_floor: Epoch(0),
        current: Epoch(0),
        ensemble: None,
        confirmed: false,
        ensemble_name: "".into(),
        members: "".into(),
    };
    Info { id: ServerId::new(number), role, accepted: Epoch(0), block: Some(block) }
}

fn introduced(info: Info) -> Vec<u8> {
    LearnerWord::Info(info).to_packet().unwrap().encode()
}

async fn word(leader: &mut Talk) -> LeaderWord {
    LeaderWord::from_packet(&leader.next().await.expect("it was closed")).unwrap()
}

/// What a recorded frame is, if it is a packet.
fn kind(frame: &Recorded) -> Option<PacketKind> {
    (frame.kind == "packet").then(|| QuorumPacket::decode(&frame.bytes).unwrap().kind)
}
