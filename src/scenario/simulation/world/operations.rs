//! The operations of a vote file, and the faults beyond them, carried out on a [`World`].

use std::{sync::Arc, time::Duration};

use ballotbox_core::{
    ServerId,
    leadership::{Event as LeadershipEvent, Successor},
    links::Event as LinkEvent,
};

use super::World;
use crate::{
    election::Event as ElectionEvent,
    scenario::{
        simulation::{
            member::{Inner, Member, Running},
            moment::nanos,
            network::End,
            plan::Fault,
            seat::Seat,
            trace::TraceEvent,
        },
        story::Effect,
        vote_file::Operation,
    },
};

/// Work that goes on only while its member leads has this long to end.
const WITHIN: Duration = Duration::from_secs(5);

/// How a member ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shutdown {
    /// What it has sent still arrives.
    Graceful,
    /// Its connections are closed; of what is in flight, only some arrives.
    Killed,
    /// Its peers learn nothing of it.
    Vanished,
}

impl World {
    /// Plays a step of the file.
    pub(super) fn play(&mut self, step: usize) {
        self.judge_before_step();
        self.check_quiet();
        let operation = self.steps[step].operation.clone();
        self.last_step = self.now;
        self.note_of_all(TraceEvent::Step(&operation));
        match &operation {
            Operation::Start(ids) => self.each(ids, Self::start),
            Operation::Stop(ids) => {
                self.each(ids, |world, member| world.end(member, Shutdown::Graceful));
            }
            Operation::Kill(ids) => {
                let vanish = self.faults().vanish_percent * 10;
                self.each(ids, |world, member| {
                    let vanishes = world.random.chance(vanish);
                    world.end(member, if vanishes { Shutdown::Vanished } else { Shutdown::Killed });
                });
            }
            Operation::Pause(ids) => {
                self.each(ids, |world, member| world.network.set_paused(member, true));
            }
            Operation::Resume(ids) => self.each(ids, Self::resume),
            Operation::Hang(ids) => self.each(ids, Self::hang),
            Operation::Wake(ids) => self.each(ids, Self::wake),
            Operation::Cut(pairs) => self.each_pair(pairs, |world, a, b| {
                world.network.set_cut(a, b);
                world.reset(a, b);
            }),
            Operation::Isolate(ids) => self.each(ids, |world, member| {
                world.network.isolate(member);
                world.each_other(member, Self::reset);
            }),
            Operation::Block(pairs) => {
                self.each_pair(pairs, |world, from, to| world.network.block(from, to));
            }
            Operation::Heal => self.network.heal(),
            Operation::Wipe(ids) => self.each(ids, |world, member| {
                world.finish_stopping(member);
                world.wipe(member);
            }),
            Operation::Fill(ids) => {
                self.each(ids, |world, member| world.members[member].disk.full = true);
            }
            Operation::Free(ids) => {
                self.each(ids, |world, member| world.members[member].disk.full = false);
            }
            Operation::Resign { member, to } => {
                let to = to.map_or(Successor::Any, Successor::To);
                self.each(&[*member], |world, member| world.ask_to_resign(member, to));
            }
        }
    }

