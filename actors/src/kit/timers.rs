//! [`Timers`]: the deadlines of one actor, as values.

use std::{collections::BTreeMap, time::Instant};

/// The armed timers of one actor, each named by a value of `K`, each due at a moment `I` of whatever clock it goes by.
///
/// A core says `SetTimer(name, after)`; its actor keeps the name here, sleeps until [`Timers::next_deadline`],
/// and hands the name back when it is due. Arming a name again replaces its deadline.
#[derive(Debug)]
pub struct Timers<K, I = Instant>(BTreeMap<K, I>);

impl<K: Ord + Clone, I: Ord + Copy> Timers<K, I> {
    /// No timer armed.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Arms `timer`, anew if it was armed already.
    pub fn set(&mut self, timer: K, at: I) {
        self.0.insert(timer, at);
    }

    /// Disarms `timer`, if it was armed.
    pub fn clear(&mut self, timer: &K) {
        self.0.remove(timer);
    }

    /// When the next timer is due, if any is armed.
    pub fn next_deadline(&self) -> Option<I> {
        self.0.values().min().copied()
    }

    /// Takes out the timer that has been due longest, if one is due by `now`.
    pub fn pop_due(&mut self, now: I) -> Option<K> {
        let (timer, _) = self.0.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at)?;
        let timer = timer.clone();
        self.0.remove(&timer);
        Some(timer)
    }
}

impl<K: Ord + Clone, I: Ord + Copy> Default for Timers<K, I> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_again_replaces_and_due_timers_come_out_once_the_longest_due_first() {
        let mut timers = Timers::new();
        timers.set("late", 3600);
        timers.set("soon", 3600);
        timers.set("soon", 2);
        timers.set("sooner", 1);
        assert_eq!(timers.next_deadline(), Some(1));
        assert_eq!(timers.pop_due(0), None);
        assert_eq!(timers.pop_due(2), Some("sooner"));
        assert_eq!(timers.pop_due(2), Some("soon"));
        assert_eq!(timers.pop_due(2), None);
        assert_eq!(timers.next_deadline(), Some(3600));
        timers.clear(&"late");
        assert_eq!(timers.next_deadline(), None);
    }
}
