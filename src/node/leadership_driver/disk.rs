//! What a driver has ordered of its disk, and what it tells of one that fails or hangs.
//!
//! A disk that hangs says nothing, and neither does what waits for it. So the driver knows since when it waits for an answer, and looks whenever
//! something else happens to it: who leads, follows or elects has no second without that.

use std::time::Duration;

use ballotbox_core::{
    UntrustedText,
    leadership::{Event, Moment, Ticket},
};

use super::LeadershipDriver;
use crate::node::{
    NodeEvent,
    store::{PromiseReport, StoreReport},
};

/// A disk that takes longer than this is told of, though it may be done with it later: it should take milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(1);

/// What a disk has been ordered to write, and was not done with yet.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    pub(super) record: Pending,
    pub(super) promise: Pending,
}

/// The newest order of a kind, and since when one of that kind is waited for.
#[derive(Debug, Default)]
pub(super) struct Pending(Option<(Ticket, Moment)>);

impl Pending {
    pub(super) fn order(&mut self, ticket: Ticket, at: Moment) {
        let since = self.0.map_or(at, |(_, since)| since);
        self.0 = Some((ticket, since));
    }

    /// The disk is done with this one, well or not. What was ordered meanwhile is next.
    fn done(&mut self, ticket: Ticket, at: Moment) {
        let newer = self.0.filter(|(newest, _)| *newest != ticket);
        self.0 = newer.map(|(newest, _)| (newest, at));
    }

    fn hangs(&self, at: Moment) -> bool {
        self.0.is_some_and(|(_, since)| at.since(since) >= HANGS_AFTER)
    }
}

impl LeadershipDriver {
    pub(super) fn hear_of_record(&mut self, report: StoreReport) {
        let at = self.moment();
        match report {
            StoreReport::Stored { ticket, took } => {
                self.ordered.record.done(ticket, at);
                (self.status.disk, self.status.last_write) = (None, Some(took));
                self.decide(Event::Stored { ticket });
            }
            StoreReport::Failed { ticket, error } => {
                self.ordered.record.done(ticket, at);
                self.cannot_store(UntrustedText::new(error));
                self.decide(Event::StoreFailed { ticket });
            }
        }
    }

    pub(super) fn hear_of_promise(&mut self, report: PromiseReport) {
        let at = self.moment();
        match report {
            PromiseReport::Kept { ticket } => {
                self.ordered.promise.done(ticket, at);
                self.status.cannot_promise = None;
                self.decide(Event::Promised { ticket });
            }
            PromiseReport::Failed { ticket, error } => {
                self.ordered.promise.done(ticket, at);
                self.cannot_promise(UntrustedText::new(error));
                self.decide(Event::PromiseFailed { ticket });
            }
            PromiseReport::WorkHasEnded(hold) => {
                self.tenure.has_the_work(hold);
                if !self.tenure.work_goes_on() {
                    self.decide(Event::WorkGoesOn(false));
                }
            }
        }
    }

    /// Tells of a disk that has not done for long what it was ordered to.
    pub(super) fn look_at_disk(&mut self, at: Moment) {
        if self.ordered.record.hangs(at) {
            self.cannot_store(self.hanging());
        }
        if self.ordered.promise.hangs(at) {
            self.cannot_promise(self.hanging());
        }
    }

    fn hanging(&self) -> UntrustedText {
        let memory = || UntrustedText::new("memory");
        let place = self.status.directory.clone().unwrap_or_else(memory);
        let others = "what takes others milliseconds is not done after";
        UntrustedText::new(format!("{place}: the disk hangs: {others} {HANGS_AFTER:?}"))
    }

    fn cannot_store(&mut self, error: UntrustedText) {
        if self.status.disk.as_ref() != Some(&error) {
            self.note(NodeEvent::CannotStore { error: error.clone() });
        }
        self.status.disk = Some(error);
    }

    fn cannot_promise(&mut self, error: UntrustedText) {
        if self.status.cannot_promise.as_ref() != Some(&error) {
            self.note(NodeEvent::CannotPromise { error: error.clone() });
        }
        self.status.cannot_promise = Some(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Moment(Duration::from_millis(ms))
    }

    #[test]
    fn a_disk_hangs_when_it_has_not_answered_any_order_for_a_second() {
        let mut pending = Pending::default();
        assert!(!pending.hangs(ms(5000)));
        pending.order(Ticket(1), ms(5000));
        assert!(!pending.hangs(ms(5999)));
        // Another order makes it no better.
        pending.order(Ticket(2), ms(5900));
        assert!(pending.hangs(ms(6000)));
        // The first one is done, and the second one is begun.
        pending.done(Ticket(1), ms(6500));
        assert!(!pending.hangs(ms(7499)) && pending.hangs(ms(7500)));
        pending.done(Ticket(2), ms(7500));
        assert!(!pending.hangs(ms(60_000)));
    }
}
