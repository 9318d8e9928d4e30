//! Random walks: through more hand-overs, faults and time than can be looked at one by one.

use ballotbox_core::leadership::Stage;
use fastrand::Rng;

use super::{
    state::{Left, State, Step},
    the_end,
    weak::Weakness,
};

/// Anything may happen, as often as it likes.
const FREE: Left = Left {
    resigns: u16::MAX,
    stops: 1,
    elections: u16::MAX,
    repeats: u16::MAX,
    breaks: u16::MAX,
    crashes: u16::MAX,
    seconds: u16::MAX,
    moments: u16::MAX,
};

/// What was seen on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Epochs in which somebody has led.
    pub(super) led: usize,
    /// Those that ended with a nomination.
    pub(super) named: usize,
    /// Those that began in the round after, by whoever was named.
    pub(super) handed_over: usize,
    /// Work that was killed when its lease was over.
    pub(super) killed: usize,
}

/// A rule that was broken, after so many steps.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rule: &'static str,
    pub(super) way: Vec<Step>,
}

/// What is rare in a walk: the same everywhere would make all walks alike.
#[derive(Clone, Copy, Debug)]
struct Mood {
    hears: f64,
    loses: f64,
    breaks: f64,
    resigns: f64,
    ends: f64,
    leaves: f64,
    crashes: f64,
    passes: f64,
}

impl Mood {
    fn draw(rng: &mut Rng) -> Self {
        let mut one_of = |values: [f64; 3]| values[rng.usize(..3)];
        Self {
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

    fn weight(&self, state: &State, step: Step) -> f64 {
        match step {
            Step::LeaderHears { .. } | Step::LearnerHears { .. } => self.hears,
            Step::LeaderLoses { session } if state.sessions[&session].learner_left => self.loses,
            Step::LearnerLoses { session } if state.sessions[&session].leader_left => self.loses,
            Step::LeaderLoses { .. } | Step::LearnerLoses { .. } => self.breaks,
            Step::Resign { .. } => self.resigns / 3.0,
            Step::Stop { .. } => self.crashes / 2.0,
            Step::WorkEnds { .. } | Step::Deny { .. } => self.ends,
            Step::Elect { leader, .. } => {
                let likely = if state.is_elected(leader) { 1.0 } else { 0.1 };
                likely * if state.voters[leader].has_stopped { 0.0 } else { 0.3 }
            }
            Step::Unelect { voter } if state.voters[voter].core.stage() == Stage::Looking => 0.0,
            Step::Unelect { .. } => self.leaves,
            Step::Repeat { .. } => 0.01,
            Step::Crash { .. } => self.crashes,
            Step::TimePasses => self.passes,
            Step::Moment => 0.1,
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

/// Walks until a rule is broken.
pub(super) fn go(
    weakness: Weakness,
    seeds: std::ops::Range<u64>,
    steps_max: usize,
    sights: &mut Seen,
) -> Option<Found> {
    let begin = State::led(false, FREE, weakness);
    seeds.into_iter().find_map(|seed| walk(begin.clone(), seed, steps_max, sights))
}

fn walk(mut state: State, seed: u64, steps_max: usize, sights: &mut Seen) -> Option<Found> {
    let mut rng = Rng::with_seed(seed);
    let mood = Mood::draw(&mut rng);
    let (mut way, mut steps) = (Vec::new(), Vec::new());
    for _ in 0..steps_max {
        steps.clear();
        state.steps(&mut steps);
        let Some(step) = draw(&mut rng, &mood, &state, &steps) else { break };
        way.push(step);
        let works = state.works();
        state.take(step);
        let passes = matches!(step, Step::TimePasses | Step::Moment);
        sights.killed += usize::from(passes && state.works() < works);
        if let Some(rule) = state.broken {
            return Some(Found { rule, way });
        }
    }
    let (led, named, handed_over) = state.book.counts();
    sights.led += led;
    sights.named += named;
    sights.handed_over += handed_over;
    let is_judged = state.weakness == Weakness::None;
    (is_judged && !the_end::is_right(&state)).then_some(Found { rule: the_end::RULE, way })
}
