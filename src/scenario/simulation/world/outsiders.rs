//! The part of a [`World`] that parties outside of the ensemble play: strangers, and instances of members that are frozen.
//!
//! They have places behind those of the members: first the strangers, then the frozen instances, then the
//! [impostors](super::impostors). No fault of a path concerns them.

use std::time::Duration;

use ballotbox_core::{
    ServerId,
    links::{Approach, Generation, LinkId},
    wire::Frame,
};

use super::World;
use crate::scenario::simulation::{
    moment::nanos,
    network::{End, Purpose, Segment, Side},
    plan::{Freezing, Stranger, StrangerKind},
    scheduled::Scheduled,
    trace::TraceEvent,
};

/// A stranger that has tried often rests for at least this, and at most five times as long.
const REST: Duration = Duration::from_millis(200);
/// What a stranger does, it does within this after its greeting.
const HESITATION: Duration = Duration::from_secs(1);
/// The body of a frame, and no notification.
const UNREADABLE: &[u8] = b"no notification";

/// What there is outside of the ensemble.
#[derive(Debug)]
pub(super) struct Outsiders {
    strangers: Vec<Intruder>,
    frozen: Vec<Frozen>,
}

#[derive(Debug)]
struct Intruder {
    is: Stranger,
    present: bool,
    attempts: u64,
}

#[derive(Debug)]
struct Frozen {
    plan: Freezing,
    /// Where it stays, once it is frozen.
    address: Option<u32>,
    killed: bool,
}

/// Who is at a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Party {
    Member,
    Stranger(usize),
    Frozen(usize),
    Impostor(usize),
}

impl Outsiders {
    pub(super) fn new(strangers: Vec<Stranger>, freezings: Vec<Freezing>) -> Self {
        let intruder = |is| Intruder { is, present: false, attempts: 0 };
        let frozen = |plan| Frozen { plan, address: None, killed: false };
        Self {
            strangers: strangers.into_iter().map(intruder).collect(),
            frozen: freezings.into_iter().map(frozen).collect(),
        }
    }
}

impl World {
    /// How many places there are, inside and outside.
    pub(super) fn places(&self) -> usize {
        self.place_of_impostor(self.impostors.count())
    }

    pub(super) fn party(&self, place: usize) -> Party {
        match place.checked_sub(self.members.len()) {
            None => Party::Member,
            Some(outside) => match outside.checked_sub(self.outsiders.strangers.len()) {
                None => Party::Stranger(outside),
                Some(frozen) => match frozen.checked_sub(self.outsiders.frozen.len()) {
                    None => Party::Frozen(frozen),
                    Some(impostor) => Party::Impostor(impostor),
                },
            },
        }
    }

    fn place_of_stranger(&self, number: usize) -> usize {
        self.members.len() + number
    }

    fn place_of_frozen(&self, number: usize) -> usize {
        self.members.len() + self.outsiders.strangers.len() + number
    }

    pub(super) fn place_of_impostor(&self, number: usize) -> usize {
        self.place_of_frozen(self.outsiders.frozen.len()) + number
    }

    /// Who the party at this place says it is.
    pub(in crate::scenario::simulation) fn name_of(&self, place: usize) -> ServerId {
        let member = match self.party(place) {
            Party::Member => place,
            Party::Stranger(number) => self.outsiders.strangers[number].is.claims,
            Party::Frozen(number) => self.outsiders.frozen[number].plan.member,
            Party::Impostor(number) => self.impostors.is(number).claims,
        };
        self.members[member].id
    }

    pub(super) fn stranger_comes(&mut self, number: usize) {
        let stranger = &mut self.outsiders.strangers[number];
        stranger.present = true;
        let Stranger { target, claims, kind, connections, .. } = stranger.is;
        let (at, claims) = (self.members[target].id, self.members[claims].id);
        self.note_of_all(TraceEvent::Stranger { at, claims, kind, several: connections > 1 });
        for _ in 0..connections {
            self.stranger_connects(number);
        }
    }

    pub(super) fn stranger_leaves(&mut self, number: usize) {
        let stranger = &mut self.outsiders.strangers[number];
        stranger.present = false;
        let Stranger { target, claims, .. } = stranger.is;
        let (at, claims) = (self.members[target].id, self.members[claims].id);
        self.note_of_all(TraceEvent::Leaves { at, claims });
        for end in self.network.held_by(self.place_of_stranger(number)) {
            self.close(end);
        }
    }

    /// A stranger connects as anybody does: to where the name of its target leads.
    pub(super) fn stranger_connects(&mut self, number: usize) {
        let stranger = &mut self.outsiders.strangers[number];
        if !stranger.present {
            return;
        }
        stranger.attempts += 1;
        let target = stranger.is.target;
        let link = LinkId { peer: self.members[target].id, generation: Generation(0) };
        let purpose = Purpose::Link { attempt: link, approach: Approach::Connect };
        self.connect((self.place_of_stranger(number), 0), target, purpose);
    }

    fn stranger_reconnects(&mut self, number: usize) {
        let Intruder { is, attempts, .. } = &self.outsiders.strangers[number];
        let (shortest, longest) = if attempts.is_multiple_of(is.burst) {
            (nanos(REST), 5 * nanos(REST))
        } else {
            (nanos(is.pause) / 2, nanos(is.pause))
        };
        let at = self.now.plus(self.random.between(shortest, longest));
        self.queue.push(at, Scheduled::StrangerConnects { stranger: number });
    }

