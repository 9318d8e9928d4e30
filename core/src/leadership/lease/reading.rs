//! [`Reading`]: what two clocks of a machine show at one moment.

use std::{fmt::Debug, hash::Hash, time::Duration};

/// What is shown by the clocks of a member at one moment, as far as leases go.
///
/// Of one member, what is read later is later by each of its clocks.
pub trait Clocks: Copy + Debug + Eq + Hash {
    /// This long after it, by each clock.
    #[must_use]
    fn plus(self, wait: Duration) -> Self;
    /// Of two, what is later, by each clock.
    #[must_use]
    fn later(self, other: Self) -> Self;
    /// How long it takes until the first of the clocks shows `until`: `None` if one does already.
    fn left_by_fastest(self, until: Self) -> Option<Duration>;
    /// How long it takes until the last of the clocks shows `until`: `None` if all do.
    fn left_by_slowest(self, until: Self) -> Option<Duration>;
}

/// What `CLOCK_BOOTTIME` and `CLOCK_MONOTONIC_RAW` show: since the machine has started.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Reading {
    /// The clock that goes on while the machine sleeps, and may be slewed.
    pub boot: Duration,
    /// The clock that is not slewed, and stops while the machine sleeps.
    pub raw: Duration,
}

impl Reading {
    /// What each clock shows, in nanoseconds: as it is written down, and sent.
    pub fn to_nanos(self) -> [u64; 2] {
        let nanos = |shown: Duration| u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        [nanos(self.boot), nanos(self.raw)]
    }

    /// The same, read.
    pub const fn from_nanos([boot, raw]: [u64; 2]) -> Self {
        Self { boot: Duration::from_nanos(boot), raw: Duration::from_nanos(raw) }
    }

    /// How long each clock takes until it shows this: nothing if it does.
    fn left(self, until: Self) -> [Duration; 2] {
        [until.boot.saturating_sub(self.boot), until.raw.saturating_sub(self.raw)]
    }
}

impl Clocks for Reading {
    fn plus(self, wait: Duration) -> Self {
        Self { boot: self.boot.saturating_add(wait), raw: self.raw.saturating_add(wait) }
    }

    fn later(self, other: Self) -> Self {
        Self { boot: self.boot.max(other.boot), raw: self.raw.max(other.raw) }
    }

    fn left_by_fastest(self, until: Self) -> Option<Duration> {
        let [boot, raw] = self.left(until);
        Some(boot.min(raw)).filter(|left| !left.is_zero())
    }

    fn left_by_slowest(self, until: Self) -> Option<Duration> {
        let [boot, raw] = self.left(until);
        Some(boot.max(raw)).filter(|left| !left.is_zero())
    }
}
