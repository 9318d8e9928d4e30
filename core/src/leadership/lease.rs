//! [`Lease`]: a deadline before which nobody else can lead. It is arithmetic on the readings of clocks that come with events.
//!
//! # The rule
//!
//! D is the length of a lease, r says how much clocks are off at most, and P = D·(1+r)/(1-r).
//!
//! 1. A leader sends its pings with numbers, and notes what its clocks show when it sends one.
//! 2. A voter that has given its word for the leader's epoch answers a ping with a promise: until P has passed by its clock, counted
//!    from the *receiving*, it helps no other leader. The promise is where it outlives the process before the answer is said.
//! 3. The leader promises the same to itself, counted from the sending.
//! 4. Its lease runs until s + D by its clock, where s is the *sending* of the newest ping that a blocking set, itself among it, has
//!    answered so. A blocking set is one without which nobody has a quorum. The end never moves back.
//! 5. A voter gives no other leader its word for a new epoch before its promise is over. That is the only gate: until then it votes,
//!    introduces itself and takes note of epochs as ever, so that waiting and electing take place at the same time.
//! 6. Who leads is told of it only when such a lease runs. When it is over, so is the leadership.
//!
//! A promise ends early when its leader, in the same life or a later one on the same directory, says that its epochs up to that one have
//! [ended](HasEnded): its lease is given up, and its work is over. Nobody is freed by a connection that breaks or is refused.
//!
//! # What is assumed
//!
//! - **A1.** A directory keeps what was synced, and belongs to one living process: it is not copied, rolled back, or moved while
//!   that process may live. Voters that were wiped, and not recorded again, never hold a quorum.
//! - **A2.** For every clock that is read, an elapsed time t shows as something from (1-r)·t to (1+r)·t. Two clocks are read: one that goes on
//!   while the machine sleeps but may be slewed (`CLOCK_BOOTTIME`), and one that is not slewed but stops then
//!   (`CLOCK_MONOTONIC_RAW`). It is enough that at each time one of the two keeps to that at the leader, and is not behind, and
//!   likewise at the voter, and is not ahead: **a leader believes the faster one, a voter the slower one.**
//! - **A3.** No member is frozen *together with its clocks* between looking and acting, as a paused or migrated guest is.
//!
//! # Why it holds
//!
//! Let a lease run until the reading s + D. In true time that is at most D/(1-r) after the ping was sent. Each voter of the blocking
//! set has received that ping after it was sent, and its promise lasts until P has passed by its clock, so for at least P/(1+r) =
//! D/(1-r) in true time. So at the end of the lease all of them are still bound.
//!
//! Of two leaders one has the newer epoch. It has begun with words for that epoch from a quorum, and the lease of the other one rests on
//! promises of a blocking set. These meet in a voter that has done both. It cannot have promised *after* it gave its word: a voter
//! promises only in the newest epoch that it has accepted. So it gave its word after its promise was over (5), and by then the lease was over
//! as well. And a leader is told that it leads only when it holds a lease (6). So no two leases ever run at one time, and none runs when
//! a newer epoch begins. An older one may begin beside a lease, with words that were long on their way: it never gets one, so its
//! leader is not told that it leads.
//!
//! A voter that is killed finds its promise when it starts: the page cache of the system keeps what was written, whatever becomes of the process.
//! After a crash or a restart of the machine that may be lost, and the identity of the boot differs: then the voter is bound for the
//! longest promise it has ever made, counted from its start. That length is on disk before the first such promise.
//! A voter without its directory has forgotten everything, and counts nowhere until it is recorded. An established leader that records it
//! has a quorum without it. A founding needs it, and may never begin: so from then on it is bound for the longest promise of its members,
//! to nobody but that founding, in which every voter gives its word and each one that remembers keeps to the gate.
//!
//! The leader's clock and the voter's are never compared, no time of day is read, and no message need arrive in time. Timers may be late or early:
//! a deadline is a comparison of readings, and a timer only a reason to look.
//!
//! # What it does not do
//!
//! Between looking at the clock and acting there is a moment, and a frozen guest (A3) makes it long. Against that only the resource
//! itself helps, by refusing a smaller [token](super). Without A2, as on a machine whose both clocks go wrong by more than r, two leases may
//! overlap by that much; epochs and tokens do not depend on any clock.

mod promise;
mod reading;
mod restart;
mod terms;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

pub use self::{
    promise::{HasEnded, Holder, Promise},
    reading::{Clocks, Reading},
    restart::{Bound, Restart},
    terms::LeaseTerms,
};
use crate::election::Epoch;

