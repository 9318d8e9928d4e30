//! [`Moment`]: a point of virtual time.

use std::{fmt, ops::Add, time::Duration};

/// Nanoseconds since the simulation began. 584 years of them fit: sums saturate and nobody notices.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    pub(super) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    pub(super) const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    pub(super) const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    pub(super) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        self.after(time)
    }
}

impl From<Duration> for Moment {
    fn from(since_start: Duration) -> Self {
        Self(nanos(since_start))
    }
}

impl fmt::Display for Moment {
    /// In milliseconds, to the microsecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000, self.0 / 1000 % 1000)
    }
}

/// A time in nanoseconds; nothing here is ever longer than fits.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
