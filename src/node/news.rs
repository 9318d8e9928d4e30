//! What has happened to a node: [`NodeEvent`]s, and the [`News`] made of them.

use std::time::Duration;

use ballotbox_actors::NetworkEvent;
use ballotbox_core::ServerId;

use super::{MemberListProblem, Status};
use crate::{Decision, Round, Vote};

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
            Self::Looking { .. } | Self::Voted { .. } | Self::Elected { .. } => false,
            Self::Malformed { .. } | Self::MembersDiffer { .. } => true,
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
