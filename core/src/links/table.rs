//! [`LinkTable`], the core itself.

mod candidates;
mod dialing;
mod excerpt;
pub mod invariants;
mod peer;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use self::peer::{Doubt, Guest, Outbox, Peer, PeerLink};
use super::{Action, Approach, Event, Generation, LinkId, Notice, Refusal, SocketId, Timer};
use crate::{Backoff, Core, ServerId, Sparingly, machine::checked, wire::Frame};

/// At most this many strangers are served at the same time: enough for operators who probe, too few to matter.
pub const GUESTS_MAX: usize = 8;

/// At most this many connections wait for the place of one link.
pub const CANDIDATES_MAX: usize = 8;

/// At most this many attempts to reach one peer are under way at the same time: each looks its name up anew.
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
    /// A link over which the peer has spoken and that lasted this long is a success: the next failure counts as the
    /// first.
    pub steady: Duration,
    /// A link in doubt because a candidate has spoken is given at least this long to deliver an answer, and at most twice as
    /// long. A link that has answered is not asked again for the same time.
    pub answer: Duration,
    /// The same for a link in doubt because its peer has knocked. Any stranger can knock, and the way to a peer may be long.
    pub answer_to_knock: Duration,
    /// A link over which its peer has said nothing yet is closed after this.
    pub silence: Duration,
    /// How long a candidate may take to say something.
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
            answer: Duration::from_millis(100),
            answer_to_knock: Duration::from_millis(500),
            silence: Duration::from_secs(5),
            candidate: Duration::from_secs(1),
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
}

impl Core for LinkTable {
    type Event = Event;
    type Action = Action;

