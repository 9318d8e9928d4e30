//! What may happen next.

use ballotbox_core::leadership::Stage;

use super::{
    sessions::Session,
    state::{State, Step},
    weak,
};
use crate::members::place;

impl State {
    /// Every step that is possible.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        self.sessions_go_on(steps);
        for voter in 0..self.voters.len() {
            self.disk_goes_on(voter, steps);
            self.redials(voter, steps);
            self.asks(voter, steps);
            self.faults_of(voter, steps);
            self.forgeries(voter, steps);
            if self.left.elections > 0 {
                self.elections_of(voter, steps);
            }
        }
    }

    fn sessions_go_on(&self, steps: &mut Vec<Step>) {
        let breaks = self.left.breaks > 0;
        for (number, one) in &self.sessions {
            let session = *number;
            if one.info.is_some() || !one.to_leader.is_empty() {
                steps.push(Step::LeaderHears { session });
            }
            if !one.to_learner.is_empty() {
                steps.push(Step::LearnerHears { session });
            }
            if !one.leader_left && (one.learner_left || breaks) {
                steps.push(Step::LeaderLoses { session });
            }
            if !one.learner_left && self.may_lose(one) {
                steps.push(Step::LearnerLoses { session });
            }
        }
    }

    /// Whether the learner of this session may hear that it is over. What its leader has said is heard before, unless the
    /// session breaks.
    pub(super) fn may_lose(&self, session: &Session) -> bool {
        let is_over = session.leader_left && session.to_learner.is_empty();
        is_over || self.left.breaks > 0
    }

    pub(super) fn disk_goes_on(&self, voter: usize, steps: &mut Vec<Step>) {
        let this = &self.voters[voter];
        if !this.stores.is_empty() {
            steps.push(Step::Land { voter });
            if self.left.failures > 0 {
                steps.push(Step::Fail { voter, landed: false });
                steps.push(Step::Fail { voter, landed: true });
            }
        }
        if this.core.is_unable_to_store() {
            steps.push(Step::StoreAgain { voter });
        }
    }

    pub(super) fn redials(&self, voter: usize, steps: &mut Vec<Step>) {
        if let Stage::Joining { leader } = self.stage(voter)
            && self.session_of(voter).is_none()
            && self.free_number(voter, place(leader)).is_some()
        {
            steps.push(Step::Redial { voter });
        }
    }

    fn asks(&self, voter: usize, steps: &mut Vec<Step>) {
        let proposed = matches!(
            self.stage(voter),
            Stage::Announcing { .. } | Stage::Synchronising { .. } | Stage::Leading { .. }
        );
        if proposed && self.left.pings > 0 {
            steps.push(Step::Ping { voter });
        }
    }

    /// Whether this voter leads, and an amnesiac is there.
    pub(super) fn has_amnesiac(&self, voter: usize) -> bool {
        let leads = matches!(self.stage(voter), Stage::Leading { .. });
        leads && self.heard_by(voter).any(|session| !session.recorded)
    }

    fn faults_of(&self, voter: usize, steps: &mut Vec<Step>) {
        if self.left.crashes > 0 {
            let landed = 0..=self.voters[voter].stores.len();
            steps.extend(landed.map(|landed| Step::Crash { voter, landed }));
        }
        if self.left.wipes > 0 && self.may_be_wiped(voter) {
            steps.push(Step::Wipe { voter });
        }
    }

    /// What a weakened rule may do.
    pub(super) fn forgeries(&self, leader: usize, steps: &mut Vec<Step>) {
        let peers = (0..self.voters.len()).filter(|peer| weak::may_arrive(self, leader, *peer));
        steps.extend(peers.map(|peer| Step::Forge { leader, peer }));
    }

    fn elections_of(&self, voter: usize, steps: &mut Vec<Step>) {
        steps.push(Step::Stand { voter });
        for leader in (0..self.voters.len()).filter(|leader| *leader != voter) {
            steps.push(Step::Join { voter, leader });
        }
        if self.stage(voter) != Stage::Looking {
            steps.push(Step::Look { voter });
        }
    }

    /// What an election may say, where a voter always looks before it turns to somebody else, and introduces itself only to
    /// one that can hear it.
    pub(super) fn turns_elsewhere(&self, voter: usize, steps: &mut Vec<Step>) {
        let others = (0..self.voters.len()).filter(|other| *other != voter);
        if self.stage(voter) != Stage::Looking {
            return steps.push(Step::Look { voter });
        }
        steps.push(Step::Stand { voter });
        for leader in others {
            let hears = self.is_candidate(leader) || self.stage(leader) == Stage::Looking;
            if hears && self.free_number(voter, leader).is_some() {
                steps.push(Step::Join { voter, leader });
            }
        }
    }
}
