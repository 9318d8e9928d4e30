//! What others can see of a [`Leadership`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Leadership, Reign};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{
        Epochs, Incarnation, LeaseTerms, Promise, Reading, Record, SessionId, Stage,
        lease::Clocks as _,
    },
    membership::Ensemble,
};

impl Leadership {
    /// Which member this is.
    pub const fn me(&self) -> ServerId {
        self.me
    }

    /// Whose leader we are, or look for.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// How far we have come.
    pub fn stage(&self) -> Stage {
        self.epochs.stage()
    }

    /// What is on disk, and the newest epoch that we have promised to.
    pub const fn promises(&self) -> (Record, Epoch) {
        (self.epochs.record(), self.epochs.accepted())
    }

    /// The epochs, for the rules that are about them.
    pub const fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// The epoch that we lead in or follow, and its leader: what we have reported, and not yet taken back.
    pub fn established(&self) -> Option<(ServerId, Epoch)> {
        match self.reign {
            Reign::None | Reign::Unleased { .. } => {
                self.closing.map(|closing| (self.me, closing.epoch))
            }
            Reign::Leading { epoch, .. } => Some((self.me, epoch)),
            Reign::Following { leader, epoch } => Some((leader, epoch)),
        }
    }

    /// In which of its lives that leader is, if it has said so.
    pub fn incarnation_of_leader(&self) -> Option<Incarnation> {
        let (leader, _) = self.established()?;
        let own = (leader == self.me).then(|| self.epochs.holder());
        let holder = own.or_else(|| self.epochs.candidate())?;
        (holder.leader == leader).then_some(holder.incarnation)
    }

    /// As leader: of each voter that has come, whether its word does not count, as it may have forgotten others.
    pub fn amnesia(&self) -> BTreeMap<ServerId, bool> {
        if self.leads_in().is_none() {
            return BTreeMap::new();
        }
        let mut amnesia = self.epochs.amnesia();
        amnesia.retain(|peer, _| self.ensemble.is_voter(*peer));
        amnesia
    }

    /// Whether we serve the learner on this session, or have dialled it last: what comes on another one is ignored.
    pub fn is_current(&self, session: SessionId) -> bool {
        let is_asked = self.review.asked.is_some_and(|(asked, _)| asked == session);
        is_asked || self.dial.session == Some(session) || self.door.serves(session)
    }

    /// The epoch in which we lead, and until when by our clocks: nobody else leads before, with a lease; and without one, a quorum
    /// is known to support us.
    pub fn leads(&self) -> Option<(Epoch, Reading)> {
        let epoch = self.leads_in().or_else(|| self.closing.map(|closing| closing.epoch))?;
        let until = match self.timing.lease {
            Some(_) => self.lease.until()?,
            None if self.ensemble.is_quorum(&[self.me].into()) => {
                Reading { boot: Duration::MAX, raw: Duration::MAX }
            }
            None => self.beat.heard_reading.plus(self.timing.silence),
        };
        Some((epoch, until))
    }

    /// The epoch that we lead in, unless it is given up already.
    pub const fn leads_in(&self) -> Option<Epoch> {
        if let Reign::Leading { epoch, .. } = self.reign { Some(epoch) } else { None }
    }

    /// The lease that we ask for when we lead.
    pub const fn terms(&self) -> Option<LeaseTerms> {
        self.timing.lease
    }

    /// What was promised last, and whether or not it is over: so the leader of this epoch holds a lease, perhaps.
    pub const fn promise(&self) -> Option<Promise<Reading>> {
        self.lease.promise()
    }

    /// As leader with a lease: who has promised at one of the last pings, we among them. They are enough if they are a blocking set.
    pub fn promising(&self) -> Option<BTreeSet<ServerId>> {
        let (pings, _) = self.epochs.pings();
        let since = pings.saturating_sub(1).max(1);
        match self.reign {
            Reign::Leading { .. } | Reign::Unleased { .. } if self.timing.lease.is_some() => {
                Some(self.epochs.promised_since(since))
            }
            Reign::None
            | Reign::Unleased { .. }
            | Reign::Leading { .. }
            | Reign::Following { .. } => None,
        }
    }

    /// As leader: the number of the last ping, and of the newest that a quorum has answered.
    pub fn pings(&self) -> (u64, u64) {
        self.epochs.pings()
    }

    /// Whether we have ended in good order: nothing happens any more.
    pub const fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether we lead, and have begun to give that up.
    pub const fn is_retiring(&self) -> bool {
        matches!(self.reign, Reign::Leading { retiring: Some(_), .. }) || self.closing.is_some()
    }

    /// Whether a record could not be written, and is still wanted.
    pub fn is_unable_to_store(&self) -> bool {
        self.epochs.is_unable_to_store()
    }

    /// Whether a real server was met.
    pub const fn is_beside_real_server(&self) -> bool {
        self.standing.beside_real_server
    }
}
