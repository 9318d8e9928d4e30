//! The part of a [`World`] that impostors play: they say valid words in the name of a voter that they are not.
//!
//! | as a follower | as a leader |
//! | --- | --- |
//! | says in the election what its target says | says that it has the best vote, or was elected |
//! | introduces itself to its target again and again, in case it begins to lead | takes who dials the voter, while that does not run |
//! | gives its word for any epoch, and answers pings with promises | proposes an epoch that nobody has begun |
//!
//! Whether a member believes it is decided at the [door](crate::scenario::simulation::door), when a connection is introduced: then
//! all that is said there counts as the voter's. What impostors do is drawn from a stream of random numbers of their own, so that members
//! which believe none of them live the same lives as without them.

use std::{collections::BTreeMap, time::Duration};

use ballotbox_core::{
    ServerId,
    leadership::{
        DirectoryId, EnsembleId, HasEnded, Holder, Incarnation, Info, LeaderBlock, LeaderWord,
        LearnerBlock, LearnerWord, SessionId,
    },
    links::{Approach, Generation, LinkId},
    membership::Role,
};

use super::{World, outsiders::Party};
use crate::{
    election::{Epoch, Format, Notification, PeerState, Round, Vote, Zxid},
    scenario::simulation::{
        moment::nanos,
        network::{End, Port, Purpose, Segment, Side},
        plan::{Impostor, Part},
        random::Random,
        scheduled::Scheduled,
        trace::TraceEvent,
    },
};

/// A false leader asks for signs of life this often.
const PING: Duration = Duration::from_millis(200);

/// All impostors, present or not.
#[derive(Debug)]
pub(super) struct Impostors {
    all: Vec<Masked>,
    random: Random,
    believed: u64,
    unmasked: u64,
}

#[derive(Debug)]
struct Masked {
    is: Impostor,
    is_there: bool,
    /// What its target has said last in the election.
    heard: Option<Notification>,
    /// The epochs that it has proposed as a leader, each on a connection of its own.
    proposed: BTreeMap<u32, Proposed>,
}

/// An epoch that nobody has begun.
#[derive(Clone, Copy, Debug)]
struct Proposed {
    epoch: Epoch,
    /// The learner has given its word for it.
    is_led: bool,
}

