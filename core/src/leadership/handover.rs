//! Handing over: a leader that gives its epoch up in good order says who is to lead next, so that nobody needs to vote.
//!
//! ```text
//! the leader         its work has ended: it gives its lease up, and tells that it leads no more
//!   │                then to all that follow it, on their sessions: this epoch has ended; settle on this vote, in the next round
//!   ▼
//! each follower      settles on that vote, without a word on the election port
//! the old leader     likewise, unless it was stopped
//!   ▼
//! the successor      is elected: the others dial it, and it proposes the next epoch
//! ```
//!
//! It is as safe as an election, as no election is believed anyway: what makes a leader is the epoch, with a quorum of words for
//! it. A nomination that is late, repeated, of another epoch or from another session is no nomination. If nothing comes of it within
//! [a second](HANDOVER), everybody looks, as after any end of a leader.

use std::{fmt, time::Duration};

use crate::{
    ServerId,
    election::{Epoch, Round, Vote},
};

/// Within this time a successor leads that was nominated, or everybody looks.
pub const HANDOVER: Duration = Duration::from_secs(1);

/// Who is to lead next, when a leader gives its epoch up.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Successor {
    /// Any member that can; and if none can at once, the one that is elected.
    #[default]
    Any,
    /// This member.
    To(ServerId),
}

/// What a leader that gives its epoch up says of the next one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Nomination {
    /// The vote to settle on: for the successor, with what it stands on.
    pub vote: Vote,
    /// The round to settle in.
    pub round: Round,
}

impl fmt::Display for Nomination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is to lead, round {}", self.vote.leader, self.round)
    }
}

/// Why a leader does not give its epoch up in favour of somebody, though it was asked to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum CannotResign {
    /// Nobody is known to lead.
    #[error("this node does not lead, and knows nobody who does")]
    NobodyLeads,
    /// Another one leads.
    #[error("this node does not lead: {leader} does, in epoch {epoch}")]
    AnotherLeads { leader: ServerId, epoch: Epoch },
    /// It has lost its epoch already, and its work has to end.
    #[error(
        "this node has lost epoch {epoch} already; its work has to end, and another one leads then"
    )]
    HasLost { epoch: Epoch },
    /// It cannot come after itself.
    #[error("{id} is this node: expected another member")]
    Itself { id: ServerId },
    /// It is no member.
    #[error("{id} is no member")]
    Unknown { id: ServerId },
    /// Observers do not lead.
    #[error("{id} is an observer, and never leads")]
    Observer { id: ServerId },
    /// Neither does a voter whose vote weighs nothing.
    #[error("the vote of {id} weighs 0, so it never leads")]
    WeightZero { id: ServerId },
    /// It does not follow.
    #[error("{id} does not follow this node now")]
    NotHere { id: ServerId },
    /// Its word does not count.
    #[error(
        "{id} follows without counting: its directory is not recorded yet, or knows of a newer epoch"
    )]
    DoesNotCount { id: ServerId },
    /// It has not answered lately.
    #[error("{id} has not answered the last pings")]
    Silent { id: ServerId },
    /// It does not promise what a lease needs.
    #[error("{id} has not promised lately what a lease needs")]
    DoesNotPromise { id: ServerId },
    /// It does not want to lead now.
    #[error(
        "{id} does not stand for election now: it has resigned a moment ago, its disk fails, or work of it goes on"
    )]
    DoesNotStand { id: ServerId },
    /// There are not enough to settle on it without a vote.
    #[error("those who would follow {id} are no quorum")]
    NoQuorum { id: ServerId },
    /// There is no next round.
    #[error("the round of the election is the last there is")]
    LastRound,
}
