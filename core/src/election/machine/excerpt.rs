//! [`Election::excerpt`]: as much of an election as most events change.
//!
//! An event that ends or begins no election changes what is known of the server that it is [about](Event::about), and the
//! vote. So the [rules](super::invariants) need not look at all other servers after each, which counts where thousands of
//! events a second are judged in large ensembles.

use std::sync::Arc;

use super::Election;
use crate::ServerId;
use crate::election::Event;

impl Event {
    /// The server of which something happened, if it was one.
    pub const fn about(&self) -> Option<ServerId> {
        match self {
            Self::Heard { from, .. } => Some(*from),
            Self::LinkUp { peer }
            | Self::LinkDown { peer }
            | Self::Doubted { peer }
            | Self::Unreachable { peer } => Some(*peer),
            Self::Begin { .. }
            | Self::TimerFired(_)
            | Self::Established { .. }
            | Self::LookAgain { .. }
            | Self::Nominated { .. }
            | Self::EpochStored(_)
            | Self::Withdraw
            | Self::Stand => None,
        }
    }
}

impl Election {
    /// This election without what is known of other servers than this one.
    #[must_use]
    pub fn excerpt(&self, server: ServerId) -> Self {
        let config_text = Arc::clone(&self.config_text);
        let mut excerpt = Self::new(self.me, Arc::clone(&self.ensemble), self.timing, config_text);
        (excerpt.history, excerpt.withdrawn) = (self.history, self.withdrawn);
        (excerpt.state, excerpt.round, excerpt.vote) = (self.state, self.round, self.vote);
        (excerpt.starting, excerpt.resend) = (self.starting, self.resend);
        excerpt.askers.clone_from(&self.askers);
        excerpt.watch.clone_from(&self.watch);
        for id in [self.me, server] {
            excerpt.tally.copy(id, &self.tally);
            excerpt.established.copy(id, &self.established);
            excerpt.early.copy(id, &self.early);
            excerpt.links.extend(self.links.get_key_value(&id));
            excerpt.linked.extend(self.linked.get(&id));
            excerpt.met.extend(self.met.get(&id));
        }
        excerpt
    }
}
