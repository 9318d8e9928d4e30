//! When our word waits, and when what it waited for has ended.

use super::{Epochs, EpochsAction, Identity, Part, Stage};
use crate::{
    election::Epoch,
    leadership::{HasEnded, Holder, LearnerWord},
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