    /// Lets a fault happen, or end.
    pub(super) fn inject(&mut self, fault: Fault) {
        self.check_quiet();
        let id = |member: usize| self.members[member].id;
        match fault {
            Fault::Break(a, b) => {
                self.note_of_all(TraceEvent::Break(id(a), id(b)));
                self.reset(a, b);
            }
            Fault::Blackhole(from, to) => {
                self.note_of_all(TraceEvent::Dark { from: id(from), to: id(to) });
                self.network.blackhole(from, to);
                self.stop_acknowledging(from, to);
            }
            Fault::Restore(from, to) => {
                self.note_of_all(TraceEvent::Light { from: id(from), to: id(to) });
                self.network.restore(from, to);
                self.release(from, to);
            }
            Fault::Hang(member) => self.hang(member),
            Fault::Suspend(member) => self.suspend(member, TraceEvent::Suspends),
            Fault::VmPause(member) => self.suspend(member, TraceEvent::Paused),
            Fault::Reboot(member) => self.reboot(member),
            Fault::Booted(member) => {
                if std::mem::take(&mut self.members[member].boots) {
                    self.network.set_vanished(member, false);
                    self.tell_fate(member, "starts, as its machine is up again", Effect::Starts);
                    self.run(member);
                }
            }
            Fault::Slew(member, ppm) => self.slew(member, ppm),
            Fault::SlewEnds(member) => self.slew(member, 0),
            Fault::Resign(to) => self.whoever_leads_resigns(to),
            Fault::Rest(member) => self.is_willing(member, false),
            Fault::Rested(member) => self.is_willing(member, true),
            Fault::WorkSticks { number, resigns } => self.work_sticks(number, resigns),
            Fault::WorkComesFree(number) => self.work_comes_free(number),
            Fault::WorkIsUnwell => self.work_is_unwell(),
            Fault::Wake(member) => self.wake(member),
            Fault::DiskStalls(member) => self.disk_stalls(member),
            Fault::DiskFlows(member) => self.disk_flows(member),
            Fault::DiskBreaks(member) => self.members[member].disk.broken = true,
            Fault::DiskIsMended(member) => {
                let this = &mut self.members[member];
                this.disk.broken = false;
                if std::mem::take(&mut this.ended_by_disk) {
                    self.tell_fate(member, "starts, as its disk works again", Effect::Starts);
                    self.run(member);
                }
            }
            Fault::StrangerArrives(stranger) => self.stranger_comes(stranger),
            Fault::StrangerLeaves(stranger) => self.stranger_leaves(stranger),
            Fault::ImpostorComes(impostor) => self.impostor_comes(impostor),
            Fault::ImpostorLeaves(impostor) => self.impostor_leaves(impostor),
            Fault::Freeze(number) => self.freeze(number),
            Fault::ReplaceFrozen(number) => self.replace(number),
            Fault::KillFrozen(number) => self.kill_frozen(number),
        }
    }

    /// The member does nothing from now on.
    fn hang(&mut self, member: usize) {
        if self.members[member].running.is_some() {
            self.note(member, TraceEvent::Hangs);
            self.foretell_end_of_lease(member);
            self.members[member].hanging.get_or_insert_default();
        }
    }

    /// The one that leads, unless it hangs, and hears nothing.
    pub(super) fn whoever_leads(&self) -> Option<usize> {
        let leads = |member: &Member| {
            let seat = member.running.as_ref().and_then(|running| running.seat.as_ref());
            member.hanging.is_none() && seat.is_some_and(|seat| seat.core.leads_in().is_some())
        };
        self.members.iter().position(leads)
    }

    /// The one that leads is asked to resign.
    fn whoever_leads_resigns(&mut self, to: Option<usize>) {
        if let Some(member) = self.whoever_leads() {
            let to = to.map(|to| self.members[to].id);
            self.ask_to_resign(member, to.map_or(Successor::Any, Successor::To));
        }
    }

    pub(super) fn ask_to_resign(&mut self, member: usize, to: Successor) {
        let Some(seat) = self.seat(member) else { return };
        let refused = seat.core.cannot_resign(to);
        self.note(member, TraceEvent::Asked { to, refused });
        if refused.is_none() {
            self.lead(member, LeadershipEvent::Resign { to, within: WITHIN });
        }
    }

    /// The work of the member rests from now on, or does so no more: it would not lead meanwhile.
    fn is_willing(&mut self, member: usize, willing: bool) {
        if self.seat(member).is_some() {
            self.note(member, TraceEvent::Rests(!willing));
            self.lead(member, LeadershipEvent::Willing(willing));
        }
    }

    /// A time daemon slews a clock of the member from now on, or does so no more.
    fn slew(&mut self, member: usize, ppm: i64) {
        let now = self.now;
        self.note(member, TraceEvent::Slews { ppm });
        self.members[member].clocks.slew(now, ppm);
    }

    /// The machine of the member starts anew. A member that is frozen has left it.
    fn reboot(&mut self, member: usize) {
        let this = &self.members[member];
        if this.frozen.is_some() {
            return;
        }
        let runs = this.running.is_some() && !this.stopping;
        let vanish = self.faults().vanish_percent * 10;
        let vanishes = self.random.chance(vanish);
        self.note(member, TraceEvent::Reboots);
        let ends = self.members[member].running.is_some();
        let effect = if ends { Effect::Dies } else { Effect::Nothing };
        self.tell_fate(member, "is on a machine that starts anew", effect);
        if ends {
            self.end(member, if vanishes { Shutdown::Vanished } else { Shutdown::Killed });
        }
        let now = self.now;
        let this = &mut self.members[member];
        self.leases.reboots(member, this.clocks.read(now));
        this.clocks.reboot(now);
        this.boots |= runs;
        self.nothing_sticks(member);
    }

