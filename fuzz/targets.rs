//! What is done with any bytes: nothing may panic, and what was read must survive being written and read again.
//!
//! The fuzzer calls these, and `tests/corpus.rs` with all inputs that are kept.

use std::path::Path;

use ballotbox::{
    NodeConfig, election::Notification, membership::config_text::ConfigText, node::reopened,
    scenario::vote_file::VoteFile, zoo_cfg::ZooCfg,
};
use ballotbox_core::{
    leadership::{LeaderWord, LearnerWord},
    wire::{Frame, FrameBuffer, Greeting, PacketKind, PacketStream, QuorumPacket},
};

/// The first bytes of a connection.
pub fn greeting(bytes: &[u8]) {
    let missing = Greeting::missing(bytes);
    if let Ok(greeting) = Greeting::decode(bytes) {
        assert_eq!(missing, Ok(0), "{greeting:?}");
        let written = greeting.encode();
        assert_eq!(Greeting::decode(&written).as_ref(), Ok(&greeting));
    }
}

/// A stream of frames, which comes in pieces: the first byte says how long they are.
pub fn frame(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(*piece).max(1)), whole, "pieces of {piece} bytes");
}

fn frames(stream: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut buffer = FrameBuffer::default();
    let mut found = Vec::new();
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let room = buffer.room();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            buffer.filled(count);
            rest = &rest[count..];
            loop {
                match buffer.next_frame() {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(_) => return (found, true),
                }
            }
        }
    }
    (found, false)
}

/// The body of a frame.
pub fn notification(bytes: &[u8]) {
    if let Ok(notification) = Notification::decode(bytes) {
        let written = notification.encode();
        assert_eq!(Notification::decode(&written).as_ref(), Ok(&notification));
    }
}

/// The packets of a leader, snapshots among them, which come in pieces: the first byte says how long they are.
pub fn packet(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let whole = packets(stream, stream.len().max(1));
    assert_eq!(packets(stream, usize::from(*piece).max(1)), whole, "pieces of {piece} bytes");
    for packet in whole.0 {
        assert_eq!(QuorumPacket::decode(&packet.encode()).as_ref(), Ok(&packet));
        word(&packet);
    }
}

fn packets(stream: &[u8], piece: usize) -> (Vec<QuorumPacket>, bool) {
    let mut packets = PacketStream::from_leader();
    let mut found = Vec::new();
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let room = packets.room();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            packets.filled(count);
            rest = &rest[count..];
            loop {
                match packets.next_packet() {
                    Ok(Some(packet)) => found.push(packet),
                    Ok(None) => break,
                    Err(_) => return (found, true),
                }
            }
        }
    }
    (found, false)
}

/// The first packet of a connection, and its data in packets of every kind.
pub fn first_packet(bytes: &[u8]) {
    let missing = QuorumPacket::missing(bytes);
    let Ok(packet) = QuorumPacket::decode(bytes) else { return };
    assert!(!packet.kind.opens() || missing.is_err() || missing == Ok(0), "{missing:?}");
    for kind in (1..20).chain(100..106).map(PacketKind) {
        word(&QuorumPacket { kind, ..packet.clone() });
    }
}

/// What was understood is understood again.
fn word(packet: &QuorumPacket) {
    if let Ok(word) = LearnerWord::from_packet(packet)
        && let Some(written) = word.to_packet()
    {
        assert_eq!(LearnerWord::from_packet(&written).as_ref(), Ok(&word));
    }
    if let Ok(word) = LeaderWord::from_packet(packet)
        && let Some(written) = word.to_packet()
    {
        let read = LeaderWord::from_packet(&written);
        // A reason full of escapes is shortened when it is read, and says so when it is written.
        let is_reason = matches!(word, LeaderWord::Refused { .. });
        assert!(read.as_ref() == Ok(&word) || is_reason && read.is_ok(), "{word:?}, then {read:?}");
    }
}

/// The list of members in a notification.
pub fn config_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = ConfigText::parse(text) {
        let _ = config.ensemble();
        let written = config.to_string();
        let read = ConfigText::parse(&written).expect("what we write we can read");
        assert!(config.difference(&read).is_none(), "{written}");
    }
}

/// The file that a real server reads; the same bytes stand for every file it names.
pub fn zoo_cfg(bytes: &[u8]) {
    match ZooCfg::parse(Path::new("zoo.cfg"), |_| Ok(Some(bytes.to_vec()))) {
        Ok(cfg) => {
            let _ = NodeConfig::from_zoo_cfg(&cfg);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
    let _ = ZooCfg::parse(Path::new("zoo.cfg"), |path| {
        Ok((path == Path::new("zoo.cfg")).then(|| bytes.to_vec()))
    });
}

/// A vote file.
pub fn vote_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match VoteFile::parse("fuzz", text) {
        Ok(file) => {
            let written = file.to_json();
            let read = VoteFile::parse("fuzz", &written).expect("what we write we can read");
            assert_eq!(read, file);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// What a member finds on disk: its accepted epoch, its current one, and its identity, with a bar between two of them.
pub fn data_directory(bytes: &[u8]) {
    let names = ["acceptedEpoch", "currentEpoch", "identity"];
    match reopened(names.into_iter().zip(bytes.splitn(3, |byte| *byte == b'|'))) {
        Ok(files) => {
            let found = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
            let again = reopened(found).expect("what we write we can read");
            assert_eq!(names_of(&again), names);
            for (before, after) in files.iter().zip(&again).take(2) {
                assert_eq!(before, after, "no epoch changes by a start");
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

fn names_of(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}
