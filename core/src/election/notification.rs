//! [`Notification`]: what servers tell each other in an election, and its bytes.
//!
//! All versions of ZooKeeper begin alike and differ in how much follows. All numbers are big endian and signed.
//!
//! | offset | size | field | since |
//! | --- | --- | --- | --- |
//! | 0 | 4 | the sender's state: 0 looking, 1 following, 2 leading, 3 observing | |
//! | 4 | 8 | the id of the candidate, -2^63 or -1 for nobody | |
//! | 12 | 8 | the candidate's zxid | |
//! | 20 | 8 | the round | |
//! | 28 | 8 | the candidate's epoch; without it, the high half of the zxid | ZooKeeper 3.4 |
//! | 36 | 4 | the version of this format | 3.4.6 |
//! | 40 | 4 | the length of the config text | 3.5 |
//! | 44 | n | the config text, UTF-8 | 3.5 |
//!
//! The sender is not among the fields: it is the server at the other end of the link.

use std::sync::Arc;

use crate::{ServerId, wire::Frame};

use super::{Epoch, Round, Vote, Zxid};

/// What a server says in an election. The sender is the id of the link it comes over.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Notification {
    /// What the sender is doing.
    pub state: PeerState,
    /// What it votes for, or has settled on; `None` for nobody, as observers begin.
    pub vote: Option<Vote>,
    /// The round of that vote.
    pub round: Round,
    /// The form it has on the wire.
    pub format: Format,
}

/// What the sender of a notification is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PeerState {
    /// It looks for a leader.
    Looking,
    /// It follows one.
    Following,
    /// It was elected.
    Leading,
    /// It watches a leader, and has no vote.
    Observing,
}

/// The form of a notification on the wire. It is kept, so that what was read can be written again to the byte.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// 28 bytes: the epoch is the high half of the zxid.
    WithoutEpoch,
    /// 36 bytes: no version. Current ZooKeeper drops it.
    WithoutVersion,
    /// 40 bytes, as ZooKeeper 3.4.6 to 3.4.14 write it. The version stands there, but counts as 0.
    WithoutConfig {
        /// What stands there: 1, from real servers.
        version: i32,
    },
    /// 44 bytes and the config text, as ZooKeeper 3.5 and later and this crate write it.
    Current {
        /// 2 today. A larger one is read as far as it is known.
        version: i32,
        /// The members as the sender knows them; empty if it does not say.
        config: Arc<str>,
    },
}

/// Why some bytes are no notification. The message is dropped; the link is none the worse.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum DecodeError {
    /// The bytes end where they must not.
    #[error("a notification of {len} bytes: expected 28, 36, 40, or 44 and a config text")]
    Length {
        /// How many there are.
        len: usize,
    },
    /// The state is none of the four.
    #[error("state {found} in a notification: expected 0 (looking) to 3 (observing)")]
    State { found: i32 },
    /// The candidate is neither a server id nor nobody.
    #[error(
        "candidate {found} in a notification: expected 0 to {}, or {NOT_YET} or {NOBODY} for nobody",
        ServerId::MAX
    )]
    Leader { found: i64 },
    /// The config text is said to be longer than what follows, or to have a negative length.
    #[error("a config text of {found} bytes in a notification: expected 0 to {available}")]
    ConfigLength {
        found: i32,
        /// How many bytes follow.
        available: usize,
    },
    /// The config text is not UTF-8.
    #[error("the config text of a notification is not UTF-8 from its byte {at} on")]
    ConfigText {
        /// The first byte that does not fit, counted from 0.
        at: usize,
    },
}

/// How ZooKeeper writes "nobody", in each field of the vote.
const NOBODY: i64 = i64::MIN;

/// How a real server writes that it has not voted yet, when it is asked before its first round.
const NOT_YET: i64 = -1;

impl Notification {
    /// The version of the format this crate writes.
    pub const VERSION: i32 = 2;

    /// Whether this only asks for a sign of life. A server that hears it answers with its present state, and makes nothing else of
    /// it.
    ///
    /// It looks like the vote of a server that is rounds behind: a real server answers that at once, in whatever state
    /// it is, and does not count it. Its own rounds begin with 1.
    pub fn is_question(&self) -> bool {
        self.state == PeerState::Looking && self.round == Round::OF_A_QUESTION
    }

