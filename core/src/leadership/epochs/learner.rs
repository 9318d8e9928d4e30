//! The learner's side: from a leader that was elected to one that is followed.

use super::{Epochs, EpochsAction, GiveUp, Part, Renaming, Stage, Ticket, served::Synced};
use std::time::Duration;

use crate::{
    ServerId,
    election::Epoch,
    leadership::{
        EnsembleId, Holder, LeaderBlock, LeaderWord, LearnerWord, LeaseTerms, Record, SessionId,
    },
};

/// What a member knows of the leader that was elected.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Learning {
    leader: ServerId,
    /// Where we have introduced ourselves.
    session: Option<SessionId>,
    step: LearnerStep,
    /// The newest epoch in which we have followed it, since it was elected.
    followed: Option<Epoch>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum LearnerStep {
    /// Its epoch is awaited.
    Introduced,
    /// We have taken note of its epoch.
    Noted(Noted),
    /// Its history is complete. Our word waits: until work of an earlier epoch of ours has ended, or we are not bound any more.
    Withheld(Noted, Synced),
    /// Our record is on its way to the disk; then our word is said.
    Storing(Noted, Ticket),
    /// Our word is said.
    Acknowledged(Noted),
    /// The epoch has begun.
    Following(Noted),
    /// The same, and the record that ends our amnesia is on its way to the disk.
    Recording(Noted, Ticket),
}

/// The epoch of a leader, and what we said to it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Noted {
    epoch: Epoch,
    /// We had accepted none as new before.
    counts: bool,
    /// What it says of itself, if it is one of ours.
    block: Option<LeaderBlock>,
    /// How long we would be bound to it at a ping; nothing if it does not ask for that.
    promise: Duration,
}

impl Noted {
    fn ensemble(self) -> Option<EnsembleId> {
        self.block.map(|block| block.ensemble)
    }
}

impl LearnerStep {
    const fn noted(self) -> Option<Noted> {
        match self {
            Self::Introduced => None,
            Self::Noted(noted)
            | Self::Withheld(noted, _)
            | Self::Storing(noted, _)
            | Self::Acknowledged(noted)
            | Self::Following(noted)
            | Self::Recording(noted, _) => Some(noted),
        }
    }
}

impl LearnerStep {
    /// Whether its epoch has begun, and is this one.
    fn follows_in(self, epoch: Epoch) -> bool {
        match self {
            Self::Following(noted) | Self::Recording(noted, _) => noted.epoch == epoch,
            Self::Introduced
            | Self::Noted(_)
            | Self::Withheld(..)
            | Self::Storing(..)
            | Self::Acknowledged(_) => false,
        }
    }
}

impl Learning {
    pub(super) const fn new(leader: ServerId) -> Self {
        Self { leader, session: None, step: LearnerStep::Introduced, followed: None }
    }

    pub(super) fn stage(&self) -> Stage {
        let leader = self.leader;
        match self.step {
            LearnerStep::Introduced
            | LearnerStep::Noted(_)
            | LearnerStep::Withheld(..)
            | LearnerStep::Storing(..)
            | LearnerStep::Acknowledged(_) => Stage::Joining { leader },
            LearnerStep::Following(noted) | LearnerStep::Recording(noted, _) => {
                Stage::Following { leader, epoch: noted.epoch }
            }
        }
    }

