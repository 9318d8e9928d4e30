//! The lease: what we promise a leader, and what its voters promise us.
//!
//! A promise is kept where it outlives us before anybody is told of it, ourselves among them. One is on its way there at a time. A ping that
//! comes meanwhile is answered without one: a disk that hangs costs a lease, and not the heartbeat.

use std::time::Duration;

use super::{Action, EpochsEvent, Leadership, LostBecause, Moment, Reign, Report};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{Bond, HasEnded, Info, LeaderWord, LearnerWord, SessionId, Ticket, lease::Holder},
};

/// No voter of ours is bound for longer, whatever one says: it promises at most [`LeaseTerms::LENGTH_MAX`], with a tenth of drift.
const BOUND_MAX: Duration = Duration::from_secs(75);

/// After so many pings it is said who does not promise what a lease needs.
const PINGS_UNTOLD: u64 = 3;

/// What is done when a promise is where it outlives us.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Promising {
    ticket: Ticket,
    then: Then,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Then {
    /// The leader has asked for it with this ping.
    Answer { session: SessionId, number: u64 },
    /// The leader has said that we are recorded: that is taken in.
    TakeIn { session: SessionId, word: LeaderWord },
    /// We lead, and have sent this ping.
    CountOurselves { number: u64 },
}

/// An epoch of ours that is given up: its lease runs on, as its work goes on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Closing {
    pub(super) epoch: Epoch,
    pub(super) cause: LostBecause,
    /// It is over by then at the latest, if that was said.
    pub(super) by: Option<Moment>,
}

impl Leadership {
    /// Our leader asks for a sign of life. Returns whether its answer waits for a promise.
    pub(super) fn promises_at_ping(
        &mut self,
        session: SessionId,
        number: u64,
        out: &mut Vec<Action>,
    ) -> bool {
        if self.promising.is_some() {
            return false;
        }
        let promise = self.epochs.promise_to_leader();
        let Some((to, epoch, span)) = promise else { return false };
        self.make_promise(to, epoch, span, Then::Answer { session, number }, out);
        true
    }

    /// Our leader says that we are recorded. Returns whether that waits for a promise.
    pub(super) fn promises_when_recorded(
        &mut self,
        session: SessionId,
        word: &LeaderWord,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some((to, epoch, span)) = self.epochs.promise_when_recorded() else { return false };
        let then = Then::TakeIn { session, word: word.clone() };
        self.make_promise(to, epoch, span, then, out);
        true
    }

    /// As leader: we promise ourselves what this ping of ours asks for.
    pub(super) fn promise_ourselves(&mut self, number: u64, out: &mut Vec<Action>) {
        let Some(lease) = self.timing.lease else { return };
        let (Reign::Leading { epoch, .. } | Reign::Unleased { epoch, .. }) = self.reign else {
            return;
        };
        self.lease.sent(number, self.reading);
        if self.promising.is_none() {
            let (to, span) = (self.epochs.holder(), self.epochs.promise_of(lease));
            self.make_promise(to, epoch, span, Then::CountOurselves { number }, out);
        }
    }

    fn make_promise(
        &mut self,
        to: Holder,
        epoch: Epoch,
        span: Duration,
        then: Then,
        out: &mut Vec<Action>,
    ) {
        self.last_promise = Ticket(self.last_promise.0 + 1);
        let ticket = self.last_promise;
        self.promising = Some(Promising { ticket, then });
        let promise = self.lease.bind(to, epoch, span, self.reading);
        out.push(Action::Promise { ticket, promise });
    }

    /// A promise is where it outlives us.
    pub(super) fn promised(&mut self, ticket: Ticket, out: &mut Vec<Action>) {
        let promising = self.promising.take_if(|promising| promising.ticket == ticket);
        self.cannot_promise &= promising.is_none();
        match promising.map(|promising| promising.then) {
            None => {}
            Some(Then::Answer { session, number }) => {
                self.pass(EpochsEvent::Promised { session, number }, out);
            }
            Some(Then::TakeIn { session, word }) => {
                self.pass(EpochsEvent::LeaderSaid { session, word }, out);
            }
            Some(Then::CountOurselves { number }) => {
                self.pass(EpochsEvent::PromisedOurselves { number }, out);
                self.note_promises(out);
            }
        }
    }

    /// A promise could not be written down. It binds us all the same, as far as we know; but nobody may rely on it.
    pub(super) fn promise_failed(&mut self, ticket: Ticket, out: &mut Vec<Action>) {
        let promising = self.promising.take_if(|promising| promising.ticket == ticket);
        self.cannot_promise |= promising.is_some();
        match promising.map(|promising| promising.then) {
            None | Some(Then::CountOurselves { .. }) => {}
            Some(Then::Answer { session, number }) => {
                let epoch = self.epochs.record().current;
                let word = LeaderWord::Ping { epoch, number: Some(number) };
                self.pass(EpochsEvent::LeaderSaid { session, word }, out);
            }
            // On a new session the leader says it again.
            Some(Then::TakeIn { session, .. }) => {
                out.push(Action::Close { session });
                self.ended(session, out);
            }
        }
    }

    /// Voters have promised: our lease is renewed, or we lead at last.
    pub(super) fn note_promises(&mut self, out: &mut Vec<Action>) {
        self.lease.granted(self.epochs.promised_by_all_quorums());
        // Whose work would have to end at once does not begin any.
        if let Reign::Unleased { epoch, .. } = self.reign
            && self.lease_left().is_some_and(|(to_stop, _)| !to_stop.is_zero())
        {
            self.newest_reported = epoch;
            self.reign = Reign::Leading { epoch, retiring: None };
            out.push(Action::Report(Report::Leading { epoch }));
        }
    }

