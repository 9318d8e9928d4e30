//! What may happen next.

use super::{
    state::{State, Step},
    weak::Weakness,
};
use crate::members::VOTERS;

impl State {
    /// Every step that is possible.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        self.words(steps);
        for voter in 0..VOTERS {
            if !self.voters[voter].has_stopped {
                self.leader_goes_on(voter, steps);
                self.elections_of(voter, steps);
                self.faults_of(voter, steps);
            }
        }
        if self.left.moments > 0 && self.has_a_moment_to_wait() {
            steps.push(Step::Moment);
        }
        if self.left.seconds > 0 {
            steps.push(Step::TimePasses);
        }
    }

    /// What is heard on sessions. What was said is heard before their end, unless they break.
    pub(super) fn words(&self, steps: &mut Vec<Step>) {
        let breaks = self.left.breaks > 0;
        for (number, one) in &self.sessions {
            let session = *number;
            if one.info.is_some() || !one.to_leader.is_empty() {
                steps.push(Step::LeaderHears { session });
            }
            if !one.to_learner.is_empty() {
                steps.push(Step::LearnerHears { session });
            }
            let learner_is_silent =
                one.learner_left && one.info.is_none() && one.to_leader.is_empty();
            if !one.leader_left && (learner_is_silent || breaks) {
                steps.push(Step::LeaderLoses { session });
            }
            let leader_is_silent = one.leader_left && one.to_learner.is_empty();
            if !one.learner_left && (leader_is_silent || breaks) {
                steps.push(Step::LearnerLoses { session });
            }
        }
    }

    fn leader_goes_on(&self, voter: usize, steps: &mut Vec<Step>) {
        let this = &self.voters[voter];
        if self.left.resigns > 0 && self.leads(voter).is_some() && !this.core.is_retiring() {
            steps.push(Step::Resign { leader: voter, to: None });
            let others = (0..VOTERS).filter(|other| *other != voter);
            steps.extend(others.map(|other| Step::Resign { leader: voter, to: Some(other) }));
        }
        if self.left.stops > 0 && self.leads(voter).is_some() {
            steps.push(Step::Stop { voter });
        }
        if let Some(work) = this.work.filter(|work| work.is_told) {
            steps.push(Step::WorkEnds { voter });
            if self.weakness == Weakness::ReleasedWhenTold && !work.is_denied {
                steps.push(Step::Deny { voter });
            }
        }
    }

    fn elections_of(&self, voter: usize, steps: &mut Vec<Step>) {
        if self.left.elections == 0 {
            return;
        }
        if self.voters[voter].is_settled {
            return steps.push(Step::Unelect { voter });
        }
        let running = (0..VOTERS).filter(|other| !self.voters[*other].has_stopped);
        steps.extend(running.map(|leader| Step::Elect { voter, leader }));
    }

    fn faults_of(&self, voter: usize, steps: &mut Vec<Step>) {
        if self.left.crashes > 0 {
            steps.push(Step::Crash { voter });
        }
        let session = self.session_of(voter).filter(|_| self.left.repeats > 0);
        if let Some(session) = session {
            let leader = self.sessions[&session].leader;
            steps.extend(self.book.given_up_by(leader).map(|epoch| Step::Repeat { voter, epoch }));
        }
    }

    /// Carries words until there are none.
    pub(super) fn settle(&mut self) {
        let mut steps = Vec::new();
        loop {
            steps.clear();
            self.words(&mut steps);
            if self.has_a_moment_to_wait() {
                steps.push(Step::Moment);
            }
            let Some(step) = steps.first() else { return };
            self.take(*step);
        }
    }
}