    pub(super) const fn session(&self) -> Option<SessionId> {
        self.session
    }

    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.step.noted().map(|noted| noted.epoch)
    }

    /// Whether our word for its epoch is said already.
    pub(super) const fn has_given_its_word(&self) -> bool {
        match self.step {
            LearnerStep::Introduced
            | LearnerStep::Noted(_)
            | LearnerStep::Withheld(..)
            | LearnerStep::Storing(..) => false,
            LearnerStep::Acknowledged(_)
            | LearnerStep::Following(_)
            | LearnerStep::Recording(..) => true,
        }
    }

    /// Whom we are bound to if we promise it something, once it has said so.
    pub(super) fn holder(&self) -> Option<Holder> {
        let LeaderBlock { directory, incarnation, .. } = self.step.noted()?.block?;
        Some(Holder { leader: self.leader, directory, incarnation })
    }

    /// What was to be stored with one ticket is stored with another.
    pub(super) fn wait_for(&mut self, failed: Ticket, again: Ticket) {
        self.retell(|ticket| if ticket == failed { again } else { ticket });
    }

    /// The same with other tickets.
    fn retell(&mut self, other: impl Fn(Ticket) -> Ticket) {
        match &mut self.step {
            LearnerStep::Storing(_, ticket) | LearnerStep::Recording(_, ticket) => {
                *ticket = other(*ticket);
            }
            LearnerStep::Introduced
            | LearnerStep::Noted(_)
            | LearnerStep::Withheld(..)
            | LearnerStep::Acknowledged(_)
            | LearnerStep::Following(_) => {}
        }
    }

    /// The same with other names and tickets.
    pub(super) fn renamed(&self, names: &impl Renaming, ticket: impl Fn(Ticket) -> Ticket) -> Self {
        let leader = names.member(self.leader);
        let session = self.session.map(|session| names.session(session));
        let mut renamed = Self { leader, session, ..self.clone() };
        renamed.retell(ticket);
        renamed
    }

    /// The session is over. Returns whether it is the one on which we have introduced ourselves.
    pub(super) fn leave(&mut self, session: SessionId) -> bool {
        let is_over = self.session == Some(session);
        if is_over {
            self.session = None;
            self.step = LearnerStep::Introduced;
        }
        is_over
    }
}

impl Epochs {
    pub(super) fn introduced(&mut self, session: SessionId, out: &mut Vec<EpochsAction>) {
        let Part::Learner(learning) = &mut self.part else {
            return out.push(EpochsAction::Close { session });
        };
        if let Some(session) = learning.session.replace(session) {
            out.push(EpochsAction::Close { session });
        }
        learning.step = LearnerStep::Introduced;
        self.drop_failed_store();
    }

    pub(super) fn leader_said(
        &mut self,
        session: SessionId,
        word: LeaderWord,
        out: &mut Vec<EpochsAction>,
    ) {
        let Part::Learner(learning) = &self.part else { return };
        if learning.session != Some(session) {
            return;
        }
        let (step, followed) = (learning.step, learning.followed);
        match (word, step) {
            (LeaderWord::Info { epoch, block }, LearnerStep::Introduced) => {
                self.take_note(session, epoch, block, out);
            }
            (LeaderWord::NewLeader { epoch, founding }, LearnerStep::Noted(noted)) => {
                if epoch == noted.epoch {
                    let synced = if founding { Synced::Founding } else { Synced::Ordinary };
                    self.take_in(session, noted, synced, out);
                } else {
                    self.give_up(GiveUp::Misfit, out);
                }
            }
            (LeaderWord::UpToDate, LearnerStep::Acknowledged(noted)) => {
                self.step(LearnerStep::Following(noted));
                self.followed = noted.epoch;
                if let Part::Learner(learning) = &mut self.part {
                    learning.followed = Some(noted.epoch);
                }
                let word = LearnerWord::Ack { epoch: noted.epoch };
                out.push(EpochsAction::Say { session, word });
                let Part::Learner(Learning { leader, .. }) = self.part else { return };
                let is_newest = self.accepted == noted.epoch;
                let counts =
                    is_newest && self.record.recorded && self.record.current == noted.epoch;
                out.push(EpochsAction::Follows { leader, epoch: noted.epoch, counts });
                self.confirm_ensemble(noted.ensemble(), out);
            }
            (LeaderWord::Recorded { epoch }, LearnerStep::Following(noted)) => {
                if epoch == noted.epoch && self.accepted <= epoch && self.i_am_voter() {
                    self.put_on_disk(noted, out);
                    self.step(LearnerStep::Recording(noted, self.last_ticket));
                }
            }
            (
                LeaderWord::Ping { number, .. },
                LearnerStep::Following(_) | LearnerStep::Recording(..),
            ) => {
                let word = LearnerWord::Pong { number, promises: false, stands: false };
                out.push(EpochsAction::Say { session, word });
            }
            // A real server answers no ping before UPTODATE.
            (
                LeaderWord::Ping { number: Some(number), .. } | LeaderWord::Waiting { number, .. },
                _,
            ) => {
                let word =
                    LearnerWord::Pong { number: Some(number), promises: false, stands: false };
                out.push(EpochsAction::Say { session, word });
            }
            (LeaderWord::Refused { reason }, _) => self.give_up(GiveUp::Refused { reason }, out),
            // It says so as well to those who come before it is elected: that concerns only those who have followed it.
            (LeaderWord::Released { epoch, nomination }, _) => {
                let noted = step.noted().map(|noted| noted.epoch).or(followed);
                // Only who follows in just that epoch is told who comes after it.
                let nomination = nomination.filter(|_| step.follows_in(epoch));
                if noted.is_some_and(|noted| noted <= epoch) {
                    self.give_up(GiveUp::Released { epoch, nomination }, out);
                }
            }
            (LeaderWord::Info { .. }, _)
            | (LeaderWord::NewLeader { .. }, LearnerStep::Introduced) => {
                self.give_up(GiveUp::Misfit, out);
            }
            // Real followers pass over what comes twice or late.
            (
                LeaderWord::Sync { .. }
                | LeaderWord::NewLeader { .. }
                | LeaderWord::UpToDate
                | LeaderWord::Ping { .. }
                | LeaderWord::Recorded { .. }
                | LeaderWord::HasEnded(_)
                | LeaderWord::Other,
                _,
            ) => {}
        }
    }

