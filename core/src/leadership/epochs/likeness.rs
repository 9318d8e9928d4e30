//! [`Epochs::hash_likeness`]: what two members have in common that go on alike.
//!
//! A model checker looks at one of them only. It does not matter how members and sessions are called, as long as all call them
//! alike, nor how many records were stored before.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use super::{Epochs, Part, Ticket, served::Learner};
use crate::{
    ServerId,
    leadership::{Bond, SessionId},
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
        (self.bound, self.led, self.ended).hash(hasher);
        self.store.map(|store| (self.age(store.ticket), store.record, store.failed)).hash(hasher);
        let age = |ticket| self.age(ticket);
        match &self.part {
            Part::Looking { early } => (0_u8, renamed(early, names)).hash(hasher),
            Part::Candidate(candidacy) => (1_u8, candidacy.renamed(names, age)).hash(hasher),
            Part::Learner(learning) => (2_u8, learning.renamed(names, age)).hash(hasher),
        }
    }

    /// How many records were to be stored after this one.
    pub fn age(&self, ticket: Ticket) -> Ticket {
        Ticket(self.last_ticket.0 - ticket.0)
    }
}

/// The same learners with other names for members and sessions.
pub(super) fn renamed(
    learners: &BTreeMap<SessionId, Learner>,
    names: &impl Renaming,
) -> BTreeMap<SessionId, Learner> {
    let renamed = learners.iter().map(|(session, learner)| {
        let peer = names.member(learner.peer);
        // Whether it stands matters only to who comes after us, which is no question of epochs.
        let mut renamed = Learner { peer, stands: None, ..learner.clone() };
        renamed.ended.holder.leader = peer;
        if let Some(Bond { to: Some(to), .. }) = &mut renamed.bond {
            *to = names.member(*to);
        }
        (names.session(*session), renamed)
    });
    renamed.collect()
}