    /// The machine of the member stands still from now on, and clocks with it.
    fn suspend(&mut self, member: usize, how: TraceEvent<'_>) {
        let now = self.now;
        let this = &mut self.members[member];
        if this.running.is_none() || this.suspended.is_some() {
            return;
        }
        this.hanging.get_or_insert_default();
        this.suspended = Some(now);
        self.foretell_end_of_lease(member);
        let this = &mut self.members[member];
        if let TraceEvent::Paused = how {
            this.clocks.pause(now);
        } else {
            this.clocks.sleep(now);
        }
        self.note(member, how);
        for other in self.other_members(member) {
            self.network.blackhole(member, other);
            self.network.blackhole(other, member);
            self.stop_acknowledging(member, other);
        }
    }

    /// The machine of the member goes on, if it was suspended.
    fn machine_goes_on(&mut self, member: usize) {
        let Some(since) = self.members[member].suspended.take() else { return };
        let slept = nanos(self.now.since(since));
        let now = self.now;
        self.members[member].clocks.wake(now);
        if let Some(running) = &mut self.members[member].running {
            running.slept += slept;
            if let Some(seat) = &mut running.seat {
                seat.sleeps(slept);
            }
        }
        for other in self.other_members(member) {
            self.network.restore(member, other);
            self.network.restore(other, member);
            self.release(member, other);
        }
    }

    /// The member does all that it could not do.
    fn wake(&mut self, member: usize) {
        self.machine_goes_on(member);
        let Some(backlog) = self.members[member].hanging.take() else { return };
        self.note(member, TraceEvent::Wakes { backlog: backlog.len() });
        for (number, scheduled) in backlog {
            self.happen(number, scheduled);
        }
        for end in self.network.held_by(member) {
            self.read(end);
        }
    }

    fn start(&mut self, member: usize) {
        self.finish_stopping(member);
        self.network.set_vanished(member, false);
        let moves = self.faults().move_percent * 10;
        if self.members[member].life > 0 && self.random.chance(moves) {
            self.relocate(member);
        }
        self.run(member);
    }

    /// A new life begins, wherever the member is now.
    pub(super) fn run(&mut self, member: usize) {
        self.last_start = self.now;
        let again = self.members[member].life > 0;
        self.members[member].ended_by_disk = false;
        self.members[member].boots = false;
        let wipe = self.faults().wipe_percent * 10;
        self.each_other(member, Self::release);
        let setup = Arc::clone(&self.setup);
        let wiped = again && self.random.chance(wipe) && self.may_be_wiped(member);
        if wiped {
            self.wipe(member);
        }
        let mut running = Running::new(self.members[member].id, &setup);
        running.account = self.account_of(member);
        let now = self.now;
        let this = &mut self.members[member];
        this.life += 1;
        let works = self.leases.left_behind(member).is_some();
        if setup.leadership {
            this.disk.begin_life();
            let promise = this.disk.bound(this.id, this.clocks.boots, works, this.clocks.read(now));
            let (disk, drift_ppm) = (&this.disk, this.drift_ppm);
            running.seat = Some(Seat::new(this.id, &setup, disk, promise, now, drift_ppm));
        }
        let history = this.disk.history();
        this.running = Some(running);
        if this.disk.was_wiped() && (wiped || !setup.leadership) {
            self.note(member, TraceEvent::Starts);
        }
        self.histories[member] = history;
        if works {
            self.told.push_back((member, Inner::Leadership(LeadershipEvent::WorkGoesOn(true))));
        }
        let begin = Inner::Election(ElectionEvent::Begin { history });
        self.told.push_back((member, begin));
        self.told.push_back((member, Inner::Link(LinkEvent::Start)));
        self.look_at(member);
    }

    /// The member has another address from now on.
    fn relocate(&mut self, member: usize) {
        let names = self.faults().names;
        // A peer that is still connected to the old address will get no answer.
        for other in 0..self.places() {
            self.stop_acknowledging(member, other);
        }
        self.network.make_unroutable(member);
        let now = self.now;
        let this = &mut self.members[member];
        this.address += 1;
        (this.moved_at, this.names) = (now, names);
        self.note(member, TraceEvent::Moves { names });
    }

