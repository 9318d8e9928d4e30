//! [`Fault`]: what happens beside the operations of a vote file, and the drawing of it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{duration, micros, moment, pair};
use crate::scenario::{
    simulation::{Moment, Setup, random::Random},
    vote_file::Step,
};

/// A clock is slewed by at most this much, in parts per million: 8 %, which is what daemons ask for at most.
const SLEW_MAX: u64 = 80_000;

/// A fault that is no operation of a vote file. Members are named by their place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::simulation) enum Fault {
    /// The connections between these two break; new ones may be made at once.
    Break(usize, usize),
    /// What the first sends to the second vanishes, and neither is told.
    Blackhole(usize, usize),
    /// The path from the first to the second is no black hole any more.
    Restore(usize, usize),
    /// The member does nothing until it wakes.
    Hang(usize),
    /// The same, and its clock stands still, as with a machine that is suspended. Nothing is acknowledged meanwhile.
    Suspend(usize),
    /// The host of the member's machine pauses it: the same, and all its clocks stand still.
    VmPause(usize),
    Wake(usize),
    /// The member's machine starts anew, and a while later the member is started.
    Reboot(usize),
    Booted(usize),
    /// One clock of the member goes this much faster, in parts per million, until it goes as before.
    Slew(usize, i64),
    SlewEnds(usize),
    /// The one that leads is asked to resign, in favour of this member if one is named.
    Resign(Option<usize>),
    /// The work of the member fails: it would not lead until it has rested.
    Rest(usize),
    Rested(usize),
    /// The work of the one that leads does not end until it comes free, by this number; and perhaps it gives its epoch up.
    WorkSticks {
        number: usize,
        resigns: bool,
    },
    WorkComesFree(usize),
    /// The work of the one that leads fails its health checks.
    WorkIsUnwell,
    /// What the member is to store waits until its disk flows again.
    DiskStalls(usize),
    DiskFlows(usize),
    /// The next sync of the disk fails, and its member ends; later it is started again.
    DiskBreaks(usize),
    DiskIsMended(usize),
    /// A stranger, by its number, comes, and leaves.
    StrangerArrives(usize),
    StrangerLeaves(usize),
    /// An impostor, by its number, comes, and leaves.
    ImpostorComes(usize),
    ImpostorLeaves(usize),
    /// A member freezes for good; another instance replaces it; the frozen one is killed. By the number of the [`Freezing`].
    Freeze(usize),
    ReplaceFrozen(usize),
    KillFrozen(usize),
}

/// The fault of one member, by its place.
type OfMember = fn(usize) -> Fault;

/// All faults of this seed. Half of them begin soon after one of these steps.
pub(super) fn draw(setup: &Setup, steps: &[Step], seed: u64) -> Vec<(Moment, Fault)> {
    let mut drawing = Drawing {
        setup,
        random: Random::new(seed, 3),
        until: micros(setup.faults.until),
        company: steps.iter().map(|step| micros(step.at)).collect(),
        drawn: Vec::new(),
    };
    if setup.members.len() >= 2 {
        drawing.draw_of_paths();
        let asleep = drawing.draw_of_machines();
        drawing.draw_slews(&asleep);
        drawing.draw_of_leaders(seed);
    }
    drawing.drawn
}

/// Times are in microseconds.
struct Drawing<'a> {
    setup: &'a Setup,
    random: Random,
    until: u64,
    /// When something else happens.
    company: Vec<u64>,
    drawn: Vec<(Moment, Fault)>,
}

