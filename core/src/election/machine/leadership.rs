//! What an [`Election`] makes of the leadership that follows its decision, and of our own wish to lead or not.
//!
//! | event | what we do |
//! | --- | --- |
//! | a leadership stands | restate the settled vote with its epoch; the [watch](super::watch) ends |
//! | it is over, or came to nothing | look again, in the next round |
//! | it is over, and its leader says who comes next | settle on that one in the next round, if it is not known to be gone |
//! | we have a newer epoch on disk | vote for ourselves with it, at once if we look and that is the best vote |
//! | we withdraw | propose ourselves no more; if we look with a vote for ourselves, go on to the next round |
//! | we have withdrawn and look, and another votes for us, or a quorum follows us | go on to the next round |
//! | we stand again | propose ourselves, at once if we look and that is the best vote |
//!
//! Nobody is told of a restated vote unasked, as among real servers: a server that looks asks. One of ours counts
//! restated votes and others together; a real server may have to ask a second time.
//!
//! A voter that has withdrawn begins with no vote, and takes up the best that it hears. Until then it says what
//! [loses against every vote](Vote::of_no_candidate), so that others hear of its round.

use crate::{
    ServerId,
    election::{Action, Decision, Epoch, Round, Vote},
};

use super::{Election, State};

impl Election {
    /// The epoch of the leadership that the decision has become, if it has.
    pub fn leadership(&self) -> Option<Epoch> {
        self.decision().filter(|_| self.watch.is_over()).map(|decision| decision.vote.epoch)
    }

    pub(super) fn establish(
        &mut self,
        leader: ServerId,
        round: Round,
        epoch: Epoch,
        out: &mut Vec<Action>,
    ) {
        let Some(decision) = self.decision().filter(|one| one.is_for(leader, round)) else {
            return;
        };
        let vote = Vote { epoch, ..decision.vote };
        self.vote = Some(vote);
        self.state = State::Decided(Decision { vote, ..decision });
        self.watch.leave_to_heartbeats(out);
    }

    pub(super) fn look_again(&mut self, leader: ServerId, round: Round, out: &mut Vec<Action>) {
        if self.decision().is_some_and(|decision| decision.is_for(leader, round)) {
            self.look(out);
        }
    }

    /// Ends this election with the next one: its leader has said who is elected.
    pub(super) fn settle_on(
        &mut self,
        leader: ServerId,
        round: Round,
        vote: Vote,
        next: Round,
        out: &mut Vec<Action>,
    ) {
        if !self.decision().is_some_and(|decision| decision.is_for(leader, round)) {
            return;
        }
        if self.is_unwanted(vote) {
            return self.decline(next, out);
        }
        let can_lead = self.ensemble.may_lead(vote.leader) && self.may_be_there(vote.leader);
        if !can_lead || next <= self.round || self.is_erased() {
            return self.look(out);
        }
        self.watch.end(out);
        self.state = State::Looking;
        self.round = next;
        self.tally.clear();
        self.established.clear();
        out.push(Action::Looking { round: next });
        self.decide(vote, next, out);
    }

    pub(super) fn stand_on(&mut self, epoch: Epoch, out: &mut Vec<Action>) {
        self.history.epoch = epoch;
        self.propose_ourselves(out);
    }

    pub(super) fn withdraw(&mut self, out: &mut Vec<Action>) {
        self.withdrawn = true;
        match self.state {
            State::Idle | State::Decided(_) => {}
            State::Looking | State::Settling => {
                if self.vote.is_some_and(|vote| vote.leader == self.me) {
                    self.decline(self.round, out);
                }
            }
        }
    }

    pub(super) fn stand(&mut self, out: &mut Vec<Action>) {
        self.withdrawn = false;
        self.propose_ourselves(out);
    }

    /// If we look and are better than whom we vote for, we vote for ourselves.
    fn propose_ourselves(&mut self, out: &mut Vec<Action>) {
        match self.state {
            State::Idle | State::Decided(_) => {}
            State::Looking | State::Settling => {
                if let Some(own) = self.initial_vote().filter(|own| Some(*own) > self.vote) {
                    self.adopt(own, out);
                }
                self.count(out);
            }
        }
    }

    /// In this round there are votes for us, though we have withdrawn: nobody will take them back in it, so we go on to the next
    /// one, if there is one, and all others vote anew.
    pub(super) fn decline(&mut self, round: Round, out: &mut Vec<Action>) {
        if round.next() > round {
            self.round = round;
            self.look(out);
        } else {
            self.unsettle(out);
        }
    }

    /// Whether this is a vote for us though we have withdrawn.
    pub(super) fn is_unwanted(&self, vote: Vote) -> bool {
        self.withdrawn && vote.leader == self.me
    }

    /// What we say while we have no vote, if our vote counts.
    pub(super) fn stand_in(&self) -> Option<Vote> {
        self.ensemble.may_lead(self.me).then(|| Vote::of_no_candidate(self.me))
    }

    /// This vote, if we may vote likewise: for one who may lead and wants to.
    pub(super) fn candidacy(&self, vote: Vote) -> Option<Vote> {
        let wants_to = vote.epoch != Epoch::OF_NO_CANDIDATE && !self.is_unwanted(vote);
        Some(vote).filter(|vote| wants_to && self.ensemble.may_lead(vote.leader))
    }
}
