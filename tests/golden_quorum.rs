//! Bytes recorded at the quorum port of real ZooKeeper servers: each packet must be read as what it is, and be written again
//! to the byte, however it was split on its way; and what we say to a real server must be what they say to each other.

use std::collections::BTreeMap;

use ballotbox_core::{
    election::Epoch,
    leadership::{LeaderWord, LearnerWord},
    membership::Role,
    wire::{FirstWord, FirstWordError, PacketError, PacketKind, PacketStream, Ports, QuorumPacket},
};
use serde_json::Value;

pub const RECORDINGS: [(&str, &str); 2] = [
    ("3.4.14", include_str!("vectors/quorum-3.4.14.json")),
    ("3.8.0", include_str!("vectors/quorum-3.8.0.json")),
];

/// Who sends what in a recording.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sender {
    Learner,
    Leader,
}

#[derive(Clone, Debug)]
pub struct Recorded {
    pub scenario: String,
    connection: String,
    sender: Sender,
    is_by_real_server: bool,
    pub kind: String,
    pub bytes: Vec<u8>,
    decoded: Value,
}

#[test]
fn every_recorded_packet_is_read_and_written_again_to_the_byte() {
    for (version, recording) in RECORDINGS {
        let packets = packets(recording);
        assert!(packets.len() > 150, "{version}: only {} packets", packets.len());
        for Recorded { bytes, decoded, .. } in packets {
            let packet = QuorumPacket::decode(&bytes).unwrap();
            assert_eq!(decoded["type"], packet.kind.0, "{version}: {decoded}");
            let name = packet.kind.name().unwrap_or("UNKNOWN");
            assert_eq!(decoded["typeName"], name, "{version}: {decoded}");
            assert_eq!(decoded["zxid"], packet.zxid, "{version}: {decoded}");
            let len = packet.data.as_ref().map_or(-1, |data| data.len().cast_signed());
            assert_eq!(decoded["dataLength"], len, "{version}: {decoded}");
            assert_eq!(packet.encode(), bytes, "{version}: {decoded}");
        }
    }
}

/// A snapshot ends where the next packet begins, so a stream that is read as it was recorded proves its end.
#[test]
fn every_recorded_stream_is_cut_into_its_packets_however_it_is_split() {
    for (version, recording) in RECORDINGS {
        let mut snapshots = 0;
        for ((scenario, connection, sender), frames) in streams(recording) {
            let whole: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.clone()).collect();
            let expected = frames.iter().filter(|frame| frame.kind == "packet");
            let expected: Vec<_> = expected.map(|frame| frame.bytes.clone()).collect();
            snapshots += frames.len() - expected.len();
            for piece in [1, 7, 100, 1024] {
                let mut stream = match sender {
                    Sender::Learner => PacketStream::from_learner(),
                    Sender::Leader => PacketStream::from_leader(),
                };
                let mut found = Vec::new();
                for piece in whole.chunks(piece) {
                    stream.room()[..piece.len()].copy_from_slice(piece);
                    stream.filled(piece.len());
                    while let Some(packet) = stream.next_packet().unwrap() {
                        found.push(packet.encode());
                    }
                }
                let at = format!("{version}, {scenario}, {connection}, pieces of {piece}");
                assert_eq!(found, expected, "{at}");
                assert!(!stream.is_partial() && !stream.is_in_snapshot(), "{at}");
            }
        }
        assert!(snapshots >= 9, "{version}: only {snapshots} snapshots");
    }
}

