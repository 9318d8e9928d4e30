//! `Chronicle`: how each of the last leaders of an ensemble came to lead, as one of its members has seen it.
//!
//! Somebody asks at three in the morning why another member leads. So a member keeps for its last changes: why the leader before
//! ended; the votes, and what each beat or lost to; who was not waited for; which epoch was proposed, and whose words counted; and
//! when each of that was. The cores say it when their drivers ask: `Note`s. They are no events: nobody is woken by them, and they
//! push out nothing.
//!
//! A chronicle knows no clock: a moment comes with each note. It is the same in a node and in the simulation, and so is the
//! [text](text::text), which is made here only.
//!
//! | at most | |
//! | --- | --- |
//! | changes | [`CHANGES_MAX`], the last ones |
//! | votes of a change | [`VOTES_MAX`], the first ones; the rest is counted |
//! | members in a list of a change | [`MEMBERS_MAX`]; the rest is counted |
//!
//! A change goes on until somebody leads. Elections of which nothing came are counted in it, and of the last one everything is kept.
//!
//! | file | what it does |
//! | --- | --- |
//! | `change` | [`Change`]: the value, which is also the JSON |
//! | `growth` | how it grows |
//! | `form` | how times and texts stand in that |
//! | `note` | what the cores say, and how it is had of them |
//! | `text` | the words |

mod change;
mod form;
mod growth;
mod note;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::VecDeque, time::Duration};

use ballotbox_core::{
    ServerId,
    election::{Decision, Grounds, Round, Vote},
    leadership::{LostBecause, Report},
};

pub(crate) use self::note::{BallotLog, Note, lead};
#[cfg(all(test, feature = "http"))]
pub(crate) use self::text::INDENT;
pub use self::{
    change::{
        Absence, By, Cause, Change, End, HeldUp, NotCounted, NotWaitedFor, Proposal, Stage, Step,
        VoteFor, VoteHeard, VoteResult, VoterState, Wait, WhyReport, WordFault,
    },
    text::text,
};
use crate::Epoch;

/// At most this many changes are kept.
pub const CHANGES_MAX: usize = 20;
/// At most this many votes of a change.
pub const VOTES_MAX: usize = 64;
/// At most this many members in each list of a change.
pub const MEMBERS_MAX: usize = 64;

/// What is told of the changes in these bytes, if they are a report, and the report as it is written. The fuzzer calls this.
#[doc(hidden)]
pub fn report_read(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let report: WhyReport = serde_json::from_slice(bytes).ok()?;
    let told = report.changes.iter().map(|change| text(change, report.id)).collect();
    Some((told, serde_json::to_vec(&report).unwrap_or_default()))
}

/// What a member has seen of the last changes.
#[derive(Clone, Debug)]
pub(crate) struct Chronicle {
    me: ServerId,
    /// Whether an election is only the first half of a change.
    with_leadership: bool,
    changes: VecDeque<Change>,
    /// How many there were.
    number: u64,
    /// The last of them is over, and so is the leader with which it ended.
    is_sealed: bool,
    /// When the present election began, if others of this change have come to nothing.
    again_at: Duration,
    /// The leadership has said why the present election comes to nothing.
    is_given_up: bool,
}

impl Chronicle {
    /// Of this member, which has seen nothing yet.
    pub(crate) const fn new(me: ServerId, with_leadership: bool) -> Self {
        Self {
            me,
            with_leadership,
            changes: VecDeque::new(),
            number: 0,
            is_sealed: false,
            again_at: Duration::ZERO,
            is_given_up: false,
        }
    }

    /// The last changes, the oldest first.
    pub(crate) fn report(&self) -> WhyReport {
        WhyReport { id: self.me.number(), changes: self.changes.iter().cloned().collect() }
    }

    /// This has happened, so long after the member was started.
    pub(crate) fn note(&mut self, at: Duration, note: Note) {
        if at < self.again_at && note.is_of_leadership() {
            // It is of an election that has come to nothing.
            return;
        }
        match note {
            Note::Looking { round, own, cause } => self.looks(at, round, own, cause),
            Note::Heard { from, weighed } => {
                self.present(at).add_vote(VoteHeard::of(at, from, &weighed));
            }
            Note::LeftOut(more) => self.present(at).votes_left_out += more,
            Note::Decided { decision, grounds, waited, not_waited_for } => {
                let not_waited_for = not_waited_for.into_iter().map(NotWaitedFor::from).collect();
                self.decides(at, decision, grounds, waited, not_waited_for);
            }
            Note::Proposed { by, epoch } => {
                let change = self.present(at);
                change.epoch = Some(Proposal::new(by, epoch));
                change.step(Stage::Proposed, at);
            }
            Note::Noted => self.present(at).step(Stage::Noted, at),
            Note::Begun => self.present(at).step(Stage::Begun, at),
            Note::Words(words) => self.present(at).set_words(&words),
            Note::Report(report) => self.hear_report(at, report),
        }
    }

