//! The drawing of what comes from outside of the ensemble: strangers, and instances of members that freeze.
//!
//! It has a stream of random numbers of its own: without such faults, all else is what it was.

use std::time::Duration;

use super::{Fault, Moment, duration, micros, moment, pair};
use crate::scenario::{
    simulation::{Setup, random::Random},
    vote_file::Step,
};

/// A stranger comes back within this, in microseconds.
const LONGEST_PAUSE: u64 = 1_000_000;
/// A name leads to a frozen instance for at most this after its replacement has started.
pub(in crate::scenario::simulation) const NAMES_LAG: Duration = Duration::from_secs(1);
/// A stranger holds at most this many connections at a time: more than may wait for the place of a link.
const CONNECTIONS_MAX: u64 = 12;
/// At most this many attempts, one soon after the other, before a stranger rests.
const BURST_MAX: u64 = 20;

/// A party outside that connects to a member in the name of another one. It never says anything valid.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario::simulation) struct Stranger {
    /// The member that it connects to, and the one it claims to be, by place.
    pub(in crate::scenario::simulation) target: usize,
    pub(in crate::scenario::simulation) claims: usize,
    pub(in crate::scenario::simulation) kind: StrangerKind,
    /// How many connections it wants to have.
    pub(in crate::scenario::simulation) connections: u64,
    /// How long it waits at most until it replaces one that was closed.
    pub(in crate::scenario::simulation) pause: Duration,
    /// After how many attempts it rests.
    pub(in crate::scenario::simulation) burst: u64,
}

/// What a stranger does after its greeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::simulation) enum StrangerKind {
    /// Nothing.
    Silent,
    /// It sends a frame that is no notification.
    Unreadable,
    /// It sends what is no frame.
    Garbage,
    /// It hangs up, and comes again.
    Flapping,
}

impl StrangerKind {
    /// What it does, in words.
    pub(in crate::scenario::simulation) const fn in_words(self) -> &'static str {
        match self {
            Self::Silent => "is silent",
            Self::Unreadable => "sends frames that nobody understands",
            Self::Garbage => "sends what is no frame",
            Self::Flapping => "comes and goes",
        }
    }
}

/// A member that freezes and is replaced.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario::simulation) struct Freezing {
    /// By place.
    pub(in crate::scenario::simulation) member: usize,
    /// For how long its name leads to the frozen instance after the replacement has started.
    pub(in crate::scenario::simulation) names: Duration,
}

pub(super) struct Drawing<'a> {
    members: usize,
    until: u64,
    counts: (u16, u16),
    random: Random,
    company: Vec<u64>,
    faults: &'a mut Vec<(Moment, Fault)>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(
        setup: &Setup,
        steps: &[Step],
        seed: u64,
        faults: &'a mut Vec<(Moment, Fault)>,
    ) -> Self {
        Self {
            members: setup.members.len(),
            until: micros(setup.faults.until),
            counts: (setup.faults.strangers, setup.faults.frozen),
            random: Random::new(seed, 4),
            company: steps.iter().map(|step| micros(step.at)).collect(),
            faults,
        }
    }

    pub(super) fn strangers(&mut self) -> Vec<Stranger> {
        let count = if self.members < 2 { 0 } else { self.counts.0 };
        let mut strangers: Vec<Stranger> = Vec::new();
        for number in 0..usize::from(count) {
            let before = strangers.last().copied();
            strangers.push(self.stranger(before));
            let (at, end) = self.span();
            self.add(at, Fault::StrangerArrives(number));
            if self.random.chance(500) {
                self.add(end, Fault::StrangerLeaves(number));
            }
        }
        strangers
    }

    /// Half of them have an accomplice: the one before claims the same id, often at another member.
    fn stranger(&mut self, before: Option<Stranger>) -> Stranger {
        let random = &mut self.random;
        let (target, claims) = match before {
            Some(before) if random.chance(500) => {
                let target = random.index(self.members - 1);
                (target + usize::from(target >= before.claims), before.claims)
            }
            Some(_) | None => pair(random, self.members),
        };
        // A higher id may take the place of a link, a lower one only knocks.
        let turned = claims < target && random.chance(500);
        let (target, claims) = if turned { (claims, target) } else { (target, claims) };
        let kinds = [
            StrangerKind::Silent,
            StrangerKind::Silent,
            StrangerKind::Unreadable,
            StrangerKind::Garbage,
            StrangerKind::Flapping,
        ];
        let kind = kinds[random.index(kinds.len())];
        let several = random.chance(250);
        Stranger {
            target,
            claims,
            kind,
            connections: if several { random.between(2, CONNECTIONS_MAX) } else { 1 },
            pause: Duration::from_micros(duration(random, LONGEST_PAUSE)),
            burst: random.between(1, BURST_MAX),
        }
    }

    pub(super) fn freezings(&mut self) -> Vec<Freezing> {
        let mut freezings = Vec::new();
        for number in 0..usize::from(self.counts.1) {
            let member = self.random.index(self.members);
            let (at, mut replaced_at) = self.span();
            if self.random.chance(300) {
                replaced_at = at;
            }
            self.add(at, Fault::Freeze(number));
            self.add(replaced_at, Fault::ReplaceFrozen(number));
            let lags = self.random.chance(500);
            let names = if lags { self.random.between(0, micros(NAMES_LAG)) } else { 0 };
            freezings.push(Freezing { member, names: Duration::from_micros(names) });
            if self.random.chance(500) {
                let killed_at = self.random.between(replaced_at, self.until);
                self.add(killed_at, Fault::KillFrozen(number));
            }
        }
        freezings
    }

    fn span(&mut self) -> (u64, u64) {
        let at = moment(&mut self.random, 0, self.until, &self.company);
        let end = at + duration(&mut self.random, self.until - at);
        self.company.extend([at, end]);
        (at, end)
    }

    fn add(&mut self, at: u64, fault: Fault) {
        self.faults.push((Moment::from(Duration::from_micros(at)), fault));
    }
}
