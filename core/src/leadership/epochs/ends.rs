//! When our word waits, and when what it waited for has ended.

use super::{Epochs, EpochsAction, Identity, Part, Stage, candidate::Phase};
use crate::{
    election::Epoch,
    leadership::{Bond, HasEnded, Holder, LeaderWord, LearnerWord, Nomination, SessionId},
};

impl Epochs {
    /// Whether we give nobody our word now: for whomever it would be.
    pub(super) const fn withholds_its_word(&self) -> bool {
        self.work_goes_on || self.bound
    }

    pub(super) fn give_withheld_word(&mut self, out: &mut Vec<EpochsAction>) {
        if !self.withholds_its_word() {
            self.give_word_that_waited(out);
            self.advance(out);
        }
    }

    /// Where we do not lead and no work goes on, all epochs of ours are over. Who may be bound by them is told.
    pub(super) fn note_what_has_ended(&mut self, out: &mut Vec<EpochsAction>) {
        let leads = matches!(self.stage(), Stage::Leading { .. });
        if leads || self.work_goes_on || self.led <= self.ended {
            return;
        }
        self.ended = self.led;
        // Nobody promises a leader anything that asks for nothing.
        if self.identity.lease.is_none() {
            return;
        }
        match &self.part {
            Part::Looking { .. } => {}
            Part::Candidate(_) => self.tell_what_has_ended(self.own_end(self.ended), out),
            Part::Learner(learning) => {
                let word = LearnerWord::HasEnded { epoch: self.ended };
                let said = learning.session().map(|session| EpochsAction::Say { session, word });
                out.extend(said);
            }
        }
    }

    /// Says to all learners that the epoch is given up, and that they are free if it has ended.
    pub(super) fn release(&self, nomination: Option<Nomination>, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        if let Phase::Leading { epoch } = candidacy.phase {
            if self.identity.lease.is_some() && !self.work_goes_on {
                self.tell_what_has_ended(self.own_end(epoch), out);
            }
            let told = |session, nomination| EpochsAction::Tell {
                session,
                word: LeaderWord::Released { epoch, nomination },
            };
            // The successor hears it first: the others dial it at once.
            let is_successor = |session: &SessionId| {
                let peer = candidacy.learners.get(session).map(|learner| learner.peer);
                nomination.is_some_and(|one| peer == Some(one.vote.leader))
            };
            let (first, others) = candidacy.sessions().partition::<Vec<_>, _>(is_successor);
            out.extend(first.into_iter().chain(others).map(|session| told(session, nomination)));
        }
    }

    /// Says to all learners that were told an epoch that these epochs have ended.
    pub(super) fn tell_what_has_ended(&self, ended: HasEnded, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        if candidacy.epoch().is_some() {
            let word = LeaderWord::HasEnded(ended);
            let told = |session| EpochsAction::Tell { session, word: word.clone() };
            out.extend(candidacy.sessions().map(told));
        }
    }

    /// Passes on to a learner that is bound what its leader has said to us: that the epoch for which it has promised has ended.
    pub(super) fn free_bound(&mut self, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let ended: Vec<_> = candidacy.learners.values().map(|learner| learner.ended).collect();
        for (session, learner) in &mut candidacy.learners {
            let Some(Bond { to: Some(to), epoch, .. }) = learner.bond else { continue };
            let theirs = ended.iter().find(|ended| ended.holder.leader == to);
            if let Some(ended) = theirs.filter(|ended| ended.epoch >= epoch) {
                learner.bond = None;
                let (session, word) = (*session, LeaderWord::HasEnded(*ended));
                out.push(EpochsAction::Tell { session, word });
            }
        }
    }

    /// To say that our epochs up to this one have ended.
    pub(super) fn own_end(&self, epoch: Epoch) -> HasEnded {
        HasEnded { holder: self.holder(), epoch }
    }

    /// Whom voters are bound to that promise us something.
    pub fn holder(&self) -> Holder {
        let Identity { directory, incarnation, .. } = *self.identity;
        Holder { leader: self.me, directory, incarnation }
    }

    /// The newest epoch of ours that has ended, with all work.
    pub fn has_ended(&self) -> HasEnded {
        self.own_end(self.ended)
    }
}
