//! What has happened to a node: [`NodeEvent`]s, and the [`News`] made of them.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ballotbox_actors::{DialError, NetworkEvent};
use ballotbox_core::{
    ServerId, UntrustedText,
    leadership::{GiveUp, LostBecause, Refusal, WordError},
};

use super::{MemberListProblem, Status, StoreRemark};
use crate::{Decision, Epoch, Round, Vote};

/// Something that happened to a node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum NodeEvent {
    /// It looks for a leader, or has moved on to a newer round.
    Looking { round: Round },
    /// It has cast a vote, or another one.
    Voted {
        /// For whom.
        vote: Vote,
    },
    /// An election has ended.
    Elected {
        decision: Decision,
        /// How long it took, from looking to decided.
        took: Duration,
    },
    /// It leads.
    Leading {
        /// In which epoch: a quorum has it on disk.
        epoch: Epoch,
        /// How long it took, from looking.
        took: Duration,
    },
    /// It follows an established leader.
    Following {
        leader: ServerId,
        epoch: Epoch,
        /// Whether its word counts for the leader.
        counts: bool,
        /// How long it took, from looking.
        took: Duration,
    },
    /// It leads, and has begun to give that up.
    Retiring { epoch: Epoch },
    /// It leads or follows no more. Told once for each `Leading` and each `Following`.
    Lost { epoch: Epoch, cause: LostBecause },
    /// A new ensemble begins when these voters were seen once.
    WaitingFor {
        /// Who will lead.
        leader: ServerId,
        /// Who is missing.
        missing: BTreeSet<ServerId>,
    },
    /// Nothing has come of the election of this leader.
    GaveUp { leader: ServerId, why: GiveUp },
    /// The elected one has not led in time.
    NotEstablished { leader: ServerId },
    /// The elected one was not reached at its quorum port. Told the first, second, fourth, eighth … time.
    LeaderUnreached { leader: ServerId, error: DialError, times: u64 },
    /// A member is a real server: this node does not lead, and as a voter follows no epoch.
    BesideRealServer { peer: ServerId },
    /// All voters have begun its epoch, and these, a quorum, came without memory while others had followed a leader before: they
    /// are new, or their disks were lost.
    BegunByAll { epoch: Epoch, amnesiacs: BTreeSet<ServerId> },
    /// Its directory counts from now on.
    Recorded,
    /// There is something to know about its data directory, though it can be used.
    Directory { remark: StoreRemark },
    /// Its record cannot be written. Told when the reason changes.
    CannotStore { error: UntrustedText },
    /// A learner was turned away. Told the first, second, fourth, eighth … time for each kind of reason.
    LearnerTurnedAway {
        /// Who it says that it is.
        peer: Option<ServerId>,
        /// Where it came from.
        from: Option<SocketAddr>,
        refusal: Refusal,
        times: u64,
    },
    /// A session of the quorum port brought what nobody says there. Told the first, second, fourth, eighth … time.
    MalformedPacket {
        /// Whether the leader said it, or a learner.
        from_leader: bool,
        error: WordError,
        times: u64,
    },
    /// A peer sent what is no notification. Told the first, second, fourth, eighth … time.
    Malformed {
        from: ServerId,
        /// What is wrong with it.
        error: crate::election::DecodeError,
        /// How often this member, or all strangers together, have done that since the node was started.
        times: u64,
    },
    /// A member has another idea of who the members are. Told once for each list it sends.
    MembersDiffer {
        from: ServerId,
        /// What is different.
        problem: MemberListProblem,
    },
    /// This has happened to its network.
    Network(NetworkEvent),
}

impl NodeEvent {
    /// Whether others can make this happen without end, members or not, by what they do to our ports. These events are
    /// kept apart from the others, and a program that prints events should print only a limited number of them.
    pub fn is_from_outside(&self) -> bool {
        match self {
            Self::Looking { .. }
            | Self::Voted { .. }
            | Self::Elected { .. }
            | Self::Leading { .. }
            | Self::Following { .. }
            | Self::Retiring { .. }
            | Self::Lost { .. }
            | Self::WaitingFor { .. }
            | Self::GaveUp { .. }
            | Self::NotEstablished { .. }
            | Self::BegunByAll { .. }
            | Self::BesideRealServer { .. }
            | Self::Recorded
            | Self::Directory { .. }
            | Self::CannotStore { .. } => false,
            Self::Malformed { .. }
            | Self::MembersDiffer { .. }
            | Self::LeaderUnreached { .. }
            | Self::LearnerTurnedAway { .. }
            | Self::MalformedPacket { .. } => true,
            Self::Network(event) => match event {
                NetworkEvent::Listening { .. }
                | NetworkEvent::Started
                | NetworkEvent::BindFailed { .. }
                | NetworkEvent::NotHere { .. }
                | NetworkEvent::LoopbackOnly { .. } => false,
                NetworkEvent::NoDescriptors { .. }
                | NetworkEvent::LinkUp { .. }
                | NetworkEvent::LinkDown { .. }
                | NetworkEvent::Doubted { .. }
                | NetworkEvent::Unreachable { .. }
                | NetworkEvent::CannotDialBack { .. }
                | NetworkEvent::Refused { .. } => true,
            },
        }
    }
}

/// An event and when it happened, since the node was started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Occurrence {
    /// When.
    pub at: Duration,
    /// What.
    pub event: NodeEvent,
}

/// An answer to someone who wanted to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct News {
    /// How much the node knows: ask for more than this next time.
    pub known: u64,
    /// How things stand.
    pub status: Status,
    /// What happened since, the oldest first.
    pub events: Vec<Occurrence>,
    /// How many events the reader was too slow for.
    pub missed: u64,
}
