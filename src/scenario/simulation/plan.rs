//! [`Plan`]: the operations and faults of one seed.
//!
//! Faults come together: half of all faults begin within milliseconds of another one, or of its end, while an election
//! is still under way. Otherwise hardly any fault would hit an election, as elections are short.

mod outsiders;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use ballotbox_core::ServerId;

pub(super) use self::outsiders::{Freezing, NAMES_LAG, Stranger, StrangerKind};
use super::{Moment, Setup, random::Random};
use crate::scenario::vote_file::{Faults, Operation, Step, VoteFile};

/// A fault lasts at least this long, in microseconds.
const SHORTEST: u64 = 1000;
/// A fault that follows another one comes at most this long after it, in microseconds.
const SOON: u64 = 5000;

/// A clock is slewed by at most this much, in parts per million: 8 %, which is what daemons ask for at most.
const SLEW_MAX: u64 = 80_000;

/// The operations, which a vote file can have as steps, and the faults, which it cannot.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) faults: Vec<(Moment, Fault)>,
    pub(super) strangers: Vec<Stranger>,
    pub(super) freezings: Vec<Freezing>,
}

/// A fault that is no operation of a vote file. Members are named by their place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
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
    /// A member freezes for good; another instance replaces it; the frozen one is killed. By the number of the [`Freezing`].
    Freeze(usize),
    ReplaceFrozen(usize),
    KillFrozen(usize),
}

impl Plan {
    /// The steps of the file, followed by those that its faults add for this seed, and all other faults. The two are drawn
    /// apart: from a file that holds the added steps, the other faults come out the same.
    pub(super) fn new(setup: &Setup, seed: u64) -> Self {
        let mut steps = setup.steps.clone();
        if setup.faults.operations() > 0 {
            steps.extend(Drawing::new(setup, seed).steps());
        }
        let mut faults = draw_faults(setup, &steps, seed);
        let mut outsiders = outsiders::Drawing::new(setup, &steps, seed, &mut faults);
        let (strangers, freezings) = (outsiders.strangers(), outsiders.freezings());
        Self { steps, faults, strangers, freezings }
    }
}

/// The file with the operations that its faults add for this seed as steps, so that `elect` can play them, too. All other
/// faults stay in its `faults`: a simulation of both files with this seed is the same, event by event.
#[must_use]
pub fn with_faults_as_steps(file: &VoteFile, seed: u64) -> VoteFile {
    let steps = Plan::new(&Setup::new(file), seed).steps;
    let faults = file.faults.as_ref().map(Faults::without_operations);
    VoteFile { steps, faults, ..file.clone() }
}

/// The drawing of steps. Times are in microseconds.
struct Drawing<'a> {
    setup: &'a Setup,
    random: Random,
    begin: u64,
    until: u64,
    /// Until when each member has its fault; for ever, if it does not run.
    busy_until: Vec<u64>,
    /// The voters that are new, or lose their disks at any time: they are never a quorum, unless the file says so.
    forgetful: BTreeSet<ServerId>,
    /// Until when each disk has its fault; for ever, if it is full.
    disk_busy_until: Vec<u64>,
    changes: Vec<(u64, Change)>,
}

/// A kind of fault that steps can say: how it begins, and how it ends.
#[derive(Clone, Copy)]
enum Kind {
    /// It concerns a member, which has no other of this sort at the same time.
    OfMember { begin: fn(Vec<ServerId>) -> Operation, end: fn(Vec<ServerId>) -> Operation },
    /// A member is killed, and loses its disk before it is started again.
    Wiping,
    /// A disk is full: it may be that of a member that has another fault.
    Filling,
    /// It parts members.
    Parting(fn(ServerId, ServerId) -> Operation),
}

/// A change of the world. Of what parts members several may overlap, and a `heal` ends them all.
enum Change {
    Operation(Operation),
    Parted(Operation),
    Rejoined(Operation),
}

