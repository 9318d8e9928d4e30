//! What must hold over all voters, beside the rules of each core.

use std::collections::BTreeMap;

use ballotbox_core::{
    election::Epoch,
    leadership::{LeaderWord, LearnerWord, Nomination, Report},
};

use super::{state::State, weak::Weakness};
use crate::members::{VOTERS, place};

pub(super) const ONE_WORK: &str = "no two works go on at one time";
pub(super) const ONCE: &str = "no epoch is led in twice, and one that was given up never again";
pub(super) const LARGER: &str = "who leads leads in a larger epoch than all before";
pub(super) const ENDED_FIRST: &str = "an epoch is over, with all its work, before it is said to be";
pub(super) const NO_OTHER_NOMINATION: &str =
    "who follows a nomination followed in the epoch that ended with it";

/// What has been said, over all voters and all their lives.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Book {
    /// Who has led in which epoch.
    led: BTreeMap<Epoch, usize>,
    /// How each epoch was given up, where that was said by the one that led in it.
    ends: Vec<(Epoch, Option<Nomination>)>,
    /// The leader and the epoch that each voter has told of, and not taken back.
    believed: [Option<(usize, Epoch)>; VOTERS],
}

impl Book {
    pub(super) fn believes(&self, voter: usize) -> Option<(usize, Epoch)> {
        self.believed[voter]
    }

    /// A voter starts again.
    pub(super) fn forget(&mut self, voter: usize) {
        self.believed[voter] = None;
    }

    /// Who was nominated at the end of this epoch.
    pub(super) fn released(&self, epoch: Epoch) -> Option<Nomination> {
        self.ends.iter().find(|(ended, _)| *ended == epoch).and_then(|(_, nomination)| *nomination)
    }

    /// The epochs of this voter that it has given up with a word.
    pub(super) fn given_up_by(&self, voter: usize) -> impl Iterator<Item = Epoch> {
        let is_own = move |epoch: &Epoch| self.led.get(epoch) == Some(&voter);
        self.ends.iter().map(|(epoch, _)| *epoch).filter(is_own)
    }

    /// Whether who leads was named by the one before it.
    pub(super) fn is_handed_over(&self) -> bool {
        let named = self.ends.last().and_then(|(_, nomination)| *nomination);
        let newest = self.led.values().next_back();
        named.is_some_and(|one| self.led.len() > 1 && newest == Some(&place(one.vote.leader)))
    }

    /// How many epochs were led in, how many of them ended with a nomination, and how many began with the one that was named.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let named = self.ends.iter().filter_map(|(epoch, named)| Some((*epoch, (*named)?)));
        let begun = |(epoch, named): &(Epoch, Nomination)| {
            let next = self.led.range(Epoch(epoch.0 + 1)..).next();
            next.is_some_and(|(_, leader)| *leader == place(named.vote.leader))
        };
        let (all, begun) = (named.clone().count(), named.filter(begun).count());
        (self.led.len(), all, begun)
    }

    fn newest(&self) -> Epoch {
        self.led.keys().next_back().copied().unwrap_or_default()
    }
}

impl State {
    /// Where a rule is weakened, the others may break on the way.
    fn must(&mut self, rule: &'static str, holds: bool) {
        let is_judged = self.weakness == Weakness::None || self.weakness.breaks() == rule;
        if !holds && is_judged {
            self.broken.get_or_insert(rule);
        }
    }

    /// How many works go on.
    pub(super) fn works(&self) -> usize {
        self.voters.iter().filter(|voter| voter.work.is_some()).count()
    }

    pub(super) fn judge_works(&mut self) {
        let works = self.works();
        self.must(ONE_WORK, works <= 1);
    }

    pub(super) fn judge_report(&mut self, voter: usize, report: &Report) {
        match *report {
            Report::Leading { epoch } => {
                self.must(ONCE, !self.book.led.contains_key(&epoch));
                self.must(LARGER, epoch > self.book.newest());
                self.book.led.insert(epoch, voter);
                self.book.believed[voter] = Some((voter, epoch));
            }
            Report::Following { leader, epoch, .. } => {
                self.book.believed[voter] = Some((place(leader), epoch));
            }
            Report::Lost { .. } => self.book.believed[voter] = None,
            Report::Retiring { .. }
            | Report::HandedOver { .. }
            | Report::Waiting { .. }
            | Report::BegunByAll { .. }
            | Report::WithoutLease { .. }
            | Report::Bound { .. }
            | Report::TurnedAway { .. }
            | Report::GaveUp { .. }
            | Report::NotEstablished { .. }
            | Report::BesideRealServer { .. }
            | Report::Recorded => {}
        }
    }

    pub(super) fn judge_leader_word(&mut self, voter: usize, word: &LeaderWord) {
        match word {
            LeaderWord::Released { epoch, nomination } => {
                let is_first = self.book.ends.iter().all(|(ended, _)| ended != epoch);
                if self.book.led.get(epoch) == Some(&voter) && is_first {
                    self.book.ends.push((*epoch, *nomination));
                }
                if nomination.is_some() {
                    self.judge_end(voter, Some(*epoch));
                }
            }
            LeaderWord::HasEnded(ended) if place(ended.holder.leader) == voter => {
                self.judge_end(voter, Some(ended.epoch));
            }
            LeaderWord::Info { block, .. } => {
                self.judge_end(voter, block.map(|block| block.ended));
            }
            LeaderWord::HasEnded(_)
            | LeaderWord::Sync { .. }
            | LeaderWord::NewLeader { .. }
            | LeaderWord::UpToDate
            | LeaderWord::Ping { .. }
            | LeaderWord::Recorded { .. }
            | LeaderWord::Waiting { .. }
            | LeaderWord::Refused { .. }
            | LeaderWord::Other => {}
        }
    }

    pub(super) fn judge_learner_word(&mut self, voter: usize, word: &LearnerWord) {
        if let LearnerWord::HasEnded { epoch } = word {
            self.judge_end(voter, Some(*epoch));
        }
    }

    /// This voter says that its epochs up to this one have ended: nobody is bound by them any more.
    pub(super) fn judge_end(&mut self, voter: usize, ended: Option<Epoch>) {
        let Some(ended) = ended else { return };
        let works = self.voters[voter].work.is_some_and(|work| work.epoch <= ended);
        let leads = self.book.believed[voter]
            .is_some_and(|(leader, epoch)| leader == voter && epoch <= ended);
        self.must(ENDED_FIRST, !works && !leads);
    }

    /// A voter settles on a successor of this leader, without a vote.
    pub(super) fn judge_nomination(
        &mut self,
        leader: usize,
        believed: Option<(usize, Epoch)>,
        nomination: Nomination,
    ) {
        let is_meant = believed.is_some_and(|(led, epoch)| {
            led == leader && self.book.released(epoch) == Some(nomination)
        });
        let is_another = place(nomination.vote.leader) != leader;
        self.must(NO_OTHER_NOMINATION, is_meant && is_another);
    }
}
