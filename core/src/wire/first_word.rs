//! [`FirstWord`]: what a connection is opened with, in however many pieces it comes, and before anybody knows who speaks.
//!
//! The two [`Ports`] of a server may be one address, and plain text and TLS may be taken at one: the first bytes tell them apart.
//!
//! | first bytes | what it is |
//! | --- | --- |
//! | `16` | a TLS record, where TLS is taken: everything below is said within |
//! | `1603` | a TLS record, where it is not taken |
//! | `0000000b`, `00000010` | FOLLOWERINFO or OBSERVERINFO, a learner's first packet |
//! | anything else | a greeting, or nothing of ours |
//!
//! A greeting in the form of ZooKeeper 3.4 is only an id, and begins like such a packet if the id is one of 11·2^32 to 12·2^32
//! or of 16·2^32 to 17·2^32: servers with such ids have to greet in a newer form. Where TLS is taken, no greeting in that form
//! may begin with `16`, and `1603` never is one.

use super::{Greeting, GreetingError, PacketError, PacketKind, QuorumPacket};

/// No first word is shorter.
const SHORTEST: usize = 8;

/// A TLS connection begins so: a record with a handshake, of a version 3.x.
const TLS_RECORD: [u8; 2] = [0x16, 3];

/// Which of the two ports of a server an address is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ports {
    /// Members greet each other there, and exchange votes.
    Election,
    /// Learners follow a leader there.
    Quorum,
    /// The first bytes of a connection say which.
    Both,
}

/// What is taken at a port: plain text, TLS, or either.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Taken {
    /// Plain text alone.
    PlainText,
    /// Whichever comes.
    Either,
    /// TLS alone.
    Tls,
}

/// How a connection begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FirstWord {
    /// At an election port.
    Greeting(Greeting),
    /// At a quorum port: a learner says who it is.
    Packet(QuorumPacket),
}

/// Why a connection does not begin as it has to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FirstWordError {
    /// It said something else than a greeting.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// It said something else than a learner's first packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// It came in plain text.
    #[error("it speaks plain text, and only TLS is taken")]
    PlainText,
    /// It wants to speak TLS.
    #[error("it speaks TLS, and only plain text is taken")]
    SpeaksTls,
    /// It spoke as at the other port.
    #[error("the first word is not one of this port")]
    OtherPort {
        /// Which port this is.
        here: Ports,
    },
}

/// Who speaks, by the first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Opening {
    /// A peer of the election network: a [`Greeting`] follows.
    Greeting,
    /// A learner that looks for its leader: a [`QuorumPacket`] follows.
    Learner,
}

impl Ports {
    /// Whether members may greet there.
    pub const fn has_election(self) -> bool {
        matches!(self, Self::Election | Self::Both)
    }

    /// Whether learners may come there.
    pub const fn has_quorum(self) -> bool {
        matches!(self, Self::Quorum | Self::Both)
    }

    /// What is spoken at an address that is each of these.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

impl Taken {
    /// Whether a connection that begins with this byte speaks TLS.
    ///
    /// # Errors
    ///
    /// [`FirstWordError::PlainText`], where that is not taken.
    pub const fn is_tls(self, first: u8) -> Result<bool, FirstWordError> {
        match self {
            Self::PlainText => Ok(false),
            Self::Either => Ok(first == TLS_RECORD[0]),
            Self::Tls if first == TLS_RECORD[0] => Ok(true),
            Self::Tls => Err(FirstWordError::PlainText),
        }
    }
}

impl Opening {
    /// Tells as soon as four bytes have come.
    fn of(head: &[u8]) -> Option<Self> {
        let kind = PacketKind(i32::from_be_bytes(*head.first_chunk()?));
        Some(if kind.opens() { Self::Learner } else { Self::Greeting })
    }
}

impl FirstWord {
    /// How many more bytes of a connection to read until the first word, which begins with `head`, is whole: 0 when it is.
    ///
    /// It never asks for bytes behind that word, and asks for a long one in steps: see [`QuorumPacket::missing`].
    ///
    /// # Errors
    ///
    /// [`FirstWordError`] as soon as the bytes cannot become a first word of these ports.
    pub fn missing(head: &[u8], ports: Ports) -> Result<usize, FirstWordError> {
        match Opening::of(head) {
            None => Ok(SHORTEST - head.len()),
            Some(Opening::Learner) if ports.has_quorum() => Ok(QuorumPacket::missing(head)?),
            Some(Opening::Greeting) if ports.has_election() => Ok(Greeting::missing(head)?),
            Some(Opening::Learner) => Err(FirstWordError::OtherPort { here: ports }),
            Some(Opening::Greeting) if may_be_a_greeting(head) => {
                Err(FirstWordError::OtherPort { here: ports })
            }
            Some(Opening::Greeting) => Ok(QuorumPacket::missing(head)?),
        }
    }

