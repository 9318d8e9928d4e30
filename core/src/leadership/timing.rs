//! [`LeadershipTiming`]: the waits of leadership.

use std::time::Duration;

use super::LeaseTerms;
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
    /// The lease that it asks its voters for when it leads; `None` for none.
    pub lease: Option<LeaseTerms>,
    /// How long the work of a leader may take to end; `None` for what [`stop_within`](Self::stop_within) says.
    pub stop_within: Option<Duration>,
}

/// How long work may take to end that nothing hurries.
const IN_GOOD_ORDER: Duration = Duration::from_secs(1);

/// Why a lease cannot be meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum LeaseProblem {
    /// Not everything that has to happen in it fits.
    #[error(
        "a lease of {length:?} is too short: the work has {stop_within:?} to end, four pings may be lost, {pings:?}, and {:?} are left \
         between looking and acting; expected at least {:?}", LeaseTerms::SLACK, stop_within.saturating_add(*pings).saturating_add(LeaseTerms::SLACK)
    )]
    TooShort {
        length: Duration,
        /// How long the work may take to end.
        stop_within: Duration,
        /// Four times from one ping to the next.
        pings: Duration,
    },
    /// No voter promises so much.
    #[error("a lease of {length:?} is too long: expected at most {:?}", LeaseTerms::LENGTH_MAX)]
    TooLong { length: Duration },
    /// No clock is that much off.
    #[error(
        "clocks that are off by {drift_ppm} parts per million: expected at most {}",
        LeaseTerms::DRIFT_PPM_MAX
    )]
    Drift { drift_ppm: u32 },
}

impl LeadershipTiming {
    /// What is wrong with the lease, if there is one, and something is.
    pub fn lease_problem(&self) -> Option<LeaseProblem> {
        let LeaseTerms { length, drift_ppm } = self.lease?;
        let pings = self.ping.saturating_mul(4);
        let stop_within = self.stop_within().max(LeaseTerms::STOP_WITHIN_MIN);
        if length > LeaseTerms::LENGTH_MAX {
            return Some(LeaseProblem::TooLong { length });
        }
        if drift_ppm > LeaseTerms::DRIFT_PPM_MAX {
            return Some(LeaseProblem::Drift { drift_ppm });
        }
        let needed = stop_within.saturating_add(pings).saturating_add(LeaseTerms::SLACK);
        (needed > length).then_some(LeaseProblem::TooShort { length, stop_within, pings })
    }

    /// Within this time a result of an election has to be established: never before a promise made to the last leader is over,
    /// or elections would run in circles.
    pub fn establish(&self) -> Duration {
        let promise = self.lease.map(|lease| lease.promise() + self.retry);
        self.establish.max(promise.unwrap_or_default())
    }

    /// M: how long the work of a leader may take to end. When no more than that is left of a lease, and it is not renewed, the work is told to end.
    ///
    /// If it is not set it is a second; with a lease at most half of that, and so short that four pings may be lost before.
    pub fn stop_within(&self) -> Duration {
        let by_default = self.lease.map_or(IN_GOOD_ORDER, |LeaseTerms { length, .. }| {
            (length / 2).min(length.saturating_sub(LeaseTerms::SLACK + 4 * self.ping))
        });
        self.stop_within.unwrap_or(by_default)
    }

    /// The same for a leader that gives its epoch up in good order. Its lease is renewed meanwhile, so however short that is, there is a
    /// second if nothing else is set.
    pub fn end_within(&self) -> Duration {
        self.stop_within.unwrap_or(IN_GOOD_ORDER)
    }
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
            lease: None,
            stop_within: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn with_lease(length: u64) -> LeadershipTiming {
        let lease = LeaseTerms { length: ms(length), drift_ppm: 10_000 };
        LeadershipTiming { lease: Some(lease), ..LeadershipTiming::default() }
    }

    #[test]
    fn work_has_half_of_the_lease_to_end_or_less_if_four_pings_may_be_lost_before() {
        assert_eq!(LeadershipTiming::default().stop_within(), ms(1000));
        let lengths = [(10_000, 5000), (2000, 1000), (1700, 850), (1000, 150), (500, 0)];
        for (length, expected) in lengths {
            assert_eq!(with_lease(length).stop_within(), ms(expected), "{length}");
            assert_eq!(with_lease(length).end_within(), ms(1000), "{length}");
        }
        let set = LeadershipTiming { stop_within: Some(ms(77)), ..with_lease(2000) };
        assert_eq!((set.stop_within(), set.end_within()), (ms(77), ms(77)));
    }

    #[test]
    fn a_lease_leaves_time_to_stop_and_for_four_lost_pings() {
        assert_eq!(LeadershipTiming::default().lease_problem(), None);
        assert_eq!(with_lease(950).lease_problem(), None);
        let problem = |timing: LeadershipTiming| timing.lease_problem().unwrap().to_string();
        assert_eq!(
            problem(with_lease(949)),
            "a lease of 949ms is too short: the work has 100ms to end, four pings may be lost, 800ms, and 50ms are left \
             between looking and acting; expected at least 950ms"
        );
        let slow = LeadershipTiming { stop_within: Some(ms(1151)), ..with_lease(2000) };
        assert!(problem(slow).ends_with("expected at least 2.001s"));
        assert_eq!(
            problem(with_lease(60_001)),
            "a lease of 60.001s is too long: expected at most 60s"
        );
        let lease = Some(LeaseTerms { length: ms(2000), drift_ppm: 100_001 });
        let drift = LeadershipTiming { lease, ..LeadershipTiming::default() };
        assert!(problem(drift).starts_with("clocks that are off by 100001 parts per million"));
    }

    #[test]
    fn what_was_elected_has_longer_to_be_established_than_a_promise_lasts() {
        assert_eq!(LeadershipTiming::default().establish(), ms(2000));
        assert!(with_lease(500).establish() == ms(2000));
        assert_eq!(with_lease(10_000).establish(), Duration::from_nanos(11_202_020_203));
    }
}
