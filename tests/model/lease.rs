//! The leases of an ensemble: no two run at one time, however far clocks drift apart, and whatever is late, lost or crashed.
//!
//! Three voters run the production [`Lease`](ballotbox_core::leadership::lease::Lease) with clocks of two paces: one shows a tick in each step
//! of true time, the other two ticks in three steps. So a lease of D = 3 ticks lasts for up to five steps, and P is five ticks.
//! Around it the model plays what is left of leadership: epochs are taken, words given, pings sent and answered, leaders lose their
//! epochs, their work goes on or ends, also when its process was killed. What is said arrives at any time, in any order, or never.
//! There is no last moment, and no last renewal, as states are alike that differ only in how late it is.
//!
//! A judge keeps book of all promises, in true time. It does not ask the core who is bound.
//!
//! Left out is what cannot bring two leases together: a ping that is too old to begin one is not answered; who joined a leader
//! that is gone says nothing more to it; and where only one epoch is not over, and nobody can stand for another one, nothing
//! follows, but in one of the tests.

#[path = "lease/clock.rs"]
mod clock;
#[path = "lease/judge.rs"]
mod judge;
#[path = "lease/likeness.rs"]
mod likeness;
#[path = "lease/state.rs"]
mod state;
#[path = "lease/steps.rs"]
mod steps;
#[path = "lease/weak.rs"]
mod weak;

use ballotbox_core::leadership::lease::Clocks as _;
use stateright::{Model, Property};

use self::{
    clock::Pace,
    state::{Left, Rules, State},
    steps::Step,
    weak::Weakness,
};
use crate::{
    checks::{check, is_broken},
    members::VOTERS,
};

/// What is left open.
#[derive(Clone, Copy, Debug)]
struct Voters {
    /// The first voter has led in the first epoch, and given it up. Another one has promised, and does not know of that.
    led: bool,
    /// Some clocks are slow: of any voters.
    slow: bool,
    left: Left,
    rules: Rules,
}

/// D, in ticks.
const D: u64 = 3;

const RULES: Rules =
    Rules { lengths: [D; 3], rounds: 1, weakness: Weakness::None, to_the_end: false };

/// Two epochs.
const CALM: Left = Left { epochs: 2, crashes: 0, reboots: 0 };
const CRASH: Left = Left { crashes: 1, ..CALM };
const REBOOT: Left = Left { reboots: 1, ..CALM };

impl Voters {
    const fn new(left: Left) -> Self {
        Self { led: false, slow: true, left, rules: RULES }
    }

    fn begin(&self, paces: [Pace; VOTERS]) -> State {
        let mut state = State::new(paces, Left { epochs: 1, ..self.left }, self.rules);
        if self.led {
            let answer = (1, 1, 1);
            let steps = [
                Step::Stand { voter: 0 },
                Step::Join { voter: 1, epoch: 1 },
                Step::GiveWord { voter: 1 },
                Step::HearWord { epoch: 1, voter: 1 },
                Step::Ping { leader: 0 },
                Step::Promise { answer },
                Step::Grant { answer },
                Step::Lose { leader: 0 },
                Step::WorkEnds { leader: 0 },
            ];
            for step in steps {
                state.take(step);
            }
        }
        State { left: self.left, ..state }
    }
}

impl Model for Voters {
    type State = State;
    type Action = Step;

    /// Before the first epoch voters are alike but for their clocks: the first of them stands for it.
    fn init_states(&self) -> Vec<State> {
        let others = [[Pace::Fast; 2], [Pace::Fast, Pace::Slow], [Pace::Slow; 2]];
        let paces = [Pace::Fast, Pace::Slow].into_iter().flat_map(|first| {
            let mut paces = others.to_vec();
            if self.led {
                paces.push([Pace::Slow, Pace::Fast]);
            }
            paces.into_iter().map(move |[second, third]| [first, second, third])
        });
        let is_meant = |paces: &[Pace; VOTERS]| self.slow || !paces.contains(&Pace::Slow);
        paces.filter(is_meant).map(|paces| self.begin(paces)).collect()
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(steps);
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        state.take(step);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(judge::ONE_LEASE, |_, state: &State| {
                state.broken != Some(judge::ONE_LEASE)
            }),
            Property::always(judge::NONE_AT_BEGINNING, |_, state: &State| {
                state.broken != Some(judge::NONE_AT_BEGINNING)
            }),
            Property::always(judge::NEVER_BACK, |_, state: &State| {
                state.broken != Some(judge::NEVER_BACK)
            }),
            Property::always(judge::WORD_KEPT, |_, state: &State| {
                state.broken != Some(judge::WORD_KEPT)
            }),
        ];
        if self.rules.to_the_end {
            properties.extend(sights());
        }
        properties
    }
}

