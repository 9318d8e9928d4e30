//! The part of a [`World`] that somebody with a vote file, and bad luck, play.

use ballotbox_actors::{ServerId, links::Event as LinkEvent};

use super::World;
use crate::{
    election::{Epoch, Event as ElectionEvent, Zxid},
    simulation::{
        member::{Inner, Running},
        plan::Mishap,
    },
    vote_file::Deed,
};

impl World {
    /// Plays a step of the file.
    pub(super) fn play(&mut self, step: usize) {
        self.check_quiet();
        let deed = self.steps[step].deed.clone();
        self.trace.note(self.now, None, "STEP", format_args!("{deed}"));
        match &deed {
            Deed::Start(ids) => self.each(ids, Self::start),
            Deed::Stop(ids) => self.each(ids, |world, member| world.end(member, false)),
            Deed::Kill(ids) => {
                let vanish = self.faults().vanish_percent * 10;
                self.each(ids, |world, member| {
                    let vanishes = world.random.chance(vanish);
                    world.end(member, vanishes);
                });
            }
            Deed::Pause(ids) => {
                self.each(ids, |world, member| world.network.set_paused(member, true));
            }
            Deed::Resume(ids) => self.each(ids, Self::resume),
            Deed::Cut(pairs) => {
                for (a, b) in pairs {
                    if let (Some(a), Some(b)) = (self.place(*a), self.place(*b)) {
                        self.network.set_cut(a, b);
                        self.sever(a, b);
                    }
                }
            }
            Deed::Isolate(ids) => self.each(ids, |world, member| {
                world.network.isolate(member);
                world.each_other(member, Self::sever);
            }),
            Deed::Heal => self.network.heal(),
        }
    }

    /// Something happens that nobody wrote down.
    pub(super) fn befall(&mut self, mishap: Mishap) {
        let names = |member: usize| self.members[member].id;
        match mishap {
            Mishap::Break(a, b) => {
                let (one, other) = (names(a), names(b));
                self.trace.note(self.now, None, "BREAK", format_args!("{one}-{other}"));
                self.sever(a, b);
            }
            Mishap::Darken(from, to) => {
                let (one, other) = (names(from), names(to));
                self.trace.note(self.now, None, "DARK", format_args!("{one} to {other}"));
                self.network.darken(from, to);
                self.lose_patience(from, to);
            }
            Mishap::Lighten(from, to) => {
                let (one, other) = (names(from), names(to));
                self.trace.note(self.now, None, "LIGHT", format_args!("{one} to {other}"));
                self.network.lighten(from, to);
                self.release(from, to);
            }
            Mishap::Hang(member) => {
                self.note(member, "HANGS", format_args!(""));
                self.members[member].hanging.get_or_insert_default();
            }
            Mishap::Wake(member) => {
                let Some(backlog) = self.members[member].hanging.take() else { return };
                self.note(member, "WAKES", format_args!("to {} happenings", backlog.len()));
                for (number, happening) in backlog {
                    self.happen(number, happening);
                }
            }
        }
    }

    fn start(&mut self, member: usize) {
        let candidate = self.setup.members[member];
        let again = self.members[member].life > 0;
        let wipe = self.faults().wipe_percent * 10;
        self.network.set_vanished(member, false);
        self.each_other(member, Self::release);
        let wiped = again && self.random.chance(wipe);
        let setup = std::sync::Arc::clone(&self.setup);
        let running = Running::new(candidate.id, &setup);
        let this = &mut self.members[member];
        this.wiped |= wiped;
        this.life += 1;
        this.running = Some(running);
        let (mut zxid, mut epoch) = (candidate.zxid, candidate.epoch);
        if this.wiped {
            (zxid, epoch) = (Zxid::default(), Epoch::default());
            self.note(member, "starts", format_args!("without its history"));
        }
        let begin = Inner::Election(ElectionEvent::Begin { zxid, epoch });
        self.told.push_back((member, begin));
        self.told.push_back((member, Inner::Link(LinkEvent::Start)));
        self.look_at(member);
    }

    fn end(&mut self, member: usize, vanishes: bool) {
        self.members[member].hanging = None;
        self.members[member].running = None;
        if vanishes {
            self.note(member, "vanishes", format_args!(""));
            self.network.set_vanished(member, true);
            for other in 0..self.members.len() {
                self.lose_patience(member, other);
            }
        }
        let held: Vec<_> = self
            .network
            .open_ends()
            .into_iter()
            .filter(|end| self.network.half(*end).is_some_and(|half| half.member == member))
            .collect();
        for end in held {
            if vanishes {
                if let Some((here, _)) = self.network.halves(end) {
                    here.open = false;
                    here.stuck.clear();
                    here.unread.clear();
                }
            } else {
                self.close(end);
            }
        }
        self.resume(member);
        self.look_at(member);
    }

    fn resume(&mut self, member: usize) {
        self.network.set_paused(member, false);
        self.each_other(member, Self::release);
    }

    /// Connections between these two are no longer acknowledged: in the end they are given up.
    fn lose_patience(&mut self, a: usize, b: usize) {
        let patience = self.network.idle_patience();
        for end in self.ends_between(a, b) {
            let waiting = self.network.half(end).is_some_and(|half| half.in_flight > 0);
            let soon = self.network.liveness.unacknowledged;
            self.grow_impatient(end, if waiting { soon } else { patience });
        }
    }

    fn each(&mut self, ids: &[ServerId], mut deed: impl FnMut(&mut Self, usize)) {
        for id in ids {
            if let Some(member) = self.place(*id) {
                deed(self, member);
            }
        }
    }

    fn each_other(&mut self, member: usize, deed: fn(&mut Self, usize, usize)) {
        for other in 0..self.members.len() {
            if other != member {
                deed(self, member, other);
            }
        }
    }
}
