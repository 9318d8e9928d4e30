//! What is put on disk, and what is done when it is there.

use super::{Epochs, EpochsAction, GiveUp, Part, Store, Ticket};
use crate::leadership::{EnsembleId, Record};

impl Epochs {
    /// Puts a record on its way. One that is on its way already is overtaken: its ticket no longer means anything. But it may
    /// land before this one, which takes nothing of it back.
    pub(super) fn store(&mut self, record: Record, out: &mut Vec<EpochsAction>) {
        let record = self.store.map_or(record, |store| record.after(store.record));
        self.last_ticket = Ticket(self.last_ticket.0 + 1);
        let ticket = self.last_ticket;
        self.store = Some(Store { ticket, record, failed: false });
        out.push(EpochsAction::Store { ticket, record });
    }

    pub(super) fn store_again(&mut self, out: &mut Vec<EpochsAction>) {
        let Some(Store { ticket: failed, record, failed: true }) = self.store else { return };
        self.store(record, out);
        let again = self.last_ticket;
        if let Part::Learner(learning) = &mut self.part {
            learning.wait_for(failed, again);
        }
    }

    pub(super) fn stored(&mut self, ticket: Ticket, out: &mut Vec<EpochsAction>) {
        let Some(store) = self.store.take_if(|store| store.ticket == ticket) else { return };
        let was_recorded = std::mem::replace(&mut self.record, store.record).recorded;
        if store.record.recorded && !was_recorded {
            out.push(EpochsAction::Recorded);
        }
        match &self.part {
            // The session that had asked for it is over.
            Part::Looking { .. } => {}
            Part::Candidate(_) => self.own_stored(ticket, out),
            Part::Learner(_) => self.acknowledge_stored(ticket, out),
        }
    }

    pub(super) fn store_failed(&mut self, ticket: Ticket, out: &mut Vec<EpochsAction>) {
        let Some(store) = self.store.as_mut().filter(|store| store.ticket == ticket) else {
            return;
        };
        store.failed = true;
        match &self.part {
            Part::Candidate(candidacy) if candidacy.waits_for(ticket) => {
                self.give_up(GiveUp::Disk, out);
            }
            // It is tried again: the leader waits for it, or nobody.
            Part::Candidate(_) | Part::Learner(_) => {}
            Part::Looking { .. } => self.store = None,
        }
    }

    /// An epoch has begun in this ensemble: puts on disk that its id is that for good. Another one may have been given to us by a
    /// leader that never began.
    pub(super) fn confirm_ensemble(
        &mut self,
        ensemble: Option<EnsembleId>,
        out: &mut Vec<EpochsAction>,
    ) {
        let record = self.record;
        if self.i_am_voter() && record.recorded && ensemble.is_some() && !record.confirmed {
            self.store(Record { ensemble, confirmed: true, ..record }, out);
        }
    }

    /// What could not be written for a session that is over is not wanted any more.
    pub(super) fn drop_failed_store(&mut self) {
        self.store.take_if(|store| store.failed);
    }
}