    /// Whether a ping of our leader would bind us: to whom, in which epoch, and for how long. That is so from when our word for it is given,
    /// as long as it asks for it, and is the newest one that we have accepted.
    pub fn promise_to_leader(&self) -> Option<(Holder, Epoch, Duration)> {
        let Part::Learner(learning) = &self.part else { return None };
        let noted = match learning.step {
            LearnerStep::Acknowledged(noted) | LearnerStep::Following(noted) => noted,
            LearnerStep::Introduced
            | LearnerStep::Noted(_)
            | LearnerStep::Withheld(..)
            | LearnerStep::Storing(..)
            | LearnerStep::Recording(..) => return None,
        };
        let is_told = self.record.recorded && self.record.current == noted.epoch;
        let counts = self.ensemble.may_lead(self.me) && is_told && self.accepted == noted.epoch;
        let is_kept = self.record.longest_promise >= noted.promise && !noted.promise.is_zero();
        let holder = learning.holder().filter(|_| counts && is_kept)?;
        Some((holder, noted.epoch, noted.promise))
    }

    /// The promise that goes with being recorded: as if a ping had come.
    pub fn promise_when_recorded(&self) -> Option<(Holder, Epoch, Duration)> {
        let Part::Learner(learning) = &self.part else { return None };
        let LearnerStep::Following(noted) = learning.step else { return None };
        let is_voter = self.ensemble.may_lead(self.me) && !noted.promise.is_zero();
        let holder = learning.holder().filter(|_| is_voter && !self.record.recorded)?;
        Some((holder, noted.epoch, noted.promise))
    }

    /// How long we are bound at a ping of a leader with these terms. Nobody is bound for longer than there is any reason for.
    pub fn promise_of(&self, terms: LeaseTerms) -> Duration {
        if terms.length > LeaseTerms::LENGTH_MAX {
            return Duration::ZERO;
        }
        terms.with_drift_of_at_least(self.identity.drift_ppm).promise()
    }

    /// Our promise is where it outlives us: tells the leader, unless the session is over.
    pub(super) fn promised(&self, session: SessionId, number: u64, out: &mut Vec<EpochsAction>) {
        let Part::Learner(learning) = &self.part else { return };
        if learning.session == Some(session) {
            let word = LearnerWord::Pong { number: Some(number), promises: true, stands: false };
            out.push(EpochsAction::Say { session, word });
        }
    }

