//! Clocks of two paces, and true time.

use std::time::Duration;

use ballotbox_core::leadership::lease::Clocks;

/// What a clock shows. A tick stands for a millisecond.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Tick(pub(super) u64);

impl Tick {
    /// How many ticks are missing until the clock shows this.
    pub(super) fn left(self, until: Self) -> u64 {
        until.0.saturating_sub(self.0)
    }
}

impl Clocks for Tick {
    fn plus(self, wait: Duration) -> Self {
        Self(self.0 + u64::try_from(wait.as_millis()).unwrap())
    }

    fn later(self, other: Self) -> Self {
        self.max(other)
    }

    fn left_by_fastest(self, until: Self) -> Option<Duration> {
        Some(ticks(self.left(until))).filter(|left| !left.is_zero())
    }

    fn left_by_slowest(self, until: Self) -> Option<Duration> {
        self.left_by_fastest(until)
    }
}

pub(super) const fn ticks(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// How fast a clock is. Of two, one is never faster than the other by more than the half.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Pace {
    /// One tick in each step of true time.
    Fast,
    /// Two ticks in three steps.
    Slow,
}

impl Pace {
    /// What such a clock shows after so many steps.
    pub(super) const fn shows(self, time: u64) -> Tick {
        match self {
            Self::Fast => Tick(time),
            Self::Slow => Tick(time * 2 / 3),
        }
    }

    /// After how many steps it shows this first.
    pub(super) const fn shows_at(self, tick: Tick) -> u64 {
        match self {
            Self::Fast => tick.0,
            Self::Slow => (tick.0 * 3).div_ceil(2),
        }
    }
}

/// P for a lease of so many ticks, where one clock is faster than the other by the half: that is D·(1+r)/(1-r) with a fifth for r.
pub(super) const fn promise_for(length: u64) -> u64 {
    (length * 3).div_ceil(2)
}
