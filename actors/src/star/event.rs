//! [`StarEvent`] and [`StarHeard`]: everything the star reports to its user.

use std::net::SocketAddr;

use crate::{doorman::Place, socket::DialError};
use ballotbox_core::{UntrustedText, leadership::SessionId, wire::QuorumPacket};

/// What has happened to a session.
///
/// What comes of one session comes in order: `Arrived` or `Dialled` first, `Ended` last. When the user has closed a session,
/// what was on its way from it may still come, without an `Ended`.
#[derive(Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum StarEvent {
    /// A learner has dialled us.
    Arrived {
        session: SessionId,
        /// What it began with.
        first: FirstPacket,
        /// Where it came from.
        from: SocketAddr,
    },
    /// A leader was reached, and has our first packet.
    Dialled { session: SessionId },
    /// A leader was not reached. This is the end of the session.
    DialFailed { session: SessionId, error: DialError },
    /// A snapshot comes from the leader, and is passed over: a sign of life. Said a few times a second.
    Alive { session: SessionId },
    /// A session has ended, and not because it was closed.
    Ended {
        session: SessionId,
        /// Why, in words for people.
        cause: UntrustedText,
    },
}

/// What a learner began with. If it is long, it takes one of a few places until it is dropped: while all are taken, no other learner
/// with such a packet is let in.
#[derive(Debug)]
pub struct FirstPacket {
    /// The packet.
    pub packet: QuorumPacket,
    _place: Option<Place>,
}

impl FirstPacket {
    pub(super) const fn new(packet: QuorumPacket, place: Option<Place>) -> Self {
        Self { packet, _place: place }
    }
}

/// Two are alike if they say the same.
impl PartialEq for FirstPacket {
    fn eq(&self, other: &Self) -> bool {
        self.packet == other.packet
    }
}

impl Eq for FirstPacket {}

/// A packet that has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StarHeard {
    /// Over this session.
    pub session: SessionId,
    /// What was said.
    pub packet: QuorumPacket,
}
