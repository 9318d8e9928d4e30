//! The part of a [`World`] that the `LeadershipDriver` and the quorum port play in production.

use ballotbox_core::{
    Core, Step,
    leadership::{
        Action, Event, Info, LeaderWord, LearnerWord, Nomination, Record, Report, SessionId, Stage,
        Ticket, Timed, invariants,
    },
};

use super::{World, rules};
use crate::{
    ServerId,
    election::Event as ElectionEvent,
    scenario::simulation::{
        Moment, Violation,
        disk::Write,
        member::{Inner, Running},
        moment::nanos,
        network::{Answer, End, Purpose, Segment, Side},
        scheduled::Scheduled,
        seat::{Seat, Session},
        trace::TraceEvent,
    },
    scenario::vote_file::Faults,
};

/// Of the heartbeats that come, every one of this number is judged here; in debug builds all are judged by the core.
const HEARTBEATS_JUDGED: usize = 16;

/// A disk takes at least and at most this long to store a record, in nanoseconds.
const STORING: (u64, u64) = (100_000, 5_000_000);

/// And this long to take in a promise, which it need not sync.
const PROMISING: (u64, u64) = (5_000, 200_000);

impl World {
    pub(super) fn seat(&mut self, member: usize) -> Option<&mut Seat> {
        self.members[member].running.as_mut()?.seat.as_mut()
    }

    /// Something for the leadership of a member.
    pub(super) fn lead(&mut self, member: usize, event: Event) {
        let (id, now) = (self.members[member].id, self.now);
        let reading = self.members[member].clocks.read(now);
        if let Event::LeaderSaid { session, word } = &event {
            self.hear_of_lease(member, *session, word, reading);
        }
        let Some(running) = &mut self.members[member].running else { return };
        let Running { seat: Some(seat), leadership_judged, account, .. } = running else { return };
        // Most words are heartbeats, and change next to nothing.
        let every = if is_heartbeat(&event) { HEARTBEATS_JUDGED } else { 1 };
        let timed = Timed { at: seat.local(now), reading, event };
        let core = &mut seat.core;
        let is_judged = leadership_judged.is_nth_whole(every);
        let before = is_judged.then(|| (core.clone(), timed.clone()));
        let stage = core.stage();
        let actions = match account {
            Some(account) => account.lead(core, timed, now.since_start()),
            None => core.actions_on(timed),
        };
        let begins = begins_to_discover(stage, core.stage());
        if let Some((before, event)) = &before {
            let step = Step { before, event, actions: &actions, after: core };
            if let Some(rule) = invariants::first_broken(step) {
                self.break_rule(Violation::by(id, rule, self.now()));
            }
        }
        if begins {
            self.reigns.discovery_begins(member, now);
        }
        for action in actions {
            self.perform_leadership(member, action);
        }
        self.look_at_lease(member);
        self.wake_leadership(member);
        self.look_at(member);
    }

