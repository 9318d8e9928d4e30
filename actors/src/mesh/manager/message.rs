//! [`ManagerMsg`], everything the manager can be told, and [`NetworkAddress`], what its user may tell it.

use crate::{
    doorman::DoorReport,
    kit::{Address, Exit},
    mesh::candidate::{CandidateError, CandidateSpoke},
    socket::{DialError, Dialed, ReceiveError, SendError, Written},
};
use ballotbox_core::{
    ServerId,
    links::{Approach, LinkId, SocketId},
    wire::Frame,
};

/// Everything the manager can be told.
#[derive(Debug)]
pub(crate) enum ManagerMsg {
    // By the user.
    Send { to: ServerId, frame: Frame },
    Ask { to: ServerId, frame: Frame },
    Spoke { link: LinkId },
    Reconnect,
    Stop,
    // By the doorman.
    Door(DoorReport),
    // By its children.
    CandidateSpoke { socket: SocketId },
    CandidateEnded { socket: SocketId, exit: Exit<(), CandidateError> },
    DialerEnded { link: LinkId, approach: Approach, exit: Exit<Option<Dialed>, DialError> },
    Written { link: LinkId },
    SenderEnded { link: LinkId, exit: Exit<(), SendError> },
    ReceiverEnded { link: LinkId, exit: Exit<(), ReceiveError> },
}

impl From<DoorReport> for ManagerMsg {
    fn from(report: DoorReport) -> Self {
        Self::Door(report)
    }
}

impl From<CandidateSpoke> for ManagerMsg {
    fn from(CandidateSpoke(socket): CandidateSpoke) -> Self {
        Self::CandidateSpoke { socket }
    }
}

impl From<Written<LinkId>> for ManagerMsg {
    fn from(Written(link): Written<LinkId>) -> Self {
        Self::Written { link }
    }
}

/// Where the user of a network tells it what to do. No call waits; after the network's end no call has an effect.
#[derive(Clone, Debug)]
pub struct NetworkAddress(pub(super) Address<ManagerMsg>);

impl NetworkAddress {
    /// Sends this to a peer. A newer frame replaces one that still waits; without a link the frame is dropped,
    /// and [`NetworkEvent::LinkUp`](crate::NetworkEvent::LinkUp) will ask for the present state.
    pub fn send(&self, to: ServerId, frame: Frame) {
        let _ = self.0.tell(ManagerMsg::Send { to, frame });
    }

    /// Asks a peer for a sign of life. Unlike with [`send`](Self::send), the frame takes the place of no other.
    pub fn ask(&self, to: ServerId, frame: Frame) {
        let _ = self.0.tell(ManagerMsg::Ask { to, frame });
    }

    /// Reports that a frame of this link was understood: its peer is there. The network needs that for the first one of
    /// each link, and for the first after each [`NetworkEvent::Doubted`](crate::NetworkEvent::Doubted).
    pub fn spoke(&self, link: LinkId) {
        let _ = self.0.tell(ManagerMsg::Spoke { link });
    }

    /// Tries all peers without a link again, now.
    pub fn reconnect(&self) {
        let _ = self.0.tell(ManagerMsg::Reconnect);
    }

    /// Ends every link and every attempt. The parent is told when nothing is left.
    pub fn stop(&self) {
        let _ = self.0.tell(ManagerMsg::Stop);
    }

    /// Where the doorman hands connections on to.
    pub(crate) fn inside(&self) -> Address<ManagerMsg> {
        self.0.clone()
    }
}
