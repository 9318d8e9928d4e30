//! Bytes recorded from real ZooKeeper servers: each must be read as what it is, and be written again to the byte.

use ballotbox::election::{Format, Notification, PeerState};
use serde_json::Value;

const RECORDINGS: [(&str, &str); 2] = [
    ("3.4.14", include_str!("vectors/3.4.14.json")),
    ("3.8.0", include_str!("vectors/3.8.0.json")),
];

#[test]
fn every_recorded_notification_is_read_and_written_again_to_the_byte() {
    for (version, recording) in RECORDINGS {
        let frames = notifications(recording);
        assert!(frames.len() > 50, "{version}: only {} notifications", frames.len());
        for (bytes, decoded) in frames {
            let length = u32::from_be_bytes(*bytes.first_chunk().unwrap());
            let body = &bytes[4..];
            assert_eq!(length as usize, body.len(), "{version}: {decoded}");
            let read = Notification::decode(body).unwrap();
            assert_fields(&read, &decoded);
            assert_eq!(read.encode(), body, "{version}: {decoded}");
        }
    }
}

#[test]
fn observers_of_both_versions_vote_for_nobody() {
    for (version, recording) in RECORDINGS {
        let nobody = notifications(recording)
            .iter()
            .filter(|(bytes, _)| Notification::decode(&bytes[4..]).unwrap().vote.is_none())
            .count();
        assert!(nobody > 0, "{version}");
    }
}

fn assert_fields(read: &Notification, decoded: &Value) {
    let number = |field: &str| decoded[field].as_i64();
    let state = match read.state {
        PeerState::Looking => "LOOKING",
        PeerState::Following => "FOLLOWING",
        PeerState::Leading => "LEADING",
        PeerState::Observing => "OBSERVING",
    };
    assert_eq!(decoded["stateName"], state);
    assert_eq!(number("electionEpoch"), Some(read.round.0), "{decoded}");
    let (leader, zxid, epoch) = read.vote.map_or((i64::MIN, i64::MIN, i64::MIN), |vote| {
        (vote.leader.to_wire(), vote.zxid.0, vote.epoch.0)
    });
    assert_eq!(number("leader"), Some(leader), "{decoded}");
    assert_eq!(number("zxid"), Some(zxid), "{decoded}");
    assert_eq!(number("peerEpoch"), Some(epoch), "{decoded}");
    match &read.format {
        Format::WithoutConfig { version } => {
            assert_eq!(number("version"), Some((*version).into()), "{decoded}");
            assert!(decoded.get("config").is_none(), "{decoded}");
        }
        Format::Current { version, config } => {
            assert_eq!(number("version"), Some((*version).into()), "{decoded}");
            assert_eq!(decoded["config"], **config);
        }
        Format::WithoutEpoch | Format::WithoutVersion => panic!("not recorded: {decoded}"),
    }
}

/// The frames that hold a notification, with what they were recorded to mean.
fn notifications(recording: &str) -> Vec<(Vec<u8>, Value)> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let scenarios = recording["scenarios"].as_array().unwrap();
    scenarios
        .iter()
        .flat_map(|scenario| scenario["frames"].as_array().unwrap())
        .filter(|frame| frame["kind"] == "notification")
        .map(|frame| (unhex(&frame["hex"]), frame["decoded"].clone()))
        .collect()
}

pub(crate) fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
