//! What follows the decisions of the voters: as much of leadership as an election hears of.
//!
//! A leader that a quorum has decided on, over links, may become the leader of the next epoch, and after that each of those that
//! follow it hears of it when it likes. A member of a leadership gives up when it likes, too; in the end those do that are linked
//! to no such leader, or as leader to no such quorum.

use std::collections::BTreeSet;

use ballotbox::{
    Decision, Election, Epoch, Standing,
    election::{Event, Round},
};

use super::State;
use crate::members::{VOTERS, id, place};

impl State {
    fn election(&self, voter: usize) -> Option<&Election> {
        self.voters[voter].as_ref().map(|voter| &voter.election)
    }

    fn decision(&self, voter: usize) -> Option<Decision> {
        self.election(voter)?.decision()
    }

    fn epoch_of(&self, voter: usize) -> Option<Epoch> {
        self.election(voter)?.leadership()
    }

    /// Whether this voter has decided on that one in that round, and is linked to it or is it.
    fn follows(&self, voter: usize, leader: usize, round: Round) -> bool {
        let decided = self.decision(voter).is_some_and(|one| one.is_for(id(leader), round));
        decided && (voter == leader || self.is_linked(voter, leader))
    }

    /// Whether this voter leads a quorum, or follows one that leads.
    fn is_led(&self, voter: usize) -> bool {
        self.decision(voter).is_some_and(|decision| {
            let leader = place(decision.vote.leader);
            if leader == voter {
                let followers =
                    (0..VOTERS).filter(|one| self.follows(*one, leader, decision.round));
                followers.count() > VOTERS / 2
            } else {
                self.follows(voter, leader, decision.round)
                    && self.follows(leader, leader, decision.round)
            }
        })
    }

    /// Whether this voter may become the leader of an epoch.
    pub(in super::super) fn may_lead(&self, voter: usize) -> bool {
        let elected = |one: Decision| one.standing == Standing::Leading;
        self.epoch_of(voter).is_none()
            && self.decision(voter).is_some_and(elected)
            && self.is_led(voter)
    }

    /// Whether this voter follows the leader of an epoch and has not heard of that epoch.
    pub(in super::super) fn may_follow(&self, voter: usize) -> bool {
        let leader = self.decision(voter).map(|decision| place(decision.vote.leader));
        let epoch = leader.and_then(|leader| self.epoch_of(leader));
        epoch.is_some() && epoch != self.epoch_of(voter) && self.is_led(voter)
    }

    pub(in super::super) fn lead(&mut self, voter: usize) {
        let newest = self.epochs.iter().max().copied().unwrap_or_default();
        self.establish(voter, Epoch(newest + 1));
    }

    pub(in super::super) fn follow(&mut self, voter: usize) {
        let leader = self.decision(voter).map(|decision| place(decision.vote.leader));
        if let Some(epoch) = leader.and_then(|leader| self.epoch_of(leader)) {
            self.establish(voter, epoch);
        }
    }

    fn establish(&mut self, voter: usize, epoch: Epoch) {
        if let Some(Decision { vote, round, .. }) = self.decision(voter) {
            self.epochs[voter] = epoch.0;
            self.tell(voter, Event::EpochStored(epoch));
            self.tell(voter, Event::Established { leader: vote.leader, round, epoch });
        }
    }

    /// Whether this voter leads or follows in an epoch.
    pub(in super::super) fn may_give_up(&self, voter: usize) -> bool {
        self.epoch_of(voter).is_some()
    }

    pub(in super::super) fn give_up(&mut self, voter: usize) {
        if let Some(Decision { vote, round, .. }) = self.decision(voter) {
            self.tell(voter, Event::LookAgain { leader: vote.leader, round });
        }
    }

    pub(in super::super) fn withdraw(&mut self, voter: usize) {
        self.tell(voter, Event::Withdraw);
    }

    /// Those that lead or follow in an epoch that nobody else leads or follows.
    pub(in super::super) fn lost(&self) -> BTreeSet<usize> {
        (0..VOTERS).filter(|voter| self.may_give_up(*voter) && !self.is_led(*voter)).collect()
    }

    /// Whether all lead or follow in one epoch.
    pub(in super::super) fn all_are_led(&self) -> bool {
        let epochs: BTreeSet<_> = (0..VOTERS).map(|voter| self.epoch_of(voter)).collect();
        epochs.len() == 1 && !epochs.contains(&None)
    }
}