    fn perform_leadership(&mut self, member: usize, action: Action) {
        self.judge_word(member, &action);
        match action {
            Action::Dial { session, leader, info } => {
                self.note(member, TraceEvent::Joins(leader));
                self.join(member, session, leader, info);
            }
            Action::Tell { session, word } => {
                if let Some(end) = self.end_of(member, session) {
                    let to = self.peer_at(end);
                    self.note(member, TraceEvent::Tells(to, &word));
                    self.send(end, Segment::Leader(Box::new(word)));
                }
            }
            Action::Say { session, word } => {
                if let Some(end) = self.end_of(member, session) {
                    let to = self.peer_at(end);
                    self.note(member, TraceEvent::Answers(to, &word));
                    self.send(end, Segment::Learner(Box::new(word)));
                }
            }
            Action::Close { session } => {
                let closed = self.seat(member).and_then(|seat| seat.sessions.remove(&session));
                if let Some(session) = closed {
                    self.close(session.end);
                }
            }
            Action::Store { ticket, record } => self.store(member, ticket, record),
            Action::Promise { ticket, promise } => {
                self.members[member].disk.promise(ticket, promise);
                self.write_promise(member);
            }
            Action::Established { leader, round, epoch } => {
                self.tell_election(member, ElectionEvent::Established { leader, round, epoch });
            }
            Action::LookAgain { leader, round, gone } => {
                if gone {
                    self.tell_election(member, ElectionEvent::Unreachable { peer: leader });
                }
                self.tell_election(member, ElectionEvent::LookAgain { leader, round });
            }
            Action::Nominated { leader, round, nomination: Nomination { vote, round: next } } => {
                let event = ElectionEvent::Nominated { leader, round, vote, next };
                self.tell_election(member, event);
            }
            Action::EpochStored(epoch) => {
                self.tell_election(member, ElectionEvent::EpochStored(epoch));
            }
            Action::Stand(stands) => {
                self.note(member, TraceEvent::Stands(stands));
                let event = if stands { ElectionEvent::Stand } else { ElectionEvent::Withdraw };
                self.tell_election(member, event);
            }
            Action::Report(report) => self.take_report(member, &report),
            Action::Stopped => {
                if self.members[member].stopping {
                    self.told.push_back((member, Inner::Stopped));
                }
            }
        }
    }

    fn tell_election(&mut self, member: usize, event: ElectionEvent) {
        self.told.push_back((member, Inner::Election(event)));
    }

    fn take_report(&mut self, member: usize, report: &Report) {
        self.note(member, TraceEvent::Reports(report));
        let id = self.members[member].id;
        let Some(Running { seat: Some(seat), .. }) = &mut self.members[member].running else {
            return;
        };
        if let Some((rule, details)) = self.reigns.take(member, id, seat, report) {
            let violation = Violation::by(id, rule, self.now());
            self.break_rule(Violation { details, ..violation });
        }
        if let Report::Leading { epoch } = report
            && let Some(violation) = rules::begun_on_disks(self, member, *epoch)
        {
            self.break_rule(violation);
        }
        self.take_report_of_lease(member, report);
    }

    /// Sees to it that the leadership looks at the clock in time. A call that comes too early only leads to the next one.
    fn wake_leadership(&mut self, member: usize) {
        let life = self.members[member].life;
        let Some(seat) = self.seat(member) else { return };
        let Some(deadline) = seat.core.next_deadline() else { return };
        let at = seat.global(deadline);
        if seat.wakes.is_some_and(|(already, _)| already <= at) {
            return;
        }
        let wakes_at = self.late(at.max(self.now));
        let number = self.queue.push(wakes_at, Scheduled::LeadershipDue { member, life });
        if let Some(seat) = self.seat(member) {
            seat.wakes = Some((at, number));
        }
    }

    /// When a timer fires that is due at this moment: where timers are faulty, later; one in four earlier, and is set again.
    fn late(&mut self, at: Moment) -> Moment {
        let Faults { timers, until, .. } = *self.faults();
        if timers.is_zero() || self.now >= Moment::from(until) {
            return at;
        }
        if self.random.chance(250) {
            let early = nanos(at.since(self.now)).min(nanos(timers)) / 2;
            return Moment(at.0 - self.random.between(0, early));
        }
        at.plus(self.random.between(0, nanos(timers))).min(at.max(until.into()))
    }

    pub(super) fn leadership_due(&mut self, member: usize, life: u32, number: u64) {
        let now = self.now;
        if self.members[member].life != life {
            return;
        }
        let Some(seat) = self.seat(member) else { return };
        if seat.wakes.take_if(|(_, armed)| *armed == number).is_none() {
            return;
        }
        let local = seat.local(now);
        if seat.core.next_deadline().is_some_and(|deadline| deadline <= local) {
            self.lead(member, Event::Tick);
        } else {
            self.wake_leadership(member);
        }
    }

