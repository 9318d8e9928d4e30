//! The leader's side: from the learners that introduce themselves to an epoch that has begun.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EPOCH_MAX, Epochs, EpochsAction, GiveUp, Identity, Part, Renaming, Stage, Ticket,
    likeness::renamed,
    served::{Claim, Late, Learner, Memory, Synced, Told, take_in},
};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{EnsembleId, LeaderBlock, LeaderWord, LearnerWord, Record, SessionId},
};

/// What an elected voter knows.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Candidacy {
    pub(super) phase: Phase,
    /// The learners it serves, at most one session for each member.
    pub(super) learners: BTreeMap<SessionId, Learner>,
    /// The ensemble it leads, once it has proposed an epoch.
    leads: EnsembleId,
    /// Whether our own word counts in this epoch.
    pub(super) remembers: bool,
    /// The number of the last ping.
    pub(super) pings: u64,
    /// The newest of them at which we have promised ourselves what voters promise.
    pub(super) promised: u64,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Phase {
    Discovering,
    Announcing {
        epoch: Epoch,
    },
    Synchronising {
        epoch: Epoch,
        /// Every voter has to give its word.
        founding: bool,
        /// What our own record waits for; `None` when it is on disk.
        own: Option<Ticket>,
    },
    Leading {
        epoch: Epoch,
    },
}

impl Candidacy {
    pub(super) fn stage(&self) -> Stage {
        match self.phase {
            Phase::Discovering => Stage::Discovering,
            Phase::Announcing { epoch } => Stage::Announcing { epoch },
            Phase::Synchronising { epoch, .. } => Stage::Synchronising { epoch },
            Phase::Leading { epoch } => Stage::Leading { epoch },
        }
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.learners.keys().copied()
    }

    pub(super) fn peers_where(&self, is_meant: impl Fn(&Learner) -> bool) -> BTreeSet<ServerId> {
        self.learners.values().filter(|one| is_meant(one)).map(|one| one.peer).collect()
    }
}

impl Epochs {
    /// We are elected: serves those who have come already.
    pub(super) fn stand(
        &mut self,
        early: BTreeMap<SessionId, Learner>,
        out: &mut Vec<EpochsAction>,
    ) {
        self.part = Part::Candidate(Candidacy {
            phase: Phase::Discovering,
            learners: early,
            leads: self.identity.drawn,
            remembers: self.record.recorded,
            pings: 0,
            promised: 0,
        });
        self.advance(out);
    }

