//! [`Timers`]: the deadlines of one actor, as values.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::clock;

/// The armed timers of one actor, each named by a value of `T`.
///
/// A core says `SetTimer(name, after)`; its actor keeps the name here, sleeps until [`Timers::next_deadline`],
/// and hands the name back when it is due. Arming a name again replaces its deadline.
#[derive(Debug)]
pub struct Timers<T>(BTreeMap<T, Instant>);

impl<T: Ord + Clone> Timers<T> {
    /// No timer armed.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Arms `timer`, anew if it was armed already.
    pub fn set(&mut self, timer: T, after: Duration) {
        self.0.insert(timer, clock::now() + after);
    }

    /// Disarms `timer`, if it was armed.
    pub fn clear(&mut self, timer: &T) {
        self.0.remove(timer);
    }

    /// When the next timer is due, if any is armed.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes out the timer that has been due longest, if one is due.
    pub fn pop_due(&mut self) -> Option<T> {
        let (timer, deadline) = self.0.iter().min_by_key(|(_, deadline)| **deadline)?;
        if *deadline > clock::now() {
            return None;
        }
        let timer = timer.clone();
        self.0.remove(&timer);
        Some(timer)
    }
}

impl<T: Ord + Clone> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_again_replaces_and_due_timers_come_out_once() {
        let mut timers = Timers::new();
        timers.set("late", Duration::from_secs(3600));
        timers.set("soon", Duration::from_secs(3600));
        timers.set("soon", Duration::ZERO);
        assert_eq!(timers.pop_due(), Some("soon"));
        assert_eq!(timers.pop_due(), None);
        assert!(timers.next_deadline().is_some());
        timers.clear(&"late");
        assert_eq!(timers.next_deadline(), None);
    }
}
