//! Every order of events, the shortest ways first.
//!
//! A voter that follows another one, and has something to hear, does that next, or leaves, or crashes: nothing that others do
//! meanwhile makes a difference to it, and it makes none to them before they hear of it. The same goes for one whose word waits
//! for its disk, and for one whose session is over.
//!
//! Two limits remain, beside those of [`Left`]: a voter looks before it stands or joins, and joins only who is elected or looks;
//! and of the sessions of one voter with one leader a third is not opened before the end of the first was heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    bounds::{Left, Start},
    likeness::Names,
    sessions::Session,
    state::{State, Step},
    the_end::{self, Ends},
    weak::Weakness,
};
use crate::walks::fingerprint;

/// Where each state comes from.
type Known = HashMap<u64, (u64, Option<Step>)>;

/// What is looked at: three voters that begin alike.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) start: Start,
    /// The first voter leads the two others already.
    pub(super) led: bool,
    pub(super) left: Left,
    pub(super) weakness: Weakness,
    /// Every step is looked at in every state.
    pub(super) in_full: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) depth: usize,
    /// How many of the states are beginnings of an epoch.
    pub(super) begun: usize,
    /// How many ends were looked at.
    pub(super) ends: usize,
    /// What there is where all has been heard and stored.
    pub(super) outcomes: BTreeSet<u64>,
    pub(super) found: Option<(&'static str, Vec<Step>)>,
}

impl Bounds {
    fn begin(&self) -> State {
        let mut state = State::new(&[self.start; 3], Left::CALM, self.weakness);
        if self.led {
            state.take(Step::Stand { voter: 0 });
            (1..3).for_each(|voter| state.take(Step::Join { voter, leader: 0 }));
            the_end::settle(&mut state, |_| true);
        }
        state.left = self.left;
        state
    }

    /// Looks at every state there is, until a rule is broken.
    pub(super) fn explore(&self) -> Explored {
        let (names, ends) = (Names::of(3), Ends::default());
        let begin = self.begin();
        let first = begin.likeness(&names);
        let mut known = Known::from([(first, (first, None))]);
        let mut level = vec![(first, begin)];
        let mut explored = Explored::default();
        let mut steps = Vec::new();
        while !level.is_empty() && explored.found.is_none() {
            let mut next = Vec::new();
            for (print, state) in level {
                steps.clear();
                if self.in_full {
                    state.steps(&mut steps);
                } else {
                    state.next_steps(&mut steps);
                }
                for step in &steps {
                    let mut after = state.clone();
                    after.take(*step);
                    let here = after.likeness(&names);
                    if after.newest_accepted() > self.left.epochs || known.contains_key(&here) {
                        continue;
                    }
                    known.insert(here, (print, Some(*step)));
                    let has_begun = after.history.begun.len() > state.history.begun.len();
                    explored.begun += usize::from(has_begun);
                    explored.outcomes.extend(after.outcome(&names));
                    let in_the_end = || {
                        let is_judged = self.weakness == Weakness::None;
                        is_judged.then(|| ends.broken(&after)).flatten()
                    };
                    if let Some(rule) = after.broken.or_else(in_the_end) {
                        explored.found.get_or_insert_with(|| (rule, way_to(here, &known)));
                    }
                    next.push((here, after));
                }
            }
            explored.depth += 1;
            level = next;
        }
        (explored.states, explored.ends) = (known.len(), ends.len());
        explored
    }
}

fn way_to(mut print: u64, known: &Known) -> Vec<Step> {
    let mut way = Vec::new();
    while let Some((before, Some(step))) = known.get(&print) {
        way.push(*step);
        print = *before;
    }
    way.reverse();
    way
}

impl State {
    fn newest_accepted(&self) -> i64 {
        self.voters.iter().map(|voter| voter.core.accepted().0).max().unwrap_or_default()
    }

    /// What has come of it, if nothing is under way.
    fn outcome(&self, names: &[Names]) -> Option<u64> {
        let speaks = |one: &Session| {
            one.info.is_some() || !one.to_leader.is_empty() || !one.to_learner.is_empty()
        };
        let moves = self.sessions.values().any(|one| speaks(one) || one.learner_left)
            || self.voters.iter().any(|voter| !voter.stores.is_empty());
        let outcome = |names: &Names| {
            let begun = self.history.begun.iter();
            let begun: Vec<_> = begun.map(|(epoch, voter)| (*epoch, names.place(*voter))).collect();
            let voters = self.voters.iter().enumerate();
            let voters: BTreeMap<_, _> = voters
                .map(|(voter, this)| (names.place(voter), (this.disk, this.core.accepted())))
                .collect();
            fingerprint(&(begun, voters))
        };
        names.iter().map(outcome).min().filter(|_| !moves)
    }

    /// The steps that have to be looked at.
    fn next_steps(&self, steps: &mut Vec<Step>) {
        for voter in 0..self.voters.len() {
            if self.is_next(voter) {
                return self.steps_of(voter, steps);
            }
        }
        for (number, one) in &self.sessions {
            let session = *number;
            if one.info.is_some() || !one.to_leader.is_empty() {
                steps.push(Step::LeaderHears { session });
            }
            if !one.leader_left && (one.learner_left || self.left.breaks > 0) {
                steps.push(Step::LeaderLoses { session });
            }
        }
        (0..self.voters.len()).for_each(|voter| self.steps_of(voter, steps));
    }

    /// Whether this voter is a learner whose next step may be looked at before all others.
    fn is_next(&self, voter: usize) -> bool {
        let stores = self.voters[voter].stores.len();
        let Some(number) = self.session_of(voter) else { return false };
        let session = &self.sessions[&number];
        let has_heard = !session.to_learner.is_empty() && stores == 0;
        let waits_for_disk = session.storing && stores == 1;
        let is_over = session.leader_left && stores == 0;
        has_heard || waits_for_disk || is_over
    }

    /// What this voter may do next, and what may happen to it.
    fn steps_of(&self, voter: usize, steps: &mut Vec<Step>) {
        let this = &self.voters[voter];
        if let Some(session) = self.session_of(voter) {
            let one = &self.sessions[&session];
            if !one.to_learner.is_empty() {
                steps.push(Step::LearnerHears { session });
            }
            if self.may_lose(one) {
                steps.push(Step::LearnerLoses { session });
            }
        }
        self.disk_goes_on(voter, steps);
        self.forgeries(voter, steps);
        self.redials(voter, steps);
        if self.left.pings > 0 && self.has_amnesiac(voter) {
            steps.push(Step::Ping { voter });
        }
        if self.left.crashes > 0 {
            let landed = 0..=this.stores.len();
            steps.extend(landed.map(|landed| Step::Crash { voter, landed }));
        }
        if self.left.wipes > 0 && self.may_be_wiped(voter) {
            steps.push(Step::Wipe { voter });
        }
        if self.left.elections > 0 {
            self.turns_elsewhere(voter, steps);
        }
    }
}
