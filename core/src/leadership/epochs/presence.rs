//! Who is here, and who has answered: what a candidate knows of its voters, as numbers and sets.

use std::collections::{BTreeMap, BTreeSet};

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

    /// As leader: of each learner that it serves, whether its word does not count, as it may have forgotten others.
    pub fn amnesia(&self) -> BTreeMap<ServerId, bool> {
        let Part::Candidate(candidacy) = &self.part else { return BTreeMap::new() };
        candidacy.learners.values().map(|one| (one.peer, one.is_amnesiac())).collect()
    }

    /// The number of the last ping, and of the newest that a quorum of those who support us has answered.
    pub fn pings(&self) -> (u64, u64) {
        let Part::Candidate(candidacy) = &self.part else { return (0, 0) };
        let is_with_us = |learner: &Learner| match candidacy.phase {
            Phase::Leading { epoch } => learner.supports(epoch),
            Phase::Discovering | Phase::Announcing { .. } | Phase::Synchronising { .. } => true,
        };
        let numbers = candidacy.learners.values().map(|one| one.answered);
        let answered = newest(numbers.chain([candidacy.pings]), |number| {
            let has_answered = |one: &Learner| is_with_us(one) && one.answered >= number;
            self.is_quorum_with_us(candidacy.peers_where(has_answered))
        });
        (candidacy.pings, answered)
    }

    /// As leader of an epoch that has begun: the number of the newest ping that voters without whom nobody has a quorum, we among them, have
    /// answered with promises.
    pub fn promised_by_all_quorums(&self) -> u64 {
        let Part::Candidate(candidacy) = &self.part else { return 0 };
        let numbers = candidacy.learners.values().map(|one| one.promised);
        newest(numbers.chain([candidacy.promised]), |number| {
            let mut bound = candidacy.peers_where(|one| one.promised >= number);
            bound.insert(self.me);
            candidacy.promised >= number && self.ensemble.is_blocking(&bound)
        })
    }

    /// As leader: the voters that have promised at this ping or a later one, we among them.
    pub fn promised_since(&self, number: u64) -> BTreeSet<ServerId> {
        let Part::Candidate(candidacy) = &self.part else { return BTreeSet::new() };
        let mut bound = candidacy.peers_where(|one| one.promised >= number);
        bound.extend((candidacy.promised >= number).then_some(self.me));
        bound
    }
}

/// The largest of these numbers for which this is so, or 0.
fn newest(numbers: impl Iterator<Item = u64>, is_so: impl Fn(u64) -> bool) -> u64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().rev().find(|number| is_so(*number)).unwrap_or(0)
}
