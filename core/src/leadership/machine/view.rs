//! What others can see of a [`Leadership`].

use std::{collections::BTreeSet, time::Duration};

use super::{Leadership, Reign};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{Epochs, LeaseTerms, Promise, Reading, Record, Stage, lease::Clocks as _},
};

impl Leadership {
    /// Which member this is.
    pub const fn me(&self) -> ServerId {
        self.me
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
