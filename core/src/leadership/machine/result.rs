//! What becomes of the result of an election: it is established in time, or the election is held again.

use super::{
    Action, Beat, Dial, ElectionResult, EpochsEvent, Leadership, LostBecause, Moment, Reign,
    Report, Stage,
};
use crate::{
    ServerId,
    election::{Epoch, Round},
    leadership::HANDOVER,
};

impl Leadership {
    /// Holds the election again if it is time to.
    pub(super) fn check_result(&mut self, out: &mut Vec<Action>) {
        let Some(result) = self.result else { return };
        match result.again_at {
            Some(at) if at <= self.now => self.look_again(false, out),
            Some(_) => {}
            None => {
                if self.establish_by(result).is_some_and(|by| by <= self.now) {
                    self.not_established(result, out);
                }
            }
        }
    }

    /// From now on we lead in this epoch, or follow.
    pub(super) fn establish(
        &mut self,
        ElectionResult { leader, round, .. }: ElectionResult,
        epoch: Epoch,
        reign: Reign,
        report: Option<Report>,
        out: &mut Vec<Action>,
    ) {
        self.reign = reign;
        self.standing.doubted_since = None;
        out.push(Action::Established { leader, round, epoch });
        if let Some(report) = report {
            self.newest_reported = epoch;
            out.push(Action::Report(report));
        }
    }

    /// Until when the result has to be established, unless it is.
    pub(super) fn establish_by(&self, result: ElectionResult) -> Option<Moment> {
        if self.stays_off_the_quorum_port() || self.reign != Reign::None {
            return None;
        }
        let longer = match self.epochs.stage() {
            // A quorum is here and answers: a new ensemble waits for the rest.
            Stage::Discovering if self.epochs.is_quorum_here() => {
                Some(self.beat.quorum_heard.plus(self.timing.silence))
            }
            Stage::Joining { .. } => {
                self.dial.waiting.map(|waiting| waiting.plus(self.timing.silence))
            }
            Stage::Looking
            | Stage::Discovering
            | Stage::Announcing { .. }
            | Stage::Synchronising { .. }
            | Stage::Leading { .. }
            | Stage::Following { .. } => None,
        };
        let until = self.doubted_until(result).map_or(result.until, |by| by.min(result.until));
        Some(longer.map_or(until, |longer| longer.max(until)))
    }

    /// However long others were waited for, there is time to establish from now on.
    pub(super) fn begin_to_establish(&mut self) {
        if let Some(result) = self.result.as_mut().filter(|result| !result.nominated) {
            result.until = result.until.max(self.now.plus(self.timing.establish()));
        }
    }

    pub(super) fn not_established(&mut self, result: ElectionResult, out: &mut Vec<Action>) {
        let leader = result.leader;
        out.push(Action::Report(Report::NotEstablished { leader }));
        if leader == self.me
            && (!self.epochs.record().recorded || self.standing.doubted_since.is_some())
        {
            // Somebody who remembers may be able to lead; or real servers, if it is true that there are some.
            self.hold_off(out);
        }
        self.look_again(false, out);
    }

    pub(super) fn elected(&mut self, leader: ServerId, round: Round, out: &mut Vec<Action>) {
        self.lose(LostBecause::Superseded, out);
        let nominated = self.nominated.take() == Some((leader, round));
        let within = if nominated { HANDOVER } else { self.timing.establish() };
        let until = self.now.plus(within);
        self.result = Some(ElectionResult { leader, round, until, again_at: None, nominated });
        self.told_missing.clear();
        self.dial = Dial { last: self.dial.last, ..Dial::default() };
        let (quorum_heard, heard_reading) = (self.now, self.reading);
        self.beat = Beat { quorum_heard, heard_reading, ..Beat::default() };
        if leader == self.me {
            if self.standing.beside_real_server {
                return self.look_later(out);
            }
            if self.standing.unwilling {
                // The election has heard that we do not stand, and did not know it yet when it ended.
                return self.look_again(false, out);
            }
            self.beat.next = Some(self.now.plus(self.timing.ping));
        }
        self.pass(EpochsEvent::Elected { leader }, out);
        if leader != self.me {
            self.dial_leader(out);
        }
    }

    pub(super) fn unelected(&mut self, out: &mut Vec<Action>) {
        self.lose(LostBecause::Superseded, out);
        self.forget_result(out);
    }

    /// Gives the result of the election up, and has the election held again.
    pub(super) fn look_again(&mut self, gone: bool, out: &mut Vec<Action>) {
        let Some(ElectionResult { leader, round, .. }) = self.result else { return };
        self.forget_result(out);
        out.push(Action::LookAgain { leader, round, gone });
    }

    /// Has the election held again after a pause: nothing would be different at once.
    pub(super) fn look_later(&mut self, out: &mut Vec<Action>) {
        self.end_sessions(out);
        if let Some(result) = &mut self.result {
            result.again_at = Some(self.now.plus(self.timing.retry));
        }
    }

    pub(super) fn forget_result(&mut self, out: &mut Vec<Action>) {
        self.result = None;
        self.end_sessions(out);
    }

    fn end_sessions(&mut self, out: &mut Vec<Action>) {
        self.dial = Dial { last: self.dial.last, ..Dial::default() };
        self.beat = Beat::default();
        self.pass(EpochsEvent::Unelected, out);
    }
}
