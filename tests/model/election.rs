//! Every order of events of three voters, and whether all agree in the end.
//!
//! Each model leaves a few things open and holds the others still, so that all its states can be looked at. A property
//! that has to be found somewhere, and a floor under the number of states, show that nothing was cut off by mistake.

#[path = "election/strangers.rs"]
mod strangers;

use stateright::{Checker, Model, Property};

use super::{
    checks::check,
    door::Door,
    members::{VOTERS, id},
    the_end,
    voters::{Left, Lie, State, Step, ends, pairs},
};

/// What is left open.
#[derive(Clone, Debug)]
struct Voters {
    /// The zxid each begins with.
    zxids: [i64; VOTERS],
    begin: Begin,
    door: Door,
    /// Of each direction of a link. With one, a newer frame replaces it wherever it is.
    frames: usize,
    left: Left,
    /// Later rounds are not looked at. With faults the second one must be: a lost leader is replaced there.
    rounds: i64,
    asked: Question,
}

/// How it begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Begin {
    /// There is no link.
    Apart,
    /// There are all links, and nobody has heard of them.
    Linked,
    /// All have heard of all links.
    Aware,
    /// All agree, and nothing is under way.
    Settled,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Question {
    /// Whether everything holds that must.
    Rules,
    /// Whether two may lead in one round.
    TwoLeaders,
}

impl Voters {
    /// With timely messages and nothing that goes wrong.
    fn timely() -> Self {
        Self {
            zxids: [0; VOTERS],
            begin: Begin::Linked,
            door: Door::Open,
            frames: 2,
            left: Left::default(),
            rounds: 2,
            asked: Question::Rules,
        }
    }

    /// The same, once all have heard of all links.
    fn linked() -> Self {
        Self { begin: Begin::Aware, ..Self::timely() }
    }

    /// The same, once all agree.
    fn settled() -> Self {
        Self { begin: Begin::Settled, ..Self::timely() }
    }

    /// Timers run out whenever they like.
    fn free() -> Self {
        let left = Left { hurries: Left::FREE, ..Left::default() };
        Self { frames: 1, rounds: 1, left, ..Self::linked() }
    }

    /// Nothing keeps the best from being elected.
    fn is_fair(&self) -> bool {
        self.left == Left { doubts: self.left.doubts, ..Left::default() }
    }

    fn elect_nobody_but_the_best(&self, state: &State) -> bool {
        let best = (0..VOTERS).max_by_key(|place| (self.zxids[*place], *place)).map(id);
        state.decisions().flatten().all(|decision| Some(decision.vote.leader) == best)
    }

    fn rules(&self) -> Vec<Property<Self>> {
        let mut rules = vec![
            Property::always("the invariants hold", |_, state: &State| {
                state.broken_rule().is_none()
            }),
            Property::always(
                "in the end all agree, or there are too few",
                |model: &Self, state: &State| the_end::is_right(&model.zxids, state),
            ),
            Property::sometimes("all agree", |_, state: &State| state.all_agree()),
        ];
        if self.is_fair() {
            rules.push(Property::always(
                "nobody but the best is elected",
                Self::elect_nobody_but_the_best,
            ));
            rules.push(Property::always("when all is said, all agree", |_, state: &State| {
                !state.is_quiet() || !state.nobody_settles() || state.all_agree()
            }));
        }
        if self.left.leads > 0 {
            rules.push(Property::sometimes("all follow in one epoch", |_, state: &State| {
                state.all_are_led()
            }));
        }
        if self.left.breaks > 0 {
            rules.push(Property::sometimes("somebody looks again", |_, state: &State| {
                state.newest_round() > 1
            }));
        }
        if self.left.crashes > 0 {
            rules.push(Property::sometimes("a lost leader is replaced", |_, state: &State| {
                state.all_agree() && state.decisions().flatten().all(|one| one.round.0 > 1)
            }));
        }
        rules
    }
}

fn leaderships(state: &State, steps: &mut Vec<Step>) {
    let left = state.left;
    for voter in (0..VOTERS).filter(|voter| state.runs(*voter)) {
        if left.leads > 0 && state.may_lead(voter) {
            steps.push(Step::Lead { voter });
        }
        if state.may_follow(voter) {
            steps.push(Step::Follow { voter });
        }
        if left.retreats > 0 && state.may_give_up(voter) {
            steps.push(Step::GiveUp { voter });
        }
        if left.withdrawals > 0 {
            steps.push(Step::Withdraw { voter });
        }
    }
}

