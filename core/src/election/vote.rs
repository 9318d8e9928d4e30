//! [`Vote`] and what it is made of: [`History`], which is an [`Epoch`] and a [`Zxid`]. [`Round`] numbers elections.

use std::fmt;

use crate::ServerId;

/// The id of the last change in a server's history: the epoch in the high 32 bits, a counter in the low ones.
///
/// Compared as ZooKeeper does, as a signed number.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Zxid(pub i64);

impl Zxid {
    /// What ZooKeeper writes for a history that was erased: such a vote does not count (ZOOKEEPER-261).
    pub const ERASED: Self = Self(-1);

    /// The epoch in which the change was made.
    pub const fn epoch(self) -> Epoch {
        Epoch(self.0 >> 32)
    }

    /// The number of the change within its epoch.
    pub const fn counter(self) -> u32 {
        (self.0.cast_unsigned() & 0xffff_ffff) as u32
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The reign a server last took part in (ZooKeeper's `peerEpoch`, its `currentEpoch` on disk).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Epoch(pub i64);

impl Epoch {
    /// What stands where the epoch would be in a vote that is not meant to win: less than all epochs there are.
    pub const OF_NO_CANDIDATE: Self = Self(-1);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an election (ZooKeeper's `electionEpoch`, its `logicalclock`).
///
/// It lives in memory only, starts over with the process, and is adopted from others: it orders the messages of an
/// election and is no fencing token.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Round(pub i64);

impl Round {
    /// What stands where the round would be in a [question](super::Notification::is_question): older than every round, so
    /// that real servers answer it and count it nowhere.
    pub const OF_A_QUESTION: Self = Self(-1);

    /// The round after this one. The largest stays where it is: a stranger's absurd number cannot wrap it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a server stands on. The derived order says which of two histories is the newer one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct History {
    /// The epoch it last took part in.
    pub epoch: Epoch,
    /// Its last change.
    pub zxid: Zxid,
}

impl History {
    /// Whether it was erased. Nobody can tell how much is missing.
    pub fn is_erased(self) -> bool {
        self.zxid == Zxid::ERASED
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}, zxid {}", self.epoch, self.zxid)
    }
}

/// A vote: for whom, and the history that speaks for it.
///
/// The derived order, field by field from the top, *is* the rule of the election: the larger vote is the better one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Vote {
    /// The candidate's epoch.
    pub epoch: Epoch,
    /// The candidate's last change.
    pub zxid: Zxid,
    /// The candidate.
    pub leader: ServerId,
}

impl Vote {
    /// A vote for this candidate, which stands on this history.
    pub const fn new(History { epoch, zxid }: History, leader: ServerId) -> Self {
        Self { epoch, zxid, leader }
    }

    /// What a voter says that votes for nobody as yet, though it might lead: a vote for itself that loses against all others. A
    /// vote for nobody would not be heard: real servers ignore it, and the round that it is said in.
    pub const fn of_no_candidate(voter: ServerId) -> Self {
        Self { epoch: Epoch::OF_NO_CANDIDATE, zxid: Zxid(0), leader: voter }
    }

    /// Whether this is the other vote, or was, before that took on the epoch of the leadership.
    pub fn is_or_was(&self, settled: &Self) -> bool {
        self.epoch <= settled.epoch && *settled == Self { epoch: settled.epoch, ..*self }
    }

    /// The candidate's history.
    pub const fn history(&self) -> History {
        History { epoch: self.epoch, zxid: self.zxid }
    }
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.leader, self.history())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_votes_are_made_of_is_shown_as_zookeeper_shows_it() {
        let history = History { epoch: Epoch(3), zxid: Zxid(0x3_0000_0005) };
        let vote = Vote::new(history, ServerId::new(2).unwrap());
        assert_eq!(vote.to_string(), "2 (epoch 3, zxid 0x300000005)");
        assert_eq!(Round(17).to_string(), "17");
    }
}