    /// The leader proposes this epoch.
    fn take_note(
        &mut self,
        session: SessionId,
        epoch: Epoch,
        block: Option<LeaderBlock>,
        out: &mut Vec<EpochsAction>,
    ) {
        let theirs = block.map(|block| block.ensemble);
        if theirs.is_none() && self.i_am_voter() {
            return self.give_up(GiveUp::RealLeader, out);
        }
        if let (Some(theirs), Some(ours)) = (theirs, self.record.ensemble)
            && theirs != ours
            && self.record.confirmed
        {
            return self.give_up(GiveUp::OtherEnsemble { theirs, ours }, out);
        }
        let ours = self.followed;
        if epoch < ours {
            return self.give_up(GiveUp::OldLeader { epoch, ours }, out);
        }
        let counts = epoch > self.accepted;
        self.accepted = self.accepted.max(epoch);
        // Who has no vote has nothing on disk, and nothing to withhold.
        let is_counted = counts || !self.i_am_voter();
        let current = is_counted.then_some(self.record.current);
        let word = LearnerWord::AckEpoch { current, zxid: self.zxid, bond: None };
        out.push(EpochsAction::Say { session, word });
        let lease = block.and_then(|block| block.lease).filter(|_| self.i_am_voter());
        let promise = lease.map(|lease| self.promise_of(lease)).unwrap_or_default();
        self.step(LearnerStep::Noted(Noted { epoch, counts, block, promise }));
    }

    /// The leader's history is complete: puts our word on disk, if it counts, and says it. While work of ours goes on, nobody
    /// else is to lead by our word.
    fn take_in(
        &mut self,
        session: SessionId,
        noted: Noted,
        synced: Synced,
        out: &mut Vec<EpochsAction>,
    ) {
        if self.withholds_its_word() {
            return self.step(LearnerStep::Withheld(noted, synced));
        }
        let founding = synced == Synced::Founding;
        let remembers = self.record.recorded || (noted.counts && founding);
        let is_newest = noted.epoch == self.accepted;
        let is_new = self.record.current < noted.epoch
            || !self.record.recorded
            || self.record.longest_promise < noted.promise;
        if self.i_am_voter() && remembers && is_newest && is_new {
            self.put_on_disk(noted, out);
            self.step(LearnerStep::Storing(noted, self.last_ticket));
        } else {
            self.acknowledge(session, noted, out);
        }
    }

    /// Nothing speaks against our word any more: one that waited for that is given.
    pub(super) fn give_word_that_waited(&mut self, out: &mut Vec<EpochsAction>) {
        let Part::Learner(learning) = &self.part else { return };
        if let (Some(session), LearnerStep::Withheld(noted, synced)) =
            (learning.session, learning.step)
        {
            self.take_in(session, noted, synced, out);
        }
    }

    fn put_on_disk(&mut self, noted: Noted, out: &mut Vec<EpochsAction>) {
        self.accepted = self.accepted.max(noted.epoch);
        let (accepted, current, recorded) = (self.accepted, noted.epoch, true);
        let confirmed = self.record.confirmed;
        let ensemble = if confirmed { self.record.ensemble } else { noted.ensemble() };
        let longest_promise = self.record.longest_promise.max(noted.promise);
        let record = Record { accepted, current, recorded, ensemble, confirmed, longest_promise };
        self.store(record, out);
    }

    pub(super) fn acknowledge_stored(&mut self, ticket: Ticket, out: &mut Vec<EpochsAction>) {
        let Part::Learner(learning) = &mut self.part else { return };
        let Some(session) = learning.session else { return };
        match learning.step {
            LearnerStep::Storing(noted, waited) if waited == ticket => {
                self.acknowledge(session, noted, out);
            }
            LearnerStep::Recording(noted, waited) if waited == ticket => {
                learning.step = LearnerStep::Following(noted);
                let word = LearnerWord::Ack { epoch: noted.epoch };
                out.push(EpochsAction::Say { session, word });
            }
            LearnerStep::Introduced
            | LearnerStep::Noted(_)
            | LearnerStep::Withheld(..)
            | LearnerStep::Storing(..)
            | LearnerStep::Acknowledged(_)
            | LearnerStep::Following(_)
            | LearnerStep::Recording(..) => {}
        }
    }

    fn acknowledge(&mut self, session: SessionId, noted: Noted, out: &mut Vec<EpochsAction>) {
        self.step(LearnerStep::Acknowledged(noted));
        out.push(EpochsAction::Say { session, word: LearnerWord::Ack { epoch: noted.epoch } });
    }

    fn step(&mut self, step: LearnerStep) {
        if let Part::Learner(learning) = &mut self.part {
            learning.step = step;
        }
    }
}
