//! [`Setup`]: what all runs of a vote file have in common.

use std::sync::Arc;

use ballotbox_core::{ServerId, links::LinkTiming};

use super::door::Door;
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
    /// Whether an elected voter goes on to lead.
    pub(super) leadership: bool,
    pub(super) ensemble_name: Arc<str>,
    pub(super) timing: FileTiming,
    pub(super) links: LinkTiming,
    pub(super) door: Door,
    pub(super) faults: Faults,
    pub(super) steps: Vec<Step>,
    pub(super) expectations: Vec<Expectation>,
}

/// A member, the history it votes with at first, and whether nobody knows its disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialMember {
    pub(super) id: ServerId,
    pub(super) history: History,
    pub(super) new: bool,
}

impl Setup {
    /// What this file describes.
    pub fn new(file: &VoteFile) -> Self {
        let initial = |(id, history): &(ServerId, History)| {
            let new = file.new_disks.contains(id) || !file.ensemble().is_voter(*id);
            InitialMember { id: *id, history: *history, new }
        };
        let mut members: Vec<_> = file.histories.iter().map(initial).collect();
        members.sort_by_key(|member| member.id);
        Self {
            members,
            ensemble: Arc::clone(file.ensemble()),
            config_text: Arc::from(""),
            leadership: file.leadership,
            ensemble_name: Arc::clone(&file.ensemble_name),
            timing: file.timing,
            links: LinkTiming::default(),
            door: Door::of(file),
            faults: file.faults.clone().unwrap_or_default(),
            steps: file.steps.clone(),
            expectations: file.expectations.clone(),
        }
    }
}