    /// Reads the body of a frame, without its length in front. Bytes behind the config text are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], if this is no notification. Nothing is allocated before all lengths are checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let len = bytes.len();
        let state = int(bytes, 0).ok_or(DecodeError::Length { len })?;
        let leader = long(bytes, 4).ok_or(DecodeError::Length { len })?;
        let zxid = long(bytes, 12).ok_or(DecodeError::Length { len })?;
        let round = long(bytes, 20).ok_or(DecodeError::Length { len })?;
        let state = PeerState::from_wire(state).ok_or(DecodeError::State { found: state })?;
        let (epoch, format) = match (len, long(bytes, 28), int(bytes, 36), int(bytes, 40)) {
            (28, ..) => (Zxid(zxid).epoch(), Format::WithoutEpoch),
            (36, Some(epoch), ..) => (Epoch(epoch), Format::WithoutVersion),
            (40, Some(epoch), Some(version), _) => {
                (Epoch(epoch), Format::WithoutConfig { version })
            }
            (_, Some(epoch), Some(version), Some(config_len)) => {
                let config = config(&bytes[44..], config_len)?;
                (Epoch(epoch), Format::Current { version, config })
            }
            _ => return Err(DecodeError::Length { len }),
        };
        let vote = match (leader, ServerId::from_wire(leader)) {
            (NOBODY | NOT_YET, _) => None,
            (_, Some(leader)) => Some(Vote { epoch, zxid: Zxid(zxid), leader }),
            (found, None) => return Err(DecodeError::Leader { found }),
        };
        Ok(Self { state, vote, round: Round(round), format })
    }

    /// What carries this to a peer. `None` only with a member list longer than a frame, which no node is configured with.
    pub fn to_frame(&self) -> Option<Frame> {
        Frame::new(&self.encode()).ok()
    }

    /// The body of a frame, without its length in front, in the form it has.
    ///
    /// The form of 28 bytes has no room for an epoch: there it is lost, unless it is that of the zxid.
    pub fn encode(&self) -> Vec<u8> {
        let (leader, zxid, epoch) = match self.vote {
            Some(vote) => (vote.leader.to_wire(), vote.zxid.0, vote.epoch.0),
            None => (NOBODY, NOBODY, NOBODY),
        };
        let config = self.format.config().unwrap_or_default();
        let mut bytes = Vec::with_capacity(44 + config.len());
        bytes.extend(self.state.to_wire().to_be_bytes());
        for field in [leader, zxid, self.round.0] {
            bytes.extend(field.to_be_bytes());
        }
        match &self.format {
            Format::WithoutEpoch => {}
            Format::WithoutVersion => bytes.extend(epoch.to_be_bytes()),
            Format::WithoutConfig { version } => {
                bytes.extend(epoch.to_be_bytes());
                bytes.extend(version.to_be_bytes());
            }
            Format::Current { version, config } => {
                bytes.extend(epoch.to_be_bytes());
                bytes.extend(version.to_be_bytes());
                let len = i32::try_from(config.len()).unwrap_or(i32::MAX);
                bytes.extend(len.to_be_bytes());
                bytes.extend_from_slice(config.as_bytes());
            }
        }
        bytes
    }
}

impl PeerState {
    fn from_wire(field: i32) -> Option<Self> {
        match field {
            0 => Some(Self::Looking),
            1 => Some(Self::Following),
            2 => Some(Self::Leading),
            3 => Some(Self::Observing),
            _ => None,
        }
    }

    fn to_wire(self) -> i32 {
        match self {
            Self::Looking => 0,
            Self::Following => 1,
            Self::Leading => 2,
            Self::Observing => 3,
        }
    }
}

impl Format {
    /// The version that ZooKeeper 3.4.6 to 3.4.14 write, the last ones without a config text.
    pub const LAST_WITHOUT_CONFIG: i32 = 1;

    /// The version that counts when votes are compared (ZOOKEEPER-1732): 0 for every form before the current one.
    pub fn version(&self) -> i32 {
        match self {
            Self::WithoutEpoch | Self::WithoutVersion | Self::WithoutConfig { .. } => 0,
            Self::Current { version, .. } => *version,
        }
    }

    /// The config text, where the form has one.
    pub fn config(&self) -> Option<&str> {
        match self {
            Self::WithoutEpoch | Self::WithoutVersion | Self::WithoutConfig { .. } => None,
            Self::Current { config, .. } => Some(config),
        }
    }
}

fn config(rest: &[u8], found: i32) -> Result<Arc<str>, DecodeError> {
    let available = rest.len();
    let text = usize::try_from(found)
        .ok()
        .and_then(|len| rest.get(..len))
        .ok_or(DecodeError::ConfigLength { found, available })?;
    let text = std::str::from_utf8(text)
        .map_err(|error| DecodeError::ConfigText { at: error.valid_up_to() })?;
    Ok(text.into())
}

fn int(bytes: &[u8], offset: usize) -> Option<i32> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(i32::from_be_bytes(*field))
}

