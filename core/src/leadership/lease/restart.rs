//! [`Restart`]: what a member that starts again is bound by.

use std::time::Duration;

use super::{Clocks, Holder, Promise};
use crate::{ServerId, election::Epoch, leadership::DirectoryId};

/// A member that starts again, and what it finds of its earlier lives.
#[derive(Clone, Copy, Debug)]
pub struct Restart<C> {
    /// Which member it is.
    pub me: ServerId,
    /// The directory it runs on.
    pub directory: DirectoryId,
    /// The newest epoch whose leader it has acknowledged.
    pub current: Epoch,
    /// The longest promise that it may have made.
    pub longest_promise: Duration,
    /// Its last promise, if that was made on this boot of the machine.
    pub promise: Option<Promise<C>>,
    /// Work of an earlier life may go on.
    pub work_goes_on: bool,
}

/// What an earlier life has left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bound<C> {
    /// What the member is bound by.
    pub promise: Option<Promise<C>>,
    /// The newest epoch of its own that has surely ended.
    pub ended: Epoch,
}

impl<C: Clocks> Restart<C> {
    /// What binds it, when its clocks show this.
    ///
    /// A promise of this boot binds as it says. If it is not known any more, the member is bound for as long as the longest it may
    /// have made. Its own epochs have ended if nothing is left that they could go on in: no process of this boot goes on,
    /// and the last promise was made on this boot. A directory that was moved to another machine proves nothing about the process
    /// left there.
    pub fn bound(self, now: C) -> Bound<C> {
        let Self { me, directory, current, longest_promise, promise, work_goes_on } = self;
        let Some(promise) = promise else {
            let unknown = Promise { to: None, epoch: current, until: now.plus(longest_promise) };
            let promise = Some(unknown).filter(|_| !longest_promise.is_zero());
            return Bound { promise, ended: Epoch(0) };
        };
        if work_goes_on {
            return Bound { promise: Some(promise), ended: Epoch(0) };
        }
        let is_own = |to: Holder| to.leader == me && to.directory == directory;
        let promise = Some(promise).filter(|promise| !promise.to.is_some_and(is_own));
        Bound { promise, ended: current }
    }
}