impl<'a> Drawing<'a> {
    fn new(setup: &'a Setup, seed: u64) -> Self {
        let (mut running, mut full) = (BTreeSet::new(), BTreeSet::new());
        for step in &setup.steps {
            match &step.operation {
                Operation::Fill(ids) => full.extend(ids.iter().copied()),
                Operation::Free(ids) => full.retain(|id| !ids.contains(id)),
                Operation::Start(ids) | Operation::Resume(ids) | Operation::Wake(ids) => {
                    running.extend(ids.iter().copied());
                }
                Operation::Stop(ids)
                | Operation::Kill(ids)
                | Operation::Pause(ids)
                | Operation::Hang(ids) => {
                    running.retain(|id| !ids.contains(id));
                }
                Operation::Cut(_)
                | Operation::Isolate(_)
                | Operation::Block(_)
                | Operation::Heal
                | Operation::Wipe(_)
                | Operation::Resign { .. } => {}
            }
        }
        let busy = |id: ServerId| if running.contains(&id) { 0 } else { u64::MAX };
        let is_full = |id: ServerId| if full.contains(&id) { u64::MAX } else { 0 };
        let begin = setup.steps.last().map_or(Duration::ZERO, |step| step.at);
        Self {
            setup,
            random: Random::new(seed, 2),
            begin: micros(begin),
            until: micros(setup.faults.until),
            busy_until: setup.members.iter().map(|member| busy(member.id)).collect(),
            forgetful: forgetful(setup, &setup.steps),
            disk_busy_until: setup.members.iter().map(|member| is_full(member.id)).collect(),
            changes: Vec::new(),
        }
    }

    fn steps(mut self) -> Vec<Step> {
        for (at, end, kind) in self.draw() {
            self.add(at, end, kind);
        }
        // Stable: what was drawn first stays first.
        self.changes.sort_by_key(|(at, _)| *at);
        let mut steps = Vec::new();
        let mut parted = still_parted(&self.setup.steps);
        let parts_members =
            self.changes.iter().any(|(_, change)| matches!(change, Change::Parted(_)));
        for (at, change) in self.changes {
            let mut push =
                |operation| steps.push(Step { at: Duration::from_micros(at), operation });
            match change {
                Change::Operation(operation) => push(operation),
                Change::Parted(operation) => {
                    parted.push(operation.clone());
                    push(operation);
                }
                Change::Rejoined(operation) => {
                    let index = parted.iter().position(|other| *other == operation);
                    index.map(|index| parted.swap_remove(index));
                    push(Operation::Heal);
                    together(&parted).into_iter().for_each(push);
                }
            }
        }
        if parts_members {
            steps.push(Step { at: Duration::from_micros(self.until), operation: Operation::Heal });
        }
        steps
    }

    /// Which kind of fault comes when, and when it ends, in the order of time.
    fn draw(&mut self) -> Vec<(u64, u64, Kind)> {
        let faults = &self.setup.faults;
        let of_member = |begin, end| Kind::OfMember { begin, end };
        let kinds = [
            (of_member(Operation::Kill, Operation::Start), faults.kills),
            (of_member(Operation::Stop, Operation::Start), faults.stops),
            (of_member(Operation::Pause, Operation::Resume), faults.pauses),
            (Kind::Parting(|one, other| Operation::Cut(vec![(one, other)])), faults.cuts),
            (Kind::Parting(|one, _| Operation::Isolate(vec![one])), faults.isolations),
            (Kind::Parting(|one, other| Operation::Block(vec![(one, other)])), faults.blocks),
            (Kind::Wiping, faults.wipes),
            (Kind::Filling, faults.disk_full),
        ];
        let mut drawn = Vec::with_capacity(faults.operations());
        let mut company = vec![self.begin];
        for (kind, count) in kinds {
            for _ in 0..count {
                let at = moment(&mut self.random, self.begin, self.until, &company);
                let end = at + duration(&mut self.random, self.until - at);
                company.extend([at, end]);
                drawn.push((at, end, kind));
            }
        }
        drawn.sort_by_key(|(at, ..)| *at);
        drawn
    }

