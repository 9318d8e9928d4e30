//! Ensembles of [`Leadership`] in a small virtual time: words take a millisecond, and so do disks.

use std::{collections::BTreeMap, time::Duration};

use super::super::*;
use crate::{
    election::Epoch,
    leadership::{
        Info, Nomination,
        fixtures::{id, identity, record},
    },
    membership::Member,
};

pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) fn ms(millis: u64) -> Moment {
    Moment(Duration::from_millis(millis))
}

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of a test")]
pub(super) struct Seat {
    pub(super) core: Leadership,
    pub(super) running: bool,
    pub(super) disk_works: bool,
    pub(super) reports: Vec<(Moment, Report)>,
    pub(super) stands: bool,
    pub(super) look_again: Vec<(Moment, Round, Option<ServerId>)>,
    /// What it was to settle on without a vote.
    pub(super) nominated: Vec<(Moment, Nomination)>,
    pub(super) established: Vec<(Epoch, Round)>,
    pub(super) epochs_stored: Vec<Epoch>,
    pub(super) stopped: bool,
    pub(super) last_info: Option<Info>,
    pub(super) promises: Vec<Promise<Reading>>,
    /// What it promises is never written, and it is not told so either.
    pub(super) promises_hang: bool,
    /// What was promised last is where it outlives the process.
    pub(super) kept: Option<Promise<Reading>>,
}

pub(super) fn reading(millis: u64) -> Reading {
    let shown = Duration::from_millis(millis);
    Reading { boot: shown, raw: shown }
}

/// Something that happens at this moment, by whichever clock.
pub(super) fn timed(at: Moment, event: Event) -> Timed {
    Timed { at, reading: Reading { boot: at.0, raw: at.0 }, event }
}

/// A connection: what the learner calls it, and what the leader calls it.
#[derive(Clone, Copy)]
pub(super) struct Wire {
    pub(super) learner: (ServerId, SessionId),
    pub(super) leader: (ServerId, SessionId),
    pub(super) cut: bool,
}

pub(super) struct World {
    pub(super) now: Moment,
    pub(super) ensemble: Arc<Ensemble>,
    pub(super) seats: BTreeMap<ServerId, Seat>,
    pub(super) wires: Vec<Wire>,
    pub(super) last_accepted: u64,
    /// What happens, in the order of time and of being added.
    pub(super) queue: BTreeMap<(Moment, u64), (ServerId, Event)>,
    pub(super) added: u64,
}

impl World {
    pub(super) fn of(records: &[Record]) -> Self {
        let count = records.len() as u64;
        let members = (1..=count).map(|number| Member::voter(id(number)));
        let members = members.chain([Member::observer(id(9))]);
        let ensemble = Arc::new(Ensemble::new(members).unwrap());
        let mut world = Self {
            now: Moment::default(),
            ensemble,
            seats: BTreeMap::new(),
            wires: vec![],
            last_accepted: 0,
            queue: BTreeMap::new(),
            added: 0,
        };
        for (number, record) in (1..).zip(records) {
            world.seat(number, identity(number), *record);
        }
        world
    }

    pub(super) fn seat(&mut self, number: u64, identity: Identity, record: Record) {
        self.seat_with(number, identity, record, LeadershipTiming::default());
    }

    pub(super) fn seat_with(
        &mut self,
        number: u64,
        identity: Identity,
        record: Record,
        timing: LeadershipTiming,
    ) {
        let ensemble = Arc::clone(&self.ensemble);
        let identity = Arc::new(identity);
        let core = Leadership::new(id(number), ensemble, identity, timing, Zxid(0), record, None);
        let seat = Seat {
            core,
            running: true,
            disk_works: true,
            reports: vec![],
            stands: true,
            look_again: vec![],
            nominated: vec![],
            established: vec![],
            epochs_stored: vec![],
            stopped: false,
            last_info: None,
            promises: vec![],
            promises_hang: false,
            kept: None,
        };
        self.seats.insert(id(number), seat);
    }

    pub(super) fn elect(&mut self, leader: u64, round: i64, members: &[u64]) {
        for number in members {
            self.tell(*number, Event::Elected { leader: id(leader), round: Round(round) });
        }
    }

    pub(super) fn tell(&mut self, number: u64, event: Event) {
        let at = self.now;
        let seat = self.seats.get_mut(&id(number)).unwrap();
        let actions = seat.core.actions_on(timed(at, event));
        for action in actions {
            self.perform(id(number), action);
        }
    }

    pub(super) fn later(&mut self, to: ServerId, event: Event) {
        self.added += 1;
        self.queue.insert((self.now.plus(MS), self.added), (to, event));
    }

