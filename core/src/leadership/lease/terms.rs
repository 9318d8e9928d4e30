//! [`LeaseTerms`]: how long leases are, and how long the promises behind them.

use std::time::Duration;

const MILLION: u128 = 1_000_000;

/// How long a lease is, and by how much clocks may be off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeaseTerms {
    /// D: a lease runs for this long from the sending of a ping.
    pub length: Duration,
    /// r: by how much a clock may be too fast or too slow, in parts per million.
    pub drift_ppm: u32,
}

impl LeaseTerms {
    /// No voter promises more, no matter who asks for it.
    pub const LENGTH_MAX: Duration = Duration::from_secs(60);
    /// What is left to those who act, between looking at the clock and having acted.
    pub const SLACK: Duration = Duration::from_millis(50);
    /// Work that has less time to end cannot be meant.
    pub const STOP_WITHIN_MIN: Duration = Duration::from_millis(100);
    /// One percent: twenty times what crystals are off, and more than what a time daemon slews.
    pub const DRIFT_PPM: u32 = 10_000;
    /// A tenth. With more, promises would be longer than leases by a quarter and more.
    pub const DRIFT_PPM_MAX: u32 = 100_000;

    /// P: a voter that promises is bound for this long from the receiving of the ping.
    ///
    /// That is D·(1+r)/(1-r), rounded up to a nanosecond: no lease is as long, however much the clocks of both are off.
    pub fn promise(self) -> Duration {
        let drift = u128::from(self.drift_ppm.min(Self::DRIFT_PPM_MAX));
        let span = (self.length.as_nanos() * (MILLION + drift)).div_ceil(MILLION - drift);
        Duration::from_nanos(u64::try_from(span).unwrap_or(u64::MAX))
    }

    /// The same for a member that expects clocks to be off by so much: the larger of the two drifts counts.
    #[must_use]
    pub fn with_drift_of_at_least(self, drift_ppm: u32) -> Self {
        Self { drift_ppm: self.drift_ppm.max(drift_ppm), ..self }
    }
}