    /// A learner has come.
    pub(super) fn serve(
        &mut self,
        session: SessionId,
        learner: Learner,
        out: &mut Vec<EpochsAction>,
    ) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        take_in(&mut candidacy.learners, session, learner, out);
        match candidacy.phase {
            Phase::Discovering => self.advance(out),
            Phase::Announcing { epoch }
            | Phase::Synchronising { epoch, .. }
            | Phase::Leading { epoch } => self.announce(session, epoch, out),
        }
    }

    pub(super) fn learner_left(&mut self, session: SessionId, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        candidacy.learners.remove(&session);
        self.advance(out);
    }

    pub(super) fn learner_said(
        &mut self,
        session: SessionId,
        word: &LearnerWord,
        out: &mut Vec<EpochsAction>,
    ) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let (epoch, pings) = (candidacy.epoch(), candidacy.pings);
        let Some(learner) = candidacy.learners.get_mut(&session) else { return };
        match word {
            LearnerWord::AckEpoch { current, bond, zxid }
                if learner.noted.is_none() && epoch.is_some() =>
            {
                learner.noted = Some(current.is_some());
                learner.zxid = *zxid;
                learner.bond = *bond;
                let late = candidacy.next_late();
                candidacy.learners.entry(session).and_modify(|learner| learner.late = late);
                self.welcome(session, out);
            }
            LearnerWord::Ack { epoch: named } if Some(*named) == epoch => {
                if learner.told == Told::Recorded {
                    learner.memory = Memory::Recorded;
                }
                learner.follows |= learner.acknowledged.is_some();
                if learner.synced.is_some() && learner.acknowledged.is_none() {
                    learner.acknowledged = Some(pings);
                    // It was with us after NEWLEADER was said, and so after every ping before that.
                    learner.answered = learner.answered.max(learner.synced_at);
                }
            }
            LearnerWord::Pong { number: Some(number), promises, stands } if *number <= pings => {
                learner.answered = learner.answered.max(*number);
                learner.stands = Some(*stands);
                if *promises && learner.acknowledged.is_some() {
                    learner.promised = learner.promised.max(*number);
                }
            }
            LearnerWord::HasEnded { epoch } => {
                learner.ended.epoch = learner.ended.epoch.max(*epoch);
            }
            // A second introduction, a word for another epoch, or a sign of life.
            LearnerWord::Info(_)
            | LearnerWord::AckEpoch { .. }
            | LearnerWord::Ack { .. }
            | LearnerWord::Pong { .. }
            | LearnerWord::Other => return,
        }
        self.advance(out);
    }

    /// Goes as far as the words that were given reach.
    pub(super) fn advance(&mut self, out: &mut Vec<EpochsAction>) {
        if let Some(epoch) = self.epoch_to_propose(out) {
            self.propose(epoch, out);
        }
        if let Some((epoch, founding)) = self.epoch_to_synchronise() {
            self.synchronise(epoch, founding, out);
        }
        if let Some(epoch) = self.epoch_to_begin() {
            self.begin(epoch, out);
        }
        self.tell_up_to_date(out);
        self.record_amnesiacs(out);
        self.free_bound(out);
        self.look_for_overtaking(out);
    }

    /// The epoch that those who are here allow, if they are enough.
    fn epoch_to_propose(&mut self, out: &mut Vec<EpochsAction>) -> Option<Epoch> {
        let Part::Candidate(candidacy) = &self.part else { return None };
        if candidacy.phase != Phase::Discovering {
            return None;
        }
        let is_voter = |learner: &&Learner| self.ensemble.is_voter(learner.peer);
        let voters = || candidacy.learners.values().filter(is_voter);
        let nothing_yet =
            self.accepted == Epoch(0) && voters().all(|voter| voter.accepted == Epoch(0));
        let remembers = |voter: &Learner| voter.memory.counts(nothing_yet);
        let own = Memory::of(self.record.recorded, self.identity.new_ensemble);
        let i_remember = own.counts(nothing_yet);
        let by_quorum = i_remember && self.is_quorum_with_us(candidacy.peers_where(remembers));
        if !by_quorum && !self.are_all_voters(&candidacy.peers_where(|_| true)) {
            return None;
        }
        let mut largest = voters().map(|voter| voter.accepted).max().max(Some(self.accepted));
        if nothing_yet {
            let told = voters().filter(|voter| voter.memory == Memory::NoPast);
            let own = (own == Memory::NoPast).then_some(self.identity.epoch_floor);
            largest = told.map(|voter| voter.epoch_floor).chain(own).max().max(largest);
        }
        let epoch = Epoch(largest.unwrap_or_default().0 + 1);
        if epoch > EPOCH_MAX {
            self.give_up(GiveUp::NoEpochLeft, out);
            return None;
        }
        let Part::Candidate(candidacy) = &mut self.part else { return None };
        candidacy.remembers = i_remember;
        for learner in candidacy.learners.values_mut() {
            learner.remembers = remembers(learner);
        }
        Some(epoch)
    }

    fn propose(&mut self, epoch: Epoch, out: &mut Vec<EpochsAction>) {
        let own = Claim::of(&self.own_block());
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let claims = || candidacy.learners.values().map(|learner| learner.ensemble).chain([own]);
        if let Some(best) = claims().max().and_then(|best| best.id) {
            let other = claims().find(|claim| claim.confirmed && claim.id != Some(best));
            if let Some(theirs) = other.and_then(|claim| claim.id) {
                let why = GiveUp::OtherEnsemble { theirs, ours: best };
                return self.give_up(why, out);
            }
            candidacy.leads = best;
        }
        self.accepted = epoch;
        candidacy.phase = Phase::Announcing { epoch };
        let sessions: Vec<_> = candidacy.sessions().collect();
        for session in sessions {
            self.announce(session, epoch, out);
        }
    }

    fn announce(&self, session: SessionId, epoch: Epoch, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        let Identity { directory, incarnation, lease, .. } = *self.identity;
        let (ensemble, ended) = (candidacy.leads, self.ended);
        let block = Some(LeaderBlock { directory, incarnation, ensemble, ended, lease });
        out.push(EpochsAction::Tell { session, word: LeaderWord::Info { epoch, block } });
    }

    /// Whether enough have taken note of the epoch: a quorum that remembers, or every voter.
    fn epoch_to_synchronise(&self) -> Option<(Epoch, bool)> {
        let Part::Candidate(candidacy) = &self.part else { return None };
        let Phase::Announcing { epoch } = candidacy.phase else { return None };
        let noted = |learner: &Learner| learner.noted == Some(true);
        let counting = candidacy.peers_where(|learner| noted(learner) && learner.remembers);
        if candidacy.remembers && self.is_quorum_with_us(counting) {
            return Some((epoch, false));
        }
        self.are_all_voters(&candidacy.peers_where(noted)).then_some((epoch, true))
    }

    fn synchronise(&mut self, epoch: Epoch, founding: bool, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let (ensemble, confirmed) = (Some(candidacy.leads), self.record.confirmed);
        let own = self.identity.lease.map(|lease| self.promise_of(lease)).unwrap_or_default();
        let longest_promise = self.record.longest_promise.max(own);
        let (accepted, current, recorded) = (epoch, epoch, true);
        let record = Record { accepted, current, recorded, ensemble, confirmed, longest_promise };
        self.store(record, out);
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let own = Some(self.last_ticket);
        candidacy.phase = Phase::Synchronising { epoch, founding, own };
        let noted = candidacy.learners.iter().filter(|(_, learner)| learner.noted.is_some());
        let sessions: Vec<_> = noted.map(|(session, _)| *session).collect();
        for session in sessions {
            self.welcome(session, out);
        }
    }

    /// Says to a learner that has taken note of the epoch that it has our whole history, once it is time to.
    fn welcome(&mut self, session: SessionId, out: &mut Vec<EpochsAction>) {
        let zxid = self.zxid;
        let Part::Candidate(candidacy) = &mut self.part else { return };
        let (epoch, founding) = match candidacy.phase {
            Phase::Discovering | Phase::Announcing { .. } => return,
            Phase::Synchronising { epoch, founding, .. } => (epoch, founding),
            Phase::Leading { epoch } => (epoch, false),
        };
        let pings = candidacy.pings;
        let Some(learner) = candidacy.learners.get_mut(&session) else { return };
        if learner.synced.is_some() {
            return;
        }
        let new_here = learner.remembers && learner.memory == Memory::NoPast;
        // A founding needs every voter at one time: late ones may have been there before, and wiped since.
        let founding = founding && learner.late.is_none();
        let founding = learner.noted == Some(true) && (founding || new_here);
        learner.synced = Some(if founding { Synced::Founding } else { Synced::Ordinary });
        learner.synced_at = pings;
        out.push(EpochsAction::Tell { session, word: LeaderWord::Sync { zxid } });
        out.push(EpochsAction::Tell { session, word: LeaderWord::NewLeader { epoch, founding } });
    }

    pub(super) fn own_stored(&mut self, ticket: Ticket, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        if let Phase::Synchronising { own, .. } = &mut candidacy.phase {
            own.take_if(|waited| *waited == ticket);
        }
        self.advance(out);
    }

    /// Whether enough have the epoch on disk, ourselves among them.
    fn epoch_to_begin(&self) -> Option<Epoch> {
        let Part::Candidate(candidacy) = &self.part else { return None };
        let Phase::Synchronising { epoch, founding, own: None } = candidacy.phase else {
            return None;
        };
        if self.withholds_its_word() {
            return None;
        }
        let given_after = |last| candidacy.peers_where(|one| one.has_given_its_word_after(last));
        if founding {
            return self.are_all_voters(&given_after(None)).then_some(epoch);
        }
        // Who took note early may have been wiped before the last one did: its word alone is no proof any more.
        let last = candidacy.learners.values().map(|one| one.late).chain([None]);
        let mut quorums = last.collect::<BTreeSet<_>>().into_iter().map(given_after);
        quorums.any(|given| self.is_quorum_with_us(given)).then_some(epoch)
    }

    fn begin(&mut self, epoch: Epoch, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        candidacy.phase = Phase::Leading { epoch };
        (self.followed, self.led) = (epoch, epoch);
        out.push(EpochsAction::Began { epoch });
        let ensemble = Some(candidacy.leads);
        self.tell_up_to_date(out);
        self.confirm_ensemble(ensemble, out);
    }

    /// Says that the epoch has begun to those who have answered NEWLEADER. One that has promised past it may have followed a newer
    /// leader: it is told only when a quorum has answered a later ping, as no newer epoch can have begun by then.
    fn tell_up_to_date(&mut self, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        let Phase::Leading { epoch } = candidacy.phase else { return };
        let is_due = |learner: &Learner| {
            let answered_at = learner.acknowledged.filter(|_| learner.told == Told::Nothing);
            answered_at.is_some_and(|since| learner.accepted <= epoch || self.is_confirmed(since))
        };
        let due = candidacy.learners.iter().filter(|(_, learner)| is_due(learner));
        let due: Vec<_> = due.map(|(session, _)| *session).collect();
        self.tell(&due, Told::UpToDate, &LeaderWord::UpToDate, out);
    }

    /// Whether a quorum that remembers no newer epoch has answered a ping after this one.
    fn is_confirmed(&self, since: u64) -> bool {
        let Part::Candidate(candidacy) = &self.part else { return false };
        let Phase::Leading { epoch } = candidacy.phase else { return false };
        let answered = |one: &Learner| one.supports(epoch) && one.answered > since;
        self.is_quorum_with_us(candidacy.peers_where(answered))
    }

    fn tell(
        &mut self,
        sessions: &[SessionId],
        told: Told,
        word: &LeaderWord,
        out: &mut Vec<EpochsAction>,
    ) {
        let Part::Candidate(candidacy) = &mut self.part else { return };
        for session in sessions {
            if let Some(learner) = candidacy.learners.get_mut(session) {
                learner.told = told;
                out.push(EpochsAction::Tell { session: *session, word: word.clone() });
            }
        }
    }

    /// Asks all learners of ours for a sign of life. A new ensemble that waits for a voter says so.
    pub(super) fn ping(&mut self, out: &mut Vec<EpochsAction>) {
        let missing = self.missing();
        let Part::Candidate(candidacy) = &mut self.part else { return };
        candidacy.pings += 1;
        let number = candidacy.pings;
        for (session, learner) in &candidacy.learners {
            let word = match candidacy.phase {
                Phase::Discovering => LeaderWord::Waiting { number, missing: missing.clone() },
                // Its answer to the epoch comes first.
                _ if learner.noted.is_none() => continue,
                Phase::Announcing { epoch }
                | Phase::Synchronising { epoch, .. }
                | Phase::Leading { epoch } => LeaderWord::Ping { epoch, number: Some(number) },
            };
            out.push(EpochsAction::Tell { session: *session, word });
        }
        self.record_amnesiacs(out);
    }

    /// Those among our learners that are amnesiacs are recorded once a quorum that remembers has answered a later ping.
    fn record_amnesiacs(&mut self, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        let Phase::Leading { epoch } = candidacy.phase else { return };
        let is_forgetful = |learner: &Learner| {
            let waits = self.ensemble.is_voter(learner.peer) && learner.follows;
            let waits = waits && learner.told != Told::Recorded;
            waits && !learner.supports(epoch) && learner.accepted <= epoch
        };
        let is_due = |learner: &Learner| {
            let since = learner.acknowledged.filter(|_| is_forgetful(learner));
            since.is_some_and(|since| self.is_confirmed(since))
        };
        let due = candidacy.learners.iter().filter(|(_, learner)| is_due(learner));
        let due: Vec<_> = due.map(|(session, _)| *session).collect();
        self.tell(&due, Told::Recorded, &LeaderWord::Recorded { epoch }, out);
    }

    /// If all voters that are here have answered, and can never be enough, a larger epoch may be had.
    fn look_for_overtaking(&mut self, out: &mut Vec<EpochsAction>) {
        let Part::Candidate(candidacy) = &self.part else { return };
        let Phase::Announcing { epoch } = candidacy.phase else { return };
        let voters = candidacy.learners.values().filter(|one| self.ensemble.is_voter(one.peer));
        let answers: Vec<_> = voters.map(|voter| voter.noted).collect();
        if answers.contains(&Some(false)) && !answers.contains(&None) {
            self.give_up(GiveUp::Overtaken { epoch }, out);
        }
    }
}