fn faults(state: &State, steps: &mut Vec<Step>) {
    let left = state.left;
    for voter in (0..VOTERS).filter(|voter| left.crashes > 0 && state.runs(*voter)) {
        steps.push(Step::Crash { voter });
    }
    for (a, b) in pairs().filter(|(a, b)| left.breaks > 0 && state.is_linked(*a, *b)) {
        steps.push(Step::Break { a, b });
    }
    for (voter, peer) in ends() {
        let is_gone = !state.runs(peer);
        if state.may_miss(voter, peer) && (is_gone || left.misses > 0) {
            steps.push(Step::Miss { voter, peer });
        }
        if left.doubts > 0 && state.runs(voter) && state.knows_link(voter, peer) {
            steps.push(Step::Doubt { voter, peer });
        }
        if left.strangers > 0 && state.may_claim(voter, peer) {
            steps.push(Step::Claim { voter, peer });
        }
        if state.is_claimed(voter, peer) {
            steps.push(Step::Leave { voter, peer });
        }
        if left.lies > 0 && state.may_lie_to(voter, peer) {
            let lies = [Lie::Agrees, Lie::Leads].into_iter();
            steps.extend(lies.map(|lie| Step::Lie { voter, peer, lie }));
        }
    }
}

impl Model for Voters {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State::new(&self.zxids, self.frames, Left::default());
        if self.begin != Begin::Apart {
            pairs().for_each(|(a, b)| state.connect(a, b));
        }
        let begin = match self.begin {
            Begin::Apart | Begin::Linked => Some(state),
            Begin::Aware => {
                ends().for_each(|(voter, peer)| state.hear(voter, peer));
                Some(state)
            }
            Begin::Settled => the_end::of(&self.zxids, &state),
        };
        let mut begin = Vec::from_iter(begin);
        for state in &mut begin {
            state.left = self.left;
        }
        begin
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (voter, peer) in ends() {
            if state.may_hear(voter, peer) {
                steps.push(Step::Hear { voter, peer });
            }
            if state.may_lose(voter, peer) {
                steps.push(Step::Lose { voter, peer });
            }
        }
        if state.is_quiet() || state.left.hurries > 0 {
            let fires = state.armed().into_iter();
            steps.extend(fires.map(|(voter, timer)| Step::Fire { voter, timer }));
        }
        for voter in (0..VOTERS).filter(|voter| state.left.returns > 0 && !state.runs(*voter)) {
            steps.push(Step::Restart { voter });
        }
        for (a, b) in pairs().filter(|(a, b)| state.may_connect(*a, *b)) {
            steps.push(Step::Connect { a, b });
        }
        leaderships(state, steps);
        faults(state, steps);
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        let left = &mut state.left;
        match step {
            Step::Hear { voter, peer } => state.hear(voter, peer),
            Step::Lose { voter, peer } => state.lose(voter, peer),
            Step::Fire { voter, timer } => {
                if left.hurries != Left::FREE && !before.is_quiet() {
                    left.hurries -= 1;
                }
                state.fire(voter, timer);
            }
            Step::Break { a, b } => {
                left.breaks -= 1;
                state.disconnect(a, b);
            }
            Step::Connect { a, b } => state.connect(a, b),
            Step::Crash { voter } => {
                left.crashes -= 1;
                state.crash(voter);
            }
            Step::Restart { voter } => {
                left.returns -= 1;
                state.start(voter, self.zxids[voter]);
            }
            Step::Miss { voter, peer } => {
                left.misses -= u8::from(before.runs(peer));
                state.miss(voter, peer);
            }
            Step::Doubt { voter, peer } => {
                left.doubts -= 1;
                state.doubt(voter, peer);
            }
            Step::Claim { peer, .. } if !self.door.lets_impostors_in(peer) => return None,
            Step::Claim { voter, peer } => {
                left.strangers -= 1;
                state.claim(voter, peer);
            }
            Step::Leave { voter, peer } => state.expel(voter, peer),
            Step::Lie { voter, peer, lie } => {
                left.lies -= 1;
                state.lie_to(voter, peer, lie);
            }
            Step::Lead { voter } => {
                left.leads -= 1;
                state.lead(voter);
            }
            Step::Follow { voter } => state.follow(voter),
            Step::GiveUp { voter } => {
                left.retreats -= 1;
                state.give_up(voter);
            }
            Step::Withdraw { voter } => {
                left.withdrawals -= 1;
                state.withdraw(voter);
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        match self.asked {
            Question::Rules => self.rules(),
            Question::TwoLeaders => {
                let two = |_: &Self, state: &State| state.two_lead_one_round();
                vec![Property::sometimes("two lead in one round", two)]
            }
        }
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.newest_round() <= self.rounds
    }
}

#[test]
fn with_timely_messages_three_voters_elect_the_best_and_all_agree() {
    for zxids in [[0, 0, 0], [5, 0, 0], [0, 5, 3]] {
        check(Voters { zxids, ..Voters::timely() }, 1_000);
    }
}

#[test]
fn told_to_speak_again_all_agree() {
    let left = Left { doubts: 1, ..Left::default() };
    check(Voters { left, ..Voters::timely() }, 9_000);
}

#[test]
fn told_that_a_peer_is_out_of_reach_all_agree_in_the_end() {
    let left = Left { misses: 1, ..Left::default() };
    check(Voters { left, ..Voters::timely() }, 5_000);
}

#[test]
fn with_two_hasty_timers_all_agree_in_the_end() {
    let left = Left { hurries: 2, ..Left::default() };
    check(Voters { left, rounds: 1, ..Voters::linked() }, 50_000);
}

#[test]
fn with_free_timing_all_agree_in_the_end() {
    check(Voters::free(), 80_000);
}

/// The limit of what an election alone can promise: where messages may be late, two are elected in one round. That is
/// why nothing but an election result is called so, and leadership needs epochs.
#[test]
fn with_free_timing_two_leaders_in_one_round_are_found() {
    let model = Voters { asked: Question::TwoLeaders, ..Voters::free() };
    let checker = model.checker().spawn_bfs().join();
    let found = checker.discovery("two lead in one round").expect("free timing allows two leaders");
    let (state, _) = found.into_vec().pop().unwrap();
    assert!(state.two_lead_one_round());
}

#[test]
fn with_a_broken_link_all_agree_in_the_end() {
    let left = Left { breaks: 1, ..Left::default() };
    check(Voters { left, ..Voters::timely() }, 40_000);
}

#[test]
fn with_a_broken_link_and_a_peer_out_of_reach_all_agree_in_the_end() {
    let left = Left { breaks: 1, misses: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 90_000);
}

#[test]
fn with_a_crash_all_agree_in_the_end() {
    let left = Left { crashes: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 5_000);
    let left = Left { crashes: 1, returns: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 25_000);
}

#[test]
fn with_a_leadership_that_ends_all_agree_in_the_end() {
    let left = Left { leads: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 300);
    let left = Left { leads: 1, retreats: 1, ..Left::default() };
    check(Voters { left, ..Voters::settled() }, 200);
    let left = Left { leads: 1, breaks: 1, ..Left::default() };
    check(Voters { left, ..Voters::settled() }, 4_000);
    let left = Left { leads: 1, crashes: 1, returns: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 100_000);
}

#[test]
fn with_a_voter_that_withdraws_all_agree_in_the_end() {
    let left = Left { withdrawals: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 50_000);
    let left = Left { withdrawals: 1, leads: 1, retreats: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 1_000);
    let left = Left { withdrawals: 1, crashes: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 40_000);
    let left = Left { withdrawals: 1, crashes: 1, returns: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 100_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_a_leadership_and_two_faults_all_agree_in_the_end() {
    let left = Left { leads: 1, retreats: 1, breaks: 1, ..Left::default() };
    check(Voters { left, ..Voters::settled() }, 100_000);
    let left = Left { leads: 2, retreats: 2, ..Left::default() };
    check(Voters { left, rounds: 3, ..Voters::settled() }, 10_000);
    let left = Left { leads: 1, crashes: 1, returns: 1, retreats: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 500_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_a_voter_that_withdraws_and_two_faults_all_agree_in_the_end() {
    let left = Left { withdrawals: 2, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 15_000);
    let left = Left { withdrawals: 1, breaks: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 300_000);
    let left = Left { withdrawals: 1, breaks: 1, leads: 1, ..Left::default() };
    check(Voters { left, ..Voters::settled() }, 20_000);
    let left = Left { withdrawals: 1, crashes: 1, returns: 1, leads: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::settled() }, 700_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_more_hasty_timers_all_agree_in_the_end() {
    let left = Left { hurries: 3, ..Left::default() };
    check(Voters { left, rounds: 1, ..Voters::linked() }, 300_000);
    let left = Left { hurries: 2, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 250_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_a_fault_and_a_hasty_timer_all_agree_in_the_end() {
    let left = Left { breaks: 1, hurries: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 700_000);
    let left = Left { crashes: 1, returns: 1, hurries: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 500_000);
}

#[test]
#[ignore = "takes minutes"]
fn with_two_faults_all_agree_in_the_end() {
    let left = Left { crashes: 1, returns: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 250_000);
    let left = Left { breaks: 2, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 600_000);
    let left = Left { breaks: 1, doubts: 1, ..Left::default() };
    check(Voters { left, ..Voters::linked() }, 150_000);
    let left = Left { crashes: 1, returns: 1, misses: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 300_000);
    let left = Left { crashes: 1, returns: 1, doubts: 1, ..Left::default() };
    check(Voters { left, frames: 1, ..Voters::linked() }, 400_000);
}
