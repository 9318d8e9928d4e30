//! Whose words count for the epoch that we have proposed, and whose do not, for people. It is asked, and changes nothing.

use std::time::Duration;

use super::{
    Epochs, Part,
    candidate::{Candidacy, Phase},
    served::{Learner, Memory, Synced},
};
use crate::ServerId;

/// What the word of a member is worth for an epoch that was proposed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WordGiven {
    /// Whose.
    pub peer: ServerId,
    /// Why it does not count, if it does not.
    pub not_counted: Option<NotCounted>,
}

/// Why a word does not count for an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotCounted {
    /// An observer has no word to give.
    Observer,
    /// The vote of this voter weighs nothing.
    WeightZero,
    /// It had promised to this epoch or a newer one before, to another leader.
    PromisedBefore,
    /// Its directory is new or was wiped, so nobody knows what it has promised.
    Amnesiac,
    /// It has not taken note of the epoch yet.
    NotNoted,
    /// It is bound to another leader, and gives its word only after that.
    Bound {
        /// Which one, if it is known any more.
        to: Option<ServerId>,
        /// For how long, when it said so.
        rest: Duration,
    },
    /// Our own word waits: work of an earlier epoch goes on here, or we are bound to another leader.
    Withheld,
    /// The epoch is not on its disk yet, as far as we have heard.
    NotOnDisk,
}

impl Epochs {
    /// What the words of those who are here are worth for the epoch that we have proposed, ours first; nothing before there is one.
    pub fn words(&self) -> Vec<WordGiven> {
        let Part::Candidate(candidacy) = &self.part else { return Vec::new() };
        if candidacy.epoch().is_none() {
            return Vec::new();
        }
        let own = WordGiven { peer: self.me, not_counted: self.own_word(candidacy) };
        let others = candidacy
            .learners
            .values()
            .map(|learner| WordGiven { peer: learner.peer, not_counted: self.word_of(learner) });
        std::iter::once(own).chain(others).collect()
    }

    fn own_word(&self, candidacy: &Candidacy) -> Option<NotCounted> {
        match candidacy.phase {
            Phase::Synchronising { founding: false, .. } if !candidacy.remembers => {
                Some(NotCounted::Amnesiac)
            }
            Phase::Synchronising { own: None, .. } if self.withholds_its_word() => {
                Some(NotCounted::Withheld)
            }
            Phase::Synchronising { own: None, .. } | Phase::Leading { .. } => None,
            Phase::Discovering | Phase::Announcing { .. } | Phase::Synchronising { .. } => {
                Some(NotCounted::NotOnDisk)
            }
        }
    }

    fn word_of(&self, learner: &Learner) -> Option<NotCounted> {
        if !self.ensemble.is_voter(learner.peer) {
            return Some(NotCounted::Observer);
        }
        if !self.ensemble.may_lead(learner.peer) {
            return Some(NotCounted::WeightZero);
        }
        if learner.noted == Some(false) {
            return Some(NotCounted::PromisedBefore);
        }
        let is_founder = learner.synced == Some(Synced::Founding);
        if learner.memory != Memory::Recorded && !learner.remembers && !is_founder {
            return Some(NotCounted::Amnesiac);
        }
        if learner.noted.is_none() {
            return Some(NotCounted::NotNoted);
        }
        if learner.has_given_its_word() {
            return None;
        }
        Some(learner.bond.map_or(NotCounted::NotOnDisk, |bond| NotCounted::Bound {
            to: bond.to,
            rest: bond.rest,
        }))
    }
}
