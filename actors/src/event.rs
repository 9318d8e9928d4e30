//! [`NetworkEvent`]: everything the network reports to its user, except the frames that arrive.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::socket::{DialError, TlsError};
use ballotbox_core::{
    Endpoint, ServerId, UntrustedText,
    links::{LinkId, Notice, Refusal},
    wire::{GreetingError, PacketError, Ports},
};

/// What has happened to a network. A frame that came is [`Heard`](crate::Heard), and comes through the user's inlet.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum NetworkEvent {
    /// We listen at this address now.
    Listening {
        address: SocketAddr,
        /// What is spoken there.
        ports: Ports,
    },
    /// We cannot listen there yet; the listener tries again.
    BindFailed {
        endpoint: Endpoint,
        /// What the system said.
        cause: UntrustedText,
        /// When the listener tries again.
        retry_after: Duration,
    },
    /// We listen wherever we can, and dial from now on.
    Started,
    /// This machine does not have one of our addresses, or not its whole family. We listen at the others.
    NotHere {
        /// What leads there.
        endpoint: Endpoint,
        address: SocketAddr,
    },
    /// We listen at loopback addresses only, and a peer is on another machine: it cannot reach us.
    LoopbackOnly {
        /// Where we listen, one of them if there are several.
        here: SocketAddr,
        /// Where a peer is.
        there: SocketAddr,
    },
    /// This process may open no more files and sockets. Said the first, second, fourth, eighth … time.
    NoDescriptors {
        /// What the system said.
        cause: UntrustedText,
        /// How often that happened.
        times: u64,
    },
    /// There is a new link: what was said before may be lost, so say the present state.
    LinkUp { link: LinkId },
    /// A link is lost.
    LinkDown {
        link: LinkId,
        /// Why, in words for people.
        cause: UntrustedText,
    },
    /// The peer seems to miss its link to us: say the present state again, which shows whether the link works.
    Doubted { link: LinkId },
    /// A peer cannot be reached. This is said once; attempts go on until the link is up.
    Unreachable { peer: ServerId, error: DialError },
    /// A peer with a smaller id asked to be dialled, and that failed.
    CannotDialBack { peer: ServerId, error: DialError },
    /// A connection was turned away. Said the first, second, fourth, eighth … time.
    Refused {
        /// Where it came from, as far as that is known.
        from: Option<IpAddr>,
        /// A member that is there, or is looked for there.
        peer: Option<ServerId>,
        reason: RefusedBecause,
        /// How often this kind of reason has turned one away that comes from there, or else from anywhere.
        times: u64,
    },
}

impl NetworkEvent {
    /// What this means for the links and their peers, if anything, in the words of the link table.
    pub const fn notice(&self) -> Option<Notice> {
        Some(match self {
            Self::LinkUp { link } => Notice::LinkUp(*link),
            Self::LinkDown { link, .. } => Notice::LinkDown(*link),
            Self::Doubted { link } => Notice::Doubted(*link),
            Self::Unreachable { peer, .. } => Notice::Unreachable(*peer),
            Self::CannotDialBack { peer, .. } => Notice::CannotDialBack(*peer),
            Self::Listening { .. }
            | Self::BindFailed { .. }
            | Self::Started
            | Self::NotHere { .. }
            | Self::LoopbackOnly { .. }
            | Self::NoDescriptors { .. }
            | Self::Refused { .. } => return None,
        })
    }
}

/// Why a connection was turned away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RefusedBecause {
    /// Its greeting named an id it cannot have.
    Id(Refusal),
    /// It said something that is no greeting.
    NoGreeting(GreetingError),
    /// It said something that is no learner's first packet.
    NoPacket(PacketError),
    /// It spoke as at the other port of a server.
    OtherPort {
        /// Which port this is.
        here: Ports,
    },
    /// It ended within its first word; in words for people.
    Broken(UntrustedText),
    /// It came in plain text, and only TLS is taken.
    PlainText,
    /// It wants to speak TLS, and only plain text is taken.
    SpeaksTls,
    /// It has not shown that it is who it says it is.
    Tls(TlsError),
    /// It has not said who it is in time.
    Silence,
    /// It had to make room for others: more come than can be dealt with.
    NoRoom,
    /// The actor that read its first word has a bug; this is what the panic said.
    Panicked(UntrustedText),
}

impl RefusedBecause {
    /// What it is counted by, in a few words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Id(Refusal::OwnId) => "our own id",
            Self::Id(Refusal::NoId) => "no id",
            Self::NoGreeting(_) => "no greeting",
            Self::NoPacket(_) => "no packet",
            Self::OtherPort { .. } => "the other port",
            Self::Broken(_) => "broken",
            Self::PlainText => "plain text",
            Self::SpeaksTls => "TLS",
            Self::Tls(error) => error.kind(),
            Self::Silence => "silence",
            Self::NoRoom => "no room",
            Self::Panicked(_) => "panic",
        }
    }
}
