//! Where it leads if nothing else goes wrong: in the end one leads, its work goes on, and all that run follow it.
//!
//! What was said is heard, and work that was told to end ends. Where a quorum looks it elects one, the one with the newest epoch;
//! who looks alone turns to the leader, if there is one. If nothing else is left to do a second passes.

use super::state::{Left, State, Step};
use crate::members::VOTERS;

/// What is broken where an end is wrong.
pub(super) const RULE: &str = "in the end one leads, and all follow it";

/// No way is longer.
const MOVES_MAX: usize = 500;

/// No hand-over and no election that fails takes longer than all of these seconds.
const ENOUGH: Left = Left {
    elections: 50,
    seconds: 30,
    moments: 100,
    resigns: 0,
    stops: 0,
    repeats: 0,
    breaks: 0,
    crashes: 0,
};

pub(super) fn is_right(from: &State) -> bool {
    let mut state = State { left: ENOUGH, ..from.clone() };
    for _ in 0..MOVES_MAX {
        if state.broken.is_some() {
            return false;
        }
        if !state.go_on() {
            return state.is_led();
        }
    }
    false
}

impl State {
    /// Whether one leads, its work goes on, and all that run follow it.
    pub(super) fn is_led(&self) -> bool {
        let works = |voter: usize| {
            self.voters[voter].work.is_some_and(|work| self.leads(voter) == Some(work.epoch))
        };
        self.all_follow() && (0..VOTERS).any(works)
    }

    /// Makes the next move, if there is one.
    fn go_on(&mut self) -> bool {
        let mut steps = Vec::new();
        self.words(&mut steps);
        let told = |voter: &usize| self.voters[*voter].work.is_some_and(|work| work.is_told);
        let ends = (0..VOTERS).find(told).map(|voter| Step::WorkEnds { voter });
        if let Some(step) = steps.first().copied().or(ends).or_else(|| self.vote()) {
            self.take(step);
            return true;
        }
        if self.is_led() || self.left.seconds == 0 {
            return false;
        }
        let waits = self.has_a_moment_to_wait() && self.left.moments > 0;
        self.take(if waits { Step::Moment } else { Step::TimePasses });
        true
    }

    /// The next voter that is told of an election: first the one that is elected, then the others that look.
    fn vote(&self) -> Option<Step> {
        if self.left.elections == 0 {
            return None;
        }
        let runs = |voter: &usize| !self.voters[*voter].has_stopped;
        let looks = |voter: &usize| runs(voter) && !self.voters[*voter].is_settled;
        let all = || 0..VOTERS;
        let leads = all().find(|voter| self.leads(*voter).is_some());
        let elected = leads.or_else(|| all().filter(runs).find(|voter| self.is_elected(*voter)));
        if let Some(leader) = elected {
            return all().find(looks).map(|voter| Step::Elect { voter, leader });
        }
        let newest = |voter: &usize| (self.voters[*voter].core.promises().0.current, *voter);
        let is_quorum = all().filter(looks).count() > VOTERS / 2;
        let best = all().filter(looks).max_by_key(newest).filter(|_| is_quorum)?;
        Some(Step::Elect { voter: best, leader: best })
    }
}