    fn end(&mut self, member: usize, shutdown: Shutdown) {
        let hangs = self.members[member].hanging.take().is_some();
        let this = &mut self.members[member];
        (this.ended_by_disk, this.boots, this.stopping) = (false, false, false);
        if shutdown == Shutdown::Graceful && !hangs {
            self.lead(member, LeadershipEvent::Stop { within: WITHIN });
            if self.seat(member).is_some_and(|seat| !seat.core.has_stopped()) {
                self.members[member].stopping = true;
                return;
            }
        }
        self.end_now(member, shutdown);
    }

    /// A member that was stopped in good order has ended all that it had to.
    pub(super) fn has_stopped(&mut self, member: usize) {
        if self.members[member].stopping {
            self.end_now(member, Shutdown::Graceful);
        }
    }

    /// A member that was stopped, and still is not at its end, is killed.
    fn finish_stopping(&mut self, member: usize) {
        if self.members[member].stopping {
            self.end(member, Shutdown::Killed);
        }
    }

    fn end_now(&mut self, member: usize, shutdown: Shutdown) {
        self.end_life(member);
        if let Some(number) = self.members[member].frozen.take() {
            self.kill_frozen(number);
        }
        let vanishes = shutdown == Shutdown::Vanished;
        if vanishes {
            self.note(member, TraceEvent::Vanishes);
            self.network.set_vanished(member, true);
            for other in 0..self.places() {
                self.stop_acknowledging(member, other);
            }
        }
        for end in self.network.held_by(member) {
            if shutdown != Shutdown::Graceful {
                self.break_off(end);
            }
            if vanishes {
                if let Some((here, _)) = self.network.halves(end) {
                    here.open = false;
                    here.unsent.clear();
                    here.unread.clear();
                }
            } else {
                self.close(end);
            }
        }
        self.resume(member);
        self.look_at(member);
    }

    /// The disk of the member has failed, and says so once: what was to be stored is there, or is not. Nobody knows, so the member
    /// says nothing more.
    pub(super) fn sync_fails(&mut self, member: usize) {
        self.note(member, TraceEvent::SyncFails);
        self.end(member, Shutdown::Killed);
        self.members[member].ended_by_disk = true;
    }

    /// Whatever the member was doing is over; what it was storing is stored, or is not.
    pub(super) fn end_life(&mut self, member: usize) {
        self.foretell_end_of_lease(member);
        self.machine_goes_on(member);
        self.members[member].running = None;
        self.members[member].stopping = false;
        self.work_is_killed(member);
        self.leases.life_ends(member);
        let this = &self.members[member];
        let is_writing = this.disk.is_writing() || this.disk.is_promising();
        let survives = is_writing && self.random.chance(500);
        let this = &mut self.members[member];
        this.disk.end_life(survives, this.clocks.boots);
    }

    /// Who dies while it speaks has said it to some, and not to others.
    fn break_off(&mut self, end: End) {
        let in_flight = self.network.half(end).map_or(0, |half| half.in_flight);
        if in_flight == 0 {
            return;
        }
        let surviving = self.random.between(0, u64::from(in_flight));
        if let Some((here, _)) = self.network.halves(end) {
            here.surviving = u32::try_from(surviving).ok();
        }
    }

    fn resume(&mut self, member: usize) {
        self.network.set_paused(member, false);
        self.each_other(member, Self::release);
    }

    /// Connections between these two are no longer acknowledged: in the end they are given up.
    fn stop_acknowledging(&mut self, a: usize, b: usize) {
        let patience = self.network.idle_patience();
        for end in self.network.ends_between(a, b) {
            let waiting = self.network.half(end).is_some_and(|half| half.in_flight > 0);
            let soon = self.network.ack_timeout();
            self.give_up_after(end, if waiting { soon } else { patience });
        }
    }

    fn each(&mut self, ids: &[ServerId], mut act: impl FnMut(&mut Self, usize)) {
        for id in ids {
            if let Some(member) = self.place(*id) {
                act(self, member);
            }
        }
    }

    fn each_pair(
        &mut self,
        pairs: &[(ServerId, ServerId)],
        mut act: impl FnMut(&mut Self, usize, usize),
    ) {
        for (a, b) in pairs {
            if let (Some(a), Some(b)) = (self.place(*a), self.place(*b)) {
                act(self, a, b);
            }
        }
    }

    /// The places of all other members; parties outside have none of their faults.
    pub(super) fn other_members(&self, member: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.members.len()).filter(move |other| *other != member)
    }

    fn each_other(&mut self, member: usize, act: fn(&mut Self, usize, usize)) {
        for other in 0..self.places() {
            if other != member {
                act(self, member, other);
            }
        }
    }
}
