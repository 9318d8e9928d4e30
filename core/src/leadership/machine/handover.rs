//! Giving an epoch up in favour of somebody, and what becomes of a nomination.

use std::time::Duration;

use super::{Action, ElectionResult, Leadership, Reign};
use crate::leadership::{CannotResign, LostBecause, Nomination, Successor};

impl Leadership {
    /// Why our epoch cannot be given up now in favour of this successor: `None` if it can.
    pub fn cannot_resign(&self, to: Successor) -> Option<CannotResign> {
        match (self.reign, self.closing) {
            (Reign::Leading { .. }, _) => match to {
                Successor::Any => None,
                Successor::To(_) => self.nominee(to).err(),
            },
            (_, Some(closing)) => Some(CannotResign::HasLost { epoch: closing.epoch }),
            (Reign::Following { leader, epoch }, None) => {
                Some(CannotResign::AnotherLeads { leader, epoch })
            }
            (Reign::None | Reign::Unleased { .. }, None) => Some(CannotResign::NobodyLeads),
        }
    }

    pub(super) fn resign(&mut self, to: Successor, within: Duration, out: &mut Vec<Action>) {
        let is_possible = matches!(to, Successor::Any) || self.cannot_resign(to).is_none();
        if is_possible {
            self.retire(to, within, LostBecause::Resigned, out);
        }
    }

    /// What we say of who leads next, when our epoch is given up now. While its work goes on we say nothing.
    pub(super) fn nomination(&self, to: Successor) -> Option<Nomination> {
        if self.epochs.work_goes_on() { None } else { self.nominee(to).ok() }
    }

    fn nominee(&self, to: Successor) -> Result<Nomination, CannotResign> {
        let vote = self.epochs.successor(to, self.stopping)?;
        let before = self.result.map(|result| result.round).ok_or(CannotResign::NobodyLeads)?;
        let round = before.next();
        if round == before {
            return Err(CannotResign::LastRound);
        }
        Ok(Nomination { vote, round })
    }

    /// Gives the result of the election up for another one, on which all settle who hear of it.
    pub(super) fn settle_on(&mut self, nomination: Nomination, out: &mut Vec<Action>) {
        let Some(ElectionResult { leader, round, .. }) = self.result else { return };
        let Nomination { vote, round: next } = nomination;
        if next <= round || vote.leader == leader || !self.ensemble.may_lead(vote.leader) {
            return self.look_again(false, out);
        }
        self.nominated = Some((vote.leader, next));
        self.forget_result(out);
        out.push(Action::Nominated { leader, round, nomination });
    }
}