/// What must be seen somewhere: else the model leaves out what it is there for.
fn sights() -> Vec<Property<Voters>> {
    vec![
        Property::sometimes("a word is withheld", |_, state: &State| {
            let is_withheld = |epoch: usize, voter| state.withholds(voter, epoch);
            (0..VOTERS)
                .any(|voter| state.owes_word(voter).is_some_and(|one| is_withheld(one, voter)))
        }),
        Property::sometimes(
            "another one leads after the leader has crashed",
            |_, state: &State| {
                let leases: Vec<_> = state.leases().collect();
                leases == [2]
                    && state.holder_of(1).leader != state.holder_of(2).leader
                    && state.voters[0].incarnation > 1
            },
        ),
        Property::sometimes(
            "a lease runs, and an earlier promise was freed",
            |_, state: &State| {
                let is_freed = |voter: usize| {
                    let (this, now) = (&state.voters[voter], state.clock(voter));
                    let kept = this.kept.filter(|kept| now.left_by_slowest(kept.until).is_some());
                    let is_first = kept.is_some_and(|kept| kept.to == Some(state.holder_of(1)));
                    is_first && this.lease.bound_for(now).is_none()
                };
                state.leases().any(|epoch| epoch == 2) && (0..VOTERS).any(is_freed)
            },
        ),
        Property::sometimes(
            "an older epoch begins beside the lease of a newer one",
            |_, state: &State| {
                let begins = |voter: usize| state.voters[voter].leads() == Some(1);
                state.leases().any(|epoch| epoch == 2) && (0..VOTERS).any(begins)
            },
        ),
        Property::sometimes(
            "a lease is newer than a promise behind the last one",
            |_, state: &State| {
                let is_new = |voter: usize| {
                    state.voters[voter].lease.left(state.clock(voter)) == Some(clock::ticks(D))
                };
                let is_older = |until: &u64| *until < state.time + clock::promise_for(D);
                let is_bound = |voter: usize| state.bonds[voter].values().any(is_older);
                (0..VOTERS).any(is_new) && (0..VOTERS).any(is_bound)
            },
        ),
        Property::sometimes("somebody waits for work that is left behind", |_, state: &State| {
            let waits = |voter: usize| {
                state.owes_word(voter).is_some_and(|one| state.withholds(voter, one))
            };
            (0..VOTERS).any(|voter| state.has_left_behind(voter)) && (0..VOTERS).any(waits)
        }),
    ]
}

#[test]
fn no_two_leases_run_at_one_time_though_one_crashes() {
    check(Voters::new(CRASH), 900_000);
}

#[test]
fn no_two_leases_run_at_one_time_though_a_machine_starts_again() {
    check(Voters::new(REBOOT), 1_000_000);
}

#[test]
fn no_two_leases_run_at_one_time_though_answers_overtake_each_other() {
    check(Voters { rules: Rules { rounds: 2, ..RULES }, ..Voters::new(CALM) }, 200_000);
}

#[test]
fn no_two_leases_run_at_one_time_where_they_get_shorter_and_longer() {
    let rules = Rules { lengths: [D, 1, D], ..RULES };
    check(Voters { led: true, rules, ..Voters::new(CALM) }, 200_000);
}

#[test]
fn leases_are_had_waited_for_and_released() {
    let rules = Rules { to_the_end: true, ..RULES };
    check(Voters { slow: false, rules, ..Voters::new(CRASH) }, 100_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_a_crash_and_a_restart_of_a_machine() {
    check(Voters { slow: false, ..Voters::new(Left { reboots: 1, ..CRASH }) }, 300_000);
}

#[test]
#[ignore = "takes minutes"]
fn the_same_with_a_third_epoch_and_a_crash() {
    check(Voters { led: true, ..Voters::new(CRASH) }, 4_000_000);
}

/// There is a way to two leases at one time where a rule is weaker.
fn is_needed(weakness: Weakness, model: Voters) {
    let rules = Rules { weakness, ..model.rules };
    is_broken(Voters { rules, ..model }, judge::ONE_LEASE);
}

#[test]
fn a_lease_must_not_be_counted_from_the_answer() {
    is_needed(Weakness::CountedFromTheAnswer, Voters::new(CALM));
}

#[test]
fn who_is_bound_must_not_give_its_word() {
    is_needed(Weakness::NoGate, Voters::new(CALM));
}

#[test]
fn a_promise_must_outlive_the_process() {
    is_needed(Weakness::ForgottenByACrash, Voters::new(CRASH));
}

#[test]
fn a_restart_of_the_machine_must_not_free_a_voter() {
    is_needed(Weakness::ForgottenByAReboot, Voters::new(REBOOT));
}

#[test]
fn a_release_must_name_the_epoch() {
    is_needed(Weakness::ReleaseOfAnyEpoch, Voters { led: true, ..Voters::new(CALM) });
}

#[test]
fn a_leader_must_not_give_its_word_while_its_own_lease_runs() {
    is_needed(Weakness::OwnWordIsFree, Voters::new(CALM));
}

#[test]
fn a_promise_that_is_kept_must_name_the_newest_epoch() {
    let rules = Rules { lengths: [D, 1, D], ..RULES };
    is_needed(Weakness::OldPromiseIsKeptWhole, Voters { led: true, rules, ..Voters::new(CALM) });
}

#[test]
fn a_promise_must_not_be_shorter_by_a_tick() {
    is_needed(Weakness::ShortPromise, Voters::new(CALM));
}

#[test]
fn the_words_of_a_quorum_must_not_begin_a_lease() {
    is_needed(Weakness::WordsAreTakenForPromises, Voters::new(CALM));
}

#[test]
fn an_epoch_must_not_be_said_to_have_ended_while_its_work_goes_on() {
    is_needed(Weakness::EndedThoughWorkGoesOn, Voters::new(CRASH));
}
