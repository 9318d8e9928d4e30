//! [`Judge`]: which expectations have come true. Both worlds ask it.
//!
//! An expectation has to be true at its time, and from then on until the next step. If none follows, it depends on the
//! [world](AfterLastStep): in virtual time it has to stay true to the end. Over sockets it is enough that it becomes true, so
//! that nobody has to wait. But one that was true already when the last step came is judged at its time: the step may
//! yet change it; and so is one about something that stays away (nobody leads, somebody looks), as that is true before
//! anything has happened.
//!
//! A pure value: moments and states come with each call.

use std::{collections::BTreeMap, time::Duration};

use ballotbox_core::ServerId;

use super::{
    claim::States,
    vote_file::{Expectation, MemberState, Step, window_end},
};

/// What became of one expectation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Its time has not come.
    Pending,
    /// It was true at its time, and has to stay so until the next step.
    Holding,
    /// It came true.
    Met,
    /// It did not.
    Unmet {
        /// When that was clear.
        at: Duration,
        /// What the members were then.
        found: BTreeMap<ServerId, MemberState>,
    },
}

/// How long an expectation has to stay true if no step follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AfterLastStep {
    /// It is met as soon as it is true.
    OnceIsEnough,
    /// As long as the play goes on.
    ToTheEnd,
}

/// Follows the expectations of one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Judge {
    cases: Vec<Case>,
    after_last_step: AfterLastStep,
    /// When the last step happens.
    last_step: Duration,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Case {
    expectation: Expectation,
    /// The next step, if there is one.
    until: Option<Duration>,
    verdict: Verdict,
    /// It was not true at some time since the last step came.
    became: bool,
}

impl Judge {
    pub(super) fn new(
        expectations: &[Expectation],
        steps: &[Step],
        after_last_step: AfterLastStep,
    ) -> Self {
        let case = |expectation: &Expectation| Case {
            expectation: expectation.clone(),
            until: window_end(steps, expectation),
            verdict: Verdict::Pending,
            became: false,
        };
        Self {
            cases: expectations.iter().map(case).collect(),
            after_last_step,
            last_step: steps.last().map(|step| step.at).unwrap_or_default(),
        }
    }

    /// Takes in the states at `now`, as time has passed or something has changed. Returns what is newly decided.
    ///
    /// It has to be called at every [deadline](Self::next_deadline), and before a step is played.
    pub(super) fn look(&mut self, now: Duration, states: &States) -> Vec<(usize, Verdict)> {
        let mut news = Vec::new();
        let all_played = now >= self.last_step;
        for (n, case) in self.cases.iter_mut().enumerate().filter(|(_, case)| !case.is_decided()) {
            case.became |= all_played && !case.expectation.holds(states);
            case.verdict = case.judge(now, states, self.after_last_step);
            if case.is_decided() {
                news.push((n, case.verdict.clone()));
            }
        }
        news
    }

    /// When it has to look next, even if nothing changes.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let deadlines = self.cases.iter().filter_map(|case| match case.verdict {
            Verdict::Pending => Some(case.expectation.by),
            Verdict::Holding => case.until,
            Verdict::Met | Verdict::Unmet { .. } => None,
        });
        deadlines.min()
    }

    /// Whether every expectation is decided.
    pub(super) fn is_done(&self) -> bool {
        self.cases.iter().all(Case::is_decided)
    }

    /// What became of each expectation.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&Expectation, &Verdict)> {
        self.cases.iter().map(|case| (&case.expectation, &case.verdict))
    }
}

impl Case {
    fn is_decided(&self) -> bool {
        match self.verdict {
            Verdict::Pending | Verdict::Holding => false,
            Verdict::Met | Verdict::Unmet { .. } => true,
        }
    }

