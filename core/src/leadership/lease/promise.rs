//! [`Promise`]: what a voter has promised, and [`HasEnded`]: what frees it.

use crate::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, Incarnation},
};

/// A leader in one of its lives: another life of the same member is another holder.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Holder {
    /// Which member it is.
    pub leader: ServerId,
    /// The directory it runs on.
    pub directory: DirectoryId,
    /// How often it was started there.
    pub incarnation: Incarnation,
}

/// To help nobody but one leader before this has passed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Promise<C> {
    /// Whom; `None` if that is not known any more, as after a restart of the machine.
    pub to: Option<Holder>,
    /// The newest of its epochs in which this was promised.
    pub epoch: Epoch,
    /// It is over when all clocks of the member show this.
    pub until: C,
}

/// The epochs of a member up to one have ended at it: it holds no lease of them, and no work of them goes on, nor ever will.
///
/// It is true for ever, so it does not matter who passes it on, or when it arrives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct HasEnded {
    /// Who says so, and in which life.
    pub holder: Holder,
    /// The newest of these epochs.
    pub epoch: Epoch,
}

impl HasEnded {
    /// Whether a promise rests on nothing else than epochs that have ended: one to the same member on the same directory, in this life or
    /// an earlier one.
    pub fn frees<C>(&self, promise: &Promise<C>) -> bool {
        promise.to.is_some_and(|to| {
            to.leader == self.holder.leader
                && to.directory == self.holder.directory
                && to.incarnation <= self.holder.incarnation
                && promise.epoch <= self.epoch
        })
    }
}
