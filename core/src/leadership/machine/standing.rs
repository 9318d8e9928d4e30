//! Whether we stand for election: the application may not want to lead, and there are times at which we could not.

use std::time::Duration;

use super::{Action, Leadership, LostBecause, Moment, Reign};
use crate::leadership::Successor;

/// Whether we stand for election.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Standing {
    /// The application would not lead.
    pub(super) unwilling: bool,
    /// A real server was met: we do not lead, and our voters stay off the quorum port.
    pub(super) beside_real_server: bool,
    /// Since then somebody has come as a real server, and was not believed; and no leader was established, nor did we step aside.
    pub(super) doubted_since: Option<Moment>,
    /// Until then we do not stand.
    pub(super) held_off_until: Option<Moment>,
    /// The election was told that we do not.
    pub(super) withdrawn: bool,
}

impl Leadership {
    /// The application would lead from now on, or would not.
    pub(super) fn set_willing(&mut self, willing: bool, out: &mut Vec<Action>) {
        self.standing.unwilling = !willing;
        self.tell_standing(out);
        self.leave_if_unwilling(out);
    }

    /// Where the application would not lead, we give up what we were elected for: at once, or as soon as no work of it goes on.
    pub(super) fn leave_if_unwilling(&mut self, out: &mut Vec<Action>) {
        if !self.standing.unwilling || !self.is_elected() {
            return;
        }
        match self.reign {
            Reign::Leading { .. } if self.epochs.work_goes_on() => {}
            Reign::Leading { .. } => {
                self.retire(Successor::Any, Duration::ZERO, LostBecause::Resigned, out);
            }
            Reign::None | Reign::Unleased { .. } | Reign::Following { .. } => {
                self.lose(LostBecause::Resigned, out);
                self.look_again(false, out);
            }
        }
    }

    pub(super) fn hold_off(&mut self, out: &mut Vec<Action>) {
        self.standing.held_off_until = Some(self.now.plus(self.timing.holdoff));
        self.standing.doubted_since = None;
        self.tell_standing(out);
    }

    /// Tells the election whether we stand for it, if that has changed. Who has work left of an epoch that is over could not lead.
    pub(super) fn tell_standing(&mut self, out: &mut Vec<Action>) {
        let Standing { unwilling, beside_real_server, held_off_until, .. } = self.standing;
        let leads = matches!(self.reign, Reign::Leading { .. });
        let may_lead = leads || !(unwilling || self.epochs.work_goes_on());
        let stands = may_lead && held_off_until.is_none() && !beside_real_server;
        if std::mem::replace(&mut self.standing.withdrawn, !stands) == stands {
            out.push(Action::Stand(stands));
        }
    }
}