    /// Dials the leader.
    fn join(&mut self, member: usize, session: SessionId, leader: ServerId, info: Info) {
        let Some(target) = self.place(leader) else { return };
        let dialer = (member, self.members[member].life);
        let purpose = Purpose::Session { session, info: Box::new(info) };
        let Some(connection) = self.connect(dialer, target, purpose) else { return };
        let (end, heard) = (End { connection, side: Side::Dialer }, self.now);
        if let Some(seat) = self.seat(member) {
            seat.sessions.insert(session, Session { end, heard });
        }
    }

    /// The answer to an attempt to join a leader is back.
    pub(super) fn session_answered(
        &mut self,
        connection: u32,
        session: SessionId,
        info: Info,
        answer: Answer,
    ) {
        let end = End { connection, side: Side::Dialer };
        let Some(attempt) = self.network.connection(connection) else { return };
        let reset = attempt.reset;
        let (member, life) = (attempt.dialer.member, attempt.dialer.life);
        let lives = self.members[member].life == life;
        let is_wanted = lives && self.end_of(member, session) == Some(end);
        if !is_wanted {
            return self.send(end, Segment::Closed);
        }
        if answer != Answer::Accepted || reset {
            if let Some(seat) = self.seat(member) {
                seat.sessions.remove(&session);
            }
            let refused = answer == Answer::Refused;
            return self.lead(member, Event::DialFailed { session, refused });
        }
        if let Some((here, _)) = self.network.halves(end) {
            (here.open, here.session) = (true, Some(session));
        }
        self.send(end, Segment::Learner(Box::new(LearnerWord::Info(info))));
    }

    /// A learner has said something: first, who it is.
    pub(super) fn hear_learner(&mut self, member: usize, end: End, word: LearnerWord) {
        let Some(half) = self.network.half(end) else { return };
        let heard = self.now;
        let event = match (half.session, word) {
            (Some(session), word) => {
                self.note_heard(member, session);
                Event::LearnerSaid { session, word }
            }
            (None, LearnerWord::Info(info)) => {
                let Some(seat) = self.seat(member) else { return };
                let session = seat.next_accepted();
                seat.sessions.insert(session, Session { end, heard });
                if let Some((here, _)) = self.network.halves(end) {
                    (here.session, here.greeted) = (Some(session), true);
                }
                Event::Arrived { session, info, from: None }
            }
            (None, _) => return self.close(end),
        };
        self.lead(member, event);
    }

    pub(super) fn hear_leader(&mut self, member: usize, end: End, word: LeaderWord) {
        let session = self.network.half(end).and_then(|half| half.session);
        if let Some(session) = session {
            self.note_heard(member, session);
            self.lead(member, Event::LeaderSaid { session, word });
        }
    }

    fn note_heard(&mut self, member: usize, session: SessionId) {
        let heard = self.now;
        if let Some(session) = self.seat(member).and_then(|seat| seat.sessions.get_mut(&session)) {
            session.heard = heard;
        }
    }

    /// The other end of a session has closed it, or it broke.
    pub(super) fn end_session(&mut self, member: usize, end: End) {
        let Some((here, _)) = self.network.halves(end) else { return };
        here.open = false;
        let Some(session) = here.session.take() else { return };
        if let Some(seat) = self.seat(member) {
            seat.sessions.remove(&session);
        }
        self.lead(member, Event::Ended { session });
    }

    fn end_of(&mut self, member: usize, session: SessionId) -> Option<End> {
        self.seat(member)?.sessions.get(&session).map(|session| session.end)
    }

    /// Who is at the other end of this connection.
    pub(super) fn peer_at(&self, end: End) -> ServerId {
        let place = self.network.half(end.other()).map_or(0, |half| half.member);
        self.name_of(place)
    }

    fn store(&mut self, member: usize, ticket: Ticket, record: Record) {
        self.note(member, TraceEvent::Stores(record));
        if self.members[member].disk.store(Write { ticket, record }) {
            self.write_on(member);
        }
    }

    /// The disk is busy for a while.
    fn write_on(&mut self, member: usize) {
        let life = self.members[member].life;
        let at = self.now.plus(self.random.between(STORING.0, STORING.1));
        self.queue.push(at, Scheduled::DiskDone { member, life });
    }

