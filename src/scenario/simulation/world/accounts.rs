//! The chronicles of the members of a [`World`]: they are kept as in production, in virtual time.

use std::time::Duration;

use ballotbox_core::{
    ServerId,
    leadership::{self, Leadership},
};

use super::World;
use crate::{
    chronicle::{BallotLog, BallotsBefore, Chronicle, Note, Progress, WhyReport},
    election::{self, Election},
};

/// What a running member has seen of changes.
#[derive(Debug)]
pub(in crate::scenario::simulation) struct Account {
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

    fn note_fresh(&mut self, now: Duration) {
        for note in self.fresh.drain(..) {
            self.chronicle.note(now, note);
        }
    }
}

impl World {
    /// Keeps from now on how leaders come to lead, as each member sees it that is started.
    pub fn keep_chronicles(&mut self) {
        self.with_chronicles = true;
    }

    pub(super) fn account_of(&self, member: usize) -> Option<Account> {
        let id = self.members[member].id;
        self.with_chronicles.then(|| Account::new(id, self.setup.leadership))
    }

    /// How the last leaders came to lead, as this member has seen it since it was started; if it does not run, or nobody is named, as the
    /// first one has that runs. `None` if that is not kept.
    pub fn why(&self, member: Option<ServerId>) -> Option<WhyReport> {
        let running = |id: ServerId| {
            let account = self.member(id)?.running.as_ref()?.account.as_ref()?;
            Some(account.chronicle.report())
        };
        member.and_then(running).or_else(|| self.members.iter().find_map(|one| running(one.id)))
    }
}
