//! Random walks: long ways through more voters, epochs and faults than can be looked at one by one.

use ballotbox_core::leadership::Stage;
use fastrand::Rng;

use super::{
    bounds::{Left, Start},
    state::{State, Step},
    the_end,
    weak::Weakness,
};

/// Walks from one beginning.
#[derive(Clone, Debug)]
pub(super) struct Walks {
    pub(super) starts: Vec<Start>,
    pub(super) wipes: u16,
    pub(super) weakness: Weakness,
    pub(super) count: u64,
    pub(super) steps: usize,
}

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

/// A rule that was broken, and the way there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rule: &'static str,
    pub(super) way: Vec<Step>,
}

/// What is rare in a walk: the same everywhere would make all walks alike.
#[derive(Clone, Copy, Debug)]
struct Mood {
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

impl Mood {
    fn draw(rng: &mut Rng) -> Self {
        let mut one_of = |values: [f64; 3]| values[rng.usize(..3)];
        Self {
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

    fn weight(&self, state: &State, step: Step) -> f64 {
        match step {
            Step::LeaderHears { .. } => self.hears_leader,
            Step::LearnerHears { .. } => self.hears_learner,
            Step::LeaderLoses { session } if state.sessions[&session].learner_left => self.loses,
            Step::LearnerLoses { session } if state.sessions[&session].leader_left => 0.3,
            Step::LeaderLoses { .. } | Step::LearnerLoses { .. } => self.breaks,
            Step::Stand { voter } if state.stage(voter) == Stage::Looking => self.stands,
            Step::Stand { .. } => self.leaves / 4.0,
            Step::Join { voter, leader } => {
                let likely = if state.is_candidate(leader) { 1.0 } else { 0.05 };
                let looks = state.stage(voter) == Stage::Looking;
                likely * if looks { 0.5 } else { self.leaves }
            }
            Step::Redial { .. } => 0.5,
            Step::Look { .. } => self.looks,
            Step::Land { .. } => self.lands,
            Step::Fail { .. } => 0.005,
            Step::StoreAgain { .. } | Step::Forge { .. } => 0.3,
            Step::Crash { .. } => self.crashes,
            Step::Wipe { voter } if state.voters[voter].disk.recorded => 0.02,
            Step::Wipe { .. } => 0.002,
            Step::Ping { voter } if state.has_amnesiac(voter) => 0.15,
            Step::Ping { .. } => 0.05,
        }
    }
}

fn draw(rng: &mut Rng, mood: &Mood, state: &State, steps: &[Step]) -> Option<Step> {
    let weights: Vec<f64> = steps.iter().map(|step| mood.weight(state, *step)).collect();
    let mut rest = rng.f64() * weights.iter().sum::<f64>();
    steps.iter().zip(weights).find_map(|(step, weight)| {
        rest -= weight;
        (rest < 0.0).then_some(*step)
    })
}

impl Seen {
    fn take_in(&mut self, step: Step, before: &State, after: &State) {
        let forgetful = |state: &State| state.voters.iter().filter(|one| one.forgetful).count();
        let begun = after.history.begun.len() - before.history.begun.len();
        let newest = before.history.newest();
        self.steps += 1;
        self.begun += begun;
        self.late += usize::from(begun > 0 && after.history.newest() == newest);
        self.recorded += usize::from(forgetful(after) < forgetful(before));
        self.wiped += usize::from(matches!(step, Step::Wipe { .. }));
        self.crashed += usize::from(matches!(step, Step::Crash { .. }));
    }
}

impl Walks {
    fn begin(&self) -> State {
        State::new(&self.starts, Left { wipes: self.wipes, ..Left::FREE }, self.weakness)
    }

    /// Walks until a rule is broken.
    pub(super) fn go(&self, seed: u64, sights: &mut Seen) -> Option<Found> {
        (seed..seed + self.count).find_map(|seed| self.walk(seed, sights))
    }

    fn walk(&self, seed: u64, sights: &mut Seen) -> Option<Found> {
        let mut rng = Rng::with_seed(seed);
        let mood = Mood::draw(&mut rng);
        let mut state = self.begin();
        let (mut way, mut steps) = (Vec::new(), Vec::new());
        for _ in 0..self.steps {
            steps.clear();
            state.steps(&mut steps);
            let Some(step) = draw(&mut rng, &mood, &state, &steps) else { break };
            way.push(step);
            let before = state.clone();
            state.take(step);
            sights.take_in(step, &before, &state);
            if let Some(rule) = state.broken {
                return Some(Found { rule, way });
            }
        }
        self.broken_in_the_end(&state).map(|rule| Found { rule, way })
    }

    fn broken_in_the_end(&self, state: &State) -> Option<&'static str> {
        let is_judged = self.weakness == Weakness::None;
        (is_judged && !the_end::is_right(state)).then_some(the_end::RULE)
    }

    /// Leaves out what is not needed to break the rule: first half of the way at a time, in the end single steps.
    pub(super) fn shrink(&self, found: &Found) -> Vec<Step> {
        let mut way = found.way.clone();
        let mut size = way.len();
        loop {
            let before = way.len();
            let mut from = 0;
            while from < way.len() {
                let mut shorter = way.clone();
                shorter.drain(from..(from + size).min(way.len()));
                match self.replay(&shorter) {
                    Some((rule, steps)) if rule == found.rule => way = shorter[..steps].to_vec(),
                    _ => from += size,
                }
            }
            if size == 1 && way.len() == before {
                return way;
            }
            size = size.div_ceil(2);
        }
    }

    /// The rule that this way breaks, and after how many steps. A step that is not possible is passed over.
    fn replay(&self, way: &[Step]) -> Option<(&'static str, usize)> {
        let mut state = self.begin();
        let mut possible = Vec::new();
        for (taken, step) in (1..).zip(way) {
            possible.clear();
            state.steps(&mut possible);
            if possible.contains(step) {
                state.take(*step);
            }
            if let Some(rule) = state.broken {
                return Some((rule, taken));
            }
        }
        self.broken_in_the_end(&state).map(|rule| (rule, way.len()))
    }
}
