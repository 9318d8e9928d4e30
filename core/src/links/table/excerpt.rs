//! [`LinkTable::excerpt`]: as much of a table as one event may change.
//!
//! An event is [about](Event::about) one peer, and changes no other: that is one of the [rules](super::invariants). So the
//! rules hold over a step of a whole table if they hold over the excerpts before and after it. Whatever runs large ensembles
//! evaluates them thousands of times a second.

use super::{Event, LinkTable, Timer};
use crate::ServerId;

impl Event {
    /// The only peer that this event may change; `None` if it may change any.
    pub const fn about(&self) -> Option<ServerId> {
        match self {
            Self::Send { to, .. } | Self::Ask { to, .. } => Some(*to),
            Self::Spoke { link }
            | Self::Dialed { link, .. }
            | Self::Knocked { link }
            | Self::DialFailed { link }
            | Self::Written { link }
            | Self::LinkDown { link }
            | Self::TimerFired(Timer::Guest(link)) => Some(link.peer),
            Self::Greeted { from, .. } => *from,
            Self::TimerFired(
                Timer::Redial(peer)
                | Timer::Steady(peer)
                | Timer::Answer(peer)
                | Timer::Silence(peer),
            ) => Some(*peer),
            // A candidate is found by its connection.
            Self::CandidateSpoke { .. }
            | Self::CandidateEnded { .. }
            | Self::TimerFired(Timer::Candidate(_))
            | Self::Start
            | Self::Reconnect => None,
        }
    }
}

impl LinkTable {
    /// This table with no other peer than this one.
    #[must_use]
    pub fn excerpt(&self, peer: ServerId) -> Self {
        let only = self.peers.get(&peer).map(|known| (peer, known.clone()));
        Self {
            me: self.me,
            timing: self.timing,
            peers: only.into_iter().collect(),
            guests: self.guests.clone(),
            last_generation: self.last_generation,
            unsent: self.unsent,
        }
    }
}