    /// The answer to an attempt to connect is back at a party outside; `false` if a member has tried.
    pub(super) fn connect_answered_outside(&mut self, connection: u32, accepted: bool) -> bool {
        let end = End { connection, side: Side::Dialer };
        let Some(half) = self.network.half(end) else { return true };
        match self.party(half.member) {
            Party::Member => return false,
            Party::Frozen(number) => {
                let alive = accepted && !self.outsiders.frozen[number].killed;
                self.hold(end, alive, accepted);
            }
            Party::Stranger(number) => {
                let present = self.outsiders.strangers[number].present;
                self.hold(end, accepted && present, accepted);
                if accepted && present {
                    self.greet(number, end);
                } else if present {
                    self.stranger_reconnects(number);
                }
            }
            Party::Impostor(number) => self.impostor_is_answered(number, end, accepted),
        }
        true
    }

    pub(super) fn hold(&mut self, end: End, open: bool, accepted: bool) {
        if let Some((here, _)) = self.network.halves(end) {
            here.open = open;
        }
        if accepted && !open {
            self.send(end, Segment::Closed);
        }
    }

    fn greet(&mut self, number: usize, end: End) {
        self.send(end, Segment::Greeting);
        if self.outsiders.strangers[number].is.kind == StrangerKind::Silent {
            return;
        }
        let hesitates = self.random.chance(500);
        let wait = if hesitates { self.random.between(0, nanos(HESITATION)) } else { 0 };
        self.queue.push(self.now.plus(wait), Scheduled::StrangerActs { end });
    }

    pub(super) fn stranger_acts(&mut self, end: End) {
        let Some(half) = self.network.half(end).filter(|half| half.open) else { return };
        let Party::Stranger(number) = self.party(half.member) else { return };
        match self.outsiders.strangers[number].is.kind {
            StrangerKind::Silent => {}
            StrangerKind::Unreadable => {
                if let Ok(frame) = Frame::new(UNREADABLE) {
                    self.send(end, Segment::Frame(frame));
                }
            }
            StrangerKind::Garbage => self.send(end, Segment::Garbage),
            StrangerKind::Flapping => {
                self.close(end);
                self.stranger_reconnects(number);
            }
        }
    }

    /// Something has come to this end, which a party outside holds; `false` if a member does.
    pub(super) fn take_in_outside(&mut self, end: End) -> bool {
        let Some(half) = self.network.half(end) else { return true };
        let party = self.party(half.member);
        if party == Party::Member {
            return false;
        }
        let Some((here, _)) = self.network.halves(end) else { return true };
        match party {
            Party::Member => {}
            // Nobody reads. But what its system has given up is gone.
            Party::Frozen(_) => here.open &= !here.given_up,
            Party::Stranger(number) => {
                let segment = here.unread.pop_front();
                if here.open && matches!(segment, Some(Segment::Closed)) {
                    here.open = false;
                    self.stranger_reconnects(number);
                }
            }
            Party::Impostor(number) => {
                let segment = here.unread.pop_front().filter(|_| here.open);
                if let Some(segment) = segment {
                    self.impostor_hears(number, end, segment);
                }
            }
        }
        true
    }

    /// The member does nothing any more, for good. Its system goes on: all its connections stay, and new ones are made.
    pub(super) fn freeze(&mut self, number: usize) {
        let member = self.outsiders.frozen[number].plan.member;
        let place = self.place_of_frozen(number);
        let this = &mut self.members[member];
        if this.running.is_none() {
            return;
        }
        (this.hanging, this.frozen) = (None, Some(number));
        self.end_life(member);
        let this = &self.members[member];
        let life = this.life;
        self.outsiders.frozen[number].address = Some(this.address);
        self.note(member, TraceEvent::Freezes);
        self.network.hand_over(member, life, place);
        for other in 0..place {
            self.release(place, other);
        }
        self.look_at(member);
    }

    /// Another instance starts in the place of a frozen one, somewhere else.
    pub(super) fn replace(&mut self, number: usize) {
        let Freezing { member, names } = self.outsiders.frozen[number].plan;
        if self.members[member].frozen != Some(number) {
            return;
        }
        let now = self.now;
        let this = &mut self.members[member];
        this.frozen = None;
        this.address += 1;
        (this.moved_at, this.names) = (now, names);
        self.note(member, TraceEvent::Replaced { names });
        self.run(member);
    }

    /// What is left of a frozen instance is killed.
    pub(super) fn kill_frozen(&mut self, number: usize) {
        let frozen = &mut self.outsiders.frozen[number];
        let waits_for_replacement = self.members[frozen.plan.member].frozen == Some(number);
        if frozen.address.is_none() || frozen.killed || waits_for_replacement {
            return;
        }
        frozen.killed = true;
        let member = frozen.plan.member;
        self.note(member, TraceEvent::Ends);
        for end in self.network.held_by(self.place_of_frozen(number)) {
            self.close(end);
        }
    }

    /// The place of the frozen instance at this address of a member, and whether it was killed.
    pub(super) fn frozen_at(&self, member: usize, address: u32) -> Option<(usize, bool)> {
        let mut frozen = (0..).zip(&self.outsiders.frozen);
        let (number, found) = frozen.find(|(number, frozen)| {
            let waits_for_replacement = self.members[member].frozen == Some(*number);
            let has_moved = self.members[member].address != address || waits_for_replacement;
            frozen.plan.member == member && frozen.address == Some(address) && has_moved
        })?;
        Some((self.place_of_frozen(number), found.killed))
    }
}
