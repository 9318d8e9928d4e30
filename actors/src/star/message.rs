//! [`StarMsg`], everything the hub can be told, and [`StarAddress`], what its user may tell it.

use std::convert::Infallible;

use crate::{
    doorman::LearnerReport,
    kit::{Address, Exit},
    socket::{DialError, Dialed, SendError, Written},
};
use ballotbox_core::{ServerId, leadership::SessionId, wire::QuorumPacket};

/// Everything the hub can be told.
#[derive(Debug)]
pub(crate) enum StarMsg {
    // By the user.
    Dial { session: SessionId, peer: ServerId, first: QuorumPacket },
    Say { session: SessionId, packets: Vec<QuorumPacket> },
    Close { session: SessionId },
    Stop,
    // By the doorman.
    Door(LearnerReport),
    // By its children.
    DialerEnded { session: SessionId, exit: Exit<Option<Dialed>, DialError> },
    Written { session: SessionId },
    SenderEnded { session: SessionId, exit: Exit<(), SendError> },
    ReaderEnded { session: SessionId, exit: Exit<(), Infallible> },
}

impl From<LearnerReport> for StarMsg {
    fn from(report: LearnerReport) -> Self {
        Self::Door(report)
    }
}

impl From<Written<SessionId>> for StarMsg {
    fn from(Written(session): Written<SessionId>) -> Self {
        Self::Written { session }
    }
}

/// Where the user of a star tells it what to do. No call waits; after the star's end no call has an effect.
#[derive(Clone, Debug)]
pub struct StarAddress(pub(super) Address<StarMsg>);

impl StarAddress {
    /// Dials a member's quorum port, and says this as soon as it is reached. The session is [`SessionId::Dialled`], with a
    /// number that was not used before; any other is passed over.
    pub fn dial(&self, session: SessionId, peer: ServerId, first: QuorumPacket) {
        let _ = self.0.tell(StarMsg::Dial { session, peer, first });
    }

    /// Sends these packets with one write. To a session that is not open they are not sent.
    pub fn say(&self, session: SessionId, packets: Vec<QuorumPacket>) {
        let _ = self.0.tell(StarMsg::Say { session, packets });
    }

    /// Ends a session, or the attempt to reach its leader. What was said before is still sent, as far as the system takes it
    /// at once. Nothing is reported of the session any more, but what was on its way.
    pub fn close(&self, session: SessionId) {
        let _ = self.0.tell(StarMsg::Close { session });
    }

    /// Ends every session and every attempt. The parent is told when nothing is left.
    pub fn stop(&self) {
        let _ = self.0.tell(StarMsg::Stop);
    }

    /// Where the doorman hands learners on to.
    pub(crate) fn inside(&self) -> Address<StarMsg> {
        self.0.clone()
    }
}
