//! [`LinkTable`], the core itself.

pub mod invariants;
mod peer;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use self::peer::{Guest, Outbox, Peer, PeerState};
use super::{Action, Approach, Event, Generation, LinkId, Notice, Refusal, SocketId, Timer};
use crate::{ServerId, kit::Backoff, wire::Frame};

/// So many strangers are served at the same time: enough for operators who probe, too few to matter.
pub const GUESTS_MAX: usize = 8;

/// So many attempts to reach one peer are under way at the same time: each looks its name up anew.
pub const ATTEMPTS_MAX: usize = 5;

/// The waits of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkTiming {
    /// Between attempts to reach a peer.
    pub redial: Backoff,
    /// An attempt that takes longer is followed by another one beside it, if the peer meanwhile shows that it is there.
    pub overdue: Duration,
    /// Before the first knock: the higher id may be dialling already. With many peers, longer.
    pub knock: Duration,
    /// How long a peer that was knocked at is given to dial back, before the next knock. With many peers, longer, too.
    pub dial_back: Duration,
    /// A link that lasted so long is a success: the next failure counts as the first.
    pub steady: Duration,
    /// How long a candidate may wait for the link before it to turn out dead.
    pub candidate: Duration,
    /// How long a stranger may stay.
    pub guest: Duration,
}

impl Default for LinkTiming {
    fn default() -> Self {
        Self {
            redial: Backoff {
                min: Duration::from_millis(5),
                max: Duration::from_secs(5),
                attempts_max: None,
            },
            overdue: Duration::from_millis(500),
            knock: Duration::from_millis(10),
            dial_back: Duration::from_millis(100),
            steady: Duration::from_secs(1),
            candidate: Duration::from_secs(5),
            guest: Duration::from_secs(5),
        }
    }
}

/// The links of one server: see the [module](super) for the rules.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LinkTable {
    me: ServerId,
    timing: LinkTiming,
    peers: BTreeMap<ServerId, Peer>,
    guests: VecDeque<Guest>,
    last_generation: Generation,
    unsent: u64,
    actions: Vec<Action>,
}

impl LinkTable {
    /// A table for the server `me`, which wants links to these peers.
    pub fn new(
        me: ServerId,
        peers: impl IntoIterator<Item = ServerId>,
        timing: LinkTiming,
    ) -> Self {
        let peers = peers.into_iter().filter(|peer| *peer != me);
        Self {
            me,
            timing,
            peers: peers.map(|peer| (peer, Peer::new())).collect(),
            guests: VecDeque::new(),
            last_generation: Generation::default(),
            unsent: 0,
            actions: Vec::new(),
        }
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn handle(&mut self, event: Event) -> Vec<Action> {
        let before = cfg!(debug_assertions).then(|| (self.clone(), event.clone()));
        let actions = self.decide(event);
        if let Some((before, event)) = before {
            let step =
                invariants::Step { before: &before, event: &event, actions: &actions, after: self };
            debug_assert_eq!(invariants::first_broken(step), None, "{step:?}");
        }
        actions
    }

    fn decide(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Start => self.start(),
            Event::Send { to, frame } => self.send(to, frame),
            Event::Reconnect => self.reconnect(),
            Event::Greeted { from, socket } => self.greeted(from, socket),
            Event::Dialed { link, socket } => self.dialed(link, socket),
            Event::Knocked { link } => self.knocked(link),
            Event::DialFailed { link } => self.dial_failed(link),
            Event::Written { link } => self.written(link),
            Event::LinkDown { link } => self.link_down(link),
            Event::TimerFired(Timer::Redial(peer)) => self.redial(peer),
            Event::TimerFired(Timer::Steady(peer)) => self.steady(peer),
            Event::TimerFired(Timer::Candidate(peer)) => self.dismiss_candidate(peer),
            Event::TimerFired(Timer::Guest(link)) => self.dismiss_guest(link),
        }
        std::mem::take(&mut self.actions)
    }

    /// Whose table this is.
    pub const fn me(&self) -> ServerId {
        self.me
    }

