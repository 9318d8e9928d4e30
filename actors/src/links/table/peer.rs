//! [`Peer`] and [`Guest`]: what a [`LinkTable`](super::LinkTable) knows of one server, and [`Outbox`], the writing side of a
//! link.

use crate::{
    ServerId,
    links::{Generation, SocketId},
    wire::Frame,
};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Peer {
    pub(super) state: PeerState,
    /// Failures since the last link that lasted.
    pub(super) failures: u32,
    /// The user knows that this peer is out of reach.
    pub(super) away: bool,
    /// It knocked, and was not reached since.
    pub(super) knocked: bool,
    /// So often it knocked and could not be dialled back, since it was last reached.
    pub(super) unanswered_knocks: u32,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum PeerState {
    /// No link; a `Redial` timer is armed. `hurried`: a knock was answered since the timer last ran out, so the next
    /// one has to wait for it.
    Down { hurried: bool },
    /// Attempts are under way: one, or several if the first takes long. `called`: the peer knocked since the newest
    /// began. `overdue`: the `Redial` timer, which looks after the newest, ran out.
    Dialing { attempts: Vec<Generation>, hurried: bool, called: bool, overdue: bool },
    /// There is a link.
    Up { outbox: Outbox, candidate: Option<SocketId> },
}

/// A stranger that is served for a moment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Guest {
    pub(super) id: ServerId,
    pub(super) outbox: Outbox,
}

/// The writing side of a link: one frame under way, and the newest one behind it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Outbox {
    pub(super) generation: Generation,
    pub(super) writing: bool,
    pub(super) waiting: Option<Frame>,
}

impl Peer {
    pub(super) const fn new() -> Self {
        Self {
            state: PeerState::Down { hurried: false },
            failures: 0,
            away: false,
            knocked: false,
            unanswered_knocks: 0,
        }
    }

    /// An attempt begins, beside those that are under way.
    pub(super) fn begin(&mut self, attempt: Generation, hurried: bool) {
        let mut attempts = match &mut self.state {
            PeerState::Dialing { attempts, .. } => std::mem::take(attempts),
            PeerState::Down { .. } | PeerState::Up { .. } => Vec::new(),
        };
        attempts.push(attempt);
        self.state = PeerState::Dialing { attempts, hurried, called: false, overdue: false };
    }

    /// How many attempts are under way.
    pub(super) const fn attempts(&self) -> usize {
        match &self.state {
            PeerState::Dialing { attempts, .. } => attempts.len(),
            PeerState::Down { .. } | PeerState::Up { .. } => 0,
        }
    }

    /// Whether this attempt is under way.
    pub(super) fn is_tried_by(&self, attempt: Generation) -> bool {
        match &self.state {
            PeerState::Dialing { attempts, .. } => attempts.contains(&attempt),
            PeerState::Down { .. } | PeerState::Up { .. } => false,
        }
    }

    /// An attempt is over: whether another one goes on.
    pub(super) fn is_still_tried_without(&mut self, over: Generation) -> bool {
        match &mut self.state {
            PeerState::Dialing { attempts, .. } => {
                attempts.retain(|attempt| *attempt != over);
                !attempts.is_empty()
            }
            PeerState::Down { .. } | PeerState::Up { .. } => false,
        }
    }
}

impl Outbox {
    pub(super) const fn new(generation: Generation) -> Self {
        Self { generation, writing: false, waiting: None }
    }
}
