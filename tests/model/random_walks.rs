//! Random walks: long ways through more events than can be looked at one by one.

use std::{fmt::Debug, ops::Range};

use fastrand::Rng;

/// A state that may be walked from.
pub(crate) trait Walked: Clone {
    type Step: Copy + Debug + PartialEq;
    /// What is rare in a walk: the same everywhere would make all walks alike.
    type Mood;
    /// What was seen on the way.
    type Seen;

    fn mood(rng: &mut Rng) -> Self::Mood;

    /// How likely this step is, beside others.
    fn weight(&self, mood: &Self::Mood, step: Self::Step) -> f64;

    /// Every step that is possible.
    fn possible(&self, steps: &mut Vec<Self::Step>);

    fn go(&mut self, step: Self::Step);

    /// A step has led here.
    fn see(&self, step: Self::Step, before: &Self, sights: &mut Self::Seen);

    /// A way ends here, on which no rule was broken.
    fn see_end(&self, _: &mut Self::Seen) {}

    /// The rule that was broken on the way.
    fn broken(&self) -> Option<&'static str>;

    /// The rule that is broken where all ends if nothing else goes wrong.
    fn broken_in_the_end(&self) -> Option<&'static str>;
}

/// Walks from one beginning, one for each seed.
#[derive(Debug)]
pub(crate) struct Walks<S> {
    pub(crate) begin: S,
    pub(crate) seeds: Range<u64>,
    pub(crate) steps_max: usize,
}

/// A rule that was broken, and the way there.
#[derive(Debug)]
pub(crate) struct Found<Step> {
    pub(crate) rule: &'static str,
    pub(crate) way: Vec<Step>,
}

/// The seeds of this many walks. The first one is printed.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let first = std::env::var("BALLOTBOX_SEED").ok().and_then(|seed| seed.parse().ok());
    let first = first.unwrap_or_else(|| fastrand::u64(..u64::from(u32::MAX)));
    println!("BALLOTBOX_SEED={first}");
    first..first + count
}

impl<S: Walked> Walks<S> {
    /// Walks, and no rule is broken. Returns what was seen.
    pub(crate) fn keep_all_rules(&self) -> S::Seen
    where
        S::Seen: Debug + Default,
    {
        let mut sights = S::Seen::default();
        if let Some(found) = self.go(&mut sights) {
            let way = self.shrink(&found);
            panic!("broken after {} steps: {}: {way:#?}", way.len(), found.rule);
        }
        println!("{sights:?}");
        sights
    }

    /// Walks until a rule is broken, and leaves out what is not needed to break it.
    pub(crate) fn break_a_rule(&self) -> Found<S::Step>
    where
        S::Seen: Default,
    {
        let found = self.go(&mut S::Seen::default()).expect("a weak rule is broken");
        Found { way: self.shrink(&found), ..found }
    }

    fn go(&self, sights: &mut S::Seen) -> Option<Found<S::Step>> {
        self.seeds.clone().find_map(|seed| self.walk(seed, sights))
    }

    fn walk(&self, seed: u64, sights: &mut S::Seen) -> Option<Found<S::Step>> {
        let mut rng = Rng::with_seed(seed);
        let mood = S::mood(&mut rng);
        let mut state = self.begin.clone();
        let (mut way, mut steps) = (Vec::new(), Vec::new());
        for _ in 0..self.steps_max {
            steps.clear();
            state.possible(&mut steps);
            let Some(step) = draw(&mut rng, &mood, &state, &steps) else { break };
            way.push(step);
            let before = state.clone();
            state.go(step);
            state.see(step, &before, sights);
            if let Some(rule) = state.broken() {
                return Some(Found { rule, way });
            }
        }
        state.see_end(sights);
        state.broken_in_the_end().map(|rule| Found { rule, way })
    }

    /// Leaves out what is not needed to break the rule: first half of the way at a time, in the end single steps.
    fn shrink(&self, found: &Found<S::Step>) -> Vec<S::Step> {
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
            if size <= 1 && way.len() == before {
                return way;
            }
            size = size.div_ceil(2);
        }
    }

    /// The rule that this way breaks, and after how many steps. A step that is not possible is passed over.
    fn replay(&self, way: &[S::Step]) -> Option<(&'static str, usize)> {
        let mut state = self.begin.clone();
        let mut possible = Vec::new();
        for (taken, step) in (1..).zip(way) {
            possible.clear();
            state.possible(&mut possible);
            if possible.contains(step) {
                state.go(*step);
            }
            if let Some(rule) = state.broken() {
                return Some((rule, taken));
            }
        }
        state.broken_in_the_end().map(|rule| (rule, way.len()))
    }
}

fn draw<S: Walked>(rng: &mut Rng, mood: &S::Mood, state: &S, steps: &[S::Step]) -> Option<S::Step> {
    let weights: Vec<f64> = steps.iter().map(|step| state.weight(mood, *step)).collect();
    let mut rest = rng.f64() * weights.iter().sum::<f64>();
    steps.iter().zip(weights).find_map(|(step, weight)| {
        rest -= weight;
        (rest < 0.0).then_some(*step)
    })
}