#[test]
fn a_recorded_first_packet_opens_a_connection() {
    for (version, recording) in RECORDINGS {
        let openings = packets(recording).into_iter().filter(|packet| {
            ["FOLLOWERINFO", "OBSERVERINFO"].contains(&packet.decoded["typeName"].as_str().unwrap())
        });
        for Recorded { bytes, .. } in openings {
            for here in [Ports::Quorum, Ports::Both] {
                assert_eq!(FirstWord::missing(&bytes, here), Ok(0), "{version}");
            }
            let here = Ports::Election;
            let other = Err(FirstWordError::OtherPort { here });
            assert_eq!(FirstWord::missing(&bytes, here), other, "{version}");
        }
        // What made a real server hang up.
        for odd in frames(recording).into_iter().filter(|frame| frame.kind == "raw") {
            let missing = QuorumPacket::missing(&odd.bytes);
            let is_told = match odd.scenario.as_str() {
                "first-packet-type-99" | "first-packet-http" => {
                    matches!(missing, Err(PacketError::First { .. }))
                }
                _ => matches!(missing, Err(PacketError::Length { .. })),
            };
            assert!(is_told, "{version}, {}: {missing:?}", odd.scenario);
        }
    }
}

#[test]
fn recorded_words_are_understood() {
    for (version, recording) in RECORDINGS {
        for frame in packets(recording) {
            let packet = QuorumPacket::decode(&frame.bytes).unwrap();
            let decoded = &frame.decoded;
            let epoch = Epoch(packet.zxid >> 32);
            match frame.sender {
                Sender::Learner => match LearnerWord::from_packet(&packet).unwrap() {
                    LearnerWord::Info(info) => {
                        assert_eq!(decoded["data"]["sid"], info.id.unwrap().number(), "{version}");
                        assert_eq!(info.accepted, epoch);
                        let is_voter = packet.kind == PacketKind::FOLLOWERINFO;
                        assert_eq!(info.role == Role::Voter, is_voter);
                        assert_eq!(info.block, None, "{version}");
                    }
                    LearnerWord::AckEpoch { current, zxid, bond } => {
                        assert_eq!(bond, None, "{version}");
                        let current = current.map_or(-1, |epoch| epoch.0);
                        assert_eq!(decoded["data"]["currentEpoch"], current, "{version}");
                        assert_eq!(zxid.0, packet.zxid);
                    }
                    LearnerWord::Ack { epoch: named } => assert_eq!(named, epoch),
                    LearnerWord::Pong { number, promises, stands } => {
                        assert_eq!((number, promises, stands), (None, false, false), "{version}");
                    }
                    LearnerWord::HasEnded { .. } => panic!("no real learner says that"),
                    LearnerWord::Other => {
                        let known = ["ACK", "REQUEST", "REVALIDATE"];
                        assert!(known.contains(&decoded["typeName"].as_str().unwrap()));
                    }
                },
                Sender::Leader => match LeaderWord::from_packet(&packet).unwrap() {
                    LeaderWord::Info { epoch: named, block } => {
                        assert_eq!((named, block), (epoch, None), "{version}");
                    }
                    LeaderWord::Sync { zxid } => assert_eq!(zxid.0, packet.zxid),
                    LeaderWord::NewLeader { epoch: named, founding } => {
                        assert_eq!((named, founding), (epoch, false), "{version}");
                    }
                    LeaderWord::UpToDate => assert_eq!(packet.kind, PacketKind::UPTODATE),
                    LeaderWord::Ping { epoch: named, number } => {
                        assert_eq!((named, number), (epoch, None), "{version}");
                    }
                    LeaderWord::Other => {
                        let known = ["PROPOSAL", "COMMIT", "INFORM", "REVALIDATE", "UNKNOWN"];
                        assert!(known.contains(&decoded["typeName"].as_str().unwrap()));
                    }
                    ours @ (LeaderWord::Recorded { .. }
                    | LeaderWord::HasEnded(_)
                    | LeaderWord::Released { .. }
                    | LeaderWord::Waiting { .. }
                    | LeaderWord::Refused { .. }) => panic!("{version}: {ours:?}"),
                },
            }
        }
    }
}

