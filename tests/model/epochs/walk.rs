//! What happens in random walks: more voters, epochs and faults than can be looked at one by one.

use ballotbox_core::leadership::Stage;
use fastrand::Rng;

use super::{
    state::{State, Step},
    the_end,
    weak::Weakness,
};
use crate::random_walks::Walked;

/// What was seen on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) steps: usize,
    /// Epochs that began.
    pub(super) begun: usize,
    /// Those of them that began after a larger one.
    pub(super) late: usize,
    pub(super) wiped: usize,
    /// Voters that were wiped, and are recorded again.
    pub(super) recorded: usize,
    pub(super) crashed: usize,
}

/// What is rare in a walk: the same everywhere would make all walks alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    hears_leader: f64,
    hears_learner: f64,
    loses: f64,
    breaks: f64,
    lands: f64,
    crashes: f64,
    looks: f64,
    leaves: f64,
    stands: f64,
}

impl Walked for State {
    type Step = Step;
    type Mood = Mood;
    type Seen = Seen;

    fn mood(rng: &mut Rng) -> Mood {
        let mut one_of = |values: [f64; 3]| values[rng.usize(..3)];
        Mood {
            hears_leader: one_of([1.0, 1.0, 0.3]),
            hears_learner: one_of([1.0, 1.0, 0.3]),
            loses: one_of([0.3, 0.05, 0.005]),
            breaks: one_of([0.02, 0.002, 0.0]),
            lands: one_of([1.0, 0.3, 0.1]),
            crashes: one_of([0.01, 0.002, 0.0005]),
            looks: one_of([0.01, 0.002, 0.0]),
            leaves: one_of([0.02, 0.005, 0.001]),
            stands: one_of([0.3, 0.1, 0.03]),
        }
    }

    fn weight(&self, mood: &Mood, step: Step) -> f64 {
        match step {
            Step::LeaderHears { .. } => mood.hears_leader,
            Step::LearnerHears { .. } => mood.hears_learner,
            Step::LeaderLoses { session } if self.sessions[&session].learner_left => mood.loses,
            Step::LearnerLoses { session } if self.sessions[&session].leader_left => 0.3,
            Step::LeaderLoses { .. } | Step::LearnerLoses { .. } => mood.breaks,
            Step::Stand { voter } if self.stage(voter) == Stage::Looking => mood.stands,
            Step::Stand { .. } => mood.leaves / 4.0,
            Step::Join { voter, leader } => {
                let likely = if self.is_candidate(leader) { 1.0 } else { 0.05 };
                let looks = self.stage(voter) == Stage::Looking;
                likely * if looks { 0.5 } else { mood.leaves }
            }
            Step::Redial { .. } => 0.5,
            Step::Look { .. } => mood.looks,
            Step::Land { .. } => mood.lands,
            Step::Fail { .. } => 0.005,
            Step::StoreAgain { .. } | Step::Forge { .. } => 0.3,
            Step::Crash { .. } => mood.crashes,
            Step::Wipe { voter } if self.voters[voter].disk.recorded => 0.02,
            Step::Wipe { .. } => 0.002,
            Step::Ping { voter } if self.has_amnesiac(voter) => 0.15,
            Step::Ping { .. } => 0.05,
        }
    }

    fn possible(&self, steps: &mut Vec<Step>) {
        self.steps(steps);
    }

    fn go(&mut self, step: Step) {
        self.take(step);
    }

    fn see(&self, step: Step, before: &Self, sights: &mut Seen) {
        let forgetful = |state: &Self| state.voters.iter().filter(|one| one.forgetful).count();
        let begun = self.history.begun.len() - before.history.begun.len();
        let newest = before.history.newest();
        sights.steps += 1;
        sights.begun += begun;
        sights.late += usize::from(begun > 0 && self.history.newest() == newest);
        sights.recorded += usize::from(forgetful(self) < forgetful(before));
        sights.wiped += usize::from(matches!(step, Step::Wipe { .. }));
        sights.crashed += usize::from(matches!(step, Step::Crash { .. }));
    }

    fn broken(&self) -> Option<&'static str> {
        self.broken
    }

    fn broken_in_the_end(&self) -> Option<&'static str> {
        let is_judged = self.weakness == Weakness::None;
        (is_judged && !the_end::is_right(self)).then_some(the_end::RULE)
    }
}