    fn hear_report(&mut self, at: Duration, report: Report) {
        match report {
            Report::Leading { epoch } => self.leads(at, self.me, epoch, true, Stage::Leading),
            Report::Following { leader, epoch, counts } => {
                self.leads(at, leader, epoch, counts, Stage::Following);
            }
            Report::Retiring { epoch, cause } => self.ends(at, epoch, cause, Stage::Retiring),
            Report::Lost { epoch, cause } => self.ends(at, epoch, cause, Stage::Lost),
            Report::Waiting { missing, .. } => self.is_held_up(at, Wait::NotSeen, missing),
            Report::WithoutLease { missing, .. } => {
                self.is_held_up(at, Wait::DoesNotPromise, missing);
            }
            Report::Bound { peer, to, rest } => {
                let to = to.map(ServerId::number);
                let rest = Some(rest);
                let bound = HeldUp { id: peer.number(), why: Wait::Bound, to, rest };
                self.present(at).add_held_up(bound);
            }
            Report::GaveUp { leader, why } => {
                self.comes_to_nothing(at, form::shown(growth::given_up(leader, &why)));
            }
            Report::NotEstablished { leader } => {
                let told = format!("{leader} was elected, and did not lead in time");
                self.comes_to_nothing(at, told);
            }
            Report::HandedOver { .. }
            | Report::BegunByAll { .. }
            | Report::TurnedAway { .. }
            | Report::BesideRealServer { .. }
            | Report::Recorded => {}
        }
    }

    /// The change that goes on; if none does, one begins.
    fn present(&mut self, at: Duration) -> &mut Change {
        if self.changes.back().is_none_or(|last| self.is_past(last, at)) {
            self.number += 1;
            if self.changes.len() >= CHANGES_MAX {
                self.changes.pop_front();
            }
            self.changes.push_back(Change { number: self.number, at, ..Change::default() });
            self.is_sealed = false;
            self.again_at = Duration::ZERO;
            self.is_given_up = false;
        }
        let last = self.changes.len() - 1;
        let change = &mut self.changes[last];
        change.at = change.at.min(at);
        change
    }

    /// Whether this change, the last one, has nothing to do with what was at this moment. The election and the leadership of a member speak
    /// each for itself: that somebody leads may be said before how that one was elected.
    fn is_past(&self, last: &Change, at: Duration) -> bool {
        let is_whole = !self.with_leadership || last.by.is_some() || at > last.last_at();
        last.is_over() && (self.is_sealed || is_whole)
    }

    fn looks(&mut self, at: Duration, round: Round, own: Option<Vote>, cause: Option<Cause>) {
        let (me, with_leadership) = (self.me, self.with_leadership);
        let before = self.changes.back().filter(|last| last.is_over());
        let led = before.and_then(|before| before.leader);
        let is_given_up = std::mem::take(&mut self.is_given_up);
        let change = self.present(at);
        let is_new = change.steps.is_empty();
        if let Some(cause) = cause.filter(|_| is_new && !with_leadership) {
            change.ended = Some(End { leader: led, epoch: None, cause });
        }
        let again = change.by.is_some() && !change.is_over();
        if again {
            change.begin_again(cause, is_given_up);
        }
        change.round = Some(round.0);
        if !change.steps.iter().any(|step| step.what == Stage::Looking) {
            change.step(Stage::Looking, at);
        }
        if let Some(own) = own {
            change.add_vote(VoteHeard::own(at, me, &own, round));
        }
        if again {
            self.again_at = at;
        }
    }

    fn decides(
        &mut self,
        at: Duration,
        decision: Decision,
        grounds: Grounds,
        waited: bool,
        not_waited_for: Vec<NotWaitedFor>,
    ) {
        let with_leadership = self.with_leadership;
        let change = self.present(at);
        (change.by, change.round) = (Some(grounds.into()), Some(decision.round.0));
        change.elected = Some(decision.vote.leader.number());
        change.waited = waited;
        change.set_not_waited_for(not_waited_for);
        change.step(Stage::Elected, at);
        if !with_leadership {
            change.leader = Some(decision.vote.leader.number());
        }
    }

    fn leads(&mut self, at: Duration, leader: ServerId, epoch: Epoch, counts: bool, step: Stage) {
        let me = self.me.number();
        let change = self.present(at);
        let proposal = change.epoch.take().filter(|proposal| proposal.value == epoch.0);
        let mut proposal = proposal.unwrap_or_else(|| Proposal::new(leader, epoch));
        if !counts {
            let (why, to, rest) = (WordFault::CountsNowhere, None, None);
            proposal.not_counted.push(NotCounted { id: me, why, to, rest });
        }
        change.epoch = Some(proposal);
        change.leader = Some(leader.number());
        change.step(step, at);
    }

    fn ends(&mut self, at: Duration, epoch: Epoch, cause: LostBecause, step: Stage) {
        let is_of = |change: &&Change| {
            change.epoch.as_ref().is_some_and(|proposal| proposal.value == epoch.0)
        };
        let led = self.changes.iter().rev().filter(|change| change.is_over()).find(is_of);
        let leader = led.and_then(|change| change.leader);
        // Whatever comes now is of the next one.
        self.is_sealed |= self.changes.back().is_some_and(Change::is_over);
        let change = self.present(at);
        change.ended = Some(End { leader, epoch: Some(epoch.0), cause: cause.into() });
        change.step(step, at);
    }

    /// The leadership gives the present election up, or, if it says so late, has given up the one before.
    fn comes_to_nothing(&mut self, at: Duration, why: String) {
        self.present(at).came_to_nothing = Some(why);
        self.is_given_up = at >= self.again_at;
    }

    fn is_held_up(&mut self, at: Duration, why: Wait, missing: impl IntoIterator<Item = ServerId>) {
        let change = self.present(at);
        change.held_up_by.retain(|held_up| held_up.why != why);
        for id in missing {
            change.add_held_up(HeldUp { id: id.number(), why, to: None, rest: None });
        }
    }
}
