//! [`Story`]: a run as it is told to people, in the same lines as a play over sockets. Pictures are drawn from it.

use std::{collections::BTreeMap, time::Duration};

use ballotbox_core::{
    ServerId,
    leadership::{Report, Successor},
};

use super::{Moment, trace::TraceEvent};
use crate::{
    election::{Epoch, Vote},
    scenario::story::{Effect, StoryLine, What},
};

/// Lines, kept only if asked for.
#[derive(Debug, Default)]
pub(super) struct Story {
    lines: Vec<StoryLine>,
    /// At most this many are kept, the first ones.
    lines_max: usize,
    /// What each member has voted for last, in which of its lives.
    voted: BTreeMap<ServerId, (u32, Vote)>,
    /// Since when those look that look.
    looking: BTreeMap<ServerId, Moment>,
}

impl Story {
    pub(super) const fn keep(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.lines_max > 0
    }

    /// What has happened until then, in order.
    pub(super) fn take(&mut self, now: Duration) -> Vec<StoryLine> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| line.at <= now);
        // A stable sort: what happens in one instant stays in its order.
        lines.sort_by_key(|line| line.at);
        lines
    }

    pub(super) fn tell(&mut self, at: Duration, what: What) {
        if self.lines.len() < self.lines_max {
            self.lines.push(StoryLine { at, what });
        }
    }

    /// Takes in what the trace tells, if people want to know it.
    pub(super) fn note(&mut self, now: Moment, member: Option<ServerId>, event: TraceEvent<'_>) {
        if !self.is_kept() {
            return;
        }
        if let Some(id) = member {
            if let TraceEvent::Looks(_) = event {
                self.looking.insert(id, now);
            } else if let TraceEvent::Wakes { .. } = event {
                // Its lease goes on as well.
                self.lines.retain(|line| line.at <= now.since_start() || !is_over(&line.what, id));
            }
        }
        if let Some(what) = what(member, event) {
            self.tell(now.since_start(), what);
        }
    }

    /// A member votes so; told if that is news.
    pub(super) fn votes(&mut self, now: Moment, member: ServerId, life: u32, vote: Vote) {
        if self.voted.insert(member, (life, vote)) != Some((life, vote)) {
            self.tell(now.since_start(), What::Voted { member, vote });
        }
    }

    /// Who has said last that it looks, and has decided now: how long it took.
    pub(super) fn decides(&mut self, now: Moment, member: ServerId) -> Duration {
        let since = self.looking.remove(&member).unwrap_or(now);
        now.since(since)
    }

    /// A leader does nothing more, and its lease goes on for this long.
    pub(super) fn lease_ends(
        &mut self,
        now: Moment,
        member: ServerId,
        epoch: Epoch,
        left: Duration,
    ) {
        let at = now.since_start();
        if !self.lines.iter().any(|line| line.at > at && is_over(&line.what, member)) {
            self.tell(at.saturating_add(left), What::LeaseOver { member, epoch });
        }
    }
}

fn is_over(what: &What, of: ServerId) -> bool {
    matches!(what, What::LeaseOver { member, .. } if *member == of)
}

/// What people are told of an event. Votes, decisions and leases are told by those who know more of them.
fn what(member: Option<ServerId>, event: TraceEvent<'_>) -> Option<What> {
    let befalls = |effect| {
        let (verb, details) = (event.verb().word().to_lowercase(), event.to_string());
        let text = if details.is_empty() { verb } else { format!("{verb}: {details}") };
        Some(What::Befalls { member, text, effect })
    };
    match event {
        TraceEvent::Step(operation) => Some(What::Played(operation.clone())),
        TraceEvent::Looks(round) => Some(What::Looking { member: member?, round }),
        TraceEvent::Reports(report) => told(member?, report),
        TraceEvent::Hangs | TraceEvent::Suspends | TraceEvent::Paused => {
            befalls(Effect::StandsStill)
        }
        TraceEvent::Wakes { .. } => {
            Some(What::Befalls { member, text: "goes on".to_owned(), effect: Effect::GoesOn })
        }
        TraceEvent::Freezes | TraceEvent::Vanishes | TraceEvent::SyncFails => befalls(Effect::Dies),
        TraceEvent::Replaced { .. } => befalls(Effect::Starts),
        TraceEvent::Broken(_) => befalls(Effect::Broken),
        TraceEvent::Break(..)
        | TraceEvent::Dark { .. }
        | TraceEvent::Light { .. }
        | TraceEvent::Reboots
        | TraceEvent::Ends
        | TraceEvent::Stranger { .. }
        | TraceEvent::Leaves { .. }
        | TraceEvent::Starts
        | TraceEvent::Moves { .. }
        | TraceEvent::StoreFails
        | TraceEvent::Stalls
        | TraceEvent::Flows
        | TraceEvent::Overlaps { .. }
        | TraceEvent::Rests(_)
        | TraceEvent::Asked { to: Successor::Any | Successor::To(_), refused: Some(_) } => {
            befalls(Effect::Nothing)
        }
        TraceEvent::Asked { refused: None, .. }
        | TraceEvent::Slews { .. }
        | TraceEvent::Decides(_)
        | TraceEvent::SaysTo(..)
        | TraceEvent::Hears(..)
        | TraceEvent::PassesOver(_)
        | TraceEvent::Dials(_)
        | TraceEvent::KnocksAt(_)
        | TraceEvent::LinkUp(_)
        | TraceEvent::LinkDown(_)
        | TraceEvent::Doubts(_)
        | TraceEvent::Misses(_)
        | TraceEvent::CannotDial(_)
        | TraceEvent::Joins(_)
        | TraceEvent::Tells(..)
        | TraceEvent::Answers(..)
        | TraceEvent::Stores(_)
        | TraceEvent::Stored(_)
        | TraceEvent::Works(_)
        | TraceEvent::WorkEnds(_)
        | TraceEvent::Stands(_)
        | TraceEvent::Timer(_)
        | TraceEvent::Unmet(_) => None,
    }
}

/// What people are told of a report.
fn told(member: ServerId, report: &Report) -> Option<What> {
    match report {
        Report::Leading { epoch } => Some(What::Leads { member, epoch: *epoch }),
        Report::Following { leader, epoch, .. } => {
            Some(What::Follows { member, leader: *leader, epoch: *epoch })
        }
        Report::Lost { epoch, cause } => {
            Some(What::Lost { member, epoch: *epoch, cause: cause.clone() })
        }
        Report::Waiting { leader, missing } => {
            (*leader == member).then(|| What::WaitsFor { member, missing: missing.clone() })
        }
        Report::Retiring { .. }
        | Report::HandedOver { .. }
        | Report::BegunByAll { .. }
        | Report::WithoutLease { .. }
        | Report::Bound { .. }
        | Report::TurnedAway { .. }
        | Report::GaveUp { .. }
        | Report::NotEstablished { .. }
        | Report::BesideRealServer { .. }
        | Report::Recorded => None,
    }
}
