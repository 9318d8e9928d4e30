//! [`Plan`]: what will happen from outside, for one seed.

use std::{collections::BTreeSet, time::Duration};

use ballotbox_actors::ServerId;

use super::{Moment, Setup, random::Random};
use crate::vote_file::{Deed, Faults, STEPS_MAX, Step, VoteFile};

/// A fault may last so long at the shortest, in milliseconds.
const SHORTEST_MS: u64 = 1;

/// What a vote file could say as steps, and what it could not.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) mishaps: Vec<(Moment, Mishap)>,
}

/// A fault that no step can say. Members by their place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mishap {
    /// The connections between these two break; new ones may be made at once.
    Break(usize, usize),
    /// From now on nothing gets from the first to the second, and nobody is told.
    Darken(usize, usize),
    Lighten(usize, usize),
    /// The member does nothing until it wakes.
    Hang(usize),
    Wake(usize),
}

impl Plan {
    /// The steps of the file, followed by those that its faults add for this seed, and the mishaps. The two are drawn
    /// apart: with the added steps written down as a file, the mishaps stay the same.
    pub(super) fn new(setup: &Setup, seed: u64) -> Self {
        let mut steps = setup.steps.clone();
        if setup.faults.deeds() > 0 {
            let added = Drawing::new(setup, seed).deeds();
            let room = STEPS_MAX.saturating_sub(steps.len());
            steps.extend(added.into_iter().take(room));
        }
        Self { steps, mishaps: mishaps(setup, seed) }
    }
}

/// The file with the steps that its faults add for this seed written down, so that `elect` can play them, too. What no
/// step can say stays in its `faults`: a simulation of both files with this seed is the same, event by event.
#[must_use]
pub fn written_down(file: &VoteFile, seed: u64) -> VoteFile {
    let steps = Plan::new(&Setup::new(file), seed).steps;
    let faults = file.faults.as_ref().map(Faults::without_deeds);
    VoteFile { steps, faults, ..file.clone() }
}

/// The drawing of steps.
struct Drawing<'a> {
    setup: &'a Setup,
    random: Random,
    begin_ms: u64,
    until_ms: u64,
    /// Until when each member has its fault, in milliseconds; for ever, if it does not run.
    busy_until: Vec<u64>,
    added: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Kind {
    Kill,
    Stop,
    Pause,
    Cut,
    Isolate,
}

impl<'a> Drawing<'a> {
    fn new(setup: &'a Setup, seed: u64) -> Self {
        let mut running = BTreeSet::new();
        for step in &setup.steps {
            match &step.deed {
                Deed::Start(ids) | Deed::Resume(ids) => running.extend(ids.iter().copied()),
                Deed::Stop(ids) | Deed::Kill(ids) | Deed::Pause(ids) => {
                    running.retain(|id| !ids.contains(id));
                }
                Deed::Cut(_) | Deed::Isolate(_) | Deed::Heal => {}
            }
        }
        let busy = |id: ServerId| if running.contains(&id) { 0 } else { u64::MAX };
        let begin = setup.steps.last().map_or(Duration::ZERO, |step| step.at);
        Self {
            setup,
            random: Random::new(seed, 2),
            begin_ms: millis(begin),
            until_ms: millis(setup.faults.until),
            busy_until: setup.members.iter().map(|member| busy(member.id)).collect(),
            added: Vec::new(),
        }
    }

    fn deeds(mut self) -> Vec<Step> {
        let faults = &self.setup.faults;
        let kinds = [
            (Kind::Kill, faults.kills),
            (Kind::Stop, faults.stops),
            (Kind::Pause, faults.pauses),
            (Kind::Cut, faults.cuts),
            (Kind::Isolate, faults.isolations),
        ];
        let mut drawn = Vec::with_capacity(faults.deeds());
        for (kind, count) in kinds {
            for _ in 0..count {
                let at = self.random.between(self.begin_ms, self.until_ms);
                drawn.push((at, kind));
            }
        }
        drawn.sort_by_key(|(at, _)| *at);
        for (at, kind) in drawn {
            self.add(at, kind);
        }
        if faults.cuts + faults.isolations > 0 {
            self.push(self.until_ms, Deed::Heal);
        }
        // Stable: what was drawn first stays first.
        self.added.sort_by_key(|step| step.at);
        self.added
    }

    fn add(&mut self, at: u64, kind: Kind) {
        let end = at.saturating_add(self.duration(at)).min(self.until_ms);
        let count = self.setup.members.len();
        let one = self.random.index(count);
        let other = self.random.index(count);
        let id = |place: usize| self.setup.members[place].id;
        let (begin, finish) = match kind {
            Kind::Cut if one == other => return,
            Kind::Cut => (Deed::Cut(vec![(id(one), id(other))]), Deed::Heal),
            Kind::Isolate => (Deed::Isolate(vec![id(one)]), Deed::Heal),
            Kind::Kill | Kind::Stop | Kind::Pause if self.busy_until[one] > at => return,
            Kind::Kill => (Deed::Kill(vec![id(one)]), Deed::Start(vec![id(one)])),
            Kind::Stop => (Deed::Stop(vec![id(one)]), Deed::Start(vec![id(one)])),
            Kind::Pause => (Deed::Pause(vec![id(one)]), Deed::Resume(vec![id(one)])),
        };
        match kind {
            Kind::Kill | Kind::Stop | Kind::Pause => self.busy_until[one] = end + 1,
            Kind::Cut | Kind::Isolate => {}
        }
        self.push(at, begin);
        self.push(end, finish);
    }

    fn push(&mut self, at_ms: u64, deed: Deed) {
        self.added.push(Step { at: Duration::from_millis(at_ms), deed });
    }

    fn duration(&mut self, at: u64) -> u64 {
        duration(&mut self.random, self.until_ms.saturating_sub(at))
    }
}

fn mishaps(setup: &Setup, seed: u64) -> Vec<(Moment, Mishap)> {
    let faults = &setup.faults;
    let mut random = Random::new(seed, 3);
    let until_ms = millis(faults.until);
    let count = setup.members.len();
    let mut mishaps = Vec::new();
    let mut add = |at_ms: u64, mishap| {
        mishaps.push((Duration::from_millis(at_ms).into(), mishap));
    };
    let pair = |random: &mut Random| {
        let one = random.index(count);
        let other = random.index(count.saturating_sub(1));
        (one, if other >= one { other + 1 } else { other })
    };
    if count < 2 {
        return mishaps;
    }
    for _ in 0..faults.breaks {
        let (a, b) = pair(&mut random);
        add(random.between(0, until_ms), Mishap::Break(a, b));
    }
    for _ in 0..faults.one_way_cuts {
        let (from, to) = pair(&mut random);
        let at = random.between(0, until_ms);
        let end = at + duration(&mut random, until_ms - at);
        add(at, Mishap::Darken(from, to));
        add(end, Mishap::Lighten(from, to));
    }
    for _ in 0..faults.hangs {
        let member = random.index(count);
        let at = random.between(0, until_ms);
        let end = at + duration(&mut random, until_ms - at);
        add(at, Mishap::Hang(member));
        add(end, Mishap::Wake(member));
    }
    mishaps
}

/// Short ones as often as long ones: a power of two up to `most`, and some more.
fn duration(random: &mut Random, most: u64) -> u64 {
    let top = u64::from(most.max(1).ilog2());
    let power = 1 << random.between(0, top);
    random.between(power, 2 * power - 1).clamp(SHORTEST_MS, most.max(SHORTEST_MS)).min(most)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