    fn add(&mut self, at: u64, end: u64, kind: Kind) {
        let members = &self.setup.members;
        let (begin, finish) = match kind {
            Kind::Parting(_) if members.len() < 2 => return,
            Kind::Parting(operation) => {
                let (one, other) = pair(&mut self.random, members.len());
                let operation = operation(members[one].id, members[other].id);
                (Change::Parted(operation.clone()), Change::Rejoined(operation))
            }
            Kind::OfMember { begin, end: finish } => {
                let any = |_| true;
                let Some(only) = pick(&mut self.random, &mut self.busy_until, any, at, end) else {
                    return;
                };
                let only = vec![members[only].id];
                (Change::Operation(begin(only.clone())), Change::Operation(finish(only)))
            }
            Kind::Wiping => {
                let may_forget = |one: usize| {
                    let with_it = self.forgetful.iter().copied().chain([members[one].id]);
                    !self.setup.leadership || !self.setup.ensemble.is_quorum(&with_it.collect())
                };
                if let Some(only) =
                    pick(&mut self.random, &mut self.busy_until, may_forget, at, end)
                {
                    self.forgetful.insert(members[only].id);
                    let only = vec![members[only].id];
                    let (kill, wipe) =
                        (Operation::Kill(only.clone()), Operation::Wipe(only.clone()));
                    let operations = [(at, kill), (end, wipe), (end, Operation::Start(only))];
                    let changes = operations.map(|(at, change)| (at, Change::Operation(change)));
                    self.changes.extend(changes);
                }
                return;
            }
            Kind::Filling => {
                let any = |_| true;
                let Some(only) = pick(&mut self.random, &mut self.disk_busy_until, any, at, end)
                else {
                    return;
                };
                let only = vec![members[only].id];
                let (fill, free) = (Operation::Fill(only.clone()), Operation::Free(only));
                (Change::Operation(fill), Change::Operation(free))
            }
        };
        self.changes.extend([(at, begin), (end, finish)]);
    }
}

/// Who is new, or loses its disk in one of these steps.
pub(super) fn forgetful(setup: &Setup, steps: &[Step]) -> BTreeSet<ServerId> {
    let new = setup.members.iter().filter(|member| member.new).map(|member| member.id);
    let wiped = steps.iter().filter_map(|step| {
        if let Operation::Wipe(ids) = &step.operation { Some(ids) } else { None }
    });
    new.chain(wiped.flatten().copied()).collect()
}

/// One of those that may have a fault and have none at this time. It has one from now on, until some time.
fn pick(
    random: &mut Random,
    busy_until: &mut [u64],
    may: impl Fn(usize) -> bool,
    at: u64,
    end: u64,
) -> Option<usize> {
    let free = (0..busy_until.len()).filter(|one| busy_until[*one] <= at && may(*one));
    let free: Vec<_> = free.collect();
    if free.is_empty() {
        return None;
    }
    let one = free[random.index(free.len())];
    busy_until[one] = end + 1;
    Some(one)
}

/// What parts members when these steps have been played.
fn still_parted(steps: &[Step]) -> Vec<Operation> {
    let since_healed =
        steps.rsplit(|step| step.operation == Operation::Heal).next().unwrap_or_default();
    let parts = |operation: &&Operation| match operation {
        Operation::Cut(_) | Operation::Isolate(_) | Operation::Block(_) => true,
        Operation::Start(_)
        | Operation::Stop(_)
        | Operation::Kill(_)
        | Operation::Pause(_)
        | Operation::Resume(_)
        | Operation::Hang(_)
        | Operation::Wake(_)
        | Operation::Heal
        | Operation::Wipe(_)
        | Operation::Fill(_)
        | Operation::Free(_)
        | Operation::Resign { .. } => false,
    };
    since_healed.iter().map(|step| &step.operation).filter(parts).cloned().collect()
}

