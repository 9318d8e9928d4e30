//! [`LeadershipTiming`]: the waits of leadership.

use std::time::Duration;

use crate::Backoff;

/// A moment on the clock of one member: the time since it was started. It never goes back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub Duration);

impl Moment {
    /// This long after it.
    #[must_use]
    pub const fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// How long it is after an earlier one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The waits of leadership.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeadershipTiming {
    /// A leader asks its learners for a sign of life this often.
    pub ping: Duration,
    /// A learner leaves a leader, and a leader gives up its epoch, after this long without a word of the other.
    pub silence: Duration,
    /// What an election has decided has to be established within this time, or the election is held again.
    pub establish: Duration,
    /// When a leader is dialled again.
    pub redial: Backoff,
    /// One that has resigned does not stand for election for this long.
    pub holdoff: Duration,
    /// What could not be done for a reason that may pass is tried again after this time.
    pub retry: Duration,
    /// A voter that has met a real server sees this often whether there is one.
    pub review: Backoff,
}

impl Default for LeadershipTiming {
    fn default() -> Self {
        Self {
            ping: Duration::from_millis(200),
            silence: Duration::from_secs(1),
            establish: Duration::from_secs(2),
            redial: Backoff {
                min: Duration::from_millis(2),
                max: Duration::from_millis(200),
                attempts_max: None,
            },
            holdoff: Duration::from_secs(2),
            retry: Duration::from_secs(1),
            review: Backoff {
                min: Duration::from_secs(2),
                max: Duration::from_secs(60),
                attempts_max: None,
            },
        }
    }
}
