//! [`RunRecord`]: what a run is reported by: states, elections, messages, expectations.

use std::{sync::Arc, time::Duration};

use ballotbox_core::ServerId;

use super::{Moment, Setup};
use crate::{
    election::Epoch,
    scenario::{
        claim::{Claim, States, claims},
        judge::{AfterLastStep, Judge, Verdict},
        vote_file::{Expectation, MemberState, Step},
    },
};

/// A span of time in which no quorum followed an elected leader, up to the election that ended it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaderlessSpan {
    /// When it began, since the beginning.
    pub began: Duration,
    /// How long it lasted.
    pub took: Duration,
    /// The leader that was elected in the end.
    pub leader: ServerId,
    /// How many frames the members wrote meanwhile, all together.
    pub messages: u64,
}

/// A leader and its epoch; `None` where the election is played alone.
pub(super) type Reign = (ServerId, Option<Epoch>);

/// Follows a run, seen from outside.
#[derive(Debug)]
pub(super) struct RunRecord {
    setup: Arc<Setup>,
    states: States,
    /// Since when they are what they are.
    states_since: Moment,
    judge: Judge,
    /// The leader that a quorum follows, and in which epoch.
    established: Option<Reign>,
    /// The one that all running members believe in.
    agreement: Option<Reign>,
    elections: Vec<LeaderlessSpan>,
    leaderless_since: Moment,
    messages: u64,
    /// How many there were when the leader was lost.
    messages_before: u64,
}

impl RunRecord {
    pub(super) fn new(setup: &Arc<Setup>, steps: &[Step]) -> Self {
        let down = |id| (id, MemberState::Down);
        Self {
            setup: Arc::clone(setup),
            states: setup.members.iter().map(|member| down(member.id)).collect(),
            states_since: Moment::default(),
            judge: Judge::new(&setup.expectations, steps, AfterLastStep::ToTheEnd),
            established: None,
            agreement: None,
            elections: Vec::new(),
            leaderless_since: steps.first().map(|step| step.at.into()).unwrap_or_default(),
            messages: 0,
            messages_before: 0,
        }
    }

    /// What every member is.
    pub(super) const fn states(&self) -> &States {
        &self.states
    }

    /// What this member is.
    pub(super) fn state(&self, member: ServerId) -> MemberState {
        self.states.get(&member).copied().unwrap_or(MemberState::Down)
    }

    /// The leader that all running members believe in, if they do.
    pub(super) const fn agreement(&self) -> Option<Reign> {
        self.agreement
    }

    /// Whether a quorum follows a leader.
    pub(super) const fn is_established(&self) -> bool {
        self.established.is_some()
    }

    /// The elections so far.
    pub(super) fn elections(&self) -> &[LeaderlessSpan] {
        &self.elections
    }

    /// How many frames were written.
    pub(super) const fn messages(&self) -> u64 {
        self.messages
    }

    /// By when each expectation had to be true, and whether it was, as far as is known.
    pub(super) fn expectations(&self) -> Vec<(Duration, bool)> {
        let met = |verdict: &Verdict| !matches!(verdict, Verdict::Unmet { .. });
        self.judge.verdicts().map(|(expectation, verdict)| (expectation.by, met(verdict))).collect()
    }

    /// A frame was written.
    pub(super) const fn count_message(&mut self) {
        self.messages += 1;
    }

    /// A member has another state from now on. Returns the span without a leader that this ends, if it does.
    pub(super) fn note(
        &mut self,
        now: Moment,
        member: ServerId,
        state: MemberState,
    ) -> Option<LeaderlessSpan> {
        self.states.insert(member, state);
        let claims: Vec<_> = claims(&self.states).collect();
        let running = self.states.iter().filter(|(_, state)| **state != MemberState::Down);
        let running = running.map(|(id, _)| *id);
        let agreed = claims.iter().find(|claim| claim.is_shared_by(running.clone()));
        let reign = |claim: &Claim| (claim.leader, claim.epoch);
        self.agreement = agreed.map(reign);
        let established = claims.iter().find(|claim| claim.has_quorum(&self.setup.ensemble));
        let established = established.map(reign);
        self.establish(now, established)
    }

    fn establish(&mut self, now: Moment, reign: Option<Reign>) -> Option<LeaderlessSpan> {
        if reign == self.established {
            return None;
        }
        let ended = reign.map(|(leader, _)| LeaderlessSpan {
            began: self.leaderless_since.since_start(),
            took: now.since(self.leaderless_since),
            leader,
            messages: self.messages - self.messages_before,
        });
        if ended.is_none() {
            self.leaderless_since = now;
            self.messages_before = self.messages;
        }
        self.elections.extend(ended);
        self.established = reign;
        ended
    }

    /// Judges the states before one of them changes at this moment, or time ends. Returns what is decided by that.
    pub(super) fn judge_until(&mut self, now: Moment) -> Vec<(usize, Verdict)> {
        // At the moment itself they may be others.
        self.judge(now, now.since_start().saturating_sub(Duration::from_nanos(1)))
    }

    /// Judges the states that a step finds at this moment.
    pub(super) fn judge_before_step(&mut self, now: Moment) -> Vec<(usize, Verdict)> {
        self.judge(now, now.since_start())
    }

    fn judge(&mut self, now: Moment, at: Duration) -> Vec<(usize, Verdict)> {
        if std::mem::replace(&mut self.states_since, now) == now {
            return Vec::new();
        }
        self.judge.look(at, &self.states)
    }

    /// What became of each expectation so far.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&Expectation, &Verdict)> {
        self.judge.verdicts()
    }
}
