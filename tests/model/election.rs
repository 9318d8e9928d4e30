//! Voters, and links that keep the newest messages.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use ballotbox::{
    Decision, Election, Ensemble, Epoch, Member, ServerId, Standing, Timing, Zxid,
    election::{Action, Event, Notification, Timer, invariants},
};
use stateright::{Checker, Model, Property};

/// What is left open.
#[derive(Clone, Debug)]
struct Voters {
    count: usize,
    /// The zxid each begins with.
    zxids: Vec<i64>,
    /// Timers wait until nothing is under way, as they do when messages are timely.
    timely: bool,
    /// Each direction of a link keeps so many messages, the newest.
    slots: usize,
    /// So many times a link breaks.
    breaks: u8,
    /// So many times somebody crashes.
    crashes: u8,
    /// Later rounds are not looked at.
    rounds: i64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct State {
    /// `None`: crashed.
    voters: Vec<Option<Voter>>,
    /// `links[a][b]`: what is on its way from a to b; `None` while there is no link.
    links: Vec<Vec<Option<VecDeque<Notification>>>>,
    breaks: u8,
    crashes: u8,
    broken_rule: Option<&'static str>,
    /// Two were elected in the same round, at any time.
    winners: BTreeSet<(i64, ServerId)>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Voter {
    election: Election,
    armed: BTreeSet<Timer>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Deliver { from: usize, to: usize },
    Fire { voter: usize, timer: Timer },
    Break { a: usize, b: usize },
    Connect { a: usize, b: usize },
    Crash { voter: usize },
    Miss { voter: usize, peer: usize },
    Restart { voter: usize },
}

fn id(place: usize) -> ServerId {
    ServerId::new(place as u64 + 1).unwrap()
}

fn place(id: ServerId) -> usize {
    usize::try_from(id.number() - 1).unwrap()
}

impl Voters {
    fn three() -> Self {
        let (zxids, rounds) = (vec![0; 3], 1);
        Self { count: 3, zxids, timely: false, slots: 1, breaks: 0, crashes: 0, rounds }
    }

    fn timing() -> Timing {
        let wait = Duration::from_millis(200);
        // No wait grows: else every resend would make a new state.
        Timing { settle: wait, resend_min: wait, resend_max: wait, grace: wait }
    }

    fn start(&self, state: &mut State, voter: usize) {
        let ensemble = Ensemble::new((0..self.count).map(|place| Member::voter(id(place))));
        let ensemble = Arc::new(ensemble.unwrap());
        let election = Election::new(id(voter), ensemble, Self::timing(), Arc::from(""));
        state.voters[voter] = Some(Voter { election, armed: BTreeSet::new() });
        let begin = Event::Begin { zxid: Zxid(self.zxids[voter]), epoch: Epoch(0) };
        self.tell(state, voter, begin);
    }

    fn tell(&self, state: &mut State, voter: usize, event: Event) {
        let Some(Voter { election, armed }) = &mut state.voters[voter] else { return };
        let before = election.clone();
        let actions = election.handle(event);
        let broken = invariants::first_broken(&before, election);
        state.broken_rule = state.broken_rule.or(broken);
        for action in actions {
            match action {
                Action::Say { to, notification } => {
                    if let Some(way) = &mut state.links[voter][place(to)] {
                        if way.len() == self.slots {
                            way.pop_back();
                        }
                        way.push_back(notification);
                    }
                }
                Action::SetTimer { timer, .. } => {
                    armed.insert(timer);
                }
                Action::ClearTimer(timer) => {
                    armed.remove(&timer);
                }
                Action::Decided(Decision { vote, round, .. }) => {
                    state.winners.insert((round.0, vote.leader));
                }
                // Links are made whenever the checker likes.
                Action::Reconnect | Action::Looking { .. } => {}
            }
        }
    }

    fn connect(&self, state: &mut State, a: usize, b: usize) {
        state.links[a][b] = Some(VecDeque::new());
        state.links[b][a] = Some(VecDeque::new());
        self.tell(state, a, Event::LinkUp { peer: id(b) });
        self.tell(state, b, Event::LinkUp { peer: id(a) });
    }

    fn disconnect(&self, state: &mut State, a: usize, b: usize) {
        if state.links[a][b].take().is_some() {
            state.links[b][a] = None;
            self.tell(state, a, Event::LinkDown { peer: id(b) });
            self.tell(state, b, Event::LinkDown { peer: id(a) });
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.count;
        (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
    }

    fn best(&self) -> ServerId {
        id((0..self.count).max_by_key(|place| (self.zxids[*place], *place)).unwrap())
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.links.iter().flatten().flatten().all(VecDeque::is_empty)
    }

    fn decisions(&self) -> impl Iterator<Item = Option<Decision>> + '_ {
        self.voters.iter().map(|voter| voter.as_ref().and_then(|voter| voter.election.decision()))
    }

    fn all_agree(&self) -> bool {
        let leaders: BTreeSet<_> =
            self.decisions().map(|decision| decision.map(|one| one.vote.leader)).collect();
        leaders.len() == 1 && !leaders.contains(&None)
    }

    fn nobody_settles(&self) -> bool {
        let settles = |voter: &Voter| voter.armed.contains(&Timer::Settle);
        !self.voters.iter().flatten().any(settles)
    }

    fn two_lead_one_round(&self) -> bool {
        let leading = self.decisions().flatten().filter(|one| one.standing == Standing::Leading);
        let rounds: Vec<_> = leading.map(|decision| decision.round).collect();
        rounds.iter().enumerate().any(|(index, round)| rounds[index + 1..].contains(round))
    }
}

impl Model for Voters {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            voters: vec![None; self.count],
            links: vec![vec![None; self.count]; self.count],
            breaks: self.breaks,
            crashes: self.crashes,
            broken_rule: None,
            winners: BTreeSet::new(),
        };
        for voter in 0..self.count {
            self.start(&mut state, voter);
        }
        for (a, b) in self.pairs() {
            self.connect(&mut state, a, b);
        }
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for from in 0..self.count {
            for to in 0..self.count {
                if state.links[from][to].as_ref().is_some_and(|way| !way.is_empty()) {
                    steps.push(Step::Deliver { from, to });
                }
            }
        }
        let timers_run = !self.timely || state.is_quiet();
        for (voter, present) in state.voters.iter().enumerate() {
            if let Some(present) = present {
                let fires = present.armed.iter().filter(|_| timers_run);
                steps.extend(fires.map(|timer| Step::Fire { voter, timer: *timer }));
                if state.crashes > 0 {
                    steps.push(Step::Crash { voter });
                }
            } else {
                steps.push(Step::Restart { voter });
                let others = (0..self.count).filter(|peer| *peer != voter);
                steps.extend(others.map(|other| Step::Miss { voter: other, peer: voter }));
            }
        }
        for (a, b) in self.pairs() {
            let both_run = state.voters[a].is_some() && state.voters[b].is_some();
            match state.links[a][b] {
                Some(_) if state.breaks > 0 => steps.push(Step::Break { a, b }),
                None if both_run => steps.push(Step::Connect { a, b }),
                Some(_) | None => {}
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Deliver { from, to } => {
                let notification = state.links[from][to].as_mut()?.pop_front()?;
                self.tell(&mut state, to, Event::Heard { from: id(from), notification });
            }
            Step::Fire { voter, timer } => {
                state.voters[voter].as_mut()?.armed.remove(&timer);
                self.tell(&mut state, voter, Event::TimerFired(timer));
            }
            Step::Break { a, b } => {
                state.breaks -= 1;
                self.disconnect(&mut state, a, b);
            }
            Step::Connect { a, b } => self.connect(&mut state, a, b),
            Step::Crash { voter } => {
                state.crashes -= 1;
                state.voters[voter] = None;
                for other in (0..self.count).filter(|other| *other != voter) {
                    self.disconnect(&mut state, voter, other);
                }
            }
            Step::Miss { voter, peer } => {
                self.tell(&mut state, voter, Event::Unreachable { peer: id(peer) });
            }
            Step::Restart { voter } => self.start(&mut state, voter),
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("the invariants hold", |_, state: &State| state.broken_rule.is_none()),
            Property::sometimes("all agree", |_, state: &State| state.all_agree()),
        ];
        if self.timely && self.breaks + self.crashes == 0 {
            properties.extend([
                Property::always(
                    "one leader a round, and the best vote",
                    |model, state: &State| {
                        state.winners.iter().all(|(_, leader)| *leader == Self::best(model))
                    },
                ),
                Property::always("when all is said, all agree", |_, state: &State| {
                    !state.is_quiet() || !state.nobody_settles() || state.all_agree()
                }),
            ]);
        }
        properties
    }

    fn within_boundary(&self, state: &State) -> bool {
        let rounds = state.voters.iter().flatten().map(|voter| voter.election.round().0);
        rounds.max() <= Some(self.rounds)
    }
}

/// Looks at every state there is, and says how many.
fn check(model: Voters) -> usize {
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!("{states} states");
    states
}

#[test]
fn with_timely_messages_three_voters_elect_the_best_and_all_agree() {
    for zxids in [[0, 0, 0], [5, 0, 0], [0, 5, 3]] {
        let zxids = zxids.to_vec();
        let states = check(Voters { timely: true, zxids, slots: 2, ..Voters::three() });
        assert!(states > 100, "{states}");
    }
}

#[test]
fn with_free_timing_every_invariant_holds() {
    let states = check(Voters::three());
    assert!(states > 1000, "{states}");
}

/// The limit of what an election alone can promise: where messages may be late, two are elected in one round. That is
/// why nothing but an election result is called so, and leadership needs epochs.
#[test]
fn with_free_timing_two_leaders_in_one_round_are_found() {
    #[derive(Clone)]
    struct Pinned(Voters);
    impl Model for Pinned {
        type State = State;
        type Action = Step;

        fn init_states(&self) -> Vec<State> {
            self.0.init_states()
        }

        fn actions(&self, state: &State, steps: &mut Vec<Step>) {
            self.0.actions(state, steps);
        }

        fn next_state(&self, state: &State, step: Step) -> Option<State> {
            self.0.next_state(state, step)
        }

        fn properties(&self) -> Vec<Property<Self>> {
            let two = |_: &Self, state: &State| state.two_lead_one_round();
            vec![Property::sometimes("two lead in one round", two)]
        }

        fn within_boundary(&self, state: &State) -> bool {
            self.0.within_boundary(state)
        }
    }
    let checker = Pinned(Voters::three()).checker().spawn_bfs().join();
    let found = checker.discovery("two lead in one round").expect("free timing allows two leaders");
    let (state, _) = found.into_vec().pop().unwrap();
    assert!(state.two_lead_one_round());
}

#[test]
fn with_a_broken_link_every_invariant_holds() {
    check(Voters { timely: true, breaks: 1, rounds: 2, ..Voters::three() });
}

#[test]
fn with_a_crash_and_a_restart_every_invariant_holds() {
    check(Voters { timely: true, crashes: 1, rounds: 2, ..Voters::three() });
}

#[test]
#[ignore = "takes a minute"]
fn with_free_timing_a_broken_link_and_a_crash_every_invariant_holds() {
    check(Voters { breaks: 1, ..Voters::three() });
    check(Voters { crashes: 1, ..Voters::three() });
}
