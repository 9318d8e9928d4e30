//! [`RunRecord`]: what a run is reported by: elections, messages, expectations.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ballotbox_core::ServerId;

use super::{Moment, Setup, member::Member};
use crate::{
    Ensemble,
    scenario::vote_file::{Found, MemberState, Step, window_end},
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

/// Follows a run, seen from outside.
#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) messages: u64,
    pub(super) elections: Vec<LeaderlessSpan>,
    /// Whether what was expected was so far true, in the order of the file.
    pub(super) met: Vec<bool>,
    established: Option<ServerId>,
    since: Moment,
    messages_before: u64,
    states: BTreeMap<ServerId, MemberState>,
    states_since: Moment,
    /// Until when each expectation has to hold: until the next step.
    windows: Vec<Option<Duration>>,
    setup: std::sync::Arc<Setup>,
}

impl RunRecord {
    pub(super) fn new(setup: &std::sync::Arc<Setup>, steps: &[Step]) -> Self {
        Self {
            messages: 0,
            elections: Vec::new(),
            met: vec![true; setup.expectations.len()],
            established: None,
            since: steps.first().map(|step| step.at.into()).unwrap_or_default(),
            messages_before: 0,
            states: BTreeMap::new(),
            states_since: Moment::default(),
            windows: setup.expectations.iter().map(|one| window_end(steps, one)).collect(),
            setup: std::sync::Arc::clone(setup),
        }
    }

    /// The state of a member has changed. Returns the span without a leader that this ends, if it does.
    pub(super) fn note(
        &mut self,
        now: Moment,
        members: &[Member],
        ensemble: &Ensemble,
    ) -> Option<LeaderlessSpan> {
        if !self.met.is_empty() {
            self.states = members.iter().map(|member| (member.id, member.shown)).collect();
        }
        let established = established(members, ensemble);
        if established == self.established {
            return None;
        }
        let ended = established.map(|leader| LeaderlessSpan {
            began: self.since.since_start(),
            took: now.since(self.since),
            leader,
            messages: self.messages - self.messages_before,
        });
        if ended.is_none() {
            self.since = now;
            self.messages_before = self.messages;
        }
        self.elections.extend(ended);
        self.established = established;
        ended
    }

    /// The states have been what they are until now: which expectations that disappoints, in words.
    pub(super) fn weigh_expectations(&mut self, now: Moment) -> Vec<String> {
        let (from, to) = (self.states_since, now);
        self.states_since = now;
        let mut disappointed = Vec::new();
        if from == to {
            return disappointed;
        }
        let expected = self.setup.expectations.iter().zip(&self.windows);
        for (met, (expectation, window_end)) in self.met.iter_mut().zip(expected) {
            let begun = to > expectation.by.into();
            let over = window_end.is_some_and(|end| from >= end.into());
            if *met && begun && !over && !expectation.holds(&self.states) {
                *met = false;
                disappointed.push(format!("{expectation}; found: {}", Found(&self.states)));
            }
        }
        disappointed
    }
}

/// The leader of all who run, if there is one.
pub(super) fn agreement(members: &[Member]) -> Option<ServerId> {
    let running = members.iter().filter(|member| member.running.is_some());
    let mut leaders = running.map(|member| member.shown.leader_of(member.id));
    let first = leaders.next()??;
    let leads =
        members.iter().any(|member| member.id == first && member.shown == MemberState::Leading);
    (leads && leaders.all(|leader| leader == Some(first))).then_some(first)
}

/// Whoever says it leads, and is followed by a quorum with itself in it.
fn established(members: &[Member], ensemble: &Ensemble) -> Option<ServerId> {
    let leads = |member: &&Member| member.shown == MemberState::Leading;
    members.iter().filter(leads).map(|member| member.id).find(|leader| {
        let follows = |member: &&Member| member.shown.leader_of(member.id) == Some(*leader);
        let followers: BTreeSet<_> =
            members.iter().filter(follows).map(|member| member.id).collect();
        ensemble.is_quorum(&followers)
    })
}
