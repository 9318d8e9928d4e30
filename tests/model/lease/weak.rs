//! Weakened rules, played by the model: the production core has no switch for them.

use ballotbox_core::{
    election::Epoch,
    leadership::{Holder, Promise},
};

use super::{
    clock::{Tick, promise_for},
    state::Rules,
};

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Weakness {
    None,
    /// A leader counts its lease from the answer to its ping.
    CountedFromTheAnswer,
    /// A voter gives its word whether it is bound or not.
    NoGate,
    /// A promise does not outlive the process.
    ForgottenByACrash,
    /// After a restart of the machine a voter is free.
    ForgottenByAReboot,
    /// What a leader says of its end does not name the epoch.
    ReleaseOfAnyEpoch,
    /// A leader promises itself nothing, nor does its lease keep it from giving its word.
    OwnWordIsFree,
    /// Where a ping would end earlier than what was promised before, that is kept whole, with its epoch.
    OldPromiseIsKeptWhole,
    /// A promise is shorter by a tick.
    ShortPromise,
    /// The words of a quorum begin the lease: nobody is asked for a promise.
    WordsAreTakenForPromises,
    /// The next life of a leader says that its epochs have ended, though its work goes on.
    EndedThoughWorkGoesOn,
}

impl Rules {
    /// For how long this epoch binds who promises.
    pub(super) fn promise(&self, epoch: usize) -> u64 {
        promise_for(self.length(epoch)) - u64::from(self.is(Weakness::ShortPromise))
    }

    /// Whether a promise that is newer, and ends then, is not written down.
    pub(super) fn keeps_old_promise(
        &self,
        old: Option<Promise<Tick>>,
        to: Holder,
        until: Tick,
    ) -> bool {
        self.is(Weakness::OldPromiseIsKeptWhole)
            && old.is_some_and(|old| old.to == Some(to) && old.until > until)
    }

    /// The epoch that is said to have ended.
    pub(super) fn said(&self, ended: usize) -> Epoch {
        if self.is(Weakness::ReleaseOfAnyEpoch) { Epoch(i64::MAX) } else { epoch(ended) }
    }
}

pub(super) fn epoch(number: usize) -> Epoch {
    Epoch(i64::try_from(number).unwrap())
}