fn long(bytes: &[u8], offset: usize) -> Option<i64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(i64::from_be_bytes(*field))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: &str = "server.1=h:2888:3888:participant\nversion=0";

    fn notification(format: Format) -> Notification {
        Notification {
            state: PeerState::Leading,
            vote: Some(Vote {
                epoch: Epoch(7),
                zxid: Zxid(0x7_0000_0003),
                leader: ServerId::new(5).unwrap(),
            }),
            round: Round(9),
            format,
        }
    }

    fn current() -> Vec<u8> {
        notification(Format::Current { version: 2, config: CONFIG.into() }).encode()
    }

    #[test]
    fn the_fields_stand_where_real_servers_write_them() {
        let mut expected = Vec::new();
        expected.extend(2_i32.to_be_bytes());
        for field in [5_i64, 0x7_0000_0003, 9, 7] {
            expected.extend(field.to_be_bytes());
        }
        expected.extend(2_i32.to_be_bytes());
        expected.extend(i32::try_from(CONFIG.len()).unwrap().to_be_bytes());
        expected.extend(CONFIG.bytes());
        assert_eq!(current(), expected);
    }

    #[test]
    fn the_older_forms_are_read_by_their_length() {
        let bytes = current();
        let read = |len: usize| Notification::decode(&bytes[..len]).unwrap();
        assert_eq!(read(28), notification(Format::WithoutEpoch));
        assert_eq!(read(36), notification(Format::WithoutVersion));
        let format = Format::WithoutConfig { version: 2 };
        assert_eq!(read(40), notification(format));
        assert_eq!(read(40).format.version(), 0, "it stands there, but counts as 0");
    }

    #[test]
    fn without_an_epoch_the_zxid_names_it() {
        let mut bytes = current();
        bytes.truncate(28);
        bytes[12..20].copy_from_slice(&(-1_i64).to_be_bytes());
        let vote = Notification::decode(&bytes).unwrap().vote.unwrap();
        assert_eq!((vote.epoch, vote.zxid), (Epoch(-1), Zxid(-1)));
    }

    #[test]
    fn every_other_length_is_refused() {
        let bytes = current();
        for len in (0..44).filter(|len| ![28, 36, 40].contains(len)) {
            let error = Notification::decode(&bytes[..len]).unwrap_err();
            assert_eq!(error, DecodeError::Length { len });
        }
    }

    #[test]
    fn what_follows_the_config_text_is_ignored() {
        let mut bytes = current();
        bytes.extend([1, 2, 3]);
        assert_eq!(Notification::decode(&bytes).unwrap().encode(), current());
    }

    #[test]
    fn a_larger_version_is_read_as_far_as_it_is_known() {
        let mut bytes = current();
        bytes[36..40].copy_from_slice(&99_i32.to_be_bytes());
        let read = Notification::decode(&bytes).unwrap();
        assert_eq!(read.format.version(), 99);
        assert_eq!(read.format.config(), Some(CONFIG));
    }

    #[test]
    fn nobody_is_a_candidate_of_its_own() {
        let mut bytes = current();
        for offset in [4, 12, 28] {
            bytes[offset..offset + 8].copy_from_slice(&NOBODY.to_be_bytes());
        }
        let read = Notification::decode(&bytes).unwrap();
        assert_eq!(read.vote, None);
        assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn a_real_server_that_is_asked_before_its_first_round_votes_for_nobody() {
        let mut bytes = current();
        for offset in [4, 12, 28] {
            bytes[offset..offset + 8].copy_from_slice(&(-1_i64).to_be_bytes());
        }
        assert_eq!(Notification::decode(&bytes).unwrap().vote, None);
    }

    #[test]
    fn what_is_no_notification_is_refused_with_what_was_found() {
        let refused = |offset: usize, field: &[u8]| {
            let mut bytes = current();
            bytes[offset..offset + field.len()].copy_from_slice(field);
            Notification::decode(&bytes).unwrap_err()
        };
        for found in [-1, 4, i32::MAX] {
            let error = refused(0, &found.to_be_bytes());
            assert_eq!(error, DecodeError::State { found });
        }
        for found in [-2, NOBODY + 1, i64::MAX] {
            let error = refused(4, &found.to_be_bytes());
            assert_eq!(error, DecodeError::Leader { found });
        }
        let available = CONFIG.len();
        for found in [-1, i32::MIN, i32::MAX, 43] {
            let error = refused(40, &found.to_be_bytes());
            assert_eq!(error, DecodeError::ConfigLength { found, available });
        }
        assert_eq!(refused(47, &[0xff]), DecodeError::ConfigText { at: 3 });
    }

    fn any_notification() -> impl Strategy<Value = Notification> {
        let state = prop_oneof![
            Just(PeerState::Looking),
            Just(PeerState::Following),
            Just(PeerState::Leading),
            Just(PeerState::Observing),
        ];
        let vote = (any::<i64>(), any::<i64>(), 0..=ServerId::MAX.number());
        let vote = proptest::option::of(vote.prop_map(|(epoch, zxid, leader)| Vote {
            epoch: Epoch(epoch),
            zxid: Zxid(zxid),
            leader: ServerId::new(leader).unwrap(),
        }));
        let format = prop_oneof![
            Just(Format::WithoutVersion),
            any::<i32>().prop_map(|version| Format::WithoutConfig { version }),
            (any::<i32>(), any::<String>())
                .prop_map(|(version, config)| Format::Current { version, config: config.into() }),
        ];
        (state, vote, any::<i64>(), format).prop_map(|(state, vote, round, format)| Notification {
            state,
            vote,
            round: Round(round),
            format,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(notification in any_notification()) {
            let read = Notification::decode(&notification.encode());
            prop_assert_eq!(read, Ok(notification));
        }

        #[test]
        fn no_bytes_at_all_can_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Notification::decode(&bytes);
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_and_written_alike(
            notification in any_notification(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = notification.encode();
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(read) = Notification::decode(&bytes) {
                prop_assert_eq!(Notification::decode(&read.encode()), Ok(read));
            }
        }
    }
}