    /// What becomes of it with these states at `now`, as long as it is not decided.
    fn judge(&self, now: Duration, states: &States, after_last_step: AfterLastStep) -> Verdict {
        let once = self.until.is_none() && after_last_step == AfterLastStep::OnceIsEnough;
        let over = self.until.map_or(once, |until| now >= until);
        let due = self.verdict == Verdict::Holding || now >= self.expectation.by;
        match (due, self.expectation.holds(states)) {
            (false, true) if once && self.became && !self.expectation.needs_patience() => {
                Verdict::Met
            }
            (false, _) => Verdict::Pending,
            (true, false) => Verdict::Unmet { at: now, found: states.clone() },
            (true, true) if over => Verdict::Met,
            (true, true) => Verdict::Holding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::vote_file::VoteFile;

    const LEADING: MemberState = MemberState::Leading { epoch: None };
    const LOOKING: MemberState = MemberState::Looking;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    /// Two voters, started at 0; 1 is killed at 100.
    fn judge(expectations: &str) -> Judge {
        judge_of(AfterLastStep::OnceIsEnough, expectations)
    }

    fn judge_of(after_last_step: AfterLastStep, expectations: &str) -> Judge {
        let steps = r#"[{"at_ms":0,"start":[1,2]},{"at_ms":100,"kill":[1]}]"#;
        let text = format!(
            r#"{{"members":[{{"id":1}},{{"id":2}}],"steps":{steps},"expect":[{expectations}]}}"#
        );
        let file = VoteFile::parse("test", &text).unwrap();
        Judge::new(&file.expectations, &file.steps, after_last_step)
    }

    fn states(one: MemberState, two: MemberState) -> States {
        [(id(1), one), (id(2), two)].into()
    }

    #[test]
    fn before_a_later_step_it_has_to_stay_true_until_that_step() {
        let mut judge = judge(r#"{"by_ms":50,"leader":2}"#);
        assert_eq!(judge.next_deadline(), Some(ms(50)));
        // Too early to count, and it may still change.
        assert_eq!(judge.look(ms(10), &states(LOOKING, LEADING)), []);
        assert_eq!(judge.look(ms(20), &states(LOOKING, LOOKING)), []);
        assert_eq!(judge.look(ms(50), &states(LOOKING, LEADING)), []);
        assert_eq!(judge.next_deadline(), Some(ms(100)));
        let mut unlucky = judge.clone();
        assert_eq!(judge.look(ms(100), &states(LOOKING, LEADING)), [(0, Verdict::Met)]);
        assert!(judge.is_done() && judge.next_deadline().is_none());

        let found = states(LOOKING, LOOKING);
        let unmet = Verdict::Unmet { at: ms(70), found: found.clone() };
        assert_eq!(unlucky.look(ms(70), &found), [(0, unmet)]);
    }

    #[test]
    fn after_the_last_step_it_is_met_as_soon_as_it_is_true() {
        let mut judge = judge(r#"{"by_ms":500,"leader":2}"#);
        assert_eq!(judge.look(ms(90), &states(LOOKING, LEADING)), [], "a step is still to come");
        assert_eq!(judge.look(ms(120), &states(LOOKING, LOOKING)), []);
        assert_eq!(judge.look(ms(130), &states(LOOKING, LEADING)), [(0, Verdict::Met)]);
    }

    #[test]
    fn what_the_last_step_found_true_may_be_what_it_changes() {
        let mut judge = judge(r#"{"by_ms":500,"leader":1}"#);
        let before = states(LEADING, MemberState::Following { leader: id(1), epoch: None });
        assert_eq!(judge.look(ms(100), &before), [], "1 is killed now");
        let found = states(MemberState::Down, LOOKING);
        assert_eq!(judge.look(ms(110), &found), []);
        let unmet = Verdict::Unmet { at: ms(500), found: found.clone() };
        assert_eq!(judge.look(ms(500), &found), [(0, unmet)]);
    }

    #[test]
    fn what_stays_away_has_to_be_waited_for() {
        let mut judge = judge(r#"{"by_ms":500,"leader":null,"looking":[2]}"#);
        assert_eq!(judge.look(ms(130), &states(MemberState::Down, LOOKING)), []);
        let met = judge.look(ms(500), &states(MemberState::Down, LOOKING));
        assert_eq!(met, [(0, Verdict::Met)]);
    }

    #[test]
    fn what_is_not_true_in_time_is_unmet_and_stays_so() {
        let mut judge = judge(r#"{"by_ms":500,"leader":2},{"by_ms":600,"looking":[2]}"#);
        let found = states(LOOKING, LOOKING);
        let unmet = Verdict::Unmet { at: ms(501), found: found.clone() };
        assert_eq!(judge.look(ms(501), &found), [(0, unmet)]);
        assert_eq!(judge.look(ms(510), &states(LOOKING, LEADING)), []);
        assert_eq!(judge.look(ms(600), &found), [(1, Verdict::Met)]);
        assert!(judge.is_done());
    }

    #[test]
    fn after_the_last_step_it_has_to_stay_true_where_time_costs_nothing() {
        let mut judge = judge_of(AfterLastStep::ToTheEnd, r#"{"by_ms":500,"leader":2}"#);
        assert_eq!(judge.look(ms(130), &states(LOOKING, LEADING)), [], "it is early");
        assert_eq!(judge.look(ms(500), &states(LOOKING, LEADING)), []);
        assert!(judge.next_deadline().is_none() && !judge.is_done());
        let found = states(LOOKING, LOOKING);
        let unmet = Verdict::Unmet { at: ms(900), found: found.clone() };
        assert_eq!(judge.look(ms(900), &found), [(0, unmet)]);
    }
}
