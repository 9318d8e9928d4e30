//! Voters with the production [`Lease`], and what is on its way between them.
//!
//! Epochs are numbers that are taken one after the other: that none begins twice is looked at elsewhere. What is said arrives
//! whenever it likes, in any order, or never.

use std::collections::{BTreeMap, BTreeSet};

use ballotbox_core::leadership::{
    DirectoryId, HasEnded, Holder, Incarnation, Promise, lease::Lease,
};

use super::{
    clock::{Pace, Tick, ticks},
    weak::{Weakness, epoch},
};
use crate::members::{VOTERS, id, place};

/// What does not change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    /// D of each epoch.
    pub(super) lengths: [u64; 3],
    /// How many pings of a leader may be on their way: another one overtakes the oldest.
    pub(super) rounds: usize,
    pub(super) weakness: Weakness,
    /// Goes on where no two leases can meet any more.
    pub(super) to_the_end: bool,
}

impl Rules {
    pub(super) fn length(&self, epoch: usize) -> u64 {
        self.lengths[epoch - 1]
    }

    pub(super) fn is(&self, weakness: Weakness) -> bool {
        self.weakness == weakness
    }
}

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Left {
    /// Somebody stands for a new epoch.
    pub(super) epochs: u8,
    /// A process is killed, and starts again.
    pub(super) crashes: u8,
    /// A machine starts again.
    pub(super) reboots: u8,
}

/// What a voter is in its present life.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Role {
    Looking,
    /// It has taken note of an epoch, and perhaps said its word for it on this session.
    Learner {
        epoch: usize,
        said: bool,
    },
    Candidate(Candidacy),
}

/// A voter stands for an epoch, or leads in it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Candidacy {
    pub(super) epoch: usize,
    /// Whose words it has.
    pub(super) words: BTreeSet<usize>,
    pub(super) leads: bool,
    /// The number of the last ping.
    pub(super) pings: u64,
    /// The pings that may still be answered, and what its clock showed when they were sent.
    pub(super) sent: BTreeMap<u64, Tick>,
    /// The newest that each voter has answered.
    pub(super) promised: [u64; VOTERS],
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Voter {
    pub(super) pace: Pace,
    pub(super) incarnation: u64,
    /// The epoch of its last word, which it remembers for good.
    pub(super) word: usize,
    /// The newest epoch it has taken note of.
    pub(super) accepted: usize,
    /// The longest promise that it may have made, and the last one, where they outlive it.
    pub(super) longest: u64,
    pub(super) kept: Option<Promise<Tick>>,
    pub(super) lease: Lease<Tick>,
    pub(super) role: Role,
    /// An epoch that it has given up while the lease runs.
    pub(super) closing: Option<usize>,
    /// What it has said last of its epochs: in which life, and up to which they have ended.
    pub(super) ended: Option<(u64, usize)>,
    /// The work of an earlier life goes on, in this epoch, and until the clock shows this.
    pub(super) left_behind: Option<(usize, Tick)>,
}

/// An epoch, a ping of it, and the voter that it goes to or comes from.
pub(super) type Numbered = (usize, u64, usize);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// True time, in steps.
    pub(super) time: u64,
    pub(super) voters: [Voter; VOTERS],
    /// Who stands for each epoch that was taken.
    pub(super) holders: Vec<Holder>,
    pub(super) words: BTreeSet<(usize, usize)>,
    pub(super) answers: BTreeSet<Numbered>,
    /// By the judge's own book: in which epochs each voter has promised, and until when in true time.
    pub(super) bonds: [BTreeMap<usize, u64>; VOTERS],
    pub(super) left: Left,
    pub(super) rules: Rules,
    /// The rule that was broken.
    pub(super) broken: Option<&'static str>,
}

impl Voter {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            incarnation: 1,
            word: 0,
            accepted: 0,
            longest: 0,
            kept: None,
            lease: Lease::new(None),
            role: Role::Looking,
            closing: None,
            ended: None,
            left_behind: None,
        }
    }

    pub(super) fn candidacy(&self) -> Option<&Candidacy> {
        if let Role::Candidate(candidacy) = &self.role { Some(candidacy) } else { None }
    }

    pub(super) fn candidacy_mut(&mut self) -> Option<&mut Candidacy> {
        if let Role::Candidate(candidacy) = &mut self.role { Some(candidacy) } else { None }
    }

    /// The epoch in which it leads.
    pub(super) fn leads(&self) -> Option<usize> {
        self.candidacy().filter(|one| one.leads).map(|one| one.epoch)
    }

    /// The epoch of the lease that it holds, if it does.
    pub(super) fn leased(&self) -> Option<usize> {
        self.closing.or_else(|| self.leads())
    }
}

impl State {
    pub(super) fn new(paces: [Pace; VOTERS], left: Left, rules: Rules) -> Self {
        Self {
            time: 0,
            voters: paces.map(Voter::new),
            holders: Vec::new(),
            words: BTreeSet::new(),
            answers: BTreeSet::new(),
            bonds: Default::default(),
            left,
            rules,
            broken: None,
        }
    }

    /// What the clock of this voter shows.
    pub(super) fn clock(&self, voter: usize) -> Tick {
        self.voters[voter].pace.shows(self.time)
    }

    /// Whom those are bound to who promise this voter something now.
    pub(super) fn holder(&self, voter: usize) -> Holder {
        let incarnation = Incarnation(self.voters[voter].incarnation);
        Holder { leader: id(voter), directory: DirectoryId(voter as u64), incarnation }
    }

    pub(super) fn holder_of(&self, epoch: usize) -> Holder {
        self.holders[epoch - 1]
    }

