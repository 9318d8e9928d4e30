//! [`Disk`]: what a member keeps, whatever becomes of its process.

use ballotbox_core::{
    ServerId,
    leadership::{
        DirectoryId, EnsembleId, Holder, Identity, Incarnation, Promise, Reading, Record, Ticket,
        lease::{Bound, Restart},
    },
};

use super::{
    Moment,
    setup::{InitialMember, Setup},
};
use crate::election::{Epoch, History, Zxid};

/// The disk of a member.
#[derive(Debug)]
pub(super) struct Disk {
    place: u64,
    /// What is on it.
    pub(super) record: Record,
    zxid: Zxid,
    /// How often it was lost.
    wipes: u64,
    /// When it was lost while its ensemble knew it, and the epoch that was on it.
    lost: Vec<(Moment, Epoch)>,
    /// How often its member was started, on this disk or on one before.
    starts: u64,
    /// What is being written, and what is written after that: of what is to be stored, only the newest counts.
    writing: Option<Write>,
    waiting: Option<Write>,
    /// Nothing more fits on it.
    pub(super) full: bool,
    /// Its next sync fails.
    pub(super) broken: bool,
    /// How many faults let it stall.
    stalls: u16,
    /// What was promised last, and on which boot of the machine.
    promise: Option<(u64, Promise<Reading>)>,
    /// The promise that is being written.
    promising: Option<(Ticket, Promise<Reading>)>,
    /// The newest epoch of its member that has surely ended.
    ended: Epoch,
}

/// A record on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub(super) ticket: Ticket,
    pub(super) record: Record,
}

impl Disk {
    /// A disk whose ensemble knows it, with the epoch that its member votes with, or a new one.
    pub(super) fn new(place: usize, member: &InitialMember) -> Self {
        let InitialMember { history, new, .. } = *member;
        let (accepted, current) = (history.epoch, history.epoch);
        let record = Record { accepted, current, recorded: !new, ..Record::default() };
        Self {
            place: u64::try_from(place).unwrap_or(u64::MAX),
            record,
            zxid: history.zxid,
            wipes: 0,
            lost: Vec::new(),
            starts: 0,
            writing: None,
            waiting: None,
            full: false,
            broken: false,
            stalls: 0,
            promise: None,
            promising: None,
            ended: Epoch::default(),
        }
    }

    /// It is lost, and there is a new one in its place.
    pub(super) fn wipe(&mut self, now: Moment) {
        self.wipes += 1;
        if self.record.recorded {
            self.lost.push((now, self.record.current));
        }
        (self.record, self.zxid) = (Record::default(), Zxid::default());
        (self.promise, self.promising, self.ended) = (None, None, Epoch::default());
        (self.writing, self.waiting) = (None, None);
    }

    /// Whether it was lost at least once.
    pub(super) const fn was_wiped(&self) -> bool {
        self.wipes > 0
    }

    /// Whether this epoch, or a newer one, is on it, or was on it until it was lost at this moment or later.
    pub(super) fn keeps(&self, epoch: Epoch, since: Moment) -> bool {
        let was_lost = |(at, current): &(Moment, Epoch)| *at >= since && *current >= epoch;
        self.record.recorded && self.record.current >= epoch || self.lost.iter().any(was_lost)
    }

    /// Its member starts once more.
    pub(super) const fn begin_life(&mut self) {
        self.starts += 1;
    }

    /// What its member votes with.
    pub(super) const fn history(&self) -> History {
        History { epoch: self.record.current, zxid: self.zxid }
    }

    /// Who its member is at the quorum port.
    pub(super) fn identity(&self, setup: &Setup) -> Identity {
        Identity {
            directory: self.directory(),
            incarnation: Incarnation(self.starts),
            new_ensemble: false,
            epoch_floor: Epoch::default(),
            ensemble_name: setup.ensemble_name.clone(),
            members: setup.config_text.clone(),
            drawn: EnsembleId(self.place << 32 | self.starts),
            ended: self.ended,
            lease: setup.timing.leadership.lease,
            drift_ppm: setup.timing.drift_ppm,
        }
    }

