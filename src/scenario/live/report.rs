//! [`PlayReport`]: how a play ended.

use std::time::Duration;

use ballotbox_core::ServerId;

use crate::{
    Epoch, Role, Round, Standing, Vote,
    chronicle::WhyReport,
    node::Status,
    scenario::{
        claim::foremost,
        judge::Verdict,
        vote_file::{Expectation, MemberState, Outcome},
    },
};

/// How a play ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayReport {
    /// In one word.
    pub outcome: Outcome,
    /// Who was elected in the end, and in which round.
    pub leader: Option<(ServerId, Round)>,
    /// How long the election of that leader took, from the first voter that looked to the last one that decided.
    pub election: Option<Duration>,
    /// How long the whole play took, from the first step.
    pub elapsed: Duration,
    /// What became of the members, in the order of the file.
    pub members: Vec<MemberReport>,
    /// What became of the expectations, in the order of the file.
    pub expectations: Vec<ExpectationReport>,
    /// How the last leaders came to lead, as the one that leads in the end has seen it, or else the first member that runs; nothing if none
    /// runs.
    pub why: Option<WhyReport>,
}

/// What became of one member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberReport {
    /// Who.
    pub id: ServerId,
    /// Its role.
    pub role: Role,
    /// What it is in the end.
    pub state: MemberState,
    /// Its last vote, if it runs and votes for anybody.
    pub vote: Option<Vote>,
    /// The round of its last election, if it runs.
    pub round: Option<Round>,
    /// How long its last election took, from looking to decided, if it runs and is decided.
    pub decided: Option<Duration>,
    /// How long it took from looking to following or leading in an epoch, if it does.
    pub established: Option<Duration>,
}

/// What became of one expectation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpectationReport {
    /// Which.
    pub expectation: Expectation,
    /// What became of it. What was still pending when the deadline passed counts as not met.
    pub verdict: Verdict,
}

impl ExpectationReport {
    /// Whether it came true.
    pub fn met(&self) -> bool {
        self.verdict == Verdict::Met
    }
}

impl PlayReport {
    /// In which epoch the leader leads; `None` where the election was played alone.
    pub fn epoch(&self) -> Option<Epoch> {
        let (leader, _) = self.leader?;
        self.members.iter().find(|member| member.id == leader)?.state.epoch()
    }

    /// Whether everything went as it should: what was expected came true, or, if nothing was, somebody was elected.
    pub fn is_good(&self) -> bool {
        self.outcome.is_good(self.expectations.len())
    }

    pub(super) fn new(
        election: Option<Duration>,
        elapsed: Duration,
        members: Vec<MemberReport>,
        expectations: Vec<ExpectationReport>,
        why: Option<WhyReport>,
    ) -> Self {
        let states = members.iter().map(|member| (member.id, member.state)).collect();
        let leader = foremost(&states).map(|claim| claim.leader);
        let outcome = Outcome::of(leader, expectations.iter().map(ExpectationReport::met));
        let leading = members.iter().find(|member| Some(member.id) == leader);
        let leader = leading.map(|member| (member.id, member.round.unwrap_or_default()));
        let election = election.filter(|_| leader.is_some());
        Self { outcome, leader, election, elapsed, members, expectations, why }
    }
}

/// What a running member is; it is looking until it has said something else.
pub(super) fn state_of(status: Option<&Status>, role: Role) -> MemberState {
    let Some(status) = status else { return MemberState::Looking };
    let (leader, epoch) = match status.leadership {
        Some(_) => status.leader().unzip(),
        None => (status.elected(), None),
    };
    leader.map_or(MemberState::Looking, |leader| {
        let standing = Standing::under(leader, status.me, role == Role::Voter);
        MemberState::under(leader, standing, epoch)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ballotbox_actors::kit::clock;

    use super::*;
    use crate::{
        node::{ElectionStatus, LeadershipStatus, NodeState},
        scenario::vote_file::ExpectedLeader,
    };

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn member(number: u64, state: MemberState) -> MemberReport {
        let (vote, round, decided) = (None, Some(Round(1)), None);
        MemberReport {
            id: id(number),
            role: Role::Voter,
            state,
            vote,
            round,
            decided,
            established: None,
        }
    }

    fn expectation(verdict: Verdict) -> ExpectationReport {
        let expectation = Expectation {
            by: Duration::from_secs(1),
            leader: Some(ExpectedLeader::Nobody),
            epoch: None,
            following: vec![],
            observing: vec![],
            looking: vec![],
        };
        ExpectationReport { expectation, verdict }
    }

    #[test]
    fn a_member_that_is_led_is_what_its_role_makes_it_whatever_its_election_does() {
        let epoch = Epoch(4);
        let state = |leader: u64, state: NodeState, role| {
            let established = Some((id(leader), epoch));
            let election = ElectionStatus { state, ..ElectionStatus::default() };
            let leadership = LeadershipStatus { established, ..LeadershipStatus::default() };
            let status = Status {
                me: id(1),
                sequence: 0,
                leader_sequence: 0,
                since: clock::now(),
                election: Arc::new(election),
                counters: Arc::default(),
                leadership: Some(Arc::new(leadership)),
            };
            state_of(Some(&status), role)
        };
        let (leader, epoch) = (id(2), Some(epoch));
        for election in [NodeState::Looking, NodeState::Decided(Standing::Observing)] {
            let observing = MemberState::Observing { leader, epoch };
            assert_eq!(state(2, election, Role::Observer), observing, "{election:?}");
        }
        for election in [NodeState::Looking, NodeState::Decided(Standing::Following)] {
            let following = MemberState::Following { leader, epoch };
            assert_eq!(state(2, election, Role::Voter), following, "{election:?}");
            assert_eq!(state(1, election, Role::Voter), MemberState::Leading { epoch });
        }
    }

    #[test]
    fn nobody_elected_is_good_only_if_that_was_expected() {
        let looking = || vec![member(1, MemberState::Looking)];
        let report =
            |expectations| PlayReport::new(None, Duration::ZERO, looking(), expectations, None);
        assert_eq!(report(vec![]).outcome, Outcome::NoLeader);
        assert!(!report(vec![]).is_good());
        assert!(report(vec![expectation(Verdict::Met)]).is_good());
        let pending = report(vec![expectation(Verdict::Pending)]);
        assert_eq!(pending.outcome, Outcome::Unmet);
        assert!(!pending.is_good());
    }
}