/// One member's part in leases: what it has promised, and what it holds as a leader.
///
/// Generic in the clocks: a member reads two clocks of its machine, a model counts ticks.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Lease<C> {
    promise: Option<Promise<C>>,
    /// The promise is one that we may have forgotten, and this is the epoch of the founding that recorded us: in it we are free.
    free_in: Option<Epoch>,
    held: Option<Held<C>>,
}

/// The lease of a leader, in one epoch.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Held<C> {
    length: Duration,
    /// When the pings were sent that are newer than the one on which the lease rests.
    sent: BTreeMap<u64, C>,
    until: Option<C>,
}

impl<C: Clocks> Lease<C> {
    /// A member that has started, and was found to be bound by this promise.
    pub const fn new(promise: Option<Promise<C>>) -> Self {
        Self { promise, free_in: None, held: None }
    }

    /// What we have promised last, whether or not it is over.
    pub const fn promise(&self) -> Option<Promise<C>> {
        self.promise
    }

    /// From now on we are bound to this holder for so long. The promise has to be kept where it outlives us before anybody is told.
    ///
    /// The end of a promise never falls while it is made to the same holder, and its epoch is the newest that was answered: so that
    /// nothing ends it which ends an older epoch.
    pub fn bind(&mut self, to: Holder, epoch: Epoch, span: Duration, now: C) -> Promise<C> {
        let until = now.plus(span);
        let promise = match self.promise.filter(|before| before.to == Some(to)) {
            Some(before) => Promise {
                to: Some(to),
                epoch: epoch.max(before.epoch),
                until: until.later(before.until),
            },
            None => Promise { to: Some(to), epoch, until },
        };
        self.promise = Some(promise);
        self.free_in = None;
        promise
    }

    /// We are recorded by a founding, and may have forgotten a promise: until so long has passed we help nobody, but in this epoch, in which
    /// every voter gives its word, the one that holds a lease among them.
    pub fn bind_to_forgotten(&mut self, epoch: Epoch, span: Duration, now: C) {
        if self.bound_for(now).is_none() && !span.is_zero() {
            self.promise = Some(Promise { to: None, epoch, until: now.plus(span) });
            self.free_in = Some(epoch);
        }
    }

    /// For how long we may still not give our word to this one: `None` if we may.
    pub fn withheld_from(&self, candidate: Holder, now: C) -> Option<Duration> {
        let promise = self.promise.filter(|promise| promise.to != Some(candidate))?;
        now.left_by_slowest(promise.until)
    }

    /// The same for this epoch of it: what a founding let us forget does not matter in its own epoch.
    pub fn withheld_in(&self, epoch: Option<Epoch>, candidate: Holder, now: C) -> Option<Duration> {
        let is_free = self.free_in.is_some() && self.free_in == epoch;
        self.withheld_from(candidate, now).filter(|_| !is_free)
    }

    /// For how long we are bound to anybody: `None` if we are not.
    pub fn bound_for(&self, now: C) -> Option<Duration> {
        now.left_by_slowest(self.promise?.until)
    }

    /// Somebody says that its epochs have ended.
    pub fn hear(&mut self, ended: HasEnded) {
        self.promise.take_if(|promise| ended.frees(promise));
    }

    /// An epoch of ours has begun, in which leases have this length.
    pub fn begin(&mut self, length: Duration) {
        self.held = Some(Held { length, sent: BTreeMap::new(), until: None });
    }

    /// A ping is sent.
    pub fn sent(&mut self, number: u64, now: C) {
        if let Some(held) = &mut self.held {
            held.sent.insert(number, now);
        }
    }

    /// This is the newest ping that a blocking set, ourselves among it, has answered with promises.
    pub fn granted(&mut self, number: u64) {
        let Some(held) = &mut self.held else { return };
        if let Some(sent) = held.sent.get(&number) {
            let until = sent.plus(held.length);
            held.until = Some(held.until.map_or(until, |before| until.later(before)));
        }
        held.sent = held.sent.split_off(&(number + 1));
    }

    /// Until when nobody else can lead, if a lease was ever held in this epoch. It may be over.
    pub fn until(&self) -> Option<C> {
        self.held.as_ref()?.until
    }

    /// For how long the lease still runs: `None` if it does not.
    pub fn left(&self, now: C) -> Option<Duration> {
        now.left_by_fastest(self.until()?)
    }

    /// The lease is over for us, whatever its deadline. It does not come back in this epoch.
    pub fn give_up(&mut self) {
        self.held = None;
    }
}