    /// A lease that was not had at once is waited for: says who would have to promise, once.
    pub(super) fn tell_who_does_not_promise(&mut self, out: &mut Vec<Action>) {
        let Reign::Unleased { epoch, since } = self.reign else { return };
        let (pings, answered) = self.epochs.pings();
        if pings != since + PINGS_UNTOLD || answered <= since {
            return;
        }
        let promising = self.epochs.promised_since(since + 1);
        let missing = self.ensemble.voters().filter(|voter| self.ensemble.may_lead(*voter));
        let missing = missing.filter(|voter| !promising.contains(voter)).collect();
        out.push(Action::Report(Report::WithoutLease { epoch, missing }));
    }

    /// How much of the lease is left before the work is told to end, and before it is over. `None` without a lease that runs.
    fn lease_left(&self) -> Option<(Duration, Duration)> {
        let left = self.lease.left(self.reading)?;
        Some((left.saturating_sub(self.timing.stop_within()), left))
    }

    /// When the lease has to be looked at: it is not renewed in time, or it is over.
    pub(super) fn lease_due_at(&self) -> Option<Moment> {
        let (to_stop, left) = self.lease_left()?;
        match self.reign {
            Reign::Leading { .. } => Some(self.now.plus(to_stop)),
            _ if self.closing.is_some() => Some(self.now.plus(left)),
            Reign::None | Reign::Unleased { .. } | Reign::Following { .. } => None,
        }
    }

    /// When the word that waits for the end of a promise is looked at.
    pub(super) fn free_at(&self) -> Option<Moment> {
        let candidate = self.epochs.candidate().filter(|_| self.epochs.is_bound())?;
        let rest = self.withheld_from(candidate)?;
        Some(self.now.plus(rest))
    }

    /// Compares the lease with the clock. It is given up in time for the work to end, and when it is over so is everything.
    pub(super) fn check_lease(&mut self, out: &mut Vec<Action>) {
        let left = self.lease_left();
        if left.is_none() {
            self.close(out);
        }
        let leads = matches!(self.reign, Reign::Leading { .. }) && self.timing.lease.is_some();
        if leads && left.is_none_or(|(to_stop, _)| to_stop.is_zero()) {
            let cause =
                if self.cannot_promise { LostBecause::Disk } else { LostBecause::LeaseEnded };
            self.lose(cause, out);
            self.look_again(false, out);
        }
    }

    /// Whether we are bound to somebody else than who would lead by our word now. To ourselves we are not when all of ours has ended.
    pub(super) fn check_bond(&mut self, out: &mut Vec<Action>) {
        self.lease.hear(self.epochs.has_ended());
        let rest = self.epochs.candidate().and_then(|one| self.withheld_from(one));
        if let Some(rest) = rest {
            self.take_longer(rest);
        }
        if rest.is_some() != self.epochs.is_bound() {
            self.pass(EpochsEvent::Bound(rest.is_some()), out);
        }
    }

    /// For how long we may not give our word to this one.
    fn withheld_from(&self, candidate: Holder) -> Option<Duration> {
        self.lease.withheld_in(self.epochs.epoch(), candidate, self.reading)
    }

    /// A word that is needed is given only after this time: there is some more to establish what was decided.
    fn take_longer(&mut self, rest: Duration) {
        let until = self.now.plus(rest.min(BOUND_MAX)).plus(self.timing.retry);
        if let Some(result) = &mut self.result {
            result.until = result.until.max(until);
        }
    }

    /// An epoch of ours that was closing has ended: everybody may lead.
    pub(super) fn close(&mut self, out: &mut Vec<Action>) {
        if let Some(Closing { epoch, cause, .. }) = self.closing.take() {
            self.end(epoch, cause, out);
        }
    }

    /// We lead in this epoch no more, and hold no lease of it.
    pub(super) fn end(&mut self, epoch: Epoch, cause: LostBecause, out: &mut Vec<Action>) {
        self.lease.give_up();
        out.push(Action::Report(Report::Lost { epoch, cause }));
    }

    /// What we say with the answer to an epoch: to whom we are bound.
    pub(super) fn bond(&self) -> Option<Bond> {
        let rest = self.withheld_from(self.epochs.candidate()?)?;
        let promise = self.lease.promise()?;
        Some(Bond { to: promise.to.map(|to| to.leader), epoch: promise.epoch, rest })
    }

    /// A learner has taken note of our epoch, and is bound to somebody else: its word takes that much longer.
    pub(super) fn wait_for_bound(&mut self, peer: ServerId, bond: Bond, out: &mut Vec<Action>) {
        if self.ensemble.may_lead(peer) && self.result.is_some() {
            let rest = bond.rest.min(BOUND_MAX);
            self.take_longer(rest);
            out.push(Action::Report(Report::Bound { peer, to: bond.to, rest }));
        }
    }

    /// What an introduction says of epochs that have ended.
    pub(super) fn hear_of_ends(&mut self, peer: ServerId, info: &Info) {
        if let Some(block) = &info.block {
            let (directory, incarnation) = (block.directory, block.incarnation);
            let holder = Holder { leader: peer, directory, incarnation };
            self.lease.hear(HasEnded { holder, epoch: block.ended });
        }
    }

    /// The same of a learner that says it later.
    pub(super) fn hear_end_of_learner(&mut self, session: SessionId, word: &LearnerWord) {
        if let LearnerWord::HasEnded { epoch } = word
            && let Some(holder) = self.epochs.learner(session)
        {
            self.lease.hear(HasEnded { holder, epoch: *epoch });
        }
    }
}
