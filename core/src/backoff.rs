//! [`Backoff`]: how long to wait before trying again.

use std::time::Duration;

/// Waits that double from `min` to `max`, for ever or for a number of attempts.
///
/// It is a plain value without randomness, so that cores may hold one. The actor that waits adds the jitter.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub min: Duration,
    /// No wait is longer than this.
    pub max: Duration,
    /// Give up after this many failures in a row; `None` never does.
    pub attempts_max: Option<u32>,
}

impl Backoff {
    /// The wait after this many failures in a row (at least one), or `None` when it is time to give up.
    pub fn delay(&self, failures: u32) -> Option<Duration> {
        if self.attempts_max.is_some_and(|max| failures >= max) {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(31);
        Some(self.min.saturating_mul(1 << doublings).min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        min: Duration::from_millis(10),
        max: Duration::from_millis(100),
        attempts_max: Some(40),
    };

    #[test]
    fn waits_double_up_to_the_cap_and_end_with_the_attempts() {
        let delays: Vec<_> = (1..=6).map(|n| BACKOFF.delay(n).unwrap().as_millis()).collect();
        assert_eq!(delays, [10, 20, 40, 80, 100, 100]);
        assert_eq!(BACKOFF.delay(39), Some(BACKOFF.max));
        assert_eq!(BACKOFF.delay(40), None);
    }
}
