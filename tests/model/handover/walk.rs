//! What happens in random walks: more hand-overs, faults and time than can be looked at one by one.

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
    /// Epochs in which somebody has led.
    pub(super) led: usize,
    /// Those that ended with a nomination.
    pub(super) named: usize,
    /// Those that began in the round after, by the one that was named.
    pub(super) handed_over: usize,
    /// Work that was killed when its lease was over.
    pub(super) killed: usize,
}

/// What is rare in a walk: the same everywhere would make all walks alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    hears: f64,
    loses: f64,
    breaks: f64,
    resigns: f64,
    ends: f64,
    leaves: f64,
    crashes: f64,
    passes: f64,
}

impl Walked for State {
    type Step = Step;
    type Mood = Mood;
    type Seen = Seen;

    fn mood(rng: &mut Rng) -> Mood {
        let mut one_of = |values: [f64; 3]| values[rng.usize(..3)];
        Mood {
            hears: one_of([1.0, 1.0, 0.3]),
            loses: one_of([1.0, 0.3, 0.05]),
            breaks: one_of([0.02, 0.002, 0.0]),
            resigns: one_of([0.2, 0.05, 0.01]),
            ends: one_of([1.0, 0.3, 0.02]),
            leaves: one_of([0.05, 0.005, 0.0]),
            crashes: one_of([0.01, 0.002, 0.0]),
            passes: one_of([0.2, 0.05, 0.01]),
        }
    }

    fn weight(&self, mood: &Mood, step: Step) -> f64 {
        match step {
            Step::LeaderHears { .. } | Step::LearnerHears { .. } => mood.hears,
            Step::LeaderLoses { session } if self.sessions[&session].learner_left => mood.loses,
            Step::LearnerLoses { session } if self.sessions[&session].leader_left => mood.loses,
            Step::LeaderLoses { .. } | Step::LearnerLoses { .. } => mood.breaks,
            Step::Resign { .. } => mood.resigns / 3.0,
            Step::Stop { .. } => mood.crashes / 2.0,
            Step::WorkEnds { .. } | Step::Deny { .. } => mood.ends,
            Step::Elect { leader, .. } => {
                let likely = if self.is_elected(leader) { 1.0 } else { 0.1 };
                likely * if self.voters[leader].has_stopped { 0.0 } else { 0.3 }
            }
            Step::Unelect { voter } if self.voters[voter].core.stage() == Stage::Looking => 0.0,
            Step::Unelect { .. } => mood.leaves,
            Step::Repeat { .. } => 0.01,
            Step::Crash { .. } => mood.crashes,
            Step::TimePasses => mood.passes,
            Step::Moment => 0.1,
        }
    }

    fn possible(&self, steps: &mut Vec<Step>) {
        self.steps(steps);
    }

    fn go(&mut self, step: Step) {
        self.take(step);
    }

    fn see(&self, step: Step, before: &Self, sights: &mut Seen) {
        let passes = matches!(step, Step::TimePasses | Step::Moment);
        sights.killed += usize::from(passes && self.works() < before.works());
    }

    fn see_end(&self, sights: &mut Seen) {
        let (led, named, handed_over) = self.book.counts();
        sights.led += led;
        sights.named += named;
        sights.handed_over += handed_over;
    }

    fn broken(&self) -> Option<&'static str> {
        self.broken
    }

    fn broken_in_the_end(&self) -> Option<&'static str> {
        let is_judged = self.weakness == Weakness::None;
        (is_judged && !the_end::is_right(self)).then_some(the_end::RULE)
    }
}
