//! [`Plan`]: the operations and faults of one seed.
//!
//! Faults come together: half of all faults begin within milliseconds of another one, or of its end, while an election
//! is still under way. Otherwise hardly any fault would hit an election, as elections are short.

mod faults;
mod impostors;
mod outsiders;

use std::{collections::BTreeSet, time::Duration};

use ballotbox_core::ServerId;

pub(super) use self::{
    faults::Fault,
    impostors::{Impostor, Part},
    outsiders::{Freezing, NAMES_LAG, Stranger, StrangerKind},
};
use super::{Moment, Setup, random::Random};
use crate::scenario::vote_file::{Faults, Operation, Step, VoteFile};

/// A fault lasts at least this long, in microseconds.
const SHORTEST: u64 = 1000;
/// A fault that follows another one comes at most this long after it, in microseconds.
const SOON: u64 = 5000;

/// The operations, which a vote file can have as steps, and the faults, which it cannot.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) faults: Vec<(Moment, Fault)>,
    pub(super) strangers: Vec<Stranger>,
    pub(super) freezings: Vec<Freezing>,
    pub(super) impostors: Vec<Impostor>,
}

impl Plan {
    /// The steps of the file, followed by those that its faults add for this seed, and all other faults. The two are drawn
    /// apart: from a file that holds the added steps, the other faults come out the same.
    pub(super) fn new(setup: &Setup, seed: u64) -> Self {
        let mut steps = setup.steps.clone();
        if setup.faults.operations() > 0 {
            steps.extend(Drawing::new(setup, seed).steps());
        }
        let mut faults = faults::draw(setup, &steps, seed);
        let mut outsiders = outsiders::Drawing::new(setup, &steps, seed, &mut faults);
        let (strangers, freezings) = (outsiders.strangers(), outsiders.freezings());
        let impostors = impostors::draw(setup, &steps, seed, &mut faults);
        Self { steps, faults, strangers, freezings, impostors }
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
