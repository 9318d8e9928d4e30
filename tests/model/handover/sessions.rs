//! Sessions between voters, as each end hears of them.

use std::{collections::VecDeque, sync::Arc};

use ballotbox_core::{
    election::Epoch,
    leadership::{Event, Info, LeaderWord, LearnerWord, SessionId},
};

use super::{state::State, weak};
use crate::members::VOTERS;

/// The voter that has dialled, and what it calls the session.
pub(super) type Number = (usize, u64);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Session {
    pub(super) leader: usize,
    /// How the learner introduces itself, until the leader has heard it.
    pub(super) info: Option<Info>,
    pub(super) to_leader: VecDeque<LearnerWord>,
    pub(super) to_learner: VecDeque<LeaderWord>,
    /// Whether it is over for the learner, and for the leader.
    pub(super) learner_left: bool,
    pub(super) leader_left: bool,
}

/// What the leader calls it.
fn accepted((learner, number): Number) -> SessionId {
    SessionId::Accepted(number * VOTERS as u64 + learner as u64)
}

fn number(session: SessionId, me: usize) -> Number {
    match session {
        SessionId::Dialled(number) => (me, number),
        SessionId::Accepted(number) => {
            let voters = VOTERS as u64;
            (usize::try_from(number % voters).unwrap(), number / voters)
        }
    }
}

impl State {
    pub(super) fn session(&mut self, number: Number) -> Option<&mut Session> {
        self.sessions.get_mut(&number).map(Arc::make_mut)
    }

    /// The session on which this voter is a learner.
    pub(super) fn session_of(&self, voter: usize) -> Option<Number> {
        let is_meant = |(number, session): &(&Number, &Arc<Session>)| {
            number.0 == voter && !session.learner_left
        };
        self.sessions.iter().find(is_meant).map(|(number, _)| *number)
    }

    /// Who does not run refuses.
    pub(super) fn dial(
        &mut self,
        voter: usize,
        session: SessionId,
        leader: usize,
        info: Info,
    ) -> Option<Event> {
        if self.voters[leader].has_stopped {
            return Some(Event::DialFailed { session, refused: true });
        }
        let begun = Session {
            leader,
            info: Some(info),
            to_leader: VecDeque::new(),
            to_learner: VecDeque::new(),
            learner_left: false,
            leader_left: false,
        };
        self.sessions.insert(number(session, voter), Arc::new(begun));
        None
    }

    pub(super) fn leader_says(&mut self, voter: usize, session: SessionId, word: LeaderWord) {
        let forged = weak::answer(self.weakness, &word);
        if let Some(session) = self.session(number(session, voter)) {
            session.to_leader.extend(forged);
            if !session.learner_left {
                session.to_learner.push_back(word);
            }
        }
    }

    pub(super) fn learner_says(&mut self, number: Number, word: LearnerWord) {
        if let Some(session) = self.session(number)
            && !session.leader_left
        {
            session.to_leader.push_back(word);
        }
    }

    pub(super) fn close(&mut self, voter: usize, session: SessionId) {
        let is_learner = matches!(session, SessionId::Dialled(_));
        if let Some(session) = self.session(number(session, voter)) {
            if is_learner { session.learner_leaves() } else { session.leader_leaves() }
        }
    }

    /// A process has ended.
    pub(super) fn leave_all(&mut self, voter: usize) {
        for (number, session) in &mut self.sessions {
            let session = Arc::make_mut(session);
            if number.0 == voter {
                session.learner_leaves();
            }
            if session.leader == voter {
                session.leader_leaves();
            }
        }
    }

    pub(super) fn leader_hears(&mut self, number: Number) {
        let Some(session) = self.session(number) else { return };
        let leader = session.leader;
        if let Some(info) = session.info.take() {
            let session = accepted(number);
            self.tell(leader, Event::Arrived { session, info, from: None });
        } else if let Some(word) = session.to_leader.pop_front() {
            self.tell(leader, Event::LearnerSaid { session: accepted(number), word });
        }
    }

    pub(super) fn learner_hears(&mut self, number: Number) {
        let Some(session) = self.session(number) else { return };
        let Some(word) = session.to_learner.pop_front() else { return };
        let session = SessionId::Dialled(number.1);
        self.tell(number.0, Event::LeaderSaid { session, word });
    }

    pub(super) fn leader_loses(&mut self, number: Number) {
        let Some(session) = self.session(number) else { return };
        let (leader, was_heard) = (session.leader, session.info.is_none());
        let breaks = !session.learner_left;
        session.leader_leaves();
        self.left.breaks -= u16::from(breaks);
        if was_heard {
            self.tell(leader, Event::Ended { session: accepted(number) });
        }
    }

    pub(super) fn learner_loses(&mut self, number: Number) {
        let Some(session) = self.session(number) else { return };
        let breaks = !session.leader_left || !session.to_learner.is_empty();
        session.learner_leaves();
        self.left.breaks -= u16::from(breaks);
        self.tell(number.0, Event::Ended { session: SessionId::Dialled(number.1) });
    }

    /// What the leader of this voter has said at the end of this epoch of its own comes once more.
    pub(super) fn repeat(&mut self, voter: usize, epoch: Epoch) {
        let nomination = self.book.released(epoch);
        let Some(number) = self.session_of(voter) else { return };
        let (epoch, nomination) = weak::repeated(self, voter, epoch, nomination);
        let word = LeaderWord::Released { epoch, nomination };
        if let Some(session) = self.session(number) {
            session.to_learner.push_front(word);
        }
        self.learner_hears(number);
    }
}

impl Session {
    fn learner_leaves(&mut self) {
        self.learner_left = true;
        self.to_learner.clear();
    }

    fn leader_leaves(&mut self) {
        self.leader_left = true;
        self.info = None;
        self.to_leader.clear();
    }
}