    /// The present link to a peer, if there is one.
    pub fn link(&self, peer: ServerId) -> Option<LinkId> {
        match &self.peers.get(&peer)?.state {
            PeerState::Up { outbox, .. } => Some(LinkId { peer, generation: outbox.generation }),
            PeerState::Down { .. } | PeerState::Dialing { .. } => None,
        }
    }

    /// The peers this table wants links to.
    pub fn peers(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.peers.keys().copied()
    }

    /// How many strangers are being served.
    pub fn guests(&self) -> usize {
        self.guests.len()
    }

    /// How many frames were never written: a newer one took their place, or there was no link.
    pub const fn unsent(&self) -> u64 {
        self.unsent
    }

    fn start(&mut self) {
        let down = |(id, peer): (&ServerId, &Peer)| {
            matches!(peer.state, PeerState::Down { .. }).then_some(*id)
        };
        let waiting: Vec<_> = self.peers.iter().filter_map(down).collect();
        for peer in waiting {
            if self.me > peer {
                self.dial(peer, false);
            } else {
                self.set_timer(Timer::Redial(peer), self.by_peers(self.timing.knock));
            }
        }
    }

    fn send(&mut self, to: ServerId, frame: Frame) {
        let outbox = match self.peers.get_mut(&to).map(|peer| &mut peer.state) {
            Some(PeerState::Up { outbox, .. }) => Some(outbox),
            Some(PeerState::Down { .. } | PeerState::Dialing { .. }) => None,
            None => {
                self.guests.iter_mut().find(|guest| guest.id == to).map(|guest| &mut guest.outbox)
            }
        };
        let Some(outbox) = outbox else {
            self.unsent += 1;
            return;
        };
        if outbox.writing {
            self.unsent += u64::from(outbox.waiting.replace(frame).is_some());
        } else {
            outbox.writing = true;
            let link = LinkId { peer: to, generation: outbox.generation };
            self.actions.push(Action::Write { link, frame });
        }
    }

    fn written(&mut self, link: LinkId) {
        let Some(outbox) = self.outbox_mut(link) else {
            return;
        };
        match outbox.waiting.take() {
            Some(frame) => self.actions.push(Action::Write { link, frame }),
            None => outbox.writing = false,
        }
    }

    fn reconnect(&mut self) {
        let down = |(id, peer): (&ServerId, &Peer)| match peer.state {
            // A higher id that was not knocked at yet is likely to be dialling us.
            PeerState::Down { .. } if self.me < *id && peer.failures == 0 => None,
            PeerState::Down { hurried } => Some((*id, hurried)),
            PeerState::Dialing { .. } | PeerState::Up { .. } => None,
        };
        let waiting: Vec<_> = self.peers.iter().filter_map(down).collect();
        for (peer, hurried) in waiting {
            // Our own impatience does not use up what a knock is granted.
            self.dial(peer, hurried);
        }
    }

    fn greeted(&mut self, from: Option<ServerId>, socket: SocketId) {
        let Some(from) = from else {
            return self.refuse(Refusal::NoId, socket);
        };
        if from == self.me {
            return self.refuse(Refusal::OwnId, socket);
        }
        if !self.peers.contains_key(&from) {
            return self.admit_guest(from, socket);
        }
        if from < self.me {
            self.actions.push(Action::DropSocket(socket));
            self.answer_knock(from);
        } else {
            self.accept(from, socket);
        }
    }

    fn refuse(&mut self, refusal: Refusal, socket: SocketId) {
        self.actions.push(Action::DropSocket(socket));
        self.notify(Notice::Refused(refusal));
    }

