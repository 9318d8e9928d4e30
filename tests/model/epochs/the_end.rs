//! Where it leads if nothing else goes wrong: a quorum of those that remember begins an epoch, and if there is no such
//! quorum all voters together do; in the end nobody is an amnesiac.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use ballotbox_core::leadership::Stage;

use super::{
    bounds::Left,
    sessions::Session,
    state::{State, Step, Voter},
};
use crate::{members::id, walks::fingerprint};

/// An election that comes to nothing is followed by another one.
const ELECTIONS_MAX: usize = 4;

/// What is broken where an end is wrong.
pub(super) const RULE: &str = "in the end an epoch begins, and nobody is an amnesiac";

/// The ends that are known: they depend on what the voters have on their disks, or on the way there, and have promised to.
#[derive(Debug, Default)]
pub(super) struct Ends(RefCell<HashMap<u64, bool>>);

impl Ends {
    /// The rule that is broken in the end of this state, if it is.
    pub(super) fn broken(&self, state: &State) -> Option<&'static str> {
        let voter = |voter: &Arc<Voter>| {
            let core = &voter.core;
            let stores: Vec<_> = voter.stores.iter().map(|(_, record)| *record).collect();
            (core.record(), core.accepted(), voter.new_ensemble, voter.disk, stores)
        };
        let voters: Vec<_> = state.voters.iter().map(voter).collect();
        let known = self.0.borrow().get(&fingerprint(&voters)).copied();
        let is_right = known.unwrap_or_else(|| is_right(state));
        self.0.borrow_mut().insert(fingerprint(&voters), is_right);
        (!is_right).then_some(RULE)
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Whether all is well in the end, with any leader and any who are there.
pub(super) fn is_right(from: &State) -> bool {
    let mut calm = from.clone();
    calm.left = Left::CALM;
    let voters = 0..calm.voters.len();
    voters.clone().for_each(|voter| calm.take(Step::Look { voter }));
    settle(&mut calm, |_| true);
    let remembers = |voter: &usize| calm.voters[*voter].core.record().recorded;
    let recorded: Vec<_> = voters.clone().filter(remembers).collect();
    let all: Vec<_> = voters.collect();
    let few = calm.quorum();
    let parts = if recorded.len() < few {
        vec![&all[..]]
    } else {
        vec![&recorded[..few], &recorded[recorded.len() - few..], &all[..]]
    };
    parts.into_iter().all(|part| {
        // An election elects nobody with an older epoch than another one that is there, and no amnesiac beside memory.
        let rank = |voter: usize| {
            let record = calm.voters[voter].core.record();
            (record.recorded, record.current)
        };
        let best = part.iter().map(|voter| rank(*voter)).max();
        let mut leaders = part.iter().filter(|voter| Some(rank(**voter)) == best);
        leaders.all(|leader| begins(&calm, *leader, part))
    })
}

/// Whether the leader begins an epoch with these, and all that are here follow it and are recorded.
fn begins(from: &State, leader: usize, here: &[usize]) -> bool {
    let mut state = from.clone();
    for _ in 0..ELECTIONS_MAX {
        if !matches!(state.stage(leader), Stage::Leading { .. }) {
            state.take(Step::Stand { voter: leader });
            for voter in here.iter().copied().filter(|voter| *voter != leader) {
                state.take(Step::Join { voter, leader });
            }
        }
        settle(&mut state, |voter| here.contains(&voter));
        for _ in 0..2 {
            state.take(Step::Ping { voter: leader });
            settle(&mut state, |voter| here.contains(&voter));
        }
    }
    let Stage::Leading { epoch } = state.stage(leader) else { return false };
    let is_well = |voter: &usize| {
        let core = &state.voters[*voter].core;
        let well = Stage::Following { leader: id(leader), epoch };
        let follows = *voter == leader || core.stage() == well;
        follows && (core.record().recorded || core.accepted() > epoch)
    };
    here.iter().all(is_well) && state.broken.is_none()
}

/// Carries words and serves disks until nothing is left to do.
pub(super) fn settle(state: &mut State, is_here: impl Fn(usize) -> bool) {
    while let Some(step) = next_step(state, &is_here) {
        state.take(step);
    }
}

fn next_step(state: &State, is_here: impl Fn(usize) -> bool) -> Option<Step> {
    let of_session = |(number, one): (&u64, &Arc<Session>)| {
        let session = *number;
        if one.learner_left && !one.leader_left {
            Some(Step::LeaderLoses { session })
        } else if one.leader_left && one.to_learner.is_empty() {
            Some(Step::LearnerLoses { session })
        } else if one.leader_left {
            Some(Step::LearnerHears { session })
        } else if !is_here(one.learner) || !is_here(one.leader) {
            None
        } else if !one.to_learner.is_empty() {
            Some(Step::LearnerHears { session })
        } else if one.info.is_some() || !one.to_leader.is_empty() {
            Some(Step::LeaderHears { session })
        } else {
            None
        }
    };
    let of_voter = |voter: usize| {
        let this = &state.voters[voter];
        if !this.stores.is_empty() {
            Some(Step::Land { voter })
        } else if this.core.is_unable_to_store() {
            Some(Step::StoreAgain { voter })
        } else {
            None
        }
    };
    let of_sessions = state.sessions.iter().find_map(of_session);
    of_sessions.or_else(|| (0..state.voters.len()).find_map(of_voter))
}