/// Merges these into at most one operation of each kind.
fn together(parted: &[Operation]) -> Vec<Operation> {
    let (mut cut, mut isolated, mut blocked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for operation in parted {
        match operation {
            Operation::Cut(pairs) => cut.extend(pairs.iter().copied()),
            Operation::Isolate(members) => isolated.extend(members.iter().copied()),
            Operation::Block(pairs) => blocked.extend(pairs.iter().copied()),
            Operation::Start(_)
            | Operation::Stop(_)
            | Operation::Kill(_)
            | Operation::Pause(_)
            | Operation::Resume(_)
            | Operation::Hang(_)
            | Operation::Wake(_)
            | Operation::Heal
            | Operation::Wipe(_)
            | Operation::Fill(_)
            | Operation::Free(_)
            | Operation::Resign { .. } => {}
        }
    }
    let cut = (!cut.is_empty()).then(|| Operation::Cut(cut.into_iter().collect()));
    let isolated =
        (!isolated.is_empty()).then(|| Operation::Isolate(isolated.into_iter().collect()));
    let blocked = (!blocked.is_empty()).then(|| Operation::Block(blocked.into_iter().collect()));
    cut.into_iter().chain(isolated).chain(blocked).collect()
}

/// The fault of one member, by its place.
type OfMember = fn(usize) -> Fault;

fn draw_faults(setup: &Setup, steps: &[Step], seed: u64) -> Vec<(Moment, Fault)> {
    let faults = &setup.faults;
    let mut random = Random::new(seed, 3);
    let until = micros(faults.until);
    let count = setup.members.len();
    let company: Vec<_> = steps.iter().map(|step| micros(step.at)).collect();
    let mut drawn = Vec::new();
    let mut add = |at: u64, fault| drawn.push((Moment::from(Duration::from_micros(at)), fault));
    let span = |random: &mut Random| {
        let at = moment(random, 0, until, &company);
        (at, at + duration(random, until - at))
    };
    if count < 2 {
        return drawn;
    }
    for _ in 0..faults.breaks {
        let (a, b) = pair(&mut random, count);
        let (at, _) = span(&mut random);
        add(at, Fault::Break(a, b));
    }
    for _ in 0..faults.one_way_cuts {
        let (from, to) = pair(&mut random, count);
        let (at, end) = span(&mut random);
        add(at, Fault::Blackhole(from, to));
        add(end, Fault::Restore(from, to));
    }
    for _ in 0..faults.blackouts {
        let member = random.index(count);
        let (at, end) = span(&mut random);
        for other in (0..count).filter(|other| *other != member) {
            for (from, to) in [(member, other), (other, member)] {
                add(at, Fault::Blackhole(from, to));
                add(end, Fault::Restore(from, to));
            }
        }
    }
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
            let member = random.index(count);
            let (at, end) = span(&mut random);
            if begins(member) == Fault::Suspend(member) {
                asleep.push((member, at, end));
            }
            add(at, begins(member));
            add(end, ends(member));
        }
    }
    for _ in 0..faults.slews {
        let member = random.index(count);
        let (at, end) = span(&mut random);
        let ppm = slew(&mut random);
        // In each lease one clock has to go right: the one that goes on in a sleep does not lag then, as the other one does.
        let lease = setup.timing.leadership.lease.map_or(0, |lease| 2 * micros(lease.promise()));
        let near = |(sleeper, from, to): &(usize, u64, u64)| {
            *sleeper == member && at <= to + lease && *from <= end + lease
        };
        let ppm = if asleep.iter().any(near) { ppm.abs() } else { ppm };
        add(at, Fault::Slew(member, ppm));
        add(end, Fault::SlewEnds(member));
    }
    let mut named = Random::new(seed, 5);
    for _ in 0..faults.resigns {
        let (at, _) = span(&mut random);
        // Half of the time somebody is named; who that is may well lead itself, or be away.
        let to = named.chance(500).then(|| named.index(count));
        add(at, Fault::Resign(to));
    }
    let mut resting = Random::new(seed, 6);
    for _ in 0..faults.rests {
        let member = resting.index(count);
        let (at, end) = span(&mut resting);
        add(at, Fault::Rest(member));
        add(end, Fault::Rested(member));
    }
    for number in 0..usize::from(faults.stuck_work) {
        let (at, end) = span(&mut random);
        add(at, Fault::WorkSticks { number, resigns: number.is_multiple_of(2) });
        add(end, Fault::WorkComesFree(number));
    }
    for _ in 0..faults.unwell_work {
        let (at, _) = span(&mut random);
        add(at, Fault::WorkIsUnwell);
    }
    drawn
}

/// How much faster a clock goes that is slewed, in parts per million: half of the time as much as any is, either way.
fn slew(random: &mut Random) -> i64 {
    let most = random.chance(500);
    let ppm = if most { SLEW_MAX } else { random.between(1, SLEW_MAX) }.cast_signed();
    if random.chance(500) { ppm } else { -ppm }
}

/// Two different members of `count`.
fn pair(random: &mut Random, count: usize) -> (usize, usize) {
    let one = random.index(count);
    let other = random.index(count.saturating_sub(1));
    (one, if other >= one { other + 1 } else { other })
}

/// When a fault begins: at any time, or soon after one of these times.
fn moment(random: &mut Random, begin: u64, until: u64, company: &[u64]) -> u64 {
    if company.is_empty() || random.chance(500) {
        return random.between(begin, until);
    }
    let soon_after = company[random.index(company.len())] + random.between(0, SOON);
    soon_after.clamp(begin.min(until), until)
}

/// Short ones as often as long ones: a power of two up to `most`, and some more.
fn duration(random: &mut Random, most: u64) -> u64 {
    if most <= SHORTEST {
        return most;
    }
    let power = 1 << random.between(u64::from(SHORTEST.ilog2()), u64::from(most.ilog2()));
    random.between(power, 2 * power - 1).clamp(SHORTEST, most)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