#[test]
fn what_we_say_to_a_real_server_is_what_they_say_to_each_other() {
    let recordings = RECORDINGS.iter().flat_map(|(version, recording)| {
        packets(recording).into_iter().map(move |frame| (*version, frame))
    });
    let recordings = recordings.filter(|(_, frame)| frame.is_by_real_server);
    let mut compared = BTreeMap::<(Sender, PacketKind), usize>::new();
    for (version, frame) in recordings {
        let recorded = QuorumPacket::decode(&frame.bytes).unwrap();
        let ours = match frame.sender {
            Sender::Learner => LearnerWord::from_packet(&recorded).unwrap().to_packet(),
            Sender::Leader => LeaderWord::from_packet(&recorded).unwrap().to_packet(),
        };
        let Some(ours) = ours else { continue };
        let is_said_otherwise = match (frame.sender, recorded.kind) {
            // We introduce ourselves as 3.5 and later do.
            (Sender::Learner, PacketKind::FOLLOWERINFO | PacketKind::OBSERVERINFO) => {
                version == "3.4.14"
            }
            // In an answer the zxid is of no interest, and we have no sessions. And we only ever lead those who lack nothing.
            (Sender::Learner, PacketKind::PING)
            | (Sender::Leader, PacketKind::TRUNC | PacketKind::SNAP) => true,
            // Our learners need no member list.
            (Sender::Leader, PacketKind::NEWLEADER) => recorded.data.is_some(),
            // It names the last change; we never have one.
            (Sender::Leader, PacketKind::PING) => recorded.zxid != recorded.zxid >> 32 << 32,
            _ => false,
        };
        if !is_said_otherwise {
            assert_eq!(ours.encode(), frame.bytes, "{version}: {}", frame.decoded);
            *compared.entry((frame.sender, recorded.kind)).or_default() += 1;
        }
    }
    let compared: Vec<_> = compared.into_keys().collect();
    let expected = [
        (Sender::Learner, PacketKind::ACK),
        (Sender::Learner, PacketKind::FOLLOWERINFO),
        (Sender::Learner, PacketKind::OBSERVERINFO),
        (Sender::Learner, PacketKind::ACKEPOCH),
        (Sender::Leader, PacketKind::PING),
        (Sender::Leader, PacketKind::NEWLEADER),
        (Sender::Leader, PacketKind::UPTODATE),
        (Sender::Leader, PacketKind::DIFF),
        (Sender::Leader, PacketKind::LEADERINFO),
    ];
    assert_eq!(compared, expected);
}

pub fn packets(recording: &str) -> Vec<Recorded> {
    frames(recording).into_iter().filter(|frame| frame.kind == "packet").collect()
}

/// Packets and snapshots of each direction of each connection, in their order.
pub fn streams(recording: &str) -> BTreeMap<(String, String, Sender), Vec<Recorded>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for frame in frames(recording).into_iter().filter(|frame| frame.kind != "raw") {
        let key = (frame.scenario.clone(), frame.connection.clone(), frame.sender);
        streams.entry(key).or_default().push(frame);
    }
    streams
}

fn frames(recording: &str) -> Vec<Recorded> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let scenarios = recording["scenarios"].as_array().unwrap().iter();
    let frames = scenarios.flat_map(|scenario| {
        let frames = scenario["frames"].as_array().unwrap().iter();
        frames.map(|frame| (text(&scenario["name"]), frame))
    });
    let recorded = frames.map(|(scenario, frame)| {
        let connection = text(&frame["conn"]);
        // Where the real server was led, it has dialled.
        let real_is_learner = connection.starts_with("quorum");
        let is_by_real_server = frame["dir"] == "server->peer";
        Recorded {
            scenario,
            connection,
            sender: if real_is_learner == is_by_real_server {
                Sender::Learner
            } else {
                Sender::Leader
            },
            is_by_real_server,
            kind: text(&frame["kind"]),
            bytes: crate::golden::unhex(&frame["hex"]),
            decoded: frame["decoded"].clone(),
        }
    });
    recorded.collect()
}
