//! Learners that come, and what is heard on sessions.

use std::net::SocketAddr;

use super::{Action, EpochsEvent, Leadership, Report};
use crate::leadership::{Info, LeaderWord, LearnerWord, Refusal, SessionId};

impl Leadership {
    pub(super) fn arrived(
        &mut self,
        session: SessionId,
        info: Info,
        from: Option<SocketAddr>,
        out: &mut Vec<Action>,
    ) {
        let (record, silence) = (self.epochs.record(), self.timing.silence);
        match self.door.admit(session, &info, from, record, silence, self.now) {
            Ok(peer) => {
                self.ours.insert(peer);
                self.hear_of_ends(peer, &info);
                self.pass(EpochsEvent::Arrived { session, peer, info }, out);
            }
            Err(refusal) => self.turn_away(session, &info, from, refusal, out),
        }
    }

    fn turn_away(
        &mut self,
        session: SessionId,
        info: &Info,
        from: Option<SocketAddr>,
        refusal: Refusal,
        out: &mut Vec<Action>,
    ) {
        let peer = info.id;
        if let Refusal::RealServer { id } = refusal {
            self.real_server_has_come(id, out);
        } else if info.block.is_some() {
            let reason = crate::UntrustedText::new(&refusal);
            out.push(Action::Tell { session, word: LeaderWord::Refused { reason } });
        }
        out.push(Action::Report(Report::TurnedAway { peer, from, refusal }));
        out.push(Action::Close { session });
    }

    pub(super) fn ended(&mut self, session: SessionId, out: &mut Vec<Action>) {
        self.review.asked.take_if(|(asked, _)| *asked == session);
        self.door.left(session);
        self.pass(EpochsEvent::Ended { session }, out);
        if self.dial.session == Some(session) {
            self.dial_broke(out);
        }
    }

    pub(super) fn alive(&mut self, session: SessionId) {
        if self.dial.session == Some(session) {
            self.dial.heard = self.now;
        }
        self.door.heard(session, self.now);
    }

    pub(super) fn learner_said(
        &mut self,
        session: SessionId,
        word: LearnerWord,
        out: &mut Vec<Action>,
    ) {
        self.alive(session);
        self.hear_end_of_learner(session, &word);
        if let LearnerWord::AckEpoch { bond: Some(bond), .. } = word
            && let Some(holder) = self.epochs.learner(session)
        {
            self.wait_for_bound(holder.leader, bond, out);
        }
        self.pass(EpochsEvent::LearnerSaid { session, word }, out);
        self.note_answers(out);
    }
}