    fn answer_knock(&mut self, from: ServerId) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        match peer.state {
            PeerState::Down { hurried } => {
                peer.knocked = true;
                // A knock shows that the peer is there again; one that follows a hurried attempt may be forged.
                if !hurried {
                    if peer.unanswered_knocks == 0 {
                        peer.failures = 0;
                    }
                    self.dial(from, true);
                }
            }
            PeerState::Dialing { ref mut called, .. } => {
                peer.knocked = true;
                *called = true;
                self.dial_beside(from);
            }
            PeerState::Up { ref outbox, .. } => {
                let link = LinkId { peer: from, generation: outbox.generation };
                self.notify(Notice::Doubted(link));
            }
        }
    }

    fn accept(&mut self, from: ServerId, socket: SocketId) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        match &mut peer.state {
            PeerState::Down { .. } | PeerState::Dialing { .. } => self.open(from, socket),
            PeerState::Up { outbox, candidate } => {
                let link = LinkId { peer: from, generation: outbox.generation };
                if let Some(older) = candidate.replace(socket) {
                    self.actions.push(Action::DropSocket(older));
                }
                self.set_timer(Timer::Candidate(from), self.timing.candidate);
                self.notify(Notice::Doubted(link));
            }
        }
    }

    fn dialed(&mut self, link: LinkId, socket: SocketId) {
        if self.is_attempt(link) {
            self.open(link.peer, socket);
        } else {
            self.actions.push(Action::DropSocket(socket));
        }
    }

    fn knocked(&mut self, link: LinkId) {
        if self.is_attempt(link) {
            // Not yet a success: the peer may be unable to dial us.
            self.wait_to_redial(link.peer, self.by_peers(self.timing.dial_back));
        }
    }

    fn dial_failed(&mut self, link: LinkId) {
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        if !peer.is_tried_by(link.generation) {
            return;
        }
        let newly_away = !std::mem::replace(&mut peer.away, true);
        let owed_a_dial = std::mem::take(&mut peer.knocked);
        if owed_a_dial {
            peer.unanswered_knocks = peer.unanswered_knocks.saturating_add(1);
        }
        // A peer that knocks for hours is a handful of notices.
        let is_news = owed_a_dial && peer.unanswered_knocks.is_power_of_two();
        if !peer.is_still_tried_without(link.generation) {
            self.wait_to_redial(link.peer, Duration::ZERO);
        }
        if newly_away {
            self.notify(Notice::Unreachable(link.peer));
        }
        if is_news {
            self.notify(Notice::CannotDialBack(link.peer));
        }
    }

    fn link_down(&mut self, link: LinkId) {
        if let Some(index) = self.guest_index(link) {
            self.guests.remove(index);
            self.clear_timer(Timer::Guest(link));
            return self.notify(Notice::LinkDown(link));
        }
        if self.outbox_mut(link).is_none() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        let PeerState::Up { candidate, .. } = &mut peer.state else {
            return;
        };
        let candidate = candidate.take();
        peer.state = PeerState::Down { hurried: false };
        self.clear_timer(Timer::Steady(link.peer));
        self.notify(Notice::LinkDown(link));
        match candidate {
            Some(socket) => {
                self.clear_timer(Timer::Candidate(link.peer));
                self.open(link.peer, socket);
            }
            None => self.wait_to_redial(link.peer, Duration::ZERO),
        }
    }

    fn redial(&mut self, id: ServerId) {
        match self.peers.get_mut(&id).map(|peer| &mut peer.state) {
            Some(PeerState::Down { .. }) => self.dial(id, false),
            Some(PeerState::Dialing { overdue, .. }) => {
                *overdue = true;
                self.dial_beside(id);
            }
            Some(PeerState::Up { .. }) | None => {}
        }
    }

    /// Begins another attempt beside one that takes long, if the peer knocks meanwhile: it is there, and may have moved
    /// since that attempt looked its name up.
    fn dial_beside(&mut self, id: ServerId) {
        if let Some(peer) = self.peers.get(&id)
            && let PeerState::Dialing { attempts, hurried, called: true, overdue: true } =
                &peer.state
            && attempts.len() < ATTEMPTS_MAX
        {
            self.dial(id, *hurried);
        }
    }

    fn steady(&mut self, peer: ServerId) {
        if self.link(peer).is_some()
            && let Some(peer) = self.peers.get_mut(&peer)
        {
            peer.failures = 0;
        }
    }

    fn dismiss_candidate(&mut self, peer: ServerId) {
        let state = self.peers.get_mut(&peer).map(|peer| &mut peer.state);
        if let Some(PeerState::Up { candidate, .. }) = state
            && let Some(socket) = candidate.take()
        {
            self.actions.push(Action::DropSocket(socket));
        }
    }

    fn admit_guest(&mut self, id: ServerId, socket: SocketId) {
        let namesake = self.guests.iter().position(|guest| guest.id == id);
        let oldest = (self.guests.len() >= GUESTS_MAX).then_some(0);
        let leaving = namesake.or(oldest);
        if let Some(guest) = leaving.and_then(|index| self.guests.get(index)) {
            self.dismiss_guest(LinkId { peer: guest.id, generation: guest.outbox.generation });
        }
        let link = LinkId { peer: id, generation: self.next_generation() };
        self.guests.push_back(Guest { id, outbox: Outbox::new(link.generation) });
        self.notify(Notice::LinkUp(link));
        self.actions.push(Action::OpenLink { link, socket });
        self.set_timer(Timer::Guest(link), self.timing.guest);
    }

    fn dismiss_guest(&mut self, link: LinkId) {
        let Some(index) = self.guest_index(link) else {
            return;
        };
        self.guests.remove(index);
        self.clear_timer(Timer::Guest(link));
        self.actions.push(Action::CloseLink { link });
        self.notify(Notice::LinkDown(link));
    }

    /// The one place where a link to a peer comes into being.
    fn open(&mut self, id: ServerId, socket: SocketId) {
        let link = LinkId { peer: id, generation: self.next_generation() };
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.state = PeerState::Up { outbox: Outbox::new(link.generation), candidate: None };
        peer.away = false;
        peer.knocked = false;
        peer.unanswered_knocks = 0;
        self.clear_timer(Timer::Redial(id));
        // First the news, then the link: what it brings is of no use to a user that does not know it.
        self.notify(Notice::LinkUp(link));
        self.actions.push(Action::OpenLink { link, socket });
        self.set_timer(Timer::Steady(id), self.timing.steady);
    }

    fn dial(&mut self, id: ServerId, hurried: bool) {
        let link = LinkId { peer: id, generation: self.next_generation() };
        let approach = if self.me > id { Approach::Connect } else { Approach::Knock };
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.begin(link.generation, hurried);
        let beside = peer.attempts().saturating_sub(1).min(ATTEMPTS_MAX);
        // Each attempt is given twice as long as the one before.
        let overdue = self.by_peers(self.timing.overdue).saturating_mul(1 << beside);
        self.set_timer(Timer::Redial(id), overdue);
        self.actions.push(Action::Dial { link, approach });
    }

    fn wait_to_redial(&mut self, id: ServerId, at_least: Duration) {
        let redial = self.timing.redial;
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let hurried = match peer.state {
            PeerState::Dialing { hurried, .. } => hurried,
            PeerState::Down { .. } | PeerState::Up { .. } => false,
        };
        peer.state = PeerState::Down { hurried };
        peer.failures = peer.failures.saturating_add(1);
        let after = redial.delay(peer.failures).unwrap_or(redial.max);
        self.set_timer(Timer::Redial(id), after.max(at_least));
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

    fn outbox_mut(&mut self, link: LinkId) -> Option<&mut Outbox> {
        let outbox = match self.peers.get_mut(&link.peer).map(|peer| &mut peer.state) {
            Some(PeerState::Up { outbox, .. }) => outbox,
            Some(PeerState::Down { .. } | PeerState::Dialing { .. }) => return None,
            None => &mut self.guests.iter_mut().find(|guest| guest.id == link.peer)?.outbox,
        };
        (outbox.generation == link.generation).then_some(outbox)
    }

    fn guest_index(&self, link: LinkId) -> Option<usize> {
        let same =
            |guest: &Guest| guest.id == link.peer && guest.outbox.generation == link.generation;
        self.guests.iter().position(same)
    }

    fn next_generation(&mut self) -> Generation {
        self.last_generation.0 += 1;
        self.last_generation
    }

    fn notify(&mut self, notice: Notice) {
        self.actions.push(Action::Notify(notice));
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.actions.push(Action::SetTimer { timer, after });
    }

    fn clear_timer(&mut self, timer: Timer) {
        self.actions.push(Action::ClearTimer(timer));
    }
}

#[cfg(test)]
mod tests;
