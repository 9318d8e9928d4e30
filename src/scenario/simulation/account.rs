//! [`Account`]: the chronicle of one member in virtual time, kept as in production.

use std::time::Duration;

use ballotbox_core::{
    ServerId,
    leadership::{self, Leadership},
};

use crate::{
    chronicle::{BallotLog, BallotsBefore, Chronicle, Note, Progress, WhyReport},
    election::{self, Election},
};

/// What a running member has seen of changes.
#[derive(Debug)]
pub(super) struct Account {
    chronicle: Chronicle,
    ballots: BallotLog,
    fresh: Vec<Note>,
}

impl Account {
    pub(super) fn new(me: ServerId, with_leadership: bool) -> Self {
        let chronicle = Chronicle::new(me, with_leadership);
        Self { chronicle, ballots: BallotLog::default(), fresh: Vec::new() }
    }

    /// The election is about to hear of this.
    pub(super) fn before(&mut self, election: &Election, event: &election::Event) -> BallotsBefore {
        self.ballots.before(election, event, &mut self.fresh)
    }

    pub(super) fn after(
        &mut self,
        before: BallotsBefore,
        election: &Election,
        actions: &[election::Action],
        now: Duration,
    ) {
        self.ballots.after(before, election, actions, &mut self.fresh);
        self.note_fresh(now);
    }

    pub(super) fn progress(
        &mut self,
        before: Progress,
        leadership: &Leadership,
        actions: &[leadership::Action],
        now: Duration,
    ) {
        before.notes_until(leadership, actions, &mut self.fresh);
        self.note_fresh(now);
    }

    /// How the last leaders came to lead, as this member has seen it.
    pub(super) fn report(&self) -> WhyReport {
        self.chronicle.report()
    }

    fn note_fresh(&mut self, now: Duration) {
        for note in self.fresh.drain(..) {
            self.chronicle.note(now, note);
        }
    }
}
