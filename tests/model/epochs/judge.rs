//! What must hold over all voters, beside the rules of each core.

use std::collections::BTreeMap;

use ballotbox_core::{election::Epoch, leadership::Record};

use super::{
    state::{State, Voter},
    weak::Weakness,
};

/// What has happened, over all members and all their lives.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct History {
    /// Who has begun which epoch.
    pub(super) begun: BTreeMap<Epoch, usize>,
}

impl History {
    /// The largest epoch that has begun.
    pub(super) fn newest(&self) -> Epoch {
        self.begun.keys().next_back().copied().unwrap_or_default()
    }
}

const ONCE: &str = "no epoch begins twice";
const LARGER: &str = "an epoch is larger than all that began before its discovery";

/// What the other rules are there for.
pub(super) const ORDER: [&str; 2] = [ONCE, LARGER];

impl State {
    /// Where a rule is weakened, the others may break on the way.
    fn must(&mut self, rule: &'static str, holds: bool) {
        let is_judged = self.weakness == Weakness::None || ORDER.contains(&rule);
        if !holds && is_judged && self.broken.is_none() {
            self.broken = Some(rule);
        }
    }

    pub(super) fn judge_beginning(&mut self, voter: usize, epoch: Epoch) {
        self.must(ONCE, !self.history.begun.contains_key(&epoch));
        let before = self.voters[voter].begun_before;
        self.must(LARGER, epoch > before);
        let has_word = |voter: &Voter| {
            let on_disk = voter.disk.recorded && voter.disk.current >= epoch;
            on_disk || voter.was_wiped
        };
        let words = self.voters.iter().filter(|voter| has_word(voter)).count();
        self.must("an epoch begins with the durable words of a quorum", words >= self.quorum());
        self.must("its own is among them", self.voters[voter].disk.current == epoch);
        self.history.begun.insert(epoch, voter);
    }

    pub(super) fn judge_following(&mut self, leader: usize, epoch: Epoch) {
        let begun = self.history.begun.get(&epoch) == Some(&leader);
        self.must("a leader that is followed has begun the epoch", begun);
    }

    /// This record lands.
    pub(super) fn judge_disk(&mut self, voter: usize, new: Record) {
        let this = &self.voters[voter];
        // Nothing was said of what is on the disk although it was reported as not written.
        let old = if this.has_failed { this.core.record() } else { this.disk };
        let grows = new.accepted >= old.accepted
            && new.current >= old.current
            && new.recorded >= old.recorded
            && new.confirmed >= old.confirmed;
        self.must("nothing on a disk falls", grows);
        // Where all that knew the id for good were wiped, there may be another one.
        let mut known = self.voters.iter().map(|one| one.disk).filter(|disk| disk.confirmed);
        let agrees = !new.confirmed || known.all(|disk| disk.ensemble == new.ensemble);
        self.must("all know one ensemble", agrees);
    }
}
