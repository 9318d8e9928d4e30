//! [`Epochs::hash_likeness`]: what two members have in common that go on alike.
//!
//! A model checker looks at one of them only. It does not matter how members and sessions are called, as long as all call them
//! alike, nor how many records were stored before.

use std::hash::{Hash, Hasher};

use super::{Epochs, Part, Ticket, candidate::Candidacy, learner::Learning};
use crate::{
    ServerId,
    leadership::{Info, SessionId},
};

/// Other names for members and sessions.
pub trait Renaming {
    /// What a member is called.
    fn member(&self, member: ServerId) -> ServerId;
    /// What a session is called.
    fn session(&self, session: SessionId) -> SessionId;
}

impl Epochs {
    /// Hashes all that decides how this member goes on, under other names. Members with one [`Identity`](super::Identity)
    /// and one ensemble go on alike if it is the same.
    pub fn hash_likeness(&self, names: &impl Renaming, hasher: &mut impl Hasher) {
        names.member(self.me).hash(hasher);
        (self.record, self.accepted, self.followed, self.work_goes_on).hash(hasher);
        self.store.map(|store| (self.age(store.ticket), store.record, store.failed)).hash(hasher);
        match &self.part {
            Part::Looking { early } => {
                let early = early.values().map(|(session, info)| (names.session(*session), info));
                let mut early: Vec<_> = early.collect();
                early.sort_unstable_by_key(|(session, _)| *session);
                (0_u8, early.len()).hash(hasher);
                for (session, info) in early {
                    let id = info.id.map(|id| names.member(id));
                    (session, Info { id, ..info.clone() }).hash(hasher);
                }
            }
            Part::Candidate(candidacy) => {
                1_u8.hash(hasher);
                self.renamed_candidacy(candidacy, names).hash(hasher);
            }
            Part::Learner(learning) => {
                2_u8.hash(hasher);
                self.renamed_learning(learning, names).hash(hasher);
            }
        }
    }

    /// How many records were to be stored after this one.
    pub fn age(&self, ticket: Ticket) -> Ticket {
        Ticket(self.last_ticket.0 - ticket.0)
    }

    fn renamed_candidacy(&self, candidacy: &Candidacy, names: &impl Renaming) -> Candidacy {
        let mut renamed = candidacy.clone();
        renamed.retell(|ticket| self.age(ticket));
        renamed.rename(|id| names.member(id), |session| names.session(session));
        renamed
    }

    fn renamed_learning(&self, learning: &Learning, names: &impl Renaming) -> Learning {
        let mut renamed = learning.clone();
        renamed.retell(|ticket| self.age(ticket));
        renamed.rename(|id| names.member(id), |session| names.session(session));
        renamed
    }
}
