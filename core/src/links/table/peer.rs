//! [`Peer`] and [`Guest`]: what a [`LinkTable`](super::LinkTable) knows of one server, and [`Outbox`], the writing side of a
//! link.

use super::CANDIDATES_MAX;
use crate::{
    ServerId, Sparingly,
    links::{Generation, SocketId},
    wire::Frame,
};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Peer {
    pub(super) link: Option<PeerLink>,
    pub(super) dialing: Dialing,
    /// Failures since the last link that lasted.
    pub(super) failures: u32,
    /// The user knows that this peer is out of reach.
    pub(super) away: bool,
    /// It knocked, and was not reached since.
    pub(super) knocked: bool,
    /// How often it knocked and could not be dialled back, since it was last reached.
    pub(super) unanswered_knocks: Sparingly,
}

/// How a peer is tried. A higher id is tried until it has spoken, even over a link: its other end may be a stranger.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Dialing {
    /// It need not be.
    Resting,
    /// The `Redial` timer is armed. `hurried`: a knock was answered since the timer last ran out, so the next one has to
    /// wait for it. `put_off`: the timer was set anew as a link came up.
    Waiting { hurried: bool, put_off: bool },
    /// Attempts are under way: one, or several if the first takes long. `called`: the peer knocked since the newest
    /// began. `overdue`: the `Redial` timer, which looks after the newest, ran out.
    Trying { attempts: Vec<Generation>, hurried: bool, called: bool, overdue: bool },
}

/// A link.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct PeerLink {
    pub(super) outbox: Outbox,
    /// The peer has said something valid over it.
    pub(super) spoken: bool,
    pub(super) doubt: Doubt,
    pub(super) rivals: Rivals,
}

/// Whether a link still reaches its peer, when something speaks against that.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Doubt {
    /// Nothing does.
    None,
    /// The peer was asked for a sign of life; the timer `Answer` runs.
    Raised,
    /// The peer has just given one; until the timer `Answer` runs out it is not asked again.
    Dispelled,
}

/// The connections that wait for the place of a link, the newest last.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Rivals(Vec<Candidate>);

/// A connection that claims to be a peer to which there is a link already.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Candidate {
    pub(super) socket: SocketId,
    /// It has said something valid.
    pub(super) spoke: bool,
}

/// A stranger that is served for a moment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Guest {
    pub(super) id: ServerId,
    pub(super) outbox: Outbox,
}

/// The writing side of a link: one frame under way, the newest one behind it, and at most one question.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Outbox {
    pub(super) generation: Generation,
    pub(super) writing: bool,
    pub(super) waiting: Option<Frame>,
    /// Written when no newer word waits.
    pub(super) question: Option<Frame>,
}

impl Peer {
    pub(super) fn new() -> Self {
        Self {
            link: None,
            dialing: Dialing::Waiting { hurried: false, put_off: false },
            failures: 0,
            away: false,
            knocked: false,
            unanswered_knocks: Sparingly::default(),
        }
    }

    /// An attempt begins, beside those that are under way.
    pub(super) fn begin(&mut self, attempt: Generation, hurried: bool) {
        let mut attempts = match &mut self.dialing {
            Dialing::Trying { attempts, .. } => std::mem::take(attempts),
            Dialing::Waiting { .. } | Dialing::Resting => Vec::new(),
        };
        attempts.push(attempt);
        self.dialing = Dialing::Trying { attempts, hurried, called: false, overdue: false };
    }

    /// The attempts under way.
    pub(super) fn attempts(&self) -> &[Generation] {
        match &self.dialing {
            Dialing::Trying { attempts, .. } => attempts,
            Dialing::Waiting { .. } | Dialing::Resting => &[],
        }
    }

    /// Whether this attempt is under way.
    pub(super) fn is_tried_by(&self, attempt: Generation) -> bool {
        self.attempts().contains(&attempt)
    }

    /// An attempt is over: whether another one goes on.
    pub(super) fn is_still_tried_without(&mut self, over: Generation) -> bool {
        match &mut self.dialing {
            Dialing::Trying { attempts, .. } => {
                attempts.retain(|attempt| *attempt != over);
                !attempts.is_empty()
            }
            Dialing::Waiting { .. } | Dialing::Resting => false,
        }
    }
}

impl PeerLink {
    /// A link over which nothing was said yet.
    pub(super) const fn new(generation: Generation) -> Self {
        Self {
            outbox: Outbox::new(generation),
            spoken: false,
            doubt: Doubt::None,
            rivals: Rivals(Vec::new()),
        }
    }
}

impl Outbox {
    pub(super) const fn new(generation: Generation) -> Self {
        Self { generation, writing: false, waiting: None, question: None }
    }
}

impl Rivals {
    /// Lets a connection wait, and returns the one that has to go for it, if there are too many: the one that has been
    /// silent longest, or the new one itself. So a crowd that is silent cannot push out one that has spoken.
    pub(super) fn admit(&mut self, socket: SocketId) -> Option<SocketId> {
        self.0.push(Candidate { socket, spoke: false });
        let silent = self.0.iter().position(|candidate| !candidate.spoke)?;
        (self.0.len() > CANDIDATES_MAX).then(|| self.0.remove(silent).socket)
    }

    pub(super) fn find_mut(&mut self, socket: SocketId) -> Option<&mut Candidate> {
        self.0.iter_mut().find(|candidate| candidate.socket == socket)
    }

    /// Takes this one out; `false` if it does not wait here.
    pub(super) fn remove(&mut self, socket: SocketId) -> bool {
        let waiting = self.0.len();
        self.0.retain(|candidate| candidate.socket != socket);
        self.0.len() < waiting
    }

    pub(super) fn has_spoken(&self) -> bool {
        self.0.iter().any(|candidate| candidate.spoke)
    }

    /// Takes out all that have spoken.
    pub(super) fn remove_spoken(&mut self) -> Vec<SocketId> {
        self.0
            .extract_if(.., |candidate| candidate.spoke)
            .map(|candidate| candidate.socket)
            .collect()
    }

    /// Takes out the one to try first: the first that has spoken, else the newest.
    pub(super) fn take_best(&mut self) -> Option<SocketId> {
        let spoken = self.0.iter().position(|candidate| candidate.spoke);
        let best = spoken.or_else(|| self.0.len().checked_sub(1))?;
        Some(self.0.remove(best).socket)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.0.iter().map(|candidate| candidate.socket)
    }
}
