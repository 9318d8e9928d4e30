//! [`Gate`]: which of the events that outsiders can cause are told.
//!
//! Everybody who reaches our ports can make links come and go, and frames be turned away, thousands of times a second. What is
//! told of that must fill no disk, and hide no election.

use std::{collections::BTreeMap, time::Duration};

use ballotbox::ServerId;
use ballotbox_core::{RateLimit, Sparingly};

const MINUTE: Duration = Duration::from_secs(60);
/// At most this many lines a minute tell of links.
const LINKS_A_MINUTE: usize = 4;
/// At most this many lines a minute tell of what else outsiders can cause.
const REMARKS_A_MINUTE: usize = 2;

/// What an event tells. The first one of each kind about each member is always told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// A link has come up. Its state matters, so only the limit per minute holds it back.
    LinkUp,
    /// A link has gone down; the same.
    LinkDown,
    /// Something that is told only the first, second, fourth, eighth … time already where it is noticed.
    Counted(&'static str),
    /// Something that is counted here.
    Remark(&'static str),
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Told,
    /// Told, with how often it happened.
    ToldAgain(u64),
    NotTold,
}

/// Lets events through: the first of a kind, and then at a limited rate.
#[derive(Debug)]
pub(super) struct Gate {
    counts: BTreeMap<(Kind, Option<ServerId>), Sparingly>,
    links: RateLimit,
    remarks: RateLimit,
    held_back: u64,
    /// Since when something is held back.
    since: Option<Duration>,
}

impl Gate {
    pub(super) const fn new() -> Self {
        Self {
            counts: BTreeMap::new(),
            links: RateLimit::new(LINKS_A_MINUTE, MINUTE),
            remarks: RateLimit::new(REMARKS_A_MINUTE, MINUTE),
            held_back: 0,
            since: None,
        }
    }

    /// Whether an event is told, and if it was counted here, how often it happened. `about` is the member it concerns,
    /// `None` for all strangers.
    pub(super) fn admit(&mut self, at: Duration, kind: Kind, about: Option<ServerId>) -> Verdict {
        let times = self.counts.entry((kind, about)).or_default().count();
        let (limit, verdict) = match (kind, times) {
            (_, Some(1)) => return Verdict::Told,
            (Kind::LinkUp | Kind::LinkDown, _) => (&mut self.links, Verdict::Told),
            (Kind::Counted(_), _) => (&mut self.remarks, Verdict::Told),
            (Kind::Remark(_), Some(times)) => (&mut self.remarks, Verdict::ToldAgain(times)),
            (Kind::Remark(_), None) => return Verdict::NotTold,
        };
        if !limit.admit(at) {
            self.held_back += 1;
            self.since.get_or_insert(at);
            return Verdict::NotTold;
        }
        verdict
    }

    /// When it is time to tell how much was held back.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.since.map(|since| since + MINUTE)
    }

    /// How many events were held back since this was asked last.
    pub(super) fn take_held_back(&mut self) -> u64 {
        self.since = None;
        std::mem::take(&mut self.held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(number: u64) -> Option<ServerId> {
        ServerId::new(number)
    }

    #[test]
    fn the_links_of_a_large_ensemble_that_starts_are_all_told() {
        let mut gate = Gate::new();
        let told = |n| gate.admit(Duration::ZERO, Kind::LinkUp, about(n));
        assert!((1..=100).map(told).all(|verdict| verdict == Verdict::Told));
        assert_eq!((gate.take_held_back(), gate.next_due()), (0, None));
    }

    #[test]
    fn a_link_that_flaps_for_an_hour_is_told_four_times_a_minute_and_the_rest_is_counted() {
        let mut gate = Gate::new();
        let (mut told, mut held_back) = (0, 0);
        for event in 0..360_000 {
            let at = Duration::from_millis(event * 10);
            let kind = if event % 2 == 0 { Kind::LinkUp } else { Kind::LinkDown };
            told += u64::from(gate.admit(at, kind, about(3)) == Verdict::Told);
            if gate.next_due().is_some_and(|due| due <= at) {
                held_back += gate.take_held_back();
            }
        }
        assert_eq!(told, 2 + 60 * LINKS_A_MINUTE as u64);
        assert_eq!(told + held_back + gate.take_held_back(), 360_000);
    }

    #[test]
    fn links_that_flap_hide_no_remark_and_remarks_hide_no_link() {
        let (mut gate, at) = (Gate::new(), Duration::ZERO);
        let differ = Kind::Remark("members differ");
        for _ in 0..1000 {
            gate.admit(at, Kind::LinkUp, about(3));
            gate.admit(at, differ, about(3));
        }
        assert_eq!(gate.admit(at, differ, about(2)), Verdict::Told);
        assert_eq!(gate.admit(at, Kind::LinkDown, about(2)), Verdict::Told);
    }

    #[test]
    fn a_remark_is_told_the_first_second_and_fourth_time() {
        let mut gate = Gate::new();
        let told = (1..=20).filter_map(|n| match gate.admit(MINUTE * n, Kind::Remark("x"), None) {
            Verdict::Told => Some((n, 1)),
            Verdict::ToldAgain(times) => Some((n, times)),
            Verdict::NotTold => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16)]);
        assert_eq!(gate.take_held_back(), 0);
    }
}