    fn handle(&mut self, event: Event, out: &mut Vec<Action>) {
        checked(self, event, out, Self::decide, invariants::first_broken);
    }
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
        }
    }

    fn decide(&mut self, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Start => self.start(out),
            Event::Send { to, frame } => self.send(to, frame, out),
            Event::Ask { to, frame } => self.ask(to, frame, out),
            Event::Spoke { link } => self.spoke(link, out),
            Event::Reconnect => self.reconnect(out),
            Event::Greeted { from, socket } => self.greeted(from, socket, out),
            Event::CandidateSpoke { socket } => self.candidate_spoke(socket, out),
            Event::CandidateEnded { socket } => self.dismiss_candidate(socket, out),
            Event::Dialed { link, socket } => self.dialed(link, socket, out),
            Event::Knocked { link } => self.knocked(link, out),
            Event::DialFailed { link } => self.dial_failed(link, out),
            Event::Written { link } => self.written(link, out),
            Event::LinkDown { link } => self.link_down(link, out),
            Event::TimerFired(Timer::Redial(peer)) => self.redial(peer, out),
            Event::TimerFired(Timer::Steady(peer)) => self.steady(peer),
            Event::TimerFired(Timer::Answer(peer)) => self.unanswered(peer, out),
            Event::TimerFired(Timer::Silence(peer)) => self.unspoken(peer, out),
            Event::TimerFired(Timer::Candidate(socket)) => self.unheard(socket, out),
            Event::TimerFired(Timer::Guest(link)) => self.dismiss_guest(link, out),
        }
    }

    /// Whose table this is.
    pub const fn me(&self) -> ServerId {
        self.me
    }

    /// The present link to a peer, if there is one.
    pub fn link(&self, peer: ServerId) -> Option<LinkId> {
        let link = self.peers.get(&peer)?.link.as_ref()?;
        Some(LinkId { peer, generation: link.outbox.generation })
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

    fn send(&mut self, to: ServerId, frame: Frame, out: &mut Vec<Action>) {
        let Some(outbox) = self.present_outbox_mut(to) else {
            self.unsent += 1;
            return;
        };
        if outbox.writing {
            self.unsent += u64::from(outbox.waiting.replace(frame).is_some());
        } else {
            self.write(to, frame, out);
        }
    }

    /// A question waits beside the newest word, and takes nothing's place.
    fn ask(&mut self, to: ServerId, frame: Frame, out: &mut Vec<Action>) {
        let Some(outbox) = self.present_outbox_mut(to) else {
            return;
        };
        if outbox.writing {
            outbox.question = Some(frame);
        } else {
            self.write(to, frame, out);
        }
    }

    fn write(&mut self, to: ServerId, frame: Frame, out: &mut Vec<Action>) {
        if let Some(outbox) = self.present_outbox_mut(to) {
            outbox.writing = true;
            let link = LinkId { peer: to, generation: outbox.generation };
            out.push(Action::Write { link, frame });
        }
    }

    fn written(&mut self, link: LinkId, out: &mut Vec<Action>) {
        let Some(outbox) = self.outbox_mut(link) else {
            return;
        };
        match outbox.waiting.take().or_else(|| outbox.question.take()) {
            Some(frame) => out.push(Action::Write { link, frame }),
            None => outbox.writing = false,
        }
    }

    /// The peer has said something valid over this link: the link counts, and if it was in doubt, it keeps its place.
    fn spoke(&mut self, link: LinkId, out: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        let is_meant = |present: &&mut PeerLink| present.outbox.generation == link.generation;
        let Some(present) = peer.link.as_mut().filter(is_meant) else {
            return;
        };
        peer.away = false;
        let first = !std::mem::replace(&mut present.spoken, true);
        let dispelled = present.doubt == Doubt::Raised;
        let mut losers = Vec::new();
        if dispelled {
            present.doubt = Doubt::Dispelled;
            losers = present.rivals.remove_spoken();
            self.wait_for_answer(link.peer, out);
        }
        if first {
            out.push(Action::ClearTimer(Timer::Silence(link.peer)));
            self.rest(link.peer, out);
        }
        for socket in losers {
            candidates::drop_candidate(socket, out);
        }
    }

    fn steady(&mut self, id: ServerId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && peer.link.as_ref().is_some_and(|present| present.spoken)
        {
            peer.failures = 0;
        }
    }

    fn greeted(&mut self, from: Option<ServerId>, socket: SocketId, out: &mut Vec<Action>) {
        let Some(from) = from else {
            return refuse(Refusal::NoId, socket, out);
        };
        if from == self.me {
            return refuse(Refusal::OwnId, socket, out);
        }
        if !self.peers.contains_key(&from) {
            return self.admit_guest(from, socket, out);
        }
        if from < self.me {
            out.push(Action::DropSocket(socket));
            self.answer_knock(from, out);
        } else {
            self.accept(from, socket, out);
        }
    }

    /// The one place where a link to a peer comes into being.
    fn open(&mut self, id: ServerId, socket: SocketId, out: &mut Vec<Action>) {
        let link = LinkId { peer: id, generation: self.next_generation() };
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.link = Some(PeerLink::new(link.generation));
        peer.knocked = false;
        peer.unanswered_knocks = Sparingly::default();
        if self.me > id {
            // We have dialled it ourselves, at its own address.
            self.rest(id, out);
        }
        // First the news, then the link: what it brings is of no use to a user that does not know it.
        out.push(Action::Notify(Notice::LinkUp(link)));
        out.push(Action::OpenLink { link, socket });
        out.push(Action::SetTimer { timer: Timer::Steady(id), after: self.timing.steady });
        out.push(Action::SetTimer { timer: Timer::Silence(id), after: self.timing.silence });
    }

    fn link_down(&mut self, link: LinkId, out: &mut Vec<Action>) {
        if let Some(index) = self.guest_index(link) {
            self.guests.remove(index);
            out.push(Action::ClearTimer(Timer::Guest(link)));
            return out.push(Action::Notify(Notice::LinkDown(link)));
        }
        if self.outbox_mut(link).is_none() {
            return;
        }
        self.replace(link, out);
    }

    fn admit_guest(&mut self, id: ServerId, socket: SocketId, out: &mut Vec<Action>) {
        let namesake = self.guests.iter().position(|guest| guest.id == id);
        let oldest = (self.guests.len() >= GUESTS_MAX).then_some(0);
        let leaving = namesake.or(oldest);
        if let Some(guest) = leaving.and_then(|index| self.guests.get(index)) {
            self.dismiss_guest(LinkId { peer: guest.id, generation: guest.outbox.generation }, out);
        }
        let link = LinkId { peer: id, generation: self.next_generation() };
        self.guests.push_back(Guest { id, outbox: Outbox::new(link.generation) });
        out.push(Action::Notify(Notice::LinkUp(link)));
        out.push(Action::OpenLink { link, socket });
        out.push(Action::SetTimer { timer: Timer::Guest(link), after: self.timing.guest });
    }

    fn dismiss_guest(&mut self, link: LinkId, out: &mut Vec<Action>) {
        let Some(index) = self.guest_index(link) else {
            return;
        };
        self.guests.remove(index);
        out.push(Action::ClearTimer(Timer::Guest(link)));
        out.push(Action::CloseLink { link });
        out.push(Action::Notify(Notice::LinkDown(link)));
    }

    fn link_mut(&mut self, id: ServerId) -> Option<&mut PeerLink> {
        self.peers.get_mut(&id)?.link.as_mut()
    }

    /// The writing side of the present link to this server, peer or guest.
    fn present_outbox_mut(&mut self, id: ServerId) -> Option<&mut Outbox> {
        match self.peers.get_mut(&id) {
            Some(peer) => peer.link.as_mut().map(|present| &mut present.outbox),
            None => {
                self.guests.iter_mut().find(|guest| guest.id == id).map(|guest| &mut guest.outbox)
            }
        }
    }

    fn outbox_mut(&mut self, link: LinkId) -> Option<&mut Outbox> {
        self.present_outbox_mut(link.peer).filter(|outbox| outbox.generation == link.generation)
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
}

fn refuse(refusal: Refusal, socket: SocketId, out: &mut Vec<Action>) {
    out.push(Action::Notify(Notice::Refused { socket, refusal }));
    out.push(Action::DropSocket(socket));
}

#[cfg(test)]
mod tests;
