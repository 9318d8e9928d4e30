//! What has come of a play, as its members stand now.

use ballotbox_core::ServerId;

use super::Runner;
use crate::{
    Role,
    chronicle::WhyReport,
    scenario::{
        claim::{States, foremost},
        live::report::{ExpectationReport, MemberReport, PlayReport, state_of},
        vote_file::MemberState,
    },
};

impl Runner<'_> {
    pub(super) fn states(&self) -> States {
        self.file.ensemble().members().map(|(id, role)| (id, self.state(id, role))).collect()
    }

    fn state(&self, id: ServerId, role: Role) -> MemberState {
        let seat = self.seats.get(&id);
        seat.map_or(MemberState::Down, |seat| state_of(seat.status.as_ref(), role))
    }

    /// How the last leaders came to lead, as the last one has seen it, with its times since the beginning of the play.
    async fn why(&self) -> Option<WhyReport> {
        let leading = foremost(&self.states()).and_then(|claim| self.seats.get(&claim.leader));
        let seat = leading.or_else(|| self.seats.values().next())?;
        let mut report = seat.node.watch().why().await.ok()?;
        report.count_from(seat.started);
        Some(report)
    }

    pub(super) async fn report(&self) -> PlayReport {
        // What is asked from here on is no part of the play.
        let elapsed = self.now();
        let why = self.why().await;
        let members = self.file.members().map(|(listed, _)| {
            let id = listed.id;
            let seat = self.seats.get(&id);
            let status = seat.and_then(|seat| seat.status.as_ref());
            let state = self.state(id, listed.role);
            let decided = state.leader_of(id).is_some();
            MemberReport {
                id,
                role: listed.role,
                state,
                vote: status.and_then(|status| status.election.vote),
                round: status.map(|status| status.election.round),
                decided: status.and_then(|status| status.election.took).filter(|_| decided),
                established: self.established.get(&id).copied().filter(|_| decided),
            }
        });
        let expectations = self.judge.verdicts().map(|(expectation, verdict)| ExpectationReport {
            expectation: expectation.clone(),
            verdict: verdict.clone(),
        });
        let next_step = |moment| self.file.steps.iter().map(|step| step.at).find(|at| *at > moment);
        let election = self.last_election.took(next_step);
        PlayReport::new(election, elapsed, members.collect(), expectations.collect(), why)
    }
}
