//! [`Account`]: the chronicle of one member in virtual time, kept as in production.

use std::time::Duration;

use ballotbox_core::{
    ServerId,
    leadership::{self, Leadership, Timed},
};

use crate::{
    chronicle::{self, BallotLog, Chronicle, Note, WhyReport},
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

    /// Lets its election decide on an event.
    pub(super) fn elect(
        &mut self,
        election: &mut Election,
        event: election::Event,
        now: Duration,
    ) -> Vec<election::Action> {
        let actions = self.ballots.elect(election, event, &mut self.fresh);
        self.note_fresh(now);
        actions
    }

    /// Lets its leadership decide on an event.
    pub(super) fn lead(
        &mut self,
        leadership: &mut Leadership,
        event: Timed,
        now: Duration,
    ) -> Vec<leadership::Action> {
        let actions = chronicle::lead(leadership, event, &mut self.fresh);
        self.note_fresh(now);
        actions
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
