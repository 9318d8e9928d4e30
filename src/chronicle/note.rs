//! [`Note`]: what a member's cores say for its chronicle; and how that is had of them, by all that drive them, real or simulated.

use std::collections::BTreeMap;

use ballotbox_core::{
    Core as _, ServerId,
    election::{
        self, Decision, Election, Grounds, NotWaitedFor, PeerState, Round, State, Timer, Vote,
        Weighed,
    },
    leadership::{self, Leadership, Report, Stage, Timed, WordGiven},
};

use super::change::Cause;
use crate::Epoch;

/// At most this many words of voters are noted for one election; the rest is counted.
const NOTED_MAX: u64 = 128;

/// Something that a chronicle is to know.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// An election begins, or moves on to another round, with this vote of ours.
    Looking { round: Round, own: Option<Vote>, cause: Option<Cause> },
    /// A voter has said something.
    Heard { from: ServerId, weighed: Weighed },
    /// So many more have.
    LeftOut(u64),
    /// The election has ended.
    Decided {
        decision: Decision,
        grounds: Grounds,
        /// Only after the wait for better votes.
        waited: bool,
        not_waited_for: Vec<(ServerId, NotWaitedFor)>,
    },
    /// An epoch is proposed.
    Proposed { by: ServerId, epoch: Epoch },
    /// A quorum has taken note of the one that we have proposed.
    Noted,
    /// It has begun.
    Begun,
    /// Whose words count for it, as we have heard them.
    Words(Vec<WordGiven>),
    /// What people are told.
    Report(Report),
}

impl Note {
    /// Whether it says how an epoch comes to begin, or what holds that up.
    pub(super) const fn is_of_leadership(&self) -> bool {
        match self {
            Self::Proposed { .. } | Self::Noted | Self::Begun | Self::Words(_) => true,
            Self::Report(report) => matches!(
                report,
                Report::Waiting { .. } | Report::WithoutLease { .. } | Report::Bound { .. }
            ),
            Self::Looking { .. } | Self::Heard { .. } | Self::LeftOut(_) | Self::Decided { .. } => {
                false
            }
        }
    }
}

/// What of the words of voters was noted in the present election: each once.
#[derive(Debug, Default)]
pub(crate) struct BallotLog {
    last: BTreeMap<ServerId, (PeerState, Option<Vote>, Round)>,
    noted: u64,
    left_out: u64,
}

/// What an election was before an event, as far as that matters here.
#[derive(Clone, Copy, Debug)]
struct BallotsBefore {
    was_decided: bool,
    cause: Option<Cause>,
    settles: bool,
}

impl BallotLog {
    /// Lets an election decide on an event, and notes what it says of that.
    pub(crate) fn elect(
        &mut self,
        election: &mut Election,
        event: election::Event,
        notes: &mut Vec<Note>,
    ) -> Vec<election::Action> {
        let before = self.before(election, &event, notes);
        let actions = election.actions_on(event);
        self.after(before, election, &actions, notes);
        actions
    }

    fn before(
        &mut self,
        election: &Election,
        event: &election::Event,
        notes: &mut Vec<Note>,
    ) -> BallotsBefore {
        if let election::Event::Heard { from, notification } = event
            && let Some(weighed) = election.weighs(*from, notification)
        {
            self.note(*from, weighed, notes);
        }
        let was_decided = matches!(election.state(), State::Decided(_));
        let settles = matches!(event, election::Event::TimerFired(Timer::Settle | Timer::Startup));
        BallotsBefore { was_decided, cause: cause_of(event), settles }
    }

    fn after(
        &mut self,
        before: BallotsBefore,
        election: &Election,
        actions: &[election::Action],
        notes: &mut Vec<Note>,
    ) {
        for action in actions {
            match action {
                election::Action::Looking { round } => self.looks(*round, before, election, notes),
                election::Action::Decided(decision) => {
                    self.decides(*decision, before, election, notes);
                }
                election::Action::Say { .. }
                | election::Action::Ask { .. }
                | election::Action::SetTimer { .. }
                | election::Action::ClearTimer(_)
                | election::Action::Reconnect => {}
            }
        }
    }

    fn looks(
        &mut self,
        round: Round,
        before: BallotsBefore,
        election: &Election,
        notes: &mut Vec<Note>,
    ) {
        if before.was_decided {
            *self = Self::default();
        }
        let votes = election.round() == round && election.decision().is_none();
        let own = election.own_vote().filter(|_| votes);
        let cause = before.cause.filter(|_| before.was_decided);
        notes.push(Note::Looking { round, own, cause });
        // Some were heard before we began to look.
        let already: Vec<_> = election.weighed_ballots().collect();
        for (from, weighed) in already {
            self.note(from, weighed, notes);
        }
    }

