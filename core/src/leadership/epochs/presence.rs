//! Who is here, and who has answered: what a candidate knows of its voters, as numbers and sets.

use std::collections::BTreeSet;

use super::{Epochs, Part, candidate::Phase, served::Learner};
use crate::ServerId;

impl Epochs {
    /// Whether these and we are a quorum.
    pub(super) fn is_quorum_with_us(&self, mut peers: BTreeSet<ServerId>) -> bool {
        peers.insert(self.me);
        self.ensemble.is_quorum(&peers)
    }

    /// Whether these and we are all voters whose vote weighs something.
    pub(super) fn are_all_voters(&self, peers: &BTreeSet<ServerId>) -> bool {
        self.absent(peers).next().is_none()
    }

    /// The voters whose vote weighs something that are neither among these nor we.
    fn absent(&self, peers: &BTreeSet<ServerId>) -> impl Iterator<Item = ServerId> {
        let weighty = self.ensemble.voters().filter(|voter| self.ensemble.may_lead(*voter));
        weighty.filter(|voter| *voter != self.me && !peers.contains(voter))
    }

    /// While we discover: the voters that have not introduced themselves.
    pub fn missing(&self) -> BTreeSet<ServerId> {
        let Part::Candidate(candidacy) = &self.part else { return BTreeSet::new() };
        if candidacy.phase != Phase::Discovering {
            return BTreeSet::new();
        }
        self.absent(&candidacy.peers_where(|_| true)).collect()
    }

    /// Whether a quorum is here, so that only a founding still waits for others.
    pub fn is_quorum_here(&self) -> bool {
        let Part::Candidate(candidacy) = &self.part else { return false };
        self.is_quorum_with_us(candidacy.peers_where(|_| true))
    }

    /// When our epoch begins with the words of all voters: who came without memory, if that is a quorum and others had followed
    /// a leader before. They are new; or their disks were lost, and with them perhaps an epoch that nobody else knows of.
    pub fn quorum_of_amnesiacs(&self) -> Option<BTreeSet<ServerId>> {
        let Part::Candidate(candidacy) = &self.part else { return None };
        let has_followed = |learner: &Learner| learner.remembers && learner.ensemble.confirmed;
        let has_led = candidacy.remembers && self.record.confirmed;
        if !has_led && candidacy.peers_where(has_followed).is_empty() {
            return None;
        }
        let mut amnesiacs = candidacy.peers_where(Learner::is_amnesiac_founder);
        amnesiacs.extend((!candidacy.remembers).then_some(self.me));
        self.ensemble.is_quorum(&amnesiacs).then_some(amnesiacs)
    }

    /// The number of the last ping, and of the newest that a quorum of those who support us has answered.
    pub fn pings(&self) -> (u64, u64) {
        let Part::Candidate(candidacy) = &self.part else { return (0, 0) };
        let is_with_us = |learner: &Learner| match candidacy.phase {
            Phase::Leading { epoch } => learner.supports(epoch),
            Phase::Discovering | Phase::Announcing { .. } | Phase::Synchronising { .. } => true,
        };
        let mut numbers: Vec<_> = candidacy.learners.values().map(|one| one.answered).collect();
        numbers.push(candidacy.pings);
        numbers.sort_unstable();
        numbers.dedup();
        let answered = numbers.into_iter().rev().find(|number| {
            let has_answered = |one: &Learner| is_with_us(one) && one.answered >= *number;
            self.is_quorum_with_us(candidacy.peers_where(has_answered))
        });
        (candidacy.pings, answered.unwrap_or(0))
    }
}