impl Drawing<'_> {
    fn draw_of_paths(&mut self) {
        let (faults, count) = (&self.setup.faults, self.setup.members.len());
        for _ in 0..faults.breaks {
            let (a, b) = pair(&mut self.random, count);
            let (at, _) = self.span();
            self.add(at, Fault::Break(a, b));
        }
        for _ in 0..faults.one_way_cuts {
            let (from, to) = pair(&mut self.random, count);
            let (at, end) = self.span();
            self.add(at, Fault::Blackhole(from, to));
            self.add(end, Fault::Restore(from, to));
        }
        for _ in 0..faults.blackouts {
            let member = self.random.index(count);
            let (at, end) = self.span();
            for other in (0..count).filter(|other| *other != member) {
                for (from, to) in [(member, other), (other, member)] {
                    self.add(at, Fault::Blackhole(from, to));
                    self.add(end, Fault::Restore(from, to));
                }
            }
        }
    }

    /// Returns which member's machine is suspended from when until when.
    fn draw_of_machines(&mut self) -> Vec<(usize, u64, u64)> {
        let (faults, count) = (&self.setup.faults, self.setup.members.len());
        let of_one_member: [(u16, OfMember, OfMember); 6] = [
            (faults.hangs, Fault::Hang, Fault::Wake),
            (faults.disk_stalls, Fault::DiskStalls, Fault::DiskFlows),
            (faults.suspends, Fault::Suspend, Fault::Wake),
            (faults.disk_errors, Fault::DiskBreaks, Fault::DiskIsMended),
            (faults.vm_pauses, Fault::VmPause, Fault::Wake),
            (faults.reboots, Fault::Reboot, Fault::Booted),
        ];
        let mut asleep = Vec::new();
        for (times, begins, ends) in of_one_member {
            for _ in 0..times {
                let member = self.random.index(count);
                let (at, end) = self.span();
                if begins(member) == Fault::Suspend(member) {
                    asleep.push((member, at, end));
                }
                self.add(at, begins(member));
                self.add(end, ends(member));
            }
        }
        asleep
    }

    fn draw_slews(&mut self, asleep: &[(usize, u64, u64)]) {
        // In each lease one clock has to go right: the one that goes on in a sleep does not lag then, as the other one does.
        let lease = self.setup.timing.leadership.lease;
        let lease = lease.map_or(0, |lease| 2 * micros(lease.promise()));
        for _ in 0..self.setup.faults.slews {
            let member = self.random.index(self.setup.members.len());
            let (at, end) = self.span();
            let ppm = slew(&mut self.random);
            let near = |(sleeper, from, to): &(usize, u64, u64)| {
                *sleeper == member && at <= to + lease && *from <= end + lease
            };
            let ppm = if asleep.iter().any(near) { ppm.abs() } else { ppm };
            self.add(at, Fault::Slew(member, ppm));
            self.add(end, Fault::SlewEnds(member));
        }
    }

    /// What is asked of leaders, and what becomes of their work.
    fn draw_of_leaders(&mut self, seed: u64) {
        let (faults, count) = (&self.setup.faults, self.setup.members.len());
        let mut named = Random::new(seed, 5);
        for _ in 0..faults.resigns {
            let (at, _) = self.span();
            // Half of the time somebody is named; who that is may well lead itself, or be away.
            let to = named.chance(500).then(|| named.index(count));
            self.add(at, Fault::Resign(to));
        }
        let mut resting = Random::new(seed, 6);
        for _ in 0..faults.rests {
            let member = resting.index(count);
            let (at, end) = span(&mut resting, self.until, &self.company);
            self.add(at, Fault::Rest(member));
            self.add(end, Fault::Rested(member));
        }
        for number in 0..usize::from(faults.stuck_work) {
            let (at, end) = self.span();
            self.add(at, Fault::WorkSticks { number, resigns: number.is_multiple_of(2) });
            self.add(end, Fault::WorkComesFree(number));
        }
        for _ in 0..faults.unwell_work {
            let (at, _) = self.span();
            self.add(at, Fault::WorkIsUnwell);
        }
    }

    /// When a fault begins, and when it ends.
    fn span(&mut self) -> (u64, u64) {
        span(&mut self.random, self.until, &self.company)
    }

    fn add(&mut self, at: u64, fault: Fault) {
        self.drawn.push((Moment::from(Duration::from_micros(at)), fault));
    }
}

pub(super) fn span(random: &mut Random, until: u64, company: &[u64]) -> (u64, u64) {
    let at = moment(random, 0, until, company);
    (at, at + duration(random, until - at))
}

/// How much faster a clock goes that is slewed, in parts per million: half of the time as much as any is, either way.
fn slew(random: &mut Random) -> i64 {
    let most = random.chance(500);
    let ppm = if most { SLEW_MAX } else { random.between(1, SLEW_MAX) }.cast_signed();
    if random.chance(500) { ppm } else { -ppm }
}
