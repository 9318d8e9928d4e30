//! [`PacketKind`]: the types of packets, those of real servers and ours.

use std::fmt;

/// What a packet is: a number, as there are more than those we know.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PacketKind(pub i32);

impl PacketKind {
    /// What a leader is asked to do for a client of a follower.
    pub const REQUEST: Self = Self(1);
    /// A change that is to be acknowledged.
    pub const PROPOSAL: Self = Self(2);
    /// NEWLEADER, UPTODATE or a PROPOSAL is acknowledged.
    pub const ACK: Self = Self(3);
    /// A change is final.
    pub const COMMIT: Self = Self(4);
    /// A sign of life, to be answered, and the answer.
    pub const PING: Self = Self(5);
    /// Whether a client may go on with its session.
    pub const REVALIDATE: Self = Self(6);
    /// The answer to a client that has asked for the newest state.
    pub const SYNC: Self = Self(7);
    /// A change that is final, for an observer.
    pub const INFORM: Self = Self(8);
    /// A change of the members is final.
    pub const COMMITANDACTIVATE: Self = Self(9);
    /// The history is complete: the learner is asked for its word.
    pub const NEWLEADER: Self = Self(10);
    /// A voter introduces itself.
    pub const FOLLOWERINFO: Self = Self(11);
    /// The epoch has begun.
    pub const UPTODATE: Self = Self(12);
    /// The learner lacks nothing but what follows.
    pub const DIFF: Self = Self(13);
    /// The learner has changes that are to be undone.
    pub const TRUNC: Self = Self(14);
    /// All of the state follows, unframed.
    pub const SNAP: Self = Self(15);
    /// An observer introduces itself.
    pub const OBSERVERINFO: Self = Self(16);
    /// The leader proposes an epoch.
    pub const LEADERINFO: Self = Self(17);
    /// The learner has taken note of the epoch.
    pub const ACKEPOCH: Self = Self(18);
    /// A change of the members is final, for an observer.
    pub const INFORMANDACTIVATE: Self = Self(19);
    /// Ours only: the learner is an amnesiac no more.
    pub const RECORDED: Self = Self(101);
    /// Ours only: a new ensemble waits for voters that were never seen.
    pub const WAITING: Self = Self(102);
    /// Ours only: the learner is turned away.
    pub const REFUSED: Self = Self(103);
    /// Ours only: the leader gives its epoch up.
    pub const RELEASED: Self = Self(104);
    /// Ours only: the epochs of a member have ended, and who is bound to it for one of them is free.
    pub const ENDED: Self = Self(105);

    /// Whether a learner opens a connection with it.
    pub const fn opens(self) -> bool {
        matches!(self, Self::FOLLOWERINFO | Self::OBSERVERINFO)
    }

    /// ZooKeeper's name of it, or ours.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::REQUEST => "REQUEST",
            Self::PROPOSAL => "PROPOSAL",
            Self::ACK => "ACK",
            Self::COMMIT => "COMMIT",
            Self::PING => "PING",
            Self::REVALIDATE => "REVALIDATE",
            Self::SYNC => "SYNC",
            Self::INFORM => "INFORM",
            Self::COMMITANDACTIVATE => "COMMITANDACTIVATE",
            Self::NEWLEADER => "NEWLEADER",
            Self::FOLLOWERINFO => "FOLLOWERINFO",
            Self::UPTODATE => "UPTODATE",
            Self::DIFF => "DIFF",
            Self::TRUNC => "TRUNC",
            Self::SNAP => "SNAP",
            Self::OBSERVERINFO => "OBSERVERINFO",
            Self::LEADERINFO => "LEADERINFO",
            Self::ACKEPOCH => "ACKEPOCH",
            Self::INFORMANDACTIVATE => "INFORMANDACTIVATE",
            Self::RECORDED => "RECORDED",
            Self::WAITING => "WAITING",
            Self::REFUSED => "REFUSED",
            Self::RELEASED => "RELEASED",
            Self::ENDED => "ENDED",
            Self(_) => return None,
        })
    }
}

impl fmt::Display for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "a packet of type {}", self.0),
        }
    }
}
