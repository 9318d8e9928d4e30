//! [`Sparingly`] and [`RateLimit`]: how to report something that others can cause without end.

use std::{collections::VecDeque, time::Duration};

/// Counts occurrences of one kind and picks those to report: the first, second, fourth, eighth …
///
/// An hour at a thousand a second is twenty-two lines, and the number in the last one says how much it was.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Sparingly(u64);

impl Sparingly {
    /// Counts one more. Returns how many there were, if this one is to be reported.
    pub fn count(&mut self) -> Option<u64> {
        self.0 = self.0.saturating_add(1);
        self.0.is_power_of_two().then_some(self.0)
    }
}

/// Admits at most a fixed number within any period of a fixed length. Moments are durations since any beginning; none
/// is earlier than the one before.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RateLimit {
    max: usize,
    period: Duration,
    /// When the last ones were admitted, the oldest first; at most `max`.
    admitted: VecDeque<Duration>,
}

impl RateLimit {
    /// At most `max`, at least one, within any `period`.
    pub const fn new(max: usize, period: Duration) -> Self {
        Self { max, period, admitted: VecDeque::new() }
    }

    /// Whether one more is admitted at this moment. If so, it is counted.
    pub fn admit(&mut self, at: Duration) -> bool {
        while self.admitted.front().is_some_and(|first| *first + self.period <= at) {
            self.admitted.pop_front();
        }
        let admitted = self.admitted.len() < self.max;
        if admitted {
            self.admitted.push_back(at);
        }
        admitted
    }

    /// From when on another one is admitted: from the beginning, if nothing is in the way.
    pub fn next_admitted(&self) -> Duration {
        let full = self.admitted.len() >= self.max;
        let first = self.admitted.front().filter(|_| full);
        first.map_or(Duration::ZERO, |first| *first + self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_second_fourth_and_eighth_are_told_with_their_number() {
        let mut counted = Sparingly::default();
        let told: Vec<_> = (0..20).filter_map(|_| counted.count()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16]);
    }

    #[test]
    fn a_count_that_cannot_grow_any_more_is_not_told_again() {
        let mut counted = Sparingly(u64::MAX - 1);
        assert_eq!((counted.count(), counted.count()), (None, None));
    }

    #[test]
    fn no_period_has_more_than_the_limit_wherever_it_begins() {
        let (max, period) = (10, Duration::from_secs(60));
        let mut limit = RateLimit::new(max, period);
        let moments = (0..100_000).map(|n| Duration::from_millis(n * 37));
        let admitted: Vec<_> = moments.filter(|at| limit.admit(*at)).collect();
        assert!(admitted.windows(max + 1).all(|few| few[0] + period <= few[max]));
        // 3700 s are 61 whole periods and a part of one, and each is used.
        assert_eq!(admitted.len(), 62 * max);
    }

    #[test]
    fn the_next_one_is_admitted_when_the_limit_says_so() {
        let mut limit = RateLimit::new(2, Duration::from_secs(60));
        let seconds = Duration::from_secs;
        assert!(limit.admit(seconds(1)) && limit.next_admitted() <= seconds(1));
        assert!(limit.admit(seconds(5)) && !limit.admit(seconds(60)));
        assert_eq!(limit.next_admitted(), seconds(61));
        assert!(limit.admit(limit.next_admitted()));
    }
}
