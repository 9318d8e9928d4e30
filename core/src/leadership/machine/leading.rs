//! The leader's time: pings, and how long a quorum may be silent.

use std::time::Duration;

use super::{Action, EpochsEvent, Leadership, LostBecause, Moment, Reign, Report, Retiring};
use crate::{
    election::Epoch,
    leadership::{Stage, Successor, lease::Clocks as _},
};

impl Leadership {
    pub(super) fn began(&mut self, epoch: Epoch, out: &mut Vec<Action>) {
        let Some(result) = self.result else { return };
        (self.beat.quorum_heard, self.beat.heard_reading) = (self.now, self.reading);
        // The first ping goes out at once.
        self.beat.next = Some(self.now);
        if let Some(lease) = self.timing.lease {
            self.lease.begin(lease.length);
            let (since, _) = self.epochs.pings();
            self.establish(result, epoch, Reign::Unleased { epoch, since }, None, out);
        } else {
            let reign = Reign::Leading { epoch, retiring: None };
            self.establish(result, epoch, reign, Some(Report::Leading { epoch }), out);
        }
        if let Some(amnesiacs) = self.epochs.quorum_of_amnesiacs() {
            out.push(Action::Report(Report::BegunByAll { epoch, amnesiacs }));
        }
    }

    /// When a quorum will have been silent for too long.
    pub(super) fn quorum_silent_at(&self) -> Option<Moment> {
        match self.reign {
            Reign::Leading { .. } | Reign::Unleased { .. }
                if !self.ensemble.is_quorum(&[self.me].into()) =>
            {
                Some(self.beat.quorum_heard.plus(self.timing.silence))
            }
            Reign::Leading { .. }
            | Reign::Unleased { .. }
            | Reign::Following { .. }
            | Reign::None => None,
        }
    }

    pub(super) fn retires_by(&self) -> Option<Moment> {
        match self.reign {
            Reign::Leading { retiring, .. } => retiring.map(|retiring| retiring.by),
            Reign::Unleased { .. } | Reign::Following { .. } | Reign::None => {
                self.closing.and_then(|closing| closing.by)
            }
        }
    }

    /// Asks the learners for a sign of life, and parts with those that have given none for too long.
    pub(super) fn beat(&mut self, out: &mut Vec<Action>) {
        self.beat.next = Some(self.now.plus(self.timing.ping));
        let silent_since = self.now.0.checked_sub(self.timing.silence).map(Moment);
        for session in silent_since.map(|then| self.door.silent_since(then)).unwrap_or_default() {
            out.push(Action::Close { session });
            self.ended(session, out);
        }
        self.pass(EpochsEvent::PingDue, out);
        let (pings, _) = self.epochs.pings();
        self.beat.sent.insert(pings, (self.now, self.reading));
        self.promise_ourselves(pings, out);
        self.note_answers(out);
        self.tell_missing(out);
        self.tell_who_does_not_promise(out);
    }

    /// A quorum has answered a ping: it was with us when that was sent.
    pub(super) fn note_answers(&mut self, out: &mut Vec<Action>) {
        let (_, answered) = self.epochs.pings();
        if let Some((sent, reading)) = self.beat.sent.get(&answered) {
            self.beat.quorum_heard = self.beat.quorum_heard.max(*sent);
            self.beat.heard_reading = self.beat.heard_reading.later(*reading);
        }
        self.beat.sent = self.beat.sent.split_off(&(answered + 1));
        self.note_promises(out);
    }

    /// A quorum is here, and a new ensemble waits for the rest of its voters.
    fn tell_missing(&mut self, out: &mut Vec<Action>) {
        let waits = self.epochs.stage() == Stage::Discovering && self.epochs.is_quorum_here();
        let missing = if waits { self.epochs.missing() } else { return };
        if missing != self.told_missing {
            self.told_missing.clone_from(&missing);
            out.push(Action::Report(Report::Waiting { leader: self.me, missing }));
        }
    }

    /// The next ping goes out now.
    pub(super) fn confirm(&mut self) {
        if let Reign::Leading { .. } = self.reign {
            self.beat.next = Some(self.now);
        }
    }

    pub(super) fn work(&mut self, goes_on: bool, out: &mut Vec<Action>) {
        if !goes_on {
            // First it is over, then the others are told.
            self.close(out);
        }
        self.pass(EpochsEvent::WorkGoesOn(goes_on), out);
        self.tell_standing(out);
        if !goes_on && self.is_retiring() {
            self.finish_retiring(out);
        }
        self.leave_if_unwilling(out);
    }

    /// Begins to give the epoch up: it is over when the work has ended.
    pub(super) fn retire(
        &mut self,
        to: Successor,
        within: Duration,
        cause: LostBecause,
        out: &mut Vec<Action>,
    ) {
        let by = self.now.plus(within);
        if let Some(closing) = &mut self.closing {
            closing.by = Some(closing.by.map_or(by, |earlier| by.min(earlier)));
        }
        let Reign::Leading { epoch, retiring } = &mut self.reign else { return };
        let before = *retiring;
        // Who was named is not forgotten when the end comes sooner.
        let to = before.map_or(to, |before| if to == Successor::Any { before.to } else { to });
        let by = before.map_or(by, |before| by.min(before.by));
        let cause = before.map_or(cause, |before| before.cause);
        *retiring = Some(Retiring { by, to, cause });
        if before.is_none() {
            out.push(Action::Report(Report::Retiring { epoch: *epoch, cause }));
        }
        if !self.epochs.work_goes_on() {
            self.finish_retiring(out);
        }
    }

    pub(super) fn finish_retiring(&mut self, out: &mut Vec<Action>) {
        self.close(out);
        let Reign::Leading { epoch, retiring: Some(Retiring { to, cause, .. }) } = self.reign
        else {
            return;
        };
        let (nomination, is_alone) = (self.nomination(to), self.epochs.electable().is_empty());
        // First it is over, then the others are told.
        self.reign = Reign::None;
        let cause = if self.stopping { LostBecause::Stopped } else { cause };
        self.end(epoch, cause, out);
        self.tell_standing(out);
        self.pass(EpochsEvent::Release { nomination }, out);
        if let Some(nomination) = nomination {
            let to = nomination.vote.leader;
            out.push(Action::Report(Report::HandedOver { epoch, to }));
        }
        if self.stopping {
            return self.end_if_stopping(out);
        }
        // Where nobody else can be elected, somebody has to.
        if !is_alone {
            self.hold_off(out);
        }
        match nomination {
            Some(nomination) => self.settle_on(nomination, out),
            None => self.look_again(false, out),
        }
    }
}
