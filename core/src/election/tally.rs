//! [`Tally`]: who said what last.
//!
//! An election keeps two of them, since there are two ways to learn who leads:
//!
//! | tally | whose word is in it | how long | ends the election when |
//! | --- | --- | --- | --- |
//! | of this round | voters that look in this round, or settled in it | until the round changes | a quorum votes as we do |
//! | of the settled | voters that settled, in whatever round | until the next election | a quorum follows one leader, and that one says it leads |
//!
//! The second is how a late joiner finds a leader without disturbing it: those who settled no longer change their
//! round for anybody. In both, the newest word of a voter replaces what it said before.

use std::collections::{BTreeMap, BTreeSet};

use crate::ServerId;

use super::{PeerState, Round, Vote};

/// What a voter said last.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ballot {
    /// What the voter is doing.
    pub state: PeerState,
    /// What it votes for, or has settled on.
    pub vote: Vote,
    /// The round of that vote.
    pub round: Round,
    /// The version of the form it used, where that matters: 0 in the tally of a round.
    pub version: i32,
}

impl Ballot {
    /// Whether two ballots elect the same leader.
    ///
    /// Where both look, everything must be equal. A settled server restates its vote with the epoch of the leadership: that
    /// agrees with the vote that others elected the leader by, in the same round, with an older epoch.
    ///
    /// Settled servers may remember different zxids and rounds for the leader they share (ZOOKEEPER-1805): there leader and
    /// epoch decide. The leader alone does if just one of the two has a version (ZOOKEEPER-1732), and in the same round, as one
    /// of the two may have restated its vote already.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let same_round = self.round == other.round;
        match (self.looks(), other.looks()) {
            (true, true) => same_round && self.vote == other.vote,
            (true, false) => same_round && self.vote.is_or_was(&other.vote),
            (false, true) => same_round && other.vote.is_or_was(&self.vote),
            (false, false) => {
                let same_epoch = self.vote.epoch == other.vote.epoch;
                let same_era = (self.version > 0) == (other.version > 0);
                self.vote.leader == other.vote.leader && (same_epoch || same_round || !same_era)
            }
        }
    }

    fn looks(&self) -> bool {
        self.state == PeerState::Looking
    }
}

/// The newest word of each voter.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Tally(BTreeMap<ServerId, Ballot>);

impl Tally {
    /// Keeps this as the voter's newest word.
    pub(super) fn record(&mut self, voter: ServerId, ballot: Ballot) {
        self.0.insert(voter, ballot);
    }

    /// Takes over what another tally holds of this voter, if anything.
    pub(super) fn copy(&mut self, voter: ServerId, from: &Self) {
        self.0.extend(from.0.get_key_value(&voter));
    }

    /// Forgets what this voter said.
    pub(super) fn remove(&mut self, voter: ServerId) {
        self.0.remove(&voter);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, voter: ServerId) -> Option<&Ballot> {
        self.0.get(&voter)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ServerId, &Ballot)> {
        self.0.iter().map(|(voter, ballot)| (*voter, ballot))
    }

    /// Who elects the same leader as this ballot does.
    pub(super) fn supporters(&self, ballot: &Ballot) -> BTreeSet<ServerId> {
        let agreeing = self.iter().filter(|(_, other)| ballot.agrees_with(other));
        agreeing.map(|(voter, _)| voter).collect()
    }

    /// What this server says of its own leadership, if it was heard to lead. Without its own word nobody is followed:
    /// the others may not know yet that it is gone (ZOOKEEPER-480).
    pub(super) fn claim_of(&self, leader: ServerId) -> Option<&Ballot> {
        self.get(leader)
            .filter(|ballot| ballot.state == PeerState::Leading && ballot.vote.leader == leader)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Epoch, Zxid};
    use super::*;

    fn ballot(state: PeerState, epoch: i64, zxid: i64, round: i64, version: i32) -> Ballot {
        Ballot {
            state,
            vote: Vote { epoch: Epoch(epoch), zxid: Zxid(zxid), leader: ServerId::new(3).unwrap() },
            round: Round(round),
            version,
        }
    }

    #[test]
    fn ballots_of_those_who_look_must_be_equal_in_everything() {
        let looking = ballot(PeerState::Looking, 1, 5, 2, 0);
        assert!(looking.agrees_with(&looking));
        for other in [(2, 5, 2), (0, 5, 2), (1, 6, 2), (1, 5, 3)] {
            let other = ballot(PeerState::Looking, other.0, other.1, other.2, 0);
            assert!(!looking.agrees_with(&other) && !other.agrees_with(&looking), "{other:?}");
        }
    }

    #[test]
    fn who_looks_agrees_with_the_same_vote_restated_in_a_newer_epoch() {
        let looking = ballot(PeerState::Looking, 1, 5, 2, 0);
        for epoch in [1, 2, 9] {
            let settled = ballot(PeerState::Following, epoch, 5, 2, 2);
            assert!(looking.agrees_with(&settled) && settled.agrees_with(&looking), "{epoch}");
        }
        for other in [(0, 5, 2), (1, 6, 2), (1, 5, 3), (2, 6, 2), (2, 5, 1)] {
            let settled = ballot(PeerState::Following, other.0, other.1, other.2, 2);
            assert!(!looking.agrees_with(&settled) && !settled.agrees_with(&looking), "{other:?}");
        }
    }

    #[test]
    fn settled_servers_agree_by_leader_and_epoch_whatever_zxid_and_round_they_remember() {
        let follower = ballot(PeerState::Following, 1, 5, 2, 2);
        assert!(follower.agrees_with(&ballot(PeerState::Leading, 1, 9, 7, 2)));
        assert!(!follower.agrees_with(&ballot(PeerState::Leading, 2, 5, 3, 2)));
    }

    #[test]
    fn settled_servers_of_one_round_agree_though_one_of_them_has_restated_its_vote() {
        let follower = ballot(PeerState::Following, 1, 5, 2, 2);
        let leader = ballot(PeerState::Leading, 4, 5, 2, 2);
        assert!(follower.agrees_with(&leader) && leader.agrees_with(&follower));
        let vote = Vote { leader: ServerId::new(4).unwrap(), ..leader.vote };
        assert!(!follower.agrees_with(&Ballot { vote, ..leader }), "not for another leader");
    }

    #[test]
    fn the_epoch_is_left_out_when_just_one_of_two_settled_servers_has_a_version() {
        let old = ballot(PeerState::Following, 1, 5, 2, 0);
        let new = ballot(PeerState::Leading, 2, 5, 3, 2);
        assert!(old.agrees_with(&new) && new.agrees_with(&old));
        assert!(!old.agrees_with(&ballot(PeerState::Leading, 2, 5, 3, 0)));
    }
}