    pub(super) fn perform(&mut self, me: ServerId, action: Action) {
        let now = self.now;
        let seat = self.seats.get_mut(&me).unwrap();
        match action {
            Action::Dial { session, leader, info } => {
                seat.last_info = Some(info.clone());
                self.dial(me, session, leader, info);
            }
            Action::Tell { session, word } => {
                if let Some(wire) = self.wires.iter().find(|wire| wire.leader == (me, session))
                    && !wire.cut
                {
                    let (to, session) = wire.learner;
                    self.later(to, Event::LeaderSaid { session, word });
                }
            }
            Action::Say { session, word } => {
                if let Some(wire) = self.wires.iter().find(|wire| wire.learner == (me, session))
                    && !wire.cut
                {
                    let (to, session) = wire.leader;
                    self.later(to, Event::LearnerSaid { session, word });
                }
            }
            Action::Close { session } => self.close(me, session),
            Action::Store { ticket, .. } => {
                let event = if seat.disk_works {
                    Event::Stored { ticket }
                } else {
                    Event::StoreFailed { ticket }
                };
                self.later(me, event);
            }
            Action::Promise { ticket, promise } => {
                seat.promises.push(promise);
                if seat.promises_hang {
                    return;
                }
                let event = if seat.disk_works {
                    seat.kept = Some(promise);
                    Event::Promised { ticket }
                } else {
                    Event::PromiseFailed { ticket }
                };
                self.later(me, event);
            }
            Action::Established { epoch, round, .. } => seat.established.push((epoch, round)),
            Action::LookAgain { leader, round, gone } => {
                seat.look_again.push((now, round, gone.then_some(leader)));
            }
            Action::Nominated { nomination, .. } => {
                seat.nominated.push((now, nomination));
                // The election settles on that.
                let (leader, round) = (nomination.vote.leader, nomination.round);
                self.later(me, Event::Unelected);
                self.later(me, Event::Elected { leader, round });
            }
            Action::EpochStored(epoch) => seat.epochs_stored.push(epoch),
            Action::Stand(stands) => seat.stands = stands,
            Action::Report(report) => seat.reports.push((now, report)),
            Action::Stopped => seat.stopped = true,
        }
    }

    pub(super) fn dial(&mut self, me: ServerId, session: SessionId, leader: ServerId, info: Info) {
        let Some(seat) = self.seats.get(&leader).filter(|seat| !seat.stopped) else {
            return self.later(me, Event::DialFailed { session, refused: true });
        };
        let _ = seat;
        self.last_accepted += 1;
        let accepted = SessionId::Accepted(self.last_accepted);
        self.wires.push(Wire { learner: (me, session), leader: (leader, accepted), cut: false });
        self.later(leader, Event::Arrived { session: accepted, info, from: None });
    }

    pub(super) fn close(&mut self, me: ServerId, session: SessionId) {
        let ours = |wire: &Wire| wire.learner == (me, session) || wire.leader == (me, session);
        if let Some(at) = self.wires.iter().position(ours) {
            let wire = self.wires.remove(at);
            let other = if wire.learner.0 == me { wire.leader } else { wire.learner };
            self.later(other.0, Event::Ended { session: other.1 });
        }
    }

    /// A process dies: its sessions end, and nobody listens.
    pub(super) fn kill(&mut self, number: u64) {
        let me = id(number);
        let sessions: Vec<_> = self
            .wires
            .iter()
            .flat_map(|wire| [wire.learner, wire.leader])
            .filter(|(whose, _)| *whose == me)
            .collect();
        for (_, session) in sessions {
            self.close(me, session);
        }
        let seat = self.seats.get_mut(&me).unwrap();
        (seat.running, seat.stopped) = (false, true);
    }

    pub(super) fn pause(&mut self, number: u64) {
        self.seats.get_mut(&id(number)).unwrap().running = false;
    }

    pub(super) fn resume(&mut self, number: u64) {
        self.seats.get_mut(&id(number)).unwrap().running = true;
    }

    /// Lets time pass.
    pub(super) fn run_until(&mut self, end: Moment) {
        loop {
            let tick = self
                .seats
                .iter()
                .filter(|(_, seat)| seat.running)
                .filter_map(|(me, seat)| Some((seat.core.next_deadline()?.max(self.now), *me)));
            let tick = tick.min();
            let runs = |to: &ServerId| self.seats[to].running;
            let next = self.queue.iter().find(|(_, (to, _))| runs(to));
            let next = next.map(|(key, (to, _))| (*key, *to));
            match (next, tick) {
                (Some((key, _)), tick) if tick.is_none_or(|(at, _)| key.0 <= at) => {
                    if key.0 > end {
                        break;
                    }
                    self.now = self.now.max(key.0);
                    let (to, event) = self.queue.remove(&key).unwrap();
                    self.tell(to.number(), event);
                }
                (_, Some((at, me))) if at <= end => {
                    self.now = at;
                    self.tell(me.number(), Event::Tick);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    pub(super) fn established(&self, number: u64) -> Option<(u64, i64)> {
        let established = self.seats[&id(number)].core.established();
        established.map(|(leader, epoch)| (leader.number(), epoch.0))
    }

    pub(super) fn lost(&self, number: u64) -> Vec<(Moment, LostBecause)> {
        let reports = self.seats[&id(number)].reports.iter();
        reports
            .filter_map(|(at, report)| {
                if let Report::Lost { cause, .. } = report { Some((*at, *cause)) } else { None }
            })
            .collect()
    }

    pub(super) fn looks_again(&self, number: u64) -> Option<(Moment, i64, Option<u64>)> {
        let last = self.seats[&id(number)].look_again.last();
        last.map(|(at, round, gone)| (*at, round.0, gone.map(ServerId::number)))
    }

    pub(super) fn reports(&self, number: u64) -> Vec<&Report> {
        self.seats[&id(number)].reports.iter().map(|(_, report)| report).collect()
    }

    /// 3 leads 1 and 2 in epoch 2, since a moment or two.
    pub(super) fn with_a_leader() -> Self {
        let mut world = Self::of(&[record(1); 3]);
        world.elect(3, 1, &[1, 2, 3]);
        world.run_until(ms(20));
        assert_eq!([1, 2, 3].map(|number| world.established(number)), [Some((3, 2)); 3]);
        world
    }
}
