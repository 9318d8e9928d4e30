//! The part of a [`World`] about leases: who works while it leads, and what the rules of leases are told.

use ballotbox_core::leadership::{
    Action, Event, Holder, LeaderWord, Reading, Report, SessionId, Successor,
};

use super::{
    World,
    leases::{Speaker, promise_span, runs},
    rules::{ONE_LEASE, ONE_WORK},
};
use crate::{
    election::Epoch,
    scenario::simulation::{
        Moment, Violation, member::Inner, moment::nanos, scheduled::Scheduled, trace::TraceEvent,
    },
};

impl World {
    pub(super) fn has_leases(&self) -> bool {
        self.setup.timing.leadership.lease.is_some()
    }

    /// A member hears its leader.
    pub(super) fn hear_of_lease(
        &mut self,
        member: usize,
        session: SessionId,
        word: &LeaderWord,
        now: Reading,
    ) {
        if !self.has_leases() {
            return;
        }
        if let LeaderWord::Info { epoch, block: Some(block) } = word {
            let end =
                self.seat(member).and_then(|seat| seat.sessions.get(&session)).map(|one| one.end);
            let Some(end) = end else { return };
            let (directory, incarnation) = (block.directory, block.incarnation);
            let to = Holder { leader: self.peer_at(end), directory, incarnation };
            self.leases.is_led_by(member, session, to, *epoch);
        } else {
            self.leases.hears(member, session, word, now);
        }
    }

    /// Judges what a member is about to say.
    pub(super) fn judge_word(&mut self, member: usize, action: &Action) {
        let Some(terms) = self.setup.timing.leadership.lease else { return };
        let this = &self.members[member];
        let (id, holder) = (this.id, this.disk.holder(this.id));
        let speaker = Speaker { member, holder, now: this.clocks.read(self.now) };
        let broken = match action {
            Action::Say { session, word } => {
                self.leases.says(speaker, *session, word, promise_span(terms))
            }
            Action::Tell { word, .. } => self.leases.tells(speaker, word),
            Action::Dial { info, .. } => {
                let ended = info.block.as_ref().map(|block| block.ended);
                ended.and_then(|ended| self.leases.ends(member, holder, ended))
            }
            Action::Close { .. }
            | Action::Store { .. }
            | Action::Promise { .. }
            | Action::Established { .. }
            | Action::LookAgain { .. }
            | Action::Nominated { .. }
            | Action::EpochStored(_)
            | Action::Stand(_)
            | Action::Report(_)
            | Action::Stopped => None,
        };
        if let Some((rule, details)) = broken {
            self.break_rule(Violation { details, ..Violation::by(id, rule, self.now()) });
        }
        if let Some(ended) = self.leases.ended_by(&holder).filter(|_| self.story.is_kept()) {
            self.story.epochs_have_ended(self.now, id, ended);
        }
    }

    /// A member reports that it leads, or does no more: work begins, or is told to end.
    pub(super) fn take_report_of_lease(&mut self, member: usize, report: &Report) {
        if !self.has_leases() {
            return;
        }
        if let Some((rule, details)) = self.leases.reports(member, report) {
            let violation = Violation::by(self.members[member].id, rule, self.now());
            self.break_rule(Violation { details, ..violation });
        }
        if let Report::Leading { epoch } = report {
            self.told.push_back((member, Inner::WorkBegins(*epoch)));
        } else if let Report::Retiring { epoch, .. } | Report::Lost { epoch, .. } = report
            && self.leases.work_is_told(member, *epoch)
        {
            let within = nanos(self.setup.timing.leadership.stop_within());
            let takes = std::time::Duration::from_nanos(self.random.between(0, within));
            let at = self.now.plus(self.drifted(member, takes));
            self.work_ends_at(member, at, *epoch);
        }
    }

    fn work_ends_at(&mut self, member: usize, at: Moment, epoch: Epoch) {
        let this = &self.members[member];
        let (life, slept) = (this.life, this.running.as_ref().map_or(0, |running| running.slept));
        self.queue.push(at, Scheduled::WorkEnds { member, life, epoch, slept });
    }

    pub(super) fn work_begins(&mut self, member: usize, epoch: Epoch) {
        let Some(seat) = self.seat(member) else { return };
        // It may be over already.
        if seat.core.leads_in() == Some(epoch) && !seat.core.is_retiring() {
            self.look_for_other_work(member, epoch);
            self.leases.work_begins(member, epoch);
            self.note(member, TraceEvent::Works(epoch));
            self.lead(member, Event::WorkGoesOn(true));
        }
    }

