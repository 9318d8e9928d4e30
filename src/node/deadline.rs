//! [`Deadline`]: until when something holds, for many to read and one to move.

#[cfg(any(feature = "run", test))]
use std::task::{Context, Poll};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ballotbox_core::leadership::{Reading, lease::Clocks as _};
use futures::task::AtomicWaker;

/// Until when something holds, on both clocks. Its owner moves it; others read it without asking anybody.
///
/// The two clocks are read one after the other. A deadline that is moved on meanwhile is read as the earlier one or as the later one, or as
/// something in between: never as later than it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline(Arc<Nanos>);

/// In nanoseconds; 0 when it does not hold.
#[derive(Debug, Default)]
struct Nanos {
    boot: AtomicU64,
    raw: AtomicU64,
    /// Who waits until it is moved: at most one does.
    waiting: AtomicWaker,
}

impl Deadline {
    /// It holds until then.
    pub(super) fn set(&self, until: Reading) {
        if until == self.until() {
            return;
        }
        let [boot, raw] = until.to_nanos();
        self.0.boot.store(boot, Ordering::Release);
        self.0.raw.store(raw, Ordering::Release);
        self.0.waiting.wake();
    }

    /// Waits until it holds, and until some other moment than this. One of those who read it may wait.
    #[cfg(any(feature = "run", test))]
    pub(super) fn poll_moved(&self, from: Reading, context: &Context<'_>) -> Poll<Reading> {
        self.0.waiting.register(context.waker());
        let until = self.until();
        if until == from || until == Reading::default() {
            Poll::Pending
        } else {
            Poll::Ready(until)
        }
    }

    /// It does not hold any more.
    pub(super) fn end(&self) {
        self.set(Reading::default());
    }

    /// For how long it holds for who goes by the faster clock: `None` if it does not.
    pub(super) fn left(&self, now: Reading) -> Option<Duration> {
        now.left_by_fastest(self.until())
    }

    /// For how long it holds for who goes by the slower clock: `None` if it does not.
    pub(super) fn left_by_slowest(&self, now: Reading) -> Option<Duration> {
        now.left_by_slowest(self.until())
    }

    /// Until when.
    pub(super) fn until(&self) -> Reading {
        let Nanos { boot, raw, .. } = &*self.0;
        Reading::from_nanos([boot, raw].map(|nanos| nanos.load(Ordering::Acquire)))
    }
}

/// Two are equal if they are one: where it stands is no part of it.
impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Deadline {}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use async_std::task::block_on;

    use super::*;

    fn reading(boot: u64, raw: u64) -> Reading {
        Reading { boot: Duration::from_millis(boot), raw: Duration::from_millis(raw) }
    }

    #[test]
    fn it_holds_until_the_first_clock_shows_it_or_the_last_one() {
        let deadline = Deadline::default();
        assert_eq!(deadline.left(Reading::default()), None);
        deadline.set(reading(100, 200));
        let now = reading(40, 50);
        assert_eq!(deadline.left(now), Some(Duration::from_millis(60)));
        assert_eq!(deadline.left_by_slowest(now), Some(Duration::from_millis(150)));
        assert_eq!(deadline.left(reading(100, 50)), None);
        assert_eq!(deadline.left(reading(50, 200)), None);
        deadline.end();
        assert_eq!(deadline.left_by_slowest(now), None);
    }

    #[test]
    fn who_waits_is_woken_when_it_is_moved_to_a_moment() {
        let deadline = Deadline::default();
        let wait = |from| {
            let deadline = deadline.clone();
            async_std::task::spawn(poll_fn(move |context| deadline.poll_moved(from, context)))
        };
        let first = wait(Reading::default());
        deadline.set(reading(1, 2));
        assert_eq!(block_on(first), reading(1, 2));
        let second = wait(reading(1, 2));
        deadline.end();
        deadline.set(reading(3, 4));
        assert_eq!(block_on(second), reading(3, 4));
    }

    #[test]
    fn one_is_equal_to_itself_wherever_it_stands_and_to_no_other() {
        let deadline = Deadline::default();
        let same = deadline.clone();
        deadline.set(reading(1, 1));
        assert_eq!(deadline, same);
        assert_ne!(deadline, Deadline::default());
    }
}
