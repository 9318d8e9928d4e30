//! The story of a [`World`]: what of it people are told that the trace does not say in one event.

use ballotbox_core::{ServerId, leadership::lease::Clocks};

use super::World;
use crate::{
    Standing,
    election::Decision,
    scenario::{
        judge::Verdict,
        story::{Effect, StoryLine, What, Won},
    },
};

impl World {
    /// Keeps from now on what happens as people are told it, at most this many lines.
    pub fn keep_story(&mut self, lines_max: usize) {
        self.story.keep(lines_max);
    }

    /// What was kept, in order; it is kept no longer.
    pub fn take_story(&mut self) -> Vec<StoryLine> {
        if !self.story.is_kept() {
            return Vec::new();
        }
        // What came true after the last step is known to stay so only now.
        for (expectation, verdict) in self.record.verdicts() {
            if *verdict == Verdict::Holding {
                let (at, expectation) = (expectation.by, expectation.clone());
                self.story.tell(at, What::Judged { expectation, verdict: Verdict::Met });
            }
        }
        self.story.take(self.now.since_start())
    }

    /// Some expectations are decided.
    pub(super) fn tell_judged(&mut self, decided: &[(usize, Verdict)]) {
        if !self.story.is_kept() {
            return;
        }
        for (n, verdict) in decided {
            let expectation = self.setup.expectations[*n].clone();
            let what = What::Judged { expectation, verdict: verdict.clone() };
            self.story.tell(self.now.since_start(), what);
        }
    }

    /// A member has heard something, and may vote otherwise.
    pub(super) fn tell_vote(&mut self, member: usize) {
        let this = &self.members[member];
        let Some(running) = this.running.as_ref().filter(|_| self.story.is_kept()) else { return };
        let looks = running.election.decision().is_none();
        if let Some(vote) = running.election.vote().filter(|_| looks && self.is_voter(this.id)) {
            self.story.votes(self.now, this.id, this.life, vote);
        }
    }

    /// The election of a member has ended.
    pub(super) fn tell_decision(&mut self, member: usize, decision: Decision) {
        let this = &self.members[member];
        let Some(running) = this.running.as_ref().filter(|_| self.story.is_kept()) else { return };
        let won = (decision.standing == Standing::Leading).then(|| {
            let ballots = running.election.ballots();
            let ballots = ballots.map(|(voter, ballot)| (voter, ballot.vote)).collect();
            let ids = self.members.iter().map(|member| member.id);
            let histories = ids.zip(self.histories.iter().copied()).collect();
            Won::of(&self.setup.ensemble, &histories, decision.vote, &ballots)
        });
        let member = this.id;
        self.story.tell(self.now.since_start(), What::Decided { member, decision, won });
    }

    /// The trace does not say of this what becomes of the member.
    pub(super) fn tell_fate(&mut self, member: usize, text: &str, effect: Effect) {
        if self.story.is_kept() {
            let (member, text) = (Some(self.members[member].id), text.to_owned());
            self.story.tell(self.now.since_start(), What::Befalls { member, text, effect });
        }
    }

    /// A member does nothing from now on: its lease goes on for a while.
    pub(super) fn foretell_end_of_lease(&mut self, member: usize) {
        let this = &self.members[member];
        let held = this.running.as_ref().and_then(|running| running.seat.as_ref()?.core.leads());
        let told = self.story.is_kept() && self.has_leases();
        let Some((epoch, until)) = held.filter(|_| told) else { return };
        let left = this.clocks.read(self.now).left_by_fastest(until).unwrap_or_default();
        self.story.lease_ends(self.now, this.id, epoch, left);
    }

    fn is_voter(&self, id: ServerId) -> bool {
        self.setup.ensemble.is_voter(id)
    }
}
