//! The learner's time: when the leader is dialled, and how long it may be silent.

use super::{Action, EpochsEvent, Leadership, LostBecause, Moment, Reign, Report};
use crate::{
    ServerId,
    election::Epoch,
    leadership::{HasEnded, Holder, LeaderWord, SessionId},
};

/// A leader that refuses us is dialled this often, for half a second with the default waits, before it is said that it is not reached.
const REFUSALS_UNTOLD: u32 = 6;

impl Leadership {
    pub(super) fn follows(
        &mut self,
        leader: ServerId,
        epoch: Epoch,
        counts: bool,
        out: &mut Vec<Action>,
    ) {
        let Some(result) = self.result else { return };
        self.dial.failures = 0;
        let now = Reign::Following { leader, epoch };
        // After a break we are back where we were, or the leader has begun another epoch meanwhile.
        if self.reign == now {
            return;
        }
        self.lose(LostBecause::Superseded, out);
        self.establish(result, epoch, now, Some(Report::Following { leader, epoch, counts }), out);
    }

    /// When the leader that we follow is given up for its silence, if nothing is heard of it before.
    pub fn leader_silent_at(&self) -> Option<Moment> {
        match self.reign {
            Reign::Following { .. } => {
                Some(self.dial.heard.plus(self.timing.silence).max(self.dial.patience))
            }
            Reign::Leading { .. } | Reign::Unleased { .. } | Reign::None => None,
        }
    }

    /// When a follower looks at the clock at the latest: from a longer pause it sees that it did not run itself.
    pub(super) fn looks_after_leader_at(&self) -> Option<Moment> {
        let silent = self.leader_silent_at()?;
        Some(silent.min(self.now.plus(self.timing.silence / 4)))
    }

    pub(super) fn dial_leader(&mut self, out: &mut Vec<Action>) {
        self.dial.again_at = None;
        let Some(result) = self.result else { return };
        if self.stays_off_the_quorum_port() {
            return;
        }
        let session = self.dial.next_session();
        self.dial.session = Some(session);
        self.pass(EpochsEvent::Introduced { session }, out);
        let info = self.epochs.info();
        out.push(Action::Dial { session, leader: result.leader, info });
    }

    pub(super) fn dial_failed(&mut self, session: SessionId, refused: bool, out: &mut Vec<Action>) {
        self.review.asked.take_if(|(asked, _)| *asked == session);
        if self.dial.session != Some(session) {
            return;
        }
        self.pass(EpochsEvent::Ended { session }, out);
        if refused && self.listens_as_long_as_it_lives() {
            self.lose(LostBecause::LeaderLost, out);
            return self.look_again(true, out);
        }
        self.dial_later();
    }

    /// Whether a leader that may be about to listen has refused us for longer than that takes.
    pub fn is_refused_for_long(&self) -> bool {
        self.dial.failures >= REFUSALS_UNTOLD && !self.listens_as_long_as_it_lives()
    }

    /// Whether a leader that refuses us is gone. A real server listens only while it leads, and begins a moment after it was elected.
    fn listens_as_long_as_it_lives(&self) -> bool {
        let is_ours = self.result.is_some_and(|result| self.ours.contains(&result.leader));
        is_ours || self.reign != Reign::None
    }

    /// The session with the leader is over. If we followed, it is dialled again at once: if its process is gone, that is refused.
    pub(super) fn dial_broke(&mut self, out: &mut Vec<Action>) {
        let at_once = self.dial.failures == 0 && matches!(self.reign, Reign::Following { .. });
        self.dial_later();
        if at_once {
            self.dial_leader(out);
        }
    }

    fn dial_later(&mut self) {
        self.dial.session = None;
        self.dial.failures = self.dial.failures.saturating_add(1);
        let wait = self.timing.redial.delay(self.dial.failures);
        self.dial.again_at = wait.map(|wait| self.now.plus(wait));
    }

    pub(super) fn leader_said(
        &mut self,
        session: SessionId,
        word: LeaderWord,
        out: &mut Vec<Action>,
    ) {
        if let Some(asked) = self.review.asked.filter(|(asked, _)| *asked == session) {
            return self.leader_answers(asked, &word, out);
        }
        if self.dial.session != Some(session) {
            return;
        }
        self.dial.heard = self.now;
        self.dial.waiting = None;
        match &word {
            // It has lost the epoch in which we follow, and was elected again.
            LeaderWord::Waiting { .. } if matches!(self.reign, Reign::Following { .. }) => {
                self.lose(LostBecause::LeaderLost, out);
                return self.look_again(false, out);
            }
            LeaderWord::Waiting { missing, .. } => {
                self.dial.waiting = Some(self.now);
                if *missing != self.told_missing
                    && let Some(result) = self.result
                {
                    self.told_missing.clone_from(missing);
                    let (leader, missing) = (result.leader, missing.clone());
                    out.push(Action::Report(Report::Waiting { leader, missing }));
                }
            }
            LeaderWord::Info { block, .. } => {
                self.begin_to_establish();
                if let (Some(result), Some(block)) = (self.result, block) {
                    self.ours.insert(result.leader);
                    let (leader, directory, incarnation) =
                        (result.leader, block.directory, block.incarnation);
                    let holder = Holder { leader, directory, incarnation };
                    self.lease.hear(HasEnded { holder, epoch: block.ended });
                }
            }
            LeaderWord::Ping { number: Some(number), .. } => {
                if self.promises_at_ping(session, *number, out) {
                    return;
                }
            }
            LeaderWord::Recorded { .. } => {
                if self.promises_when_recorded(session, &word, out) {
                    return;
                }
            }
            LeaderWord::HasEnded(ended) => self.lease.hear(*ended),
            LeaderWord::Sync { .. }
            | LeaderWord::NewLeader { .. }
            | LeaderWord::UpToDate
            | LeaderWord::Ping { number: None, .. }
            | LeaderWord::Released { .. }
            | LeaderWord::Refused { .. }
            | LeaderWord::Other => {}
        }
        self.pass(EpochsEvent::LeaderSaid { session, word }, out);
    }
}
