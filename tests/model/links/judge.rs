//! What a table must not ask for, seen from outside: the model knows who is at the other end.

use ballotbox_core::links::{Action, Event, SocketId, Timer};

use super::state::{End, Reading, State, number};

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Wrong {
    /// It closes a link that works: the tables at both ends have it, and answer.
    ClosesWhatWorks,
    /// It gives the place of a link that has not answered to a connection that has not spoken.
    GivesWayToSilence,
    /// It drops a candidate that has spoken, and not because the link in place has, too.
    DropsWhoSpoke,
}

impl State {
    pub(super) fn judge(&self, side: usize, event: &Event, actions: &[Action]) -> Option<Wrong> {
        actions.iter().find_map(|action| match action {
            Action::CloseLink { link } => {
                let connection = self.sides[side].open.get(link)?;
                let works = self.connections[*connection].ends.iter().all(End::serves);
                works.then_some(Wrong::ClosesWhatWorks)
            }
            Action::OpenLink { socket, .. } => {
                let unanswered = matches!(event, Event::TimerFired(Timer::Answer(_)));
                let silent = unanswered && !self.has_spoken(side, *socket);
                silent.then_some(Wrong::GivesWayToSilence)
            }
            Action::DropSocket(socket) => {
                let spoke = self.has_spoken(side, *socket);
                (spoke && !is_word(event)).then_some(Wrong::DropsWhoSpoke)
            }
            Action::Dial { .. }
            | Action::HearOut(_)
            | Action::Write { .. }
            | Action::SetTimer { .. }
            | Action::ClearTimer(_)
            | Action::Notify(_) => None,
        })
    }

    fn has_spoken(&self, side: usize, candidate: SocketId) -> bool {
        self.connections[number(candidate)].ends[side].reading == Reading::Nothing
    }
}

/// Something was said over a link, or by a candidate just when the link had answered.
const fn is_word(event: &Event) -> bool {
    matches!(event, Event::Spoke { .. } | Event::CandidateSpoke { .. })
}
