//! Sessions between voters, as each end hears of them.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use ballotbox_core::leadership::{EpochsEvent, Info, LeaderWord, LearnerWord, SessionId, Stage};

use super::{likeness::Prints, state::State, weak};
use crate::members::id;

/// How many sessions one voter may have with one leader at a time, all but one of them over for the voter.
pub(super) const PER_PAIR: u64 = 2;

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each end has its own")]
pub(super) struct Session {
    pub(super) learner: usize,
    pub(super) leader: usize,
    /// How the learner introduces itself, until the leader has heard it.
    pub(super) info: Option<Info>,
    /// Whether it says that it is recorded.
    pub(super) recorded: bool,
    pub(super) to_leader: VecDeque<LearnerWord>,
    pub(super) to_learner: VecDeque<LeaderWord>,
    /// Whether it is over for the learner, and for the leader.
    pub(super) learner_left: bool,
    pub(super) leader_left: bool,
    /// The learner's word waits for its disk.
    pub(super) storing: bool,
    /// It is somebody else who speaks as the learner.
    pub(super) is_impostors: bool,
    pub(super) prints: OnceLock<Prints>,
}

impl State {
    pub(super) fn session(&mut self, number: u64) -> Option<&mut Session> {
        let session = Arc::make_mut(self.sessions.get_mut(&number)?);
        session.prints = OnceLock::new();
        Some(session)
    }

    /// The session on which this voter is a learner.
    pub(super) fn session_of(&self, voter: usize) -> Option<u64> {
        let is_meant = |session: &Session| session.learner == voter && !session.learner_left;
        self.sessions.iter().find(|(_, session)| is_meant(session)).map(|(number, _)| *number)
    }

    /// The sessions of this leader whose learners have introduced themselves.
    pub(super) fn heard_by(&self, leader: usize) -> impl Iterator<Item = &Session> {
        let is_meant = move |session: &&Session| {
            session.leader == leader && !session.leader_left && session.info.is_none()
        };
        self.sessions.values().map(|session| &**session).filter(is_meant)
    }

    pub(super) fn learner_leaves(&mut self, number: u64) {
        if let Some(session) = self.session(number) {
            session.learner_left = true;
            session.to_learner.clear();
        }
    }

    pub(super) fn leader_leaves(&mut self, number: u64) {
        if let Some(session) = self.session(number) {
            session.leader_left = true;
            session.info = None;
            session.to_leader.clear();
        }
    }

    pub(super) fn introduce(&mut self, voter: usize, leader: usize) {
        // Both ends of the one before may be gone by now.
        self.sessions.retain(|_, session| !(session.learner_left && session.leader_left));
        let Some(number) = self.free_number(voter, leader) else { return };
        let session = Session {
            learner: voter,
            leader,
            info: Some(self.voters[voter].core.info()),
            recorded: self.voters[voter].core.record().recorded,
            to_leader: VecDeque::new(),
            to_learner: VecDeque::new(),
            learner_left: false,
            leader_left: false,
            storing: false,
            is_impostors: false,
            prints: OnceLock::new(),
        };
        self.sessions.insert(number, Arc::new(session));
        self.tell(voter, EpochsEvent::Introduced { session: SessionId::Dialled(number) });
    }

    /// Numbers are used again: nobody knows a session any more that is over for both its ends.
    pub(super) fn free_number(&self, voter: usize, leader: usize) -> Option<u64> {
        let pair = (voter * self.voters.len() + leader) as u64;
        let mut numbers = pair * PER_PAIR..(pair + 1) * PER_PAIR;
        numbers.find(|number| !self.sessions.contains_key(number))
    }

    pub(super) fn leader_hears(&mut self, number: u64) {
        let Some(session) = self.session(number) else { return };
        let (leader, peer) = (session.leader, id(session.learner));
        let session_id = SessionId::Accepted(number);
        if let Some(info) = session.info.take() {
            self.tell(leader, EpochsEvent::Arrived { session: session_id, peer, info });
        } else if let Some(word) = session.to_leader.pop_front() {
            self.tell(leader, EpochsEvent::LearnerSaid { session: session_id, word });
        }
    }

    pub(super) fn learner_hears(&mut self, number: u64) {
        let Some(session) = self.session(number) else { return };
        let learner = session.learner;
        let Some(word) = session.to_learner.pop_front() else { return };
        let before = self.voters[learner].core.accepted();
        let epoch = if let LeaderWord::Info { epoch, .. } = word { Some(epoch) } else { None };
        let stores = self.voters[learner].stores.len();
        let session = SessionId::Dialled(number);
        self.tell(learner, EpochsEvent::LeaderSaid { session, word });
        if self.voters[learner].stores.len() > stores
            && let Stage::Joining { .. } = self.stage(learner)
            && let Some(session) = self.session(number)
        {
            session.storing = true;
        }
        if epoch == Some(before) {
            weak::answers_equal_epoch(self, number);
        }
    }

    pub(super) fn leader_loses(&mut self, number: u64) {
        let Some(session) = self.sessions.get(&number) else { return };
        let (leader, was_heard) = (session.leader, session.info.is_none());
        self.left.breaks -= u16::from(!session.learner_left);
        self.leader_leaves(number);
        if was_heard {
            self.tell(leader, EpochsEvent::Ended { session: SessionId::Accepted(number) });
        }
    }

    pub(super) fn learner_loses(&mut self, number: u64) {
        let Some(session) = self.sessions.get(&number) else { return };
        let learner = session.learner;
        let breaks = !session.leader_left || !session.to_learner.is_empty();
        self.left.breaks -= u16::from(breaks);
        self.learner_leaves(number);
        self.tell(learner, EpochsEvent::Ended { session: SessionId::Dialled(number) });
    }
}
