//! Who gets the place of a link: candidates, doubts, and what becomes of a link in doubt.

use std::time::Duration;

use super::{
    Action, LinkId, LinkTable, Notice, SocketId, Timer,
    peer::{Candidate, Dialing, Doubt, PeerLink, Rivals},
};
use crate::ServerId;

impl LinkTable {
    pub(super) fn accept(&mut self, from: ServerId, socket: SocketId, out: &mut Vec<Action>) {
        let Some(present) = self.link_mut(from) else {
            self.open(from, socket, out);
            return self.put_off(from, out);
        };
        let leaving = present.rivals.admit(socket);
        if leaving != Some(socket) {
            out.push(Action::HearOut(socket));
            out.push(Action::SetTimer {
                timer: Timer::Candidate(socket),
                after: self.timing.candidate,
            });
        }
        if let Some(leaving) = leaving {
            drop_candidate(leaving, out);
        }
    }

    /// A candidate has said something valid: now the link in place has to do the same.
    pub(super) fn candidate_spoke(&mut self, socket: SocketId, out: &mut Vec<Action>) {
        let Some((id, candidate, doubt)) = self.candidate_mut(socket) else {
            return;
        };
        candidate.spoke = true;
        match doubt {
            Doubt::None => self.raise_doubt(id, out),
            Doubt::Raised => {}
            Doubt::Dispelled => self.dismiss_candidate(socket, out),
        }
    }

    /// A candidate has had its time. One that has spoken waits for the link in place to answer.
    pub(super) fn unheard(&mut self, socket: SocketId, out: &mut Vec<Action>) {
        if self.candidate_mut(socket).is_some_and(|(_, candidate, _)| !candidate.spoke) {
            self.dismiss_candidate(socket, out);
        }
    }

    pub(super) fn dismiss_candidate(&mut self, socket: SocketId, out: &mut Vec<Action>) {
        let known = self.peers.values_mut().filter_map(|peer| peer.link.as_mut());
        if known.into_iter().any(|present| present.rivals.remove(socket)) {
            drop_candidate(socket, out);
        }
    }

    /// Something speaks against the link to this peer: asks for a sign of life, unless that was done just now.
    pub(super) fn raise_doubt(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(present) = self.link_mut(id)
            && present.doubt == Doubt::None
        {
            present.doubt = Doubt::Raised;
            let link = LinkId { peer: id, generation: present.outbox.generation };
            out.push(Action::Notify(Notice::Doubted(link)));
            self.wait_for_answer(id, out);
        }
    }

    pub(super) fn wait_for_answer(&mut self, id: ServerId, out: &mut Vec<Action>) {
        let wait = if id < self.me { self.timing.answer_to_knock } else { self.timing.answer };
        // Runners shorten a wait to half at the most.
        out.push(Action::SetTimer { timer: Timer::Answer(id), after: 2 * wait });
    }

    /// A link in doubt has not answered: it gives way to whatever raised the doubt.
    pub(super) fn unanswered(&mut self, id: ServerId, out: &mut Vec<Action>) {
        let may_dial = id < self.me;
        let Some(present) = self.link_mut(id) else {
            return;
        };
        if present.doubt == Doubt::Raised && (present.rivals.has_spoken() || may_dial) {
            self.give_up(id, out);
        } else {
            present.doubt = Doubt::None;
        }
    }

    /// A link has been there for long, and nothing was ever said over it.
    pub(super) fn unspoken(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(PeerLink { spoken: false, .. }) = self.link_mut(id) {
            self.give_up(id, out);
        }
    }

    fn give_up(&mut self, id: ServerId, out: &mut Vec<Action>) {
        if let Some(link) = self.link(id) {
            out.push(Action::CloseLink { link });
            self.replace(link, out);
        }
    }

    /// This link is over: the best candidate takes its place, or the peer is tried anew, unless it is being tried already.
    pub(super) fn replace(&mut self, link: LinkId, out: &mut Vec<Action>) {
        let id = link.peer;
        let Some((peer, mut over)) =
            self.peers.get_mut(&id).and_then(|peer| peer.link.take().map(|over| (peer, over)))
        else {
            return;
        };
        let rests = matches!(peer.dialing, Dialing::Resting);
        // A lower peer that knocked is there; over a link that never carried a word anybody may have knocked.
        let has_knocked = over.spoken && over.doubt == Doubt::Raised && id < self.me;
        for timer in [Timer::Steady(id), Timer::Silence(id), Timer::Answer(id)] {
            out.push(Action::ClearTimer(timer));
        }
        out.push(Action::Notify(Notice::LinkDown(link)));
        if rests && has_knocked {
            self.dial(id, true, out);
        } else if rests {
            self.wait_to_redial(id, Duration::ZERO, out);
        }
        if let Some(socket) = over.rivals.take_best() {
            out.push(Action::ClearTimer(Timer::Candidate(socket)));
            self.open(id, socket, out);
            self.go_on_with(id, over.rivals, out);
        }
    }

    /// The other candidates go on waiting, now for the place of the link that was opened.
    fn go_on_with(&mut self, id: ServerId, waiting: Rivals, out: &mut Vec<Action>) {
        let contested = waiting.has_spoken();
        if let Some(present) = self.link_mut(id) {
            present.rivals = waiting;
        }
        if contested {
            self.raise_doubt(id, out);
        }
    }

    /// A candidate, with the peer it claims to be and the doubt about that peer's link.
    fn candidate_mut(&mut self, socket: SocketId) -> Option<(ServerId, &mut Candidate, Doubt)> {
        self.peers.iter_mut().find_map(|(id, peer)| {
            let PeerLink { rivals, doubt, .. } = peer.link.as_mut()?;
            rivals.find_mut(socket).map(|candidate| (*id, candidate, *doubt))
        })
    }
}

pub(super) fn drop_candidate(socket: SocketId, out: &mut Vec<Action>) {
    out.push(Action::ClearTimer(Timer::Candidate(socket)));
    out.push(Action::DropSocket(socket));
}
