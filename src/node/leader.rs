//! [`Leader`]: who leads, as one node knows it: a value with a number, which one can look at and wait for.
//!
//! It is a value and no queue, so a reader that sleeps holds up nobody and piles up nothing. It misses states, but no
//! change: the number of the value grows by one with each of them.

use ballotbox_core::{ServerId, election::Epoch};

/// Who leads, as one node knows it.
///
/// This is news, and no permission: what only one may do is done by who holds a [`Leadership`](super::Leadership).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Leader {
    /// Nobody that this node knows of. A node that holds elections alone never knows of anybody.
    Nobody,
    /// This node follows an established leader.
    Follows {
        /// Who leads.
        id: ServerId,
        /// Its token, which is its epoch.
        token: u64,
    },
    /// This node leads.
    Leads {
        /// Its token, which is its epoch.
        token: u64,
        /// Whether it has begun to give that up: its work is told to end.
        retiring: bool,
    },
}

/// Who leads, and how often that has changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeaderStatus {
    /// Grows by one with every change. A reader that finds a number larger by more than one has missed what was between.
    pub sequence: u64,
    /// Who leads.
    pub leader: Leader,
}

impl Leader {
    /// Who leads for the node `me`, which knows this, and in which epoch.
    pub(crate) const fn in_epoch(self, me: ServerId) -> Option<(ServerId, Epoch)> {
        match self {
            Self::Nobody => None,
            Self::Follows { id, token } => Some((id, Epoch(token.cast_signed()))),
            Self::Leads { token, .. } => Some((me, Epoch(token.cast_signed()))),
        }
    }

    /// The token of the leader: larger than that of every leader before.
    pub const fn token(self) -> Option<u64> {
        match self {
            Self::Nobody => None,
            Self::Follows { token, .. } | Self::Leads { token, .. } => Some(token),
        }
    }
}
