//! Everything the [`LinkTable`](super::LinkTable) can hear of, and everything it can ask for.

use std::{fmt, time::Duration};

use crate::{ServerId, wire::Frame};

/// Counts the links (and attempts at links) of one table; a later one is larger.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(pub u64);

/// One link, or one attempt to make it: reports about it cannot be taken for its successor's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId {
    /// Who is, or claims to be, at the other end.
    pub peer: ServerId,
    /// Which of the links to this peer.
    pub generation: Generation,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.peer, self.generation.0)
    }
}

/// A connection that was greeted and waits for a decision; the driver of the core holds the socket under this number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SocketId(pub u64);

/// What happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Event {
    /// We are listening: peers may be dialled.
    Start,
    /// This is to be said to a peer.
    Send { to: ServerId, frame: Frame },
    /// A peer is to be asked for a sign of life. The question takes the place of no frame, and no frame takes its place.
    Ask { to: ServerId, frame: Frame },
    /// The user has understood a frame of this link: its peer is there. It is enough to say so for the first frame of a
    /// link, and for the first after each [`Notice::Doubted`].
    Spoke { link: LinkId },
    /// Peers without a link are to be tried again now.
    Reconnect,
    /// A connection came in and greeted us.
    Greeted {
        /// Who it claims to be; `None` for an observer without an id.
        from: Option<ServerId>,
        socket: SocketId,
    },
    /// A candidate has brought a whole frame, and it is valid.
    CandidateSpoke { socket: SocketId },
    /// A candidate is of no use: it was closed, or has brought something else.
    CandidateEnded { socket: SocketId },
    /// We dialled and greeted a peer that keeps the connection.
    Dialed { link: LinkId, socket: SocketId },
    /// We knocked: the peer was reached, and is expected to dial back.
    Knocked { link: LinkId },
    /// A dial or a knock came to nothing.
    DialFailed { link: LinkId },
    /// A frame was written: the next one may follow.
    Written { link: LinkId },
    /// A link broke.
    LinkDown { link: LinkId },
    /// A timer ran out. One that was cleared meanwhile is ignored.
    TimerFired(Timer),
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Action {
    /// Dial a peer.
    Dial {
        link: LinkId,
        /// What for.
        approach: Approach,
    },
    /// Read and write on this connection from now on.
    OpenLink {
        /// The link it becomes.
        link: LinkId,
        socket: SocketId,
    },
    /// End this link.
    CloseLink { link: LinkId },
    /// Read the first frame of this connection, a candidate, and no more. It may become a link all the same before that
    /// frame is there.
    HearOut(SocketId),
    /// Close a connection that became nothing.
    DropSocket(SocketId),
    /// Write a frame; the link is owed a [`Event::Written`] or a [`Event::LinkDown`].
    Write { link: LinkId, frame: Frame },
    /// Arm a timer for no longer than this: the runner spreads the wait, so that not everybody acts at once.
    SetTimer {
        timer: Timer,
        /// At the longest.
        after: Duration,
    },
    /// Disarm a timer.
    ClearTimer(Timer),
    /// Let the user of the network know.
    Notify(Notice),
}

/// What a dial is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Approach {
    /// To make the link: we have the higher id.
    Connect,
    /// To be dialled back: we have the lower id.
    Knock,
}

/// The timers of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Timer {
    /// Try this peer again.
    Redial(ServerId),
    /// The link to this peer has lasted: forget its earlier failures.
    Steady(ServerId),
    /// The link to this peer, which was in doubt, had its time to answer, or has answered a while ago.
    Answer(ServerId),
    /// The link to this peer was opened long ago, and must have carried something by now.
    Silence(ServerId),
    /// This candidate has waited long enough.
    Candidate(SocketId),
    /// This guest has stayed long enough.
    Guest(LinkId),
}

/// What the user of the network gets to know.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Notice {
    /// There is a new link: say the present state to this peer.
    LinkUp(LinkId),
    /// This link is lost.
    LinkDown(LinkId),
    /// This peer seems to have no link to us: say the present state again, and [ask](Event::Ask) for a sign of life.
    Doubted(LinkId),
    /// This peer, which may have been reached before, cannot be reached now.
    Unreachable(ServerId),
    /// This peer knocked, but dialling it back failed.
    CannotDialBack(ServerId),
    /// A greeting was refused, and its connection will be dropped.
    Refused { socket: SocketId, refusal: Refusal },
}

/// Why a greeting was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Refusal {
    /// It claims our own id: another server may be configured with it.
    OwnId,
    /// It has no id.
    NoId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_shown_as_its_peer_and_which_one_it_is() {
        let peer = ServerId::new(3).unwrap();
        assert_eq!(LinkId { peer, generation: Generation(7) }.to_string(), "3#7");
    }
}
