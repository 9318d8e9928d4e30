//! How a vote file ends over sockets and in virtual time, to compare the two.

use std::{collections::BTreeSet, sync::Arc};

use ballotbox::{
    ServerId,
    scenario::{
        live,
        simulation::{self, Setup},
        vote_file::{Outcome, VoteFile},
    },
};

/// How a file ends in virtual time, and who leads then: with each of a few seeds.
pub(super) fn simulated(file: &VoteFile) -> BTreeSet<(Outcome, Option<u64>)> {
    let setup = Arc::new(Setup::new(file));
    let outcome = |seed| {
        let run = simulation::play(&setup, seed);
        let outcome = run.ending.outcome().unwrap_or_else(|| panic!("{:?}", run.violation));
        (outcome, run.leader.map(ServerId::number))
    };
    (0..5).map(outcome).collect()
}

/// How a play over sockets ended, and who led then.
pub(super) fn ended(report: &live::PlayReport) -> (Outcome, Option<u64>) {
    (report.outcome, report.leader.map(|(leader, _)| leader.number()))
}
