//! [`ElectionTiming`]: how long an election waits for what.

use std::time::Duration;

/// The waits of an election. The defaults are ZooKeeper's, where it has them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ElectionTiming {
    /// With a quorum for one vote, how long to wait for a better vote of a voter not yet heard (`finalizeWait`).
    pub settle: Duration,
    /// In silence, how long to wait before saying the vote again (`fastleader.minNotificationInterval`).
    pub resend_min: Duration,
    /// That wait doubles up to this (`fastleader.maxNotificationInterval`).
    pub resend_max: Duration,
    /// How long to stand by a leader, or as one by a quorum, whose links are lost but not refused.
    pub grace: Duration,
}

impl Default for ElectionTiming {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(200),
            resend_min: Duration::from_millis(200),
            resend_max: Duration::from_secs(60),
            grace: Duration::from_millis(500),
        }
    }
}