impl Impostors {
    pub(super) fn new(plan: Vec<Impostor>, seed: u64) -> Self {
        let all = |is| Masked { is, is_there: false, heard: None, proposed: BTreeMap::new() };
        Self {
            all: plan.into_iter().map(all).collect(),
            random: Random::new(seed, 8),
            believed: 0,
            unmasked: 0,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is(&self, number: usize) -> &Impostor {
        &self.all[number].is
    }
}

impl World {
    /// How often an impostor was taken for the voter that it says it is.
    pub(in crate::scenario::simulation) const fn impostors_believed(&self) -> u64 {
        self.impostors.believed
    }

    /// How often one was turned away.
    pub(in crate::scenario::simulation) const fn impostors_unmasked(&self) -> u64 {
        self.impostors.unmasked
    }

    /// What is left to chance between these two.
    pub(super) fn chance_between(&mut self, a: usize, b: usize) -> &mut Random {
        let first = self.place_of_impostor(0);
        if a.max(b) >= first { &mut self.impostors.random } else { &mut self.random }
    }

    /// Whether a member, which has this end of a connection, takes the party at this place for the one that it says it is.
    pub(super) fn is_believed(&mut self, (member, side): (usize, Side), place: usize) -> bool {
        let Party::Impostor(number) = self.party(place) else { return true };
        let Some(this) = self.members.get(member) else { return true };
        let (claims, really) = (self.name_of(place), self.real_name_of(number));
        let is_believed = self.setup.door.believes((this.id, side), claims, really);
        if is_believed {
            self.impostors.believed += 1;
            self.note(member, TraceEvent::Believes { claims, really });
        } else {
            self.impostors.unmasked += 1;
            self.note(member, TraceEvent::Unmasks { claims, really });
        }
        is_believed
    }

    /// Which member an impostor is; `None` for a stranger.
    fn real_name_of(&self, number: usize) -> Option<ServerId> {
        self.impostors.is(number).really.map(|liar| self.members[liar].id)
    }

    /// The place of the impostor that has the address of a member which does not run.
    pub(super) fn impostor_at(&self, member: usize) -> Option<usize> {
        let has_it =
            |one: &Masked| one.is_there && one.is.claims == member && one.is.part == Part::Leader;
        let is_free = self.members[member].running.is_none();
        let number = self.impostors.all.iter().position(has_it).filter(|_| is_free)?;
        Some(self.place_of_impostor(number))
    }

    pub(super) fn impostor_comes(&mut self, number: usize) {
        self.impostors.all[number].is_there = true;
        self.note_impostor(number, true);
        self.impostor_returns(number, Port::Election);
        self.impostor_returns(number, Port::Quorum);
    }

    pub(super) fn impostor_leaves(&mut self, number: usize) {
        self.impostors.all[number].is_there = false;
        self.note_impostor(number, false);
        for end in self.network.held_by(self.place_of_impostor(number)) {
            self.close(end);
        }
    }

    fn note_impostor(&mut self, number: usize, comes: bool) {
        let Impostor { target, claims, part, .. } = *self.impostors.is(number);
        let (at, claims) = (self.members[target].id, self.members[claims].id);
        let really = self.real_name_of(number);
        self.note_of_all(TraceEvent::Impostor { comes, at, claims, really, part });
    }

    /// An impostor connects to its target as the voter would.
    pub(super) fn impostor_returns(&mut self, number: usize, port: Port) {
        let Masked { is: Impostor { target, part, .. }, is_there, .. } = self.impostors.all[number];
        let dialer = (self.place_of_impostor(number), 0);
        let purpose = match (port, part) {
            (Port::Election, _) => {
                let peer = self.members[target].id;
                let attempt = LinkId { peer, generation: Generation(0) };
                Purpose::Link { attempt, approach: Approach::Connect }
            }
            (Port::Quorum, Part::Follower) if self.setup.leadership => {
                let info = Box::new(self.false_info(number));
                Purpose::Session { session: SessionId::Dialled(0), info }
            }
            (Port::Quorum, Part::Follower | Part::Leader) => return,
        };
        if is_there {
            self.connect(dialer, target, purpose);
        }
    }

    fn impostor_tries_again(&mut self, number: usize, end: End) {
        let Some(connection) = self.network.connection(end.connection) else { return };
        // Who has dialled the impostor will do so again.
        if end.side == Side::Dialer {
            let port = match connection.purpose {
                Purpose::Link { .. } => Port::Election,
                Purpose::Session { .. } => Port::Quorum,
            };
            let at = self.now.plus(self.pause_of(number));
            self.queue.push(at, Scheduled::ImpostorReturns { impostor: number, port });
        }
    }

    fn pause_of(&mut self, number: usize) -> u64 {
        let pause = nanos(self.impostors.is(number).pause);
        self.impostors.random.between(pause / 2, pause)
    }

    pub(super) fn impostor_is_answered(&mut self, number: usize, end: End, accepted: bool) {
        let present = self.impostors.all[number].is_there;
        self.hold(end, accepted && present, accepted);
        if !accepted && present {
            return self.impostor_tries_again(number, end);
        }
        let Some(connection) = self.network.connection(end.connection).filter(|_| present) else {
            return;
        };
        match &connection.purpose {
            Purpose::Link { .. } => {
                self.send(end, Segment::Greeting);
                self.queue.push(self.now, Scheduled::ImpostorSpeaks { end });
            }
            Purpose::Session { info, .. } => {
                let word = LearnerWord::Info((**info).clone());
                self.send(end, Segment::Learner(Box::new(word)));
            }
        }
    }

    /// An impostor says what is to be said again and again: its vote, or, as a leader, that it is there.
    pub(super) fn impostor_speaks(&mut self, end: End) {
        let Some(half) = self.network.half(end).filter(|half| half.open) else { return };
        let Party::Impostor(number) = self.party(half.member) else { return };
        let proposed = self.impostors.all[number].proposed.get(&end.connection).copied();
        let wait = if let Some(Proposed { epoch, .. }) = proposed {
            let ping = LeaderWord::Ping { epoch, number: Some(self.impostors.random.next() >> 1) };
            self.send(end, Segment::Leader(Box::new(ping)));
            nanos(PING)
        } else {
            if let Some(frame) = self.false_vote(number).to_frame() {
                self.send(end, Segment::Frame(frame));
            }
            self.pause_of(number)
        };
        self.queue.push(self.now.plus(wait), Scheduled::ImpostorSpeaks { end });
    }

    /// Something has come to an impostor.
    pub(super) fn impostor_hears(&mut self, number: usize, end: End, segment: Segment) {
        match segment {
            Segment::Greeting => {
                self.queue.push(self.now, Scheduled::ImpostorSpeaks { end });
            }
            Segment::Frame(frame) => {
                let heard = Notification::decode(frame.body()).ok();
                let heard = heard.filter(|heard| !heard.is_question());
                let this = &mut self.impostors.all[number];
                this.heard = heard.or_else(|| this.heard.take());
            }
            Segment::Leader(word) => {
                for answer in self.false_answers(number, &word) {
                    self.send(end, Segment::Learner(Box::new(answer)));
                }
            }
            Segment::Learner(word) => {
                for answer in self.false_orders(number, end, &word) {
                    self.send(end, Segment::Leader(Box::new(answer)));
                }
            }
            Segment::Closed => {
                if let Some((here, _)) = self.network.halves(end) {
                    here.open = false;
                }
                self.impostor_tries_again(number, end);
            }
            Segment::Garbage | Segment::KeepAlive => {}
        }
    }

    /// What an impostor says in the election.
    fn false_vote(&mut self, number: usize) -> Notification {
        let Masked { is: Impostor { target, claims, part, lies, .. }, heard, .. } =
            &self.impostors.all[number];
        let (me, target) = (self.members[*claims].id, self.members[*target].id);
        let theirs = heard.as_ref().map_or(Round(1), |heard| heard.round);
        let round = lies.round.unwrap_or(theirs);
        let newest = self.members[*claims].disk.record.current.0;
        let mine = Vote { leader: me, epoch: Epoch(newest + lies.epochs_ahead), zxid: lies.zxid };
        let (vote, settled) = match part {
            Part::Follower => {
                let of_target = Vote { leader: target, epoch: Epoch(0), zxid: Zxid(0) };
                let heard = heard.as_ref().and_then(|heard| heard.vote);
                (heard.unwrap_or(of_target), PeerState::Following)
            }
            Part::Leader => (mine, PeerState::Leading),
        };
        let state = if self.impostors.random.chance(700) { PeerState::Looking } else { settled };
        let config = self.setup.config_text.clone();
        let format = Format::Current { version: Notification::VERSION, config };
        Notification { state, vote: Some(vote), round, format }
    }

    /// Who an impostor says that it is, at the quorum port.
    fn false_holder(&self, number: usize) -> Holder {
        let Impostor { claims, lies, .. } = *self.impostors.is(number);
        let member = &self.members[claims];
        let overheard = member.disk.holder(member.id);
        if lies.knows_directory {
            let incarnation = Incarnation(overheard.incarnation.0 + 1);
            return Holder { incarnation, ..overheard };
        }
        let made_up = u64::try_from(number).unwrap_or_default();
        Holder { directory: DirectoryId(u64::MAX - made_up), ..overheard }
    }

    fn false_info(&self, number: usize) -> Info {
        let Impostor { claims, lies, .. } = *self.impostors.is(number);
        let record = self.members[claims].disk.record;
        let Holder { leader, directory, incarnation } = self.false_holder(number);
        Info {
            id: Some(leader),
            role: Role::Voter,
            accepted: Epoch(record.accepted.0 + lies.epochs_ahead),
            block: Some(LearnerBlock {
                directory,
                incarnation,
                recorded: true,
                new_ensemble: false,
                epoch_floor: Epoch(0),
                current: record.current,
                ensemble: record.ensemble,
                confirmed: record.confirmed,
                ensemble_name: self.setup.ensemble_name.clone(),
                members: self.setup.config_text.clone(),
                ended: lies.ended,
            }),
        }
    }

    /// What a false follower says to what its leader has said.
    fn false_answers(&self, number: usize, word: &LeaderWord) -> Vec<LearnerWord> {
        let Impostor { claims, lies, .. } = *self.impostors.is(number);
        match word {
            LeaderWord::Info { .. } => {
                let current = Some(self.members[claims].disk.record.current);
                vec![LearnerWord::AckEpoch { current, zxid: Zxid(0), bond: None }]
            }
            LeaderWord::NewLeader { epoch, .. } => vec![LearnerWord::Ack { epoch: *epoch }],
            LeaderWord::Ping { number, .. } => {
                let pong = LearnerWord::Pong { number: *number, promises: true, stands: true };
                vec![pong, LearnerWord::HasEnded { epoch: lies.ended }]
            }
            LeaderWord::Waiting { number, .. } => {
                let number = Some(*number);
                vec![LearnerWord::Pong { number, promises: false, stands: true }]
            }
            LeaderWord::Sync { .. }
            | LeaderWord::UpToDate
            | LeaderWord::Recorded { .. }
            | LeaderWord::HasEnded(_)
            | LeaderWord::Released { .. }
            | LeaderWord::Refused { .. }
            | LeaderWord::Other => Vec::new(),
        }
    }

    /// What a false leader says to what a learner has said.
    fn false_orders(&mut self, number: usize, end: End, word: &LearnerWord) -> Vec<LeaderWord> {
        let lies = self.impostors.is(number).lies;
        let holder = self.false_holder(number);
        let proposed = &mut self.impostors.all[number].proposed;
        match word {
            LearnerWord::Info(info) => {
                let epoch = Epoch(info.accepted.0 + 1 + lies.epochs_ahead);
                proposed.insert(end.connection, Proposed { epoch, is_led: false });
                let theirs = info.block.as_ref().and_then(|block| block.ensemble);
                let block = LeaderBlock {
                    directory: holder.directory,
                    incarnation: holder.incarnation,
                    ensemble: theirs.unwrap_or(EnsembleId(1)),
                    ended: lies.ended,
                    lease: self.setup.timing.leadership.lease,
                };
                vec![LeaderWord::Info { epoch, block: Some(block) }]
            }
            LearnerWord::AckEpoch { .. } => {
                let Some(Proposed { epoch, .. }) = proposed.get(&end.connection).copied() else {
                    return Vec::new();
                };
                let new_leader = LeaderWord::NewLeader { epoch, founding: false };
                vec![LeaderWord::Sync { zxid: lies.zxid }, new_leader]
            }
            LearnerWord::Ack { .. } => {
                let is_new = |one: &mut Proposed| !std::mem::replace(&mut one.is_led, true);
                if !proposed.get_mut(&end.connection).is_some_and(is_new) {
                    return Vec::new();
                }
                self.queue.push(self.now, Scheduled::ImpostorSpeaks { end });
                let ended = HasEnded { holder, epoch: lies.ended };
                vec![LeaderWord::UpToDate, LeaderWord::HasEnded(ended)]
            }
            LearnerWord::Pong { .. } | LearnerWord::HasEnded { .. } | LearnerWord::Other => {
                Vec::new()
            }
        }
    }
}