    fn decides(
        &mut self,
        decision: Decision,
        before: BallotsBefore,
        election: &Election,
        notes: &mut Vec<Note>,
    ) {
        if self.left_out > 0 {
            notes.push(Note::LeftOut(std::mem::take(&mut self.left_out)));
        }
        let Some(grounds) = election.grounds() else { return };
        let (waited, not_waited_for) = (before.settles, election.not_waited_for().collect());
        notes.push(Note::Decided { decision, grounds, waited, not_waited_for });
    }

    fn note(&mut self, from: ServerId, weighed: Weighed, notes: &mut Vec<Note>) {
        let said = (weighed.state, weighed.vote, weighed.round);
        if self.last.insert(from, said) == Some(said) {
            return;
        }
        if self.noted < NOTED_MAX {
            self.noted += 1;
            notes.push(Note::Heard { from, weighed });
        } else {
            self.left_out += 1;
        }
    }
}

/// Why a decision does not stand any more that was not made a leadership, if this event ends it.
const fn cause_of(event: &election::Event) -> Option<Cause> {
    match event {
        election::Event::Unreachable { .. } => Some(Cause::OutOfReach),
        election::Event::LinkDown { .. } | election::Event::TimerFired(_) => Some(Cause::LinkLost),
        election::Event::Heard { .. } => Some(Cause::SaidSo),
        election::Event::Begin { .. } => Some(Cause::Ordered),
        election::Event::LinkUp { .. }
        | election::Event::Doubted { .. }
        | election::Event::Established { .. }
        | election::Event::LookAgain { .. }
        | election::Event::Nominated { .. }
        | election::Event::EpochStored(_)
        | election::Event::Withdraw
        | election::Event::Stand => None,
    }
}

/// Lets a leadership decide on an event, and notes what it says of that.
pub(crate) fn lead(
    leadership: &mut Leadership,
    event: Timed,
    notes: &mut Vec<Note>,
) -> Vec<leadership::Action> {
    let before = Progress::of(leadership);
    let actions = leadership.actions_on(event);
    before.notes_until(leadership, &actions, notes);
    actions
}

/// How far a leadership was before an event.
#[derive(Clone, Copy, Debug)]
struct Progress {
    stage: Stage,
    epoch: Option<Epoch>,
}

impl Progress {
    fn of(leadership: &Leadership) -> Self {
        Self { stage: leadership.stage(), epoch: leadership.epochs().epoch() }
    }

    fn notes_until(
        self,
        leadership: &Leadership,
        actions: &[leadership::Action],
        notes: &mut Vec<Note>,
    ) {
        let reports = |is_end: bool| {
            let reports = actions.iter().filter_map(reported);
            reports.filter(move |report| tells(report) && is_of_an_end(report) == is_end)
        };
        notes.extend(reports(true).cloned().map(Note::Report));
        let stage = leadership.stage();
        if stage != self.stage || leadership.epochs().epoch() != self.epoch {
            self.note_stage(stage, leadership, notes);
        }
        notes.extend(reports(false).cloned().map(Note::Report));
    }

    fn note_stage(self, stage: Stage, leadership: &Leadership, notes: &mut Vec<Note>) {
        let by = match stage {
            Stage::Looking | Stage::Discovering => None,
            Stage::Announcing { .. } | Stage::Synchronising { .. } | Stage::Leading { .. } => {
                Some(leadership.me())
            }
            Stage::Joining { leader } | Stage::Following { leader, .. } => Some(leader),
        };
        let epoch = leadership.epochs().epoch();
        if let Some((by, epoch)) = by.zip(epoch.filter(|_| epoch != self.epoch)) {
            notes.push(Note::Proposed { by, epoch });
        }
        let has_quorum =
            |stage| matches!(stage, Stage::Synchronising { .. } | Stage::Leading { .. });
        if has_quorum(stage) && !has_quorum(self.stage) {
            notes.push(Note::Noted);
        }
        let begun = |stage| matches!(stage, Stage::Leading { .. });
        if begun(stage) && !begun(self.stage) {
            notes.push(Note::Words(leadership.epochs().words()));
            notes.push(Note::Begun);
        }
    }
}

const fn reported(action: &leadership::Action) -> Option<&Report> {
    if let leadership::Action::Report(report) = action { Some(report) } else { None }
}

/// Whether a chronicle has to do with this.
const fn tells(report: &Report) -> bool {
    match report {
        Report::Leading { .. }
        | Report::Following { .. }
        | Report::Retiring { .. }
        | Report::Lost { .. }
        | Report::Waiting { .. }
        | Report::WithoutLease { .. }
        | Report::Bound { .. }
        | Report::GaveUp { .. }
        | Report::NotEstablished { .. } => true,
        Report::HandedOver { .. }
        | Report::BegunByAll { .. }
        | Report::TurnedAway { .. }
        | Report::BesideRealServer { .. }
        | Report::Recorded => false,
    }
}

/// Whether this is told of what was before.
const fn is_of_an_end(report: &Report) -> bool {
    matches!(
        report,
        Report::Retiring { .. }
            | Report::Lost { .. }
            | Report::GaveUp { .. }
            | Report::NotEstablished { .. }
    )
}
