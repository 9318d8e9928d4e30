//! [`Record`]: what a member keeps on disk of the epochs, and the ids that tell directories and ensembles apart.

use std::{fmt, time::Duration};

use crate::election::Epoch;

/// What a member has on disk of the epochs.
///
/// Accepted and current never fall, and accepted is at least current.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Record {
    /// The newest epoch it has promised to (ZooKeeper's `acceptedEpoch`): it follows nobody with an older one.
    pub accepted: Epoch,
    /// The newest epoch whose leader it has acknowledged (ZooKeeper's `currentEpoch`). Its vote carries it.
    pub current: Epoch,
    /// Whether the ensemble knows that this directory remembers all its words. A member without this mark is an amnesiac: its
    /// directory is new, or was wiped, and nobody can tell which.
    pub recorded: bool,
    /// The ensemble it belongs to, once it has acknowledged a leader of ours. Who is recorded knows it: where voters that
    /// are recorded did not, two leaders could each give one its id, and both be confirmed.
    pub ensemble: Option<EnsembleId>,
    /// Whether an epoch of that ensemble has begun. Before that, another leader may still give it another id.
    pub confirmed: bool,
    /// The longest promise to a leader that it may ever have made. It is on disk before the first one as long as that is made; after a restart
    /// of the machine it is all that is left of them.
    pub longest_promise: Duration,
}

impl Record {
    /// This one, without taking back what an earlier one says.
    pub(super) fn after(self, earlier: Self) -> Self {
        let known = if earlier.confirmed && !self.confirmed { earlier } else { self };
        Self {
            accepted: self.accepted.max(earlier.accepted),
            current: self.current.max(earlier.current),
            recorded: self.recorded || earlier.recorded,
            ensemble: known.ensemble,
            confirmed: known.confirmed,
            longest_promise: self.longest_promise.max(earlier.longest_promise),
        }
    }
}

/// Which ensemble a directory belongs to: a number that the leader of its first epoch has drawn.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnsembleId(pub u64);

/// Which directory a member runs on: a number drawn when the directory was made. A wiped directory has another one, a copied
/// one has the same.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DirectoryId(pub u64);

/// How often a member was started on its directory.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Incarnation(pub u64);

impl fmt::Display for EnsembleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ensemble: u64, confirmed: bool) -> Record {
        Record { ensemble: Some(EnsembleId(ensemble)), confirmed, ..Record::default() }
    }

    #[test]
    fn of_two_ids_the_confirmed_one_counts_and_else_the_newer_one() {
        for (newer, earlier, known) in [
            ((7, false), (8, false), (7, false)),
            ((7, true), (8, false), (7, true)),
            ((7, false), (8, true), (8, true)),
            ((7, true), (7, true), (7, true)),
        ] {
            let [newer, earlier, known] =
                [newer, earlier, known].map(|(ensemble, confirmed)| of(ensemble, confirmed));
            assert_eq!(newer.after(earlier), known);
        }
    }

    #[test]
    fn what_an_earlier_record_says_is_not_taken_back() {
        let earlier =
            Record { accepted: Epoch(5), current: Epoch(4), recorded: true, ..Record::default() };
        assert_eq!(Record::default().after(earlier), earlier);
        assert_eq!(earlier.after(Record::default()), earlier);
    }

    #[test]
    fn ids_are_shown_as_sixteen_digits_and_starts_as_a_number() {
        assert_eq!(EnsembleId(0xab).to_string(), "00000000000000ab");
        assert_eq!(DirectoryId(u64::MAX).to_string(), "ffffffffffffffff");
        assert_eq!(Incarnation(12).to_string(), "12");
    }
}
