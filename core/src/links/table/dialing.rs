//! How a peer is tried: dialled by the higher id, knocked at by the lower one, until it has spoken over a link.

use std::time::Duration;

use super::{
    ATTEMPTS_MAX, Action, Approach, LinkId, LinkTable, Notice, SocketId, Timer,
    peer::{Dialing, Peer},
};
use crate::{ServerId, Sparingly};

impl LinkTable {
    pub(super) fn start(&mut self, out: &mut Vec<Action>) {
        let unlinked = |(id, peer): (&ServerId, &Peer)| {
            // A peer that has spoken over its link needs none, and where a link just came up the timer runs.
            matches!(peer.dialing, Dialing::Waiting { put_off: false, .. }).then_some(*id)
        };
        let waiting: Vec<_> = self.peers.iter().filter_map(unlinked).collect();
        for peer in waiting {
            if self.me > peer {
                self.dial(peer, false, out);
            } else {
                out.push(Action::SetTimer {
                    timer: Timer::Redial(peer),
                    after: self.by_peers(self.timing.knock),
                });
            }
        }
    }

    pub(super) fn reconnect(&mut self, out: &mut Vec<Action>) {
        let down = |(id, peer): (&ServerId, &Peer)| match peer.dialing {
            // A higher id that was not knocked at yet is likely to be dialling us.
            Dialing::Waiting { .. } if self.me < *id && peer.failures == 0 => None,
            Dialing::Waiting { hurried, .. } => Some((*id, hurried)),
            Dialing::Trying { .. } | Dialing::Resting => None,
        };
        let waiting: Vec<_> = self.peers.iter().filter_map(down).collect();
        for (peer, hurried) in waiting {
            // Our own impatience does not use up what a knock is granted.
            self.dial(peer, hurried, out);
        }
    }

    pub(super) fn redial(&mut self, id: ServerId, out: &mut Vec<Action>) {
        match self.peers.get_mut(&id).map(|peer| &mut peer.dialing) {
            Some(Dialing::Waiting { .. }) => self.dial(id, false, out),
            Some(Dialing::Trying { overdue, .. }) => {
                *overdue = true;
                self.dial_beside(id, out);
            }
            Some(Dialing::Resting) | None => {}
        }
    }

    pub(super) fn answer_knock(&mut self, from: ServerId, out: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        match peer.dialing {
            Dialing::Waiting { hurried, .. } => {
                peer.knocked = true;
                // A knock shows that the peer is there again; one that follows a hurried attempt may be forged.
                if !hurried {
                    if peer.unanswered_knocks == Sparingly::default() {
                        peer.failures = 0;
                    }
                    self.dial(from, true, out);
                }
            }
            Dialing::Trying { ref mut called, .. } => {
                peer.knocked = true;
                *called = true;
                self.dial_beside(from, out);
            }
            Dialing::Resting => self.raise_doubt(from, out),
        }
    }

    /// Begins another attempt beside one that takes long, if the peer knocks meanwhile: it is there, and may have moved
    /// since that attempt looked its name up.
    fn dial_beside(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get(&id)
            && let Dialing::Trying { attempts, hurried, called: true, overdue: true } =
                &peer.dialing
            && attempts.len() < ATTEMPTS_MAX
        {
            self.dial(id, *hurried, out);
        }
    }

    pub(super) fn dial(&mut self, id: ServerId, hurried: bool, out: &mut Vec<Action>) {
        let link = LinkId { peer: id, generation: self.next_generation() };
        let approach = if self.me > id { Approach::Connect } else { Approach::Knock };
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.begin(link.generation, hurried);
        let beside = peer.attempts().len().saturating_sub(1).min(ATTEMPTS_MAX);
        // Each attempt is given twice as long as the one before.
        let overdue = self.by_peers(self.timing.overdue).saturating_mul(1 << beside);
        out.push(Action::SetTimer { timer: Timer::Redial(id), after: overdue });
        out.push(Action::Dial { link, approach });
    }

    pub(super) fn dialed(&mut self, link: LinkId, socket: SocketId, out: &mut Vec<Action>) {
        if self.is_attempt(link) {
            self.open(link.peer, socket, out);
        } else {
            out.push(Action::DropSocket(socket));
        }
    }

    pub(super) fn knocked(&mut self, link: LinkId, out: &mut Vec<Action>) {
        if self.is_attempt(link) {
            // Not yet a success: the peer may be unable to dial us.
            self.wait_to_redial(link.peer, self.by_peers(self.timing.dial_back), out);
        }
    }

    pub(super) fn dial_failed(&mut self, link: LinkId, out: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        if !peer.is_tried_by(link.generation) {
            return;
        }
        let newly_away = !std::mem::replace(&mut peer.away, true);
        let owed_a_dial = std::mem::take(&mut peer.knocked);
        // A peer that knocks for hours is a handful of notices.
        let is_news = owed_a_dial && peer.unanswered_knocks.count().is_some();
        if !peer.is_still_tried_without(link.generation) {
            self.wait_to_redial(link.peer, Duration::ZERO, out);
        }
        if newly_away {
            out.push(Action::Notify(Notice::Unreachable(link.peer)));
        }
        if is_news {
            out.push(Action::Notify(Notice::CannotDialBack(link.peer)));
        }
    }

    pub(super) fn wait_to_redial(
        &mut self,
        id: ServerId,
        at_least: Duration,
        out: &mut Vec<Action>,
    ) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let hurried = match peer.dialing {
            Dialing::Trying { hurried, .. } => hurried,
            Dialing::Waiting { .. } | Dialing::Resting => false,
        };
        peer.dialing = Dialing::Waiting { hurried, put_off: false };
        peer.failures = peer.failures.saturating_add(1);
        self.set_redial(id, at_least, out);
    }

    /// A connection claims to be a higher id. If that is true, the next knock makes a real server drop it. So the next
    /// knock is put off, once: strangers that come and go cannot put it off for ever.
    pub(super) fn put_off(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(&id)
            && let Dialing::Waiting { put_off, .. } = &mut peer.dialing
            && !std::mem::replace(put_off, true)
        {
            self.set_redial(id, 2 * self.timing.answer_to_knock, out);
        }
    }

    /// Arms the timer for the next attempt: the back-off, but at least this.
    fn set_redial(&mut self, id: ServerId, at_least: Duration, out: &mut Vec<Action>) {
        let redial = self.timing.redial;
        let failures = self.peers.get(&id).map_or(0, |peer| peer.failures);
        let after = redial.delay(failures.max(1)).unwrap_or(redial.max);
        out.push(Action::SetTimer { timer: Timer::Redial(id), after: after.max(at_least) });
    }

    /// The peer need not be tried any more.
    pub(super) fn rest(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !matches!(peer.dialing, Dialing::Resting)
        {
            peer.dialing = Dialing::Resting;
            out.push(Action::ClearTimer(Timer::Redial(id)));
        }
    }

    /// A wait for a peer to dial us. In a large ensemble that starts at once everybody dials everybody: that takes longer
    /// with the square of the peers, and knocks would only add to it.
    fn by_peers(&self, wait: Duration) -> Duration {
        let peers = u32::try_from(self.peers.len()).unwrap_or(u32::MAX);
        let times = (peers.saturating_mul(peers) / 25).max(1);
        wait.saturating_mul(times).min(self.timing.redial.max)
    }

    fn is_attempt(&self, link: LinkId) -> bool {
        self.peers.get(&link.peer).is_some_and(|peer| peer.is_tried_by(link.generation))
    }
}
