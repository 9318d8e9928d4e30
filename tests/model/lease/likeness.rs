//! Which states are alike: those that differ only in how long all has lasted so far, in what is over, or in how pings are numbered.

use std::hash::{Hash, Hasher};

use ballotbox_core::leadership::{Holder, Promise};

use super::{
    clock::{Pace, Tick},
    state::{Candidacy, Role, State},
    weak::epoch,
};
use crate::members::{VOTERS, place};

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let phase = self.voters.iter().any(|one| one.pace == Pace::Slow).then_some(self.time % 3);
        (phase, self.holders.len(), &self.words, self.left, self.broken).hash(hasher);
        for epoch in 1..=self.holders.len() {
            let holder = Some(self.holder_of(epoch)).filter(|_| self.matters(epoch));
            holder.map(|holder| self.who(holder)).hash(hasher);
        }
        (0..VOTERS).for_each(|voter| self.hash_voter(voter, hasher));
        self.hash_answers(hasher);
        for bonds in &self.bonds {
            bonds.len().hash(hasher);
            for (epoch, until) in bonds {
                (epoch, until - self.time).hash(hasher);
            }
        }
    }
}

impl State {
    fn hash_voter(&self, voter: usize, hasher: &mut impl Hasher) {
        let (this, now) = (&self.voters[voter], self.clock(voter));
        (this.pace, this.closing, this.longest).hash(hasher);
        [this.word, this.accepted].map(|epoch| self.place_of(epoch)).hash(hasher);
        this.ended.map(|(life, epoch)| (this.incarnation - life, epoch)).hash(hasher);
        let binds = |promise: &Promise<Tick>| now.left(promise.until) > 0;
        let promise = |promise: Promise<Tick>| {
            let to = promise.to.map(|to| (self.who(to), promise.epoch));
            (to, now.left(promise.until))
        };
        this.lease.promise().filter(binds).map(promise).hash(hasher);
        if self.left.crashes > 0 {
            this.kept.map(|kept| Some(kept).filter(binds).map(promise)).hash(hasher);
        }
        this.lease.left(now).hash(hasher);
        let left_behind = this.left_behind.map(|(epoch, until)| (epoch, now.left(until)));
        left_behind.filter(|(_, left)| *left > 0).hash(hasher);
        match &this.role {
            Role::Looking => 0.hash(hasher),
            Role::Learner { epoch, said } => (1, epoch, said).hash(hasher),
            Role::Candidate(one) => {
                (2, one.epoch, one.leads, one.sent.len()).hash(hasher);
                Some(&one.words).filter(|_| !one.leads).hash(hasher);
                let length = self.rules.length(one.epoch);
                let left = |sent: &Tick| now.left(Tick(sent.0 + length));
                one.sent.values().for_each(|sent| left(sent).hash(hasher));
            }
        }
    }

    /// Who it is, and how many lives ago.
    fn who(&self, holder: Holder) -> (usize, u64) {
        let voter = place(holder.leader);
        (voter, self.voters[voter].incarnation - holder.incarnation.0)
    }

    /// Whether anybody stands for this epoch, leads in it, or is bound by it, now or after a crash.
    pub(super) fn matters(&self, number: usize) -> bool {
        let to = Some(self.holder_of(number));
        let binds = |voter: usize| {
            let this = &self.voters[voter];
            let kept = this.kept.filter(|_| self.left.crashes > 0);
            let mut promises = [this.lease.promise(), kept].into_iter().flatten();
            promises.any(|promise| {
                let is_meant = promise.to == to && promise.epoch == epoch(number);
                is_meant && self.clock(voter).left(promise.until) > 0
            })
        };
        !self.is_over(number) || (0..VOTERS).any(binds)
    }

    /// What this epoch is among those that somebody stands for or leads in: how many of them are older, and whether it is one.
    pub(super) fn place_of(&self, epoch: usize) -> (usize, bool) {
        let lives = |epoch: usize| self.candidate(epoch).is_some();
        let older = (1..epoch).filter(|epoch| lives(*epoch)).count();
        (older, epoch > 0 && lives(epoch))
    }

    fn hash_answers(&self, hasher: &mut impl Hasher) {
        self.answers.len().hash(hasher);
        for (epoch, number, voter) in &self.answers {
            let leader = self.candidate(*epoch);
            let candidacy = leader.and_then(|leader| self.voters[leader].candidacy());
            (epoch, candidacy.map(|one| rank(one, *number)), voter).hash(hasher);
        }
    }
}

/// Which of the pings it is that may still be answered, from the newest on.
fn rank(candidacy: &Candidacy, number: u64) -> Option<usize> {
    candidacy.sent.keys().rev().position(|sent| *sent == number)
}
