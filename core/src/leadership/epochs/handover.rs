//! Who can come after us, as leader of an epoch that has begun: what we know of those who follow.

use std::collections::BTreeSet;

use super::{
    Epochs, Part,
    candidate::{Candidacy, Phase},
    served::Learner,
};
use crate::{
    ServerId,
    election::{Epoch, Vote},
    leadership::{CannotResign, Successor},
};

impl Epochs {
    /// The vote for the member that is to come after us, if there is such a one. Who leaves does not count among those who settle on it.
    ///
    /// # Errors
    ///
    /// [`CannotResign`], when there is none; of any that could be meant, why the last one cannot.
    pub fn successor(&self, wanted: Successor, we_leave: bool) -> Result<Vote, CannotResign> {
        let Part::Candidate(candidacy) = &self.part else { return Err(CannotResign::NobodyLeads) };
        let Phase::Leading { epoch } = candidacy.phase else {
            return Err(CannotResign::NobodyLeads);
        };
        let fit = |id| self.vote_for_successor(id, candidacy, epoch, we_leave);
        match wanted {
            Successor::To(id) => fit(id),
            Successor::Any => {
                let others = self.ensemble.voters().filter(|voter| *voter != self.me);
                let mut best = Err(CannotResign::NobodyLeads);
                for one in others.map(fit) {
                    best = match (best, one) {
                        (Ok(best), Ok(one)) => Ok(one.max(best)),
                        (Ok(best), Err(_)) => Ok(best),
                        (Err(_), one) => one,
                    };
                }
                best
            }
        }
    }

    fn vote_for_successor(
        &self,
        id: ServerId,
        candidacy: &Candidacy,
        epoch: Epoch,
        we_leave: bool,
    ) -> Result<Vote, CannotResign> {
        self.check_member(id)?;
        let learner = candidacy.learners.values().find(|learner| learner.peer == id);
        let learner = learner.ok_or(CannotResign::NotHere { id })?;
        let lately = candidacy.pings.saturating_sub(1);
        if !learner.follows {
            return Err(CannotResign::NotHere { id });
        }
        if !learner.supports(epoch) {
            return Err(CannotResign::DoesNotCount { id });
        }
        if learner.answered < lately || learner.stands.is_none() {
            return Err(CannotResign::Silent { id });
        }
        if self.identity.lease.is_some() && learner.promised < lately {
            return Err(CannotResign::DoesNotPromise { id });
        }
        if learner.stands == Some(false) {
            return Err(CannotResign::DoesNotStand { id });
        }
        let mut settle = candidacy.peers_where(|one| one.follows && one.supports(epoch));
        settle.extend((!we_leave).then_some(self.me));
        if !self.ensemble.is_quorum(&settle) {
            return Err(CannotResign::NoQuorum { id });
        }
        Ok(Vote { epoch, zxid: learner.zxid, leader: id })
    }

    /// Whether this is another member that may lead at all.
    fn check_member(&self, id: ServerId) -> Result<(), CannotResign> {
        if id == self.me {
            return Err(CannotResign::Itself { id });
        }
        if !self.ensemble.contains(id) {
            return Err(CannotResign::Unknown { id });
        }
        if !self.ensemble.is_voter(id) {
            return Err(CannotResign::Observer { id });
        }
        if !self.ensemble.may_lead(id) {
            return Err(CannotResign::WeightZero { id });
        }
        Ok(())
    }

    /// The others that are here and could be elected: their votes weigh something, and they are no amnesiacs.
    pub(crate) fn electable(&self) -> BTreeSet<ServerId> {
        let Part::Candidate(candidacy) = &self.part else { return BTreeSet::new() };
        let Some(epoch) = candidacy.epoch() else { return BTreeSet::new() };
        let may = |one: &Learner| self.ensemble.may_lead(one.peer) && one.supports(epoch);
        candidacy.peers_where(may)
    }
}
