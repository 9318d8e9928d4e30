//! [`Setup`]: what all runs of a vote file have in common.

use std::sync::Arc;

use ballotbox_core::{ServerId, links::LinkTiming};

use crate::{
    Ensemble,
    election::History,
    scenario::vote_file::{Expectation, Faults, FileTiming, Step, VoteFile},
};

/// A vote file, made ready to be played any number of times.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The members, by id.
    pub(super) members: Vec<InitialMember>,
    pub(super) ensemble: Arc<Ensemble>,
    pub(super) config_text: Arc<str>,
    pub(super) timing: FileTiming,
    pub(super) links: LinkTiming,
    pub(super) faults: Faults,
    pub(super) steps: Vec<Step>,
    pub(super) expectations: Vec<Expectation>,
}

/// A member, and the history it votes with at first.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialMember {
    pub(super) id: ServerId,
    pub(super) history: History,
}

impl Setup {
    /// What this file describes.
    pub fn new(file: &VoteFile) -> Self {
        let initial =
            |(id, history): &(ServerId, History)| InitialMember { id: *id, history: *history };
        let mut members: Vec<_> = file.histories.iter().map(initial).collect();
        members.sort_by_key(|member| member.id);
        Self {
            members,
            ensemble: Arc::clone(file.ensemble()),
            config_text: Arc::from(""),
            timing: file.timing,
            links: LinkTiming::default(),
            faults: file.faults.clone().unwrap_or_default(),
            steps: file.steps.clone(),
            expectations: file.expectations.clone(),
        }
    }
}