    pub(super) fn work_ends(&mut self, member: usize, life: u32, epoch: Epoch, slept: u64) {
        let this = &self.members[member];
        let Some(running) = this.running.as_ref().filter(|_| this.life == life) else { return };
        let more = running.slept - slept;
        if more > 0 {
            return self.work_ends_at(member, self.now.plus(more), epoch);
        }
        // What is stuck ends when it comes free, and may have ended then.
        if self.is_stuck(member) || self.leases.work_that_ends(member) != Some(epoch) {
            return;
        }
        self.leases.work_ends(member);
        self.note(member, TraceEvent::WorkEnds(epoch));
        self.lead(member, Event::WorkGoesOn(false));
    }

    /// Work begins: none goes on elsewhere under a lease that runs, whatever has become of its member. What is stuck for longer is outside
    /// of what leases are good for.
    fn look_for_other_work(&mut self, member: usize, epoch: Epoch) {
        if self.faults().vm_pauses > 0 {
            return;
        }
        for other in self.other_members(member) {
            let now = self.members[other].clocks.read(self.now);
            if let Some(theirs) = self.leases.work_under_lease(other, now) {
                let (id, other) = (self.members[member].id, self.members[other].id);
                let details = format!("epoch {epoch}, and {other} in epoch {theirs}");
                let violation = Violation::by(id, ONE_WORK, self.now());
                self.break_rule(Violation { details, ..violation });
            }
        }
    }

    /// The work of the one that leads does not end from now on.
    pub(super) fn work_sticks(&mut self, number: usize, resigns: bool) {
        let Some(member) = self.whoever_leads() else { return };
        self.sticking.insert(number, member);
        self.note(member, TraceEvent::Stuck);
        if resigns {
            self.ask_to_resign(member, Successor::Any);
        }
    }

    fn is_stuck(&self, member: usize) -> bool {
        self.sticking.values().any(|stuck| *stuck == member)
    }

    /// The machine of a member starts anew: no fault before that keeps work from ending there.
    pub(super) fn nothing_sticks(&mut self, member: usize) {
        self.sticking.retain(|_, stuck| *stuck != member);
    }

    /// It can end again: if it was told to, or its process is gone, it does at once.
    pub(super) fn work_comes_free(&mut self, number: usize) {
        let Some(member) = self.sticking.remove(&number) else { return };
        if self.is_stuck(member) {
            return;
        }
        let runs = self.members[member].running.is_some();
        self.note(member, TraceEvent::Free);
        match self.leases.work_that_ends(member) {
            Some(epoch) if runs => self.work_ends_at(member, self.now, epoch),
            Some(_) => self.leases.work_ends(member),
            None => {}
        }
    }

    /// The process of a member ends. Its work is killed; what is stuck goes on all the same.
    pub(super) fn work_is_killed(&mut self, member: usize) {
        if !self.is_stuck(member) {
            // That of an earlier life came free, and this one has not heard of it.
            self.leases.work_ends(member);
        } else if let Some(epoch) = self.leases.leaves_behind(member) {
            self.note(member, TraceEvent::LeftBehind(epoch));
        }
    }

    pub(super) fn work_is_unwell(&mut self) {
        if let Some(member) = self.whoever_leads() {
            self.note(member, TraceEvent::Unwell);
            self.ask_to_resign(member, Successor::Any);
        }
    }

    /// The lease of a member may be another one than before.
    pub(super) fn look_at_lease(&mut self, member: usize) {
        if !self.has_leases() {
            return;
        }
        let Some(seat) = self.seat(member) else { return };
        let held = seat.core.leads();
        let now = self.members[member].clocks.read(self.now);
        match self.leases.holds(member, held, now) {
            Ok(true) => self.look_for_overlaps(member),
            Ok(false) => {}
            Err((rule, details)) => {
                let violation = Violation::by(self.members[member].id, rule, self.now());
                self.break_rule(Violation { details, ..violation });
            }
        }
    }

    /// The lease that this member's core holds, if it still runs by its clocks.
    pub(super) fn lease_of(&self, member: usize) -> Option<Epoch> {
        let this = &self.members[member];
        let (epoch, until) = this.running.as_ref()?.seat.as_ref()?.core.leads()?;
        runs(this.clocks.read(self.now), until).then_some(epoch)
    }

    /// The lease of this member has begun, or was extended: nobody else has one that runs. Where machines are paused together with their
    /// clocks, such are counted.
    fn look_for_overlaps(&mut self, member: usize) {
        let Some(epoch) = self.lease_of(member) else { return };
        for other in self.other_members(member) {
            let Some(theirs) = self.lease_of(other) else { continue };
            let (id, other) = (self.members[member].id, self.members[other].id);
            if self.faults().vm_pauses == 0 {
                let details = format!("epoch {epoch}, and {other} in epoch {theirs}");
                let violation = Violation::by(id, ONE_LEASE, self.now());
                self.break_rule(Violation { details, ..violation });
            } else if self.leases.overlap(epoch, theirs) {
                self.note(member, TraceEvent::Overlaps { epoch, other, theirs });
            }
        }
    }
}