    pub(super) fn disk_done(&mut self, member: usize, life: u32) {
        let this = &mut self.members[member];
        if this.life != life || this.running.is_none() || this.disk.is_stalled() {
            return;
        }
        if this.disk.broken && this.disk.is_writing() {
            return self.sync_fails(member);
        }
        let Some((Write { ticket, record }, stored)) = this.disk.finish() else { return };
        if this.disk.go_on() {
            self.write_on(member);
        }
        let event = if stored { TraceEvent::Stored(record) } else { TraceEvent::StoreFails };
        self.note(member, event);
        self.lead(
            member,
            if stored { Event::Stored { ticket } } else { Event::StoreFailed { ticket } },
        );
    }

    /// A promise is written soon, unless the disk stalls.
    fn write_promise(&mut self, member: usize) {
        let life = self.members[member].life;
        let at = self.now.plus(self.random.between(PROMISING.0, PROMISING.1));
        self.queue.push(at, Scheduled::PromiseKept { member, life });
    }

    pub(super) fn promise_kept(&mut self, member: usize, life: u32) {
        let this = &mut self.members[member];
        if this.life != life || this.running.is_none() {
            return;
        }
        if let Some(ticket) = this.disk.keep_promise(this.clocks.boots) {
            self.lead(member, Event::Promised { ticket });
        }
    }

    pub(super) fn disk_stalls(&mut self, member: usize) {
        self.note(member, TraceEvent::Stalls);
        self.members[member].disk.stall();
    }

    pub(super) fn disk_flows(&mut self, member: usize) {
        self.note(member, TraceEvent::Flows);
        let disk = &mut self.members[member].disk;
        disk.flow();
        let is_promising = !disk.is_stalled() && disk.is_promising();
        if !disk.is_stalled() && (disk.is_writing() || disk.go_on()) {
            self.write_on(member);
        }
        if is_promising {
            self.write_promise(member);
        }
    }

    /// Whether this member may lose its disk by chance: the voters whose disks nobody knows, and those that lose them in a
    /// step, have to be no quorum with it. Otherwise all that was ever promised might be forgotten.
    pub(super) fn may_be_wiped(&self, member: usize) -> bool {
        let forgetful = self.forgetful.iter().copied().chain(self.unknown(member)).collect();
        !self.setup.leadership || !self.setup.ensemble.is_quorum(&forgetful)
    }

    /// This member, and those whose disks nobody knows.
    fn unknown(&self, member: usize) -> impl Iterator<Item = ServerId> {
        let unknown = self.members.iter().filter(|one| !one.disk.record.recorded);
        unknown.map(|one| one.id).chain([self.members[member].id])
    }

    /// A member has lost its disk.
    pub(super) fn wipe(&mut self, member: usize) {
        // Nobody may remember what was promised.
        if self.setup.ensemble.is_quorum(&self.unknown(member).collect()) {
            self.reigns.all_is_forgotten();
        }
        self.reigns.is_wiped(member);
        self.leases.is_wiped(member);
        self.members[member].disk.wipe(self.now);
    }
}

fn is_heartbeat(event: &Event) -> bool {
    matches!(
        event,
        Event::LearnerSaid { word: LearnerWord::Pong { .. }, .. }
            | Event::LeaderSaid { word: LeaderWord::Ping { .. }, .. }
    )
}

/// Whether a discovery begins between these stages. It may be over at once, if those who are needed have come before.
const fn begins_to_discover(before: Stage, after: Stage) -> bool {
    match after {
        Stage::Discovering => !matches!(before, Stage::Discovering),
        Stage::Announcing { .. } | Stage::Synchronising { .. } | Stage::Leading { .. } => {
            matches!(before, Stage::Looking | Stage::Joining { .. } | Stage::Following { .. })
        }
        Stage::Looking | Stage::Joining { .. } | Stage::Following { .. } => false,
    }
}
