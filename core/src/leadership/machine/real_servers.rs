//! Beside real servers: ours do not lead there, and its voters stay off the quorum port.
//!
//! Anybody can say that it is a real server. Who does is believed only by a member that is elected, as real servers go to nobody else, and
//! not by one that knows better. What a member believes it reviews from time to time, so that a lie is forgotten: it stands for election
//! again when nobody leads, and asks a leader who it is. It asks as an observer without an id: a real leader counts it nowhere, and one
//! of ours turns it away with a word that only ours say.

use super::{
    Action, ElectionResult, Leadership, LostBecause, Moment, Reign, Report, Review, Stage,
};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{Info, LeaderWord, SessionId},
    membership::Role,
};

impl Leadership {
    /// A learner has come that says no more of itself than a real server does.
    pub(super) fn real_server_has_come(&mut self, id: ServerId, out: &mut Vec<Action>) {
        // One that was ours a moment ago is none, and neither is a member of an ensemble of ours.
        if self.ours.contains(&id) || self.epochs.record().ensemble.is_some() {
            self.doubt_real_server();
        } else if self.is_elected() {
            self.met_real_server(id, out);
        }
    }

    pub(super) fn met_real_server(&mut self, peer: ServerId, out: &mut Vec<Action>) {
        if self.standing.beside_real_server {
            return;
        }
        self.standing.beside_real_server = true;
        (self.standing.held_off_until, self.standing.doubted_since) = (None, None);
        out.push(Action::Report(Report::BesideRealServer { peer }));
        self.tell_standing(out);
        if self.stays_off_the_quorum_port() {
            self.review_later();
        }
        if self.is_elected() {
            self.lose(LostBecause::Superseded, out);
            self.look_again(false, out);
        }
    }

    pub(super) fn is_elected(&self) -> bool {
        self.result.is_some_and(|result| result.leader == self.me)
    }

    /// Whether we are a voter that follows nobody, as there are real servers.
    pub(super) fn stays_off_the_quorum_port(&self) -> bool {
        self.standing.beside_real_server && self.ensemble.is_voter(self.me)
    }

    /// Somebody has come as a real server, and is not believed.
    fn doubt_real_server(&mut self) {
        if self.is_elected() && self.reign == Reign::None {
            self.standing.doubted_since.get_or_insert(self.now);
        }
    }

    /// Real servers that were not believed may elect us again and again: however often that is, we lead by then or step aside. As long
    /// as no quorum of ours is here, there is no epoch that would take its time.
    pub(super) fn doubted_until(&self, result: ElectionResult) -> Option<Moment> {
        let since = self.standing.doubted_since.filter(|_| result.leader == self.me)?;
        let is_alone = self.epochs.stage() == Stage::Discovering && !self.epochs.is_quorum_here();
        let longest = if is_alone { self.timing.holdoff } else { self.timing.establish() };
        Some(since.plus(longest.min(self.timing.establish())))
    }

    fn review_later(&mut self) {
        self.review.times = self.review.times.saturating_add(1);
        let wait = self.timing.review.delay(self.review.times);
        self.review.at = wait.map(|wait| self.now.plus(wait));
    }

    /// Looks whether it is true that there is a real server.
    pub(super) fn review(&mut self, out: &mut Vec<Action>) {
        self.review_later();
        if let Some((session, _)) = self.review.asked.take() {
            out.push(Action::Close { session });
        }
        match self.result.filter(|result| result.leader != self.me) {
            Some(ElectionResult { leader, .. }) => {
                let session = self.dial.next_session();
                self.review.asked = Some((session, leader));
                let (id, role, accepted) = (None, Role::Observer, Epoch(0));
                let info = Info { id, role, accepted, ..self.epochs.info() };
                out.push(Action::Dial { session, leader, info });
            }
            None => self.believe_no_more(out),
        }
    }

    /// The answer of a leader that was asked who it is.
    pub(super) fn leader_answers(
        &mut self,
        (session, leader): (SessionId, ServerId),
        word: &LeaderWord,
        out: &mut Vec<Action>,
    ) {
        self.review.asked = None;
        out.push(Action::Close { session });
        let is_ours = match word {
            LeaderWord::Refused { .. } | LeaderWord::Waiting { .. } => true,
            LeaderWord::Info { block, .. } => block.is_some(),
            LeaderWord::Sync { .. }
            | LeaderWord::NewLeader { .. }
            | LeaderWord::UpToDate
            | LeaderWord::Ping { .. }
            | LeaderWord::Recorded { .. }
            | LeaderWord::HasEnded(_)
            | LeaderWord::Released { .. }
            | LeaderWord::Other => false,
        };
        if is_ours {
            self.ours.insert(leader);
            self.believe_no_more(out);
            self.look_again(false, out);
        }
    }

    fn believe_no_more(&mut self, out: &mut Vec<Action>) {
        self.standing.beside_real_server = false;
        self.review = Review::default();
        self.tell_standing(out);
    }
}
