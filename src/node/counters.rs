//! [`Counters`]: what has happened to a node since it was started, in numbers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ballotbox_core::leadership::LostBecause;

/// What has happened to a node since it was started, in numbers that only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Elections that have ended here.
    pub elections: u64,
    /// How often this node has come to lead.
    pub leaderships: u64,
    /// How often it has led no more, by cause.
    pub leaderships_ended: BTreeMap<&'static str, u64>,
    /// How long it took from looking until a leader was established, this node or another.
    pub establishing: Times,
    /// For how long altogether nobody led as far as this node knew, until it last learned of a leader.
    without_leader: Duration,
    /// Since when nobody has led.
    without_leader_since: Option<Instant>,
    leads: bool,
    /// What has become of the runs of hooks.
    pub hooks: HookCounts,
}

/// What has become of the runs of a hook. The hook counts them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HookCounts {
    /// Runs that have ended well.
    pub succeeded: u64,
    /// Runs that have failed, or could not begin.
    pub failed: u64,
    /// Runs whose time was over.
    pub killed: u64,
    /// Changes without a run of their own.
    pub skipped: u64,
}

impl HookCounts {
    /// The runs, by result.
    pub const fn runs(&self) -> [(&'static str, u64); 3] {
        [("succeeded", self.succeeded), ("failed", self.failed), ("killed", self.killed)]
    }

    fn add(&mut self, more: Self) {
        self.succeeded += more.succeeded;
        self.failed += more.failed;
        self.killed += more.killed;
        self.skipped += more.skipped;
    }
}

/// Times, counted by how long they are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// All of them together.
    pub sum: Duration,
    /// How many are at most as long as each of [`Times::BOUNDS`], and longer than the bound before; at last, how many are longer than all.
    pub counts: [u64; Self::BOUNDS.len() + 1],
}

impl Times {
    /// From a hand-over to an election that waited for a lease.
    pub const BOUNDS: [Duration; 12] = [
        Duration::from_millis(1),
        Duration::from_micros(2500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2500),
        Duration::from_secs(10),
    ];

    fn note(&mut self, time: Duration) {
        self.sum += time;
        let place = Self::BOUNDS.iter().position(|bound| time <= *bound);
        self.counts[place.unwrap_or(Self::BOUNDS.len())] += 1;
    }
}

impl Counters {
    /// Those of a node that is started now.
    pub(super) fn new(now: Instant) -> Self {
        let causes = LostBecause::OF_LEADERS.map(|cause| (cause.word(), 0));
        Self {
            leaderships_ended: causes.into(),
            without_leader_since: Some(now),
            ..Self::default()
        }
    }

    /// An election has ended here.
    pub(super) fn elected(&mut self) {
        self.elections += 1;
    }

    /// The node leads, or follows a leader, so long after it began to look.
    pub(super) fn established(&mut self, leads: bool, took: Duration) {
        self.leads = leads;
        self.leaderships += u64::from(leads);
        self.establishing.note(took);
    }

    /// It leads or follows no more.
    pub(super) fn lost(&mut self, cause: LostBecause) {
        if std::mem::take(&mut self.leads) {
            *self.leaderships_ended.entry(cause.word()).or_default() += 1;
        }
    }

    /// A hook has done this since it last said so.
    pub(super) fn note_hook(&mut self, more: HookCounts) {
        self.hooks.add(more);
    }

    /// Now somebody leads, or nobody does.
    pub(super) fn note_leader(&mut self, is_known: bool, now: Instant) {
        if !is_known {
            self.without_leader_since.get_or_insert(now);
        } else if let Some(since) = self.without_leader_since.take() {
            self.without_leader += now.saturating_duration_since(since);
        }
    }

    /// For how long altogether nobody has led, as far as this node knew.
    pub fn without_leader(&self, now: Instant) -> Duration {
        let present = self.without_leader_since;
        let present = present.map(|since| now.saturating_duration_since(since));
        self.without_leader + present.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use ballotbox_actors::kit::clock;

    use super::*;

    #[test]
    fn each_leadership_ends_once_and_that_of_others_is_not_counted() {
        let mut counters = Counters::new(clock::now());
        let took = Duration::from_millis(7);
        counters.established(false, took);
        counters.lost(LostBecause::Stopped);
        assert_eq!(counters.leaderships_ended.values().sum::<u64>(), 0);
        counters.established(true, Duration::from_secs(60));
        counters.lost(LostBecause::Stopped);
        counters.lost(LostBecause::Stopped);
        assert_eq!((counters.leaderships, counters.leaderships_ended["stopped"]), (1, 1));
        assert_eq!(counters.establishing.counts, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(counters.establishing.sum, took + Duration::from_secs(60));
    }

    #[test]
    fn what_several_hooks_do_is_added_up() {
        let mut counters = Counters::new(clock::now());
        let counts = HookCounts { succeeded: 1, failed: 2, killed: 3, skipped: 4 };
        counters.note_hook(counts);
        counters.note_hook(HookCounts { failed: 5, ..HookCounts::default() });
        assert_eq!(counters.hooks, HookCounts { failed: 7, ..counts });
        assert_eq!(counts.runs(), [("succeeded", 1), ("failed", 2), ("killed", 3)]);
    }

    #[test]
    fn the_time_without_a_leader_goes_on_while_there_is_none() {
        let began = clock::now();
        let after = |ms| began + Duration::from_millis(ms);
        let mut counters = Counters::new(began);
        assert_eq!(counters.without_leader(after(5)), Duration::from_millis(5));
        counters.note_leader(true, after(10));
        counters.note_leader(true, after(20));
        assert_eq!(counters.without_leader(after(30)), Duration::from_millis(10));
        counters.note_leader(false, after(40));
        counters.note_leader(false, after(45));
        assert_eq!(counters.without_leader(after(50)), Duration::from_millis(20));
    }
}