    /// The same for a connection that was not secured: it may have been meant to be.
    ///
    /// # Errors
    ///
    /// [`FirstWordError`].
    pub fn missing_in_plain_text(head: &[u8], ports: Ports) -> Result<usize, FirstWordError> {
        if head.starts_with(&TLS_RECORD) {
            return Err(FirstWordError::SpeaksTls);
        }
        Self::missing(head, ports)
    }

    /// Reads a whole first word.
    ///
    /// # Errors
    ///
    /// [`FirstWordError::Greeting`] or [`FirstWordError::Packet`].
    pub fn decode(bytes: &[u8]) -> Result<Self, FirstWordError> {
        Ok(match Opening::of(bytes) {
            Some(Opening::Learner) => Self::Packet(QuorumPacket::decode(bytes)?),
            Some(Opening::Greeting) | None => Self::Greeting(Greeting::decode(bytes)?),
        })
    }

    /// What these bytes seem to be the beginning of, for people.
    pub fn name_of(head: &[u8]) -> &'static str {
        match Opening::of(head) {
            Some(Opening::Learner) => "a learner's first packet",
            Some(Opening::Greeting) | None => "a greeting",
        }
    }
}

/// Whether these bytes are a version of a greeting, or the high half of any id that people give.
fn may_be_a_greeting(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff; 4]) || bytes.starts_with(&[0; 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServerId, wire::GreetingForm};

    fn bare(id: i64) -> Vec<u8> {
        id.to_be_bytes().to_vec()
    }

    #[test]
    fn a_learner_is_told_from_a_peer_by_four_bytes() {
        assert_eq!(Opening::of(&[0, 0, 0]), None);
        for learner in [11_i32, 16] {
            assert_eq!(Opening::of(&learner.to_be_bytes()), Some(Opening::Learner));
        }
        for greeting in [-65536_i64, -65535, 0, 1, 255, i64::MAX] {
            assert_eq!(Opening::of(&greeting.to_be_bytes()), Some(Opening::Greeting));
        }
        assert_eq!(Opening::of(b"GET / HTTP/1.1"), Some(Opening::Greeting));
    }

    #[test]
    fn tls_is_told_from_plain_text_by_one_byte_where_it_is_taken() {
        for (taken, of_tls, of_text) in [
            (Taken::PlainText, Ok(false), Ok(false)),
            (Taken::Either, Ok(true), Ok(false)),
            (Taken::Tls, Ok(true), Err(FirstWordError::PlainText)),
        ] {
            assert_eq!(taken.is_tls(0x16), of_tls, "{taken:?}");
            for first in [0, 1, 0x15, 0x17, 0xff] {
                assert_eq!(taken.is_tls(first), of_text, "{taken:?}: {first}");
            }
        }
    }

    #[test]
    fn tls_is_named_where_it_is_not_taken_and_only_there() {
        let record = [0x16, 3, 1, 0, 200, 1, 0, 0];
        for there in 2..record.len() {
            let found = FirstWord::missing_in_plain_text(&record[..there], Ports::Both);
            assert_eq!(found, Err(FirstWordError::SpeaksTls));
        }
        // One byte may still become the id of a server of 3.4.
        assert_eq!(FirstWord::missing_in_plain_text(&record[..1], Ports::Both), Ok(7));
        assert_eq!(FirstWord::missing(&record, Ports::Both), Ok(0));
        let id = i64::from_be_bytes([0x16, 4, 0, 0, 0, 0, 0, 1]);
        assert_eq!(FirstWord::missing_in_plain_text(&bare(id), Ports::Election), Ok(0));
    }

    #[test]
    fn each_word_is_taken_at_its_port_and_named_at_the_other() {
        let learner = [0, 0, 0, 11];
        let here = Ports::Election;
        assert_eq!(FirstWord::missing(&learner, here), Err(FirstWordError::OtherPort { here }));
        let here = Ports::Quorum;
        for greeting in [bare(3), bare(-65536)] {
            let other = Err(FirstWordError::OtherPort { here });
            assert_eq!(FirstWord::missing(&greeting[..4], here), other);
            assert!(FirstWord::missing(&greeting, Ports::Both).is_ok());
        }
        let text = FirstWord::missing(b"GET ", here);
        assert!(matches!(text, Err(FirstWordError::Packet(PacketError::First { .. }))), "{text:?}");
    }

    #[test]
    fn a_whole_word_is_read_as_what_it_is() {
        let greeting = Greeting { from: ServerId::new(3), form: GreetingForm::Bare };
        let word = FirstWord::decode(&greeting.encode());
        assert_eq!(word, Ok(FirstWord::Greeting(greeting)));
        let packet = QuorumPacket::bare(PacketKind::FOLLOWERINFO, 1);
        assert_eq!(FirstWord::decode(&packet.encode()), Ok(FirstWord::Packet(packet)));
    }
}