    /// Who stands for this epoch, or leads in it, if that is not over.
    pub(super) fn candidate(&self, epoch: usize) -> Option<usize> {
        let leader = place(self.holder_of(epoch).leader);
        let candidacy = self.voters[leader].candidacy();
        candidacy.filter(|one| one.epoch == epoch).map(|_| leader)
    }

    /// Whether this voter holds a lease now, by its own clock.
    pub(super) fn holds_lease(&self, voter: usize) -> bool {
        self.voters[voter].lease.left(self.clock(voter)).is_some()
    }

    /// The same of work that an earlier life has left behind.
    pub(super) fn has_left_behind(&self, voter: usize) -> bool {
        let left_behind = self.voters[voter].left_behind;
        left_behind.is_some_and(|(_, until)| self.clock(voter).left(until) > 0)
    }

    /// For which epoch this learner may say its word next.
    pub(super) fn owes_word(&self, voter: usize) -> Option<usize> {
        match &self.voters[voter].role {
            Role::Learner { epoch, said: false } => Some(*epoch),
            Role::Looking | Role::Learner { .. } | Role::Candidate(_) => None,
        }
    }

    /// Whether something speaks against its word for this epoch: it is bound to somebody else, or its own lease runs.
    pub(super) fn withholds(&self, voter: usize, epoch: usize) -> bool {
        let this = &self.voters[voter];
        let withheld = this.lease.withheld_from(self.holder_of(epoch), self.clock(voter)).is_some();
        let works = this.closing.is_some() && !self.rules.is(Weakness::OwnWordIsFree);
        !self.rules.is(Weakness::NoGate) && (withheld || works)
    }

    /// What is heard of the ends of this voter's epochs.
    pub(super) fn end_of(&self, voter: usize) -> Option<HasEnded> {
        let (incarnation, ended) = self.voters[voter].ended?;
        let holder = Holder { incarnation: Incarnation(incarnation), ..self.holder(voter) };
        Some(HasEnded { holder, epoch: self.rules.said(ended) })
    }

    /// This voter is bound by a ping of this epoch, and keeps that where it outlives it.
    pub(super) fn bind(&mut self, voter: usize, number: usize) {
        let (to, now, span) =
            (self.holder_of(number), self.clock(voter), self.rules.promise(number));
        let until = Tick(now.0 + span);
        let this = &mut self.voters[voter];
        if !self.rules.keeps_old_promise(this.lease.promise(), to, until) {
            this.kept = Some(this.lease.bind(to, epoch(number), ticks(span), now));
        }
        let ends = this.pace.shows_at(until);
        let bond = self.bonds[voter].entry(number).or_default();
        *bond = ends.max(*bond);
    }

    /// The lease of this voter is over, and so is the epoch.
    pub(super) fn end(&mut self, voter: usize, epoch: usize) {
        let this = &mut self.voters[voter];
        this.lease.give_up();
        this.closing = None;
        this.ended = Some((this.incarnation, epoch));
        if let Some(ended) = self.end_of(voter) {
            self.voters[voter].lease.hear(ended);
        }
    }

    /// What can make no difference any more is left out.
    pub(super) fn tidy_up(&mut self) {
        for voter in 0..VOTERS {
            self.forget_pings(voter);
            if let Role::Learner { epoch, .. } = self.voters[voter].role
                && self.candidate(epoch).is_none()
            {
                self.voters[voter].role = Role::Looking;
            }
        }
        let mut words = std::mem::take(&mut self.words);
        words.retain(|(epoch, _)| self.waits_for_words(*epoch));
        self.words = words;
        let mut answers = std::mem::take(&mut self.answers);
        answers.retain(|(epoch, number, _)| self.counts(*epoch, *number));
        self.answers = answers;
        let mut bonds = std::mem::take(&mut self.bonds);
        for bonds in &mut bonds {
            bonds.retain(|epoch, until| *until > self.time && !self.is_over(*epoch));
        }
        self.bonds = bonds;
        for voter in 0..VOTERS {
            let ended = self.voters[voter].ended.filter(|(_, ended)| self.may_free(voter, *ended));
            self.voters[voter].ended = ended;
        }
    }

    /// Whether it still makes a difference that the epochs of this voter up to this one have ended.
    fn may_free(&self, voter: usize, ended: usize) -> bool {
        let is_own = |epoch: usize| place(self.holder_of(epoch).leader) == voter;
        let mut own = (1..=self.holders.len()).filter(|epoch| is_own(*epoch));
        self.rules.is(Weakness::ReleaseOfAnyEpoch)
            || own.any(|epoch| epoch <= ended && self.matters(epoch))
    }

    /// Whether the next life of this voter differs from this one.
    pub(super) fn has_something_to_lose(&self, voter: usize) -> bool {
        let this = &self.voters[voter];
        let forgets = self.place_of(this.accepted) != self.place_of(this.word);
        this.role != Role::Looking || forgets || this.longest > 0
    }

    /// Who answers a ping that is too old is bound, and begins no lease.
    fn forget_pings(&mut self, leader: usize) {
        let (now, rules) = (self.clock(leader), self.rules);
        if let Some(one) = self.voters[leader].candidacy_mut()
            && !rules.is(Weakness::CountedFromTheAnswer)
        {
            let length = rules.length(one.epoch);
            one.sent.retain(|_, sent| now.left(Tick(sent.0 + length)) > 0);
        }
    }

    fn waits_for_words(&self, epoch: usize) -> bool {
        let leader = self.candidate(epoch);
        leader.is_some_and(|leader| self.voters[leader].leads().is_none())
    }

    /// Whether an answer to this ping may still begin or renew a lease.
    fn counts(&self, epoch: usize, number: u64) -> bool {
        let leader = self.candidate(epoch);
        let one = leader.and_then(|leader| self.voters[leader].candidacy());
        one.is_some_and(|one| one.sent.contains_key(&number))
    }
}
