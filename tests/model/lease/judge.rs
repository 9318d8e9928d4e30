//! What must hold, in true time. The judge keeps a book of its own, and does not ask the core who is bound.

use super::{clock::Tick, state::State, weak::Weakness};
use crate::members::{VOTERS, place};

pub(super) const ONE_LEASE: &str = "no two leases run at one time";
pub(super) const NONE_AT_BEGINNING: &str = "no lease runs when a newer epoch begins";
pub(super) const NEVER_BACK: &str = "the end of a lease never moves back";
pub(super) const WORD_KEPT: &str = "no word is given against a promise";

impl State {
    /// Where a rule is weakened, the others may break on the way.
    fn must(&mut self, rule: &'static str, holds: bool) {
        let is_judged = self.rules.is(Weakness::None) || rule == ONE_LEASE;
        if !holds && is_judged {
            self.broken.get_or_insert(rule);
        }
    }

    /// Whether no lease of this epoch runs, nor ever will: who stood for it is gone, or has given it up.
    pub(super) fn is_over(&self, epoch: usize) -> bool {
        let leader = place(self.holder_of(epoch).leader);
        let this = &self.voters[leader];
        let is_left_behind = this.left_behind.is_some_and(|(left, _)| left == epoch);
        self.candidate(epoch).is_none()
            && this.closing != Some(epoch)
            && !(is_left_behind && self.has_left_behind(leader))
    }

    /// In which epochs leases run now.
    pub(super) fn leases(&self) -> impl Iterator<Item = usize> {
        let held = |voter: usize| self.voters[voter].leased().filter(|_| self.holds_lease(voter));
        let left_behind = |voter: usize| {
            let left = self.voters[voter].left_behind.filter(|_| self.has_left_behind(voter));
            left.map(|(epoch, _)| epoch)
        };
        (0..VOTERS).flat_map(move |voter| [held(voter), left_behind(voter)]).flatten()
    }

    pub(super) fn judge_leases(&mut self) {
        let leases = self.leases().count();
        self.must(ONE_LEASE, leases <= 1);
    }

    /// An older one may begin late, with words that were long on their way: it never gets a lease.
    pub(super) fn judge_beginning(&mut self, epoch: usize) {
        let is_free = self.leases().all(|leased| leased >= epoch);
        self.must(NONE_AT_BEGINNING, is_free);
    }

    /// A lease that ended at this reading is renewed.
    pub(super) fn judge_renewal(&mut self, voter: usize, before: Option<Tick>) {
        let until = self.voters[voter].lease.until();
        self.must(NEVER_BACK, before <= until);
    }

    /// A voter gives its word for this epoch: in none that is not over it is bound to anybody else.
    pub(super) fn judge_word(&mut self, voter: usize, epoch: usize) {
        let to = self.holder_of(epoch);
        let is_kept = |(bound, until): (&usize, &u64)| {
            *until <= self.time || self.is_over(*bound) || self.holder_of(*bound) == to
        };
        let is_kept = self.bonds[voter].iter().all(is_kept);
        self.must(WORD_KEPT, is_kept);
    }
}