impl Candidacy {
    /// Whether our own word waits for this store.
    pub(super) fn waits_for(&self, ticket: Ticket) -> bool {
        matches!(self.phase, Phase::Synchronising { own: Some(own), .. } if own == ticket)
    }

    /// What is so of who takes note of the epoch now.
    fn next_late(&self) -> Option<Late> {
        match self.phase {
            Phase::Discovering | Phase::Announcing { .. } => None,
            Phase::Synchronising { .. } | Phase::Leading { .. } => {
                let turns = self.learners.values().filter_map(|one| one.late.map(|late| late.turn));
                Some(Late { turn: turns.max().unwrap_or(0) + 1, ping: self.pings })
            }
        }
    }

    /// The same with other names and tickets.
    pub(super) fn renamed(&self, names: &impl Renaming, ticket: impl Fn(Ticket) -> Ticket) -> Self {
        let mut renamed = Self { learners: renamed(&self.learners, names), ..self.clone() };
        if let Phase::Synchronising { own: Some(own), .. } = &mut renamed.phase {
            *own = ticket(*own);
        }
        renamed
    }

    /// The epoch it has proposed.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Discovering => None,
            Phase::Announcing { epoch }
            | Phase::Synchronising { epoch, .. }
            | Phase::Leading { epoch } => Some(epoch),
        }
    }
}