    /// What binds its member, which starts now on this boot: a promise of it, or that there may have been any before. Work of an earlier
    /// life may go on.
    pub(super) fn bound(
        &mut self,
        me: ServerId,
        boot: u64,
        work_goes_on: bool,
        now: Reading,
    ) -> Option<Promise<Reading>> {
        let kept = self.promise.filter(|(kept_on, _)| *kept_on == boot);
        let restart = Restart {
            me,
            directory: self.directory(),
            current: self.record.current,
            longest_promise: self.record.longest_promise,
            promise: kept.map(|(_, promise)| promise),
            work_goes_on,
        };
        let Bound { promise, ended } = restart.bound(now);
        self.ended = ended;
        promise
    }

    /// Whom voters are bound to that promise something to its member, in its present life.
    pub(super) const fn holder(&self, leader: ServerId) -> Holder {
        Holder { leader, directory: self.directory(), incarnation: Incarnation(self.starts) }
    }

    const fn directory(&self) -> DirectoryId {
        DirectoryId(self.place << 32 | self.wipes)
    }

    /// A promise is to be written. One takes the place of the one before: there is room for it on a full disk.
    pub(super) const fn promise(&mut self, ticket: Ticket, promise: Promise<Reading>) {
        self.promising = Some((ticket, promise));
    }

    /// What was promised is where it outlives the process, on this boot; unless nothing is written, or can be.
    pub(super) fn keep_promise(&mut self, boot: u64) -> Option<Ticket> {
        let (ticket, promise) = self.promising.take_if(|_| self.stalls == 0)?;
        self.promise = Some((boot, promise));
        Some(ticket)
    }

    /// Nothing is left of what was promised, nor that anything was.
    #[cfg(test)]
    pub(super) const fn forget_promise(&mut self) {
        self.promise = None;
        self.record.longest_promise = std::time::Duration::ZERO;
    }

    /// Whether a promise is being written.
    pub(super) const fn is_promising(&self) -> bool {
        self.promising.is_some()
    }

    /// Takes in what is to be stored; `true` if it can be written at once.
    pub(super) const fn store(&mut self, write: Write) -> bool {
        if self.writing.is_some() || self.stalls > 0 {
            self.waiting = Some(write);
            return false;
        }
        self.writing = Some(write);
        true
    }

    /// What was being written is there, unless it does not fit: which it was, and whether it is there.
    pub(super) fn finish(&mut self) -> Option<(Write, bool)> {
        let write = self.writing.take()?;
        if !self.full {
            self.record = write.record;
        }
        Some((write, !self.full))
    }

    /// Goes on with what waits; `false` if nothing does, or it cannot be written yet.
    pub(super) fn go_on(&mut self) -> bool {
        let can = self.writing.is_none() && self.stalls == 0;
        if can {
            self.writing = self.waiting.take();
        }
        can && self.writing.is_some()
    }

    /// Its member dies: what was being written is there, or is not.
    pub(super) fn end_life(&mut self, survives: bool, boot: u64) {
        if let Some((_, promise)) = self.promising.take().filter(|_| survives) {
            self.promise = Some((boot, promise));
        }
        self.waiting = None;
        if let Some(write) = self.writing.take().filter(|_| survives && !self.full) {
            self.record = write.record;
        }
    }

    /// Whether something is being written.
    pub(super) const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    pub(super) const fn stall(&mut self) {
        self.stalls += 1;
    }

    pub(super) const fn flow(&mut self) {
        self.stalls = self.stalls.saturating_sub(1);
    }

    /// Whether it neither takes nor finishes anything.
    pub(super) const fn is_stalled(&self) -> bool {
        self.stalls > 0
    }
}
