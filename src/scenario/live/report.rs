//! [`PlayReport`]: how a play ended.

use std::time::Duration;

use ballotbox_core::ServerId;
use serde::Serialize;

use crate::{
    Role, Round, Vote,
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
    /// Whether everything went as it should: what was expected came true, or, if nothing was, somebody was elected.
    pub fn is_good(&self) -> bool {
        self.outcome.is_good(self.expectations.len())
    }

    /// The report as one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Json::from(self)).unwrap_or_default()
    }

    pub(super) fn new(
        election: Option<Duration>,
        elapsed: Duration,
        members: Vec<MemberReport>,
        expectations: Vec<ExpectationReport>,
    ) -> Self {
        let states = members.iter().map(|member| (member.id, member.state)).collect();
        let leader = foremost(&states).map(|claim| claim.leader);
        let outcome = Outcome::of(leader, expectations.iter().map(ExpectationReport::met));
        let leading = members.iter().find(|member| Some(member.id) == leader);
        let leader = leading.map(|member| (member.id, member.round.unwrap_or_default()));
        let election = election.filter(|_| leader.is_some());
        Self { outcome, leader, election, elapsed, members, expectations }
    }
}

#[derive(Serialize)]
struct Json {
    outcome: Outcome,
    leader: Option<u64>,
    round: Option<i64>,
    election_ms: Option<f64>,
    elapsed_ms: f64,
    members: Vec<JsonMember>,
    expectations: Vec<JsonExpectation>,
}

#[derive(Serialize)]
struct JsonMember {
    id: u64,
    role: &'static str,
    state: &'static str,
    leader: Option<u64>,
    round: Option<i64>,
    zxid: Option<String>,
    epoch: Option<i64>,
    decided_ms: Option<f64>,
}

#[derive(Serialize)]
struct JsonExpectation {
    by_ms: u64,
    met: bool,
}

impl From<&PlayReport> for Json {
    fn from(report: &PlayReport) -> Self {
        let expectation = |expectation: &ExpectationReport| JsonExpectation {
            by_ms: u64::try_from(expectation.expectation.by.as_millis()).unwrap_or(u64::MAX),
            met: expectation.met(),
        };
        Self {
            outcome: report.outcome,
            leader: report.leader.map(|(leader, _)| leader.number()),
            round: report.leader.map(|(_, round)| round.0),
            election_ms: report.election.map(tenths_of_ms),
            elapsed_ms: tenths_of_ms(report.elapsed),
            members: report.members.iter().map(JsonMember::from).collect(),
            expectations: report.expectations.iter().map(expectation).collect(),
        }
    }
}

impl From<&MemberReport> for JsonMember {
    fn from(member: &MemberReport) -> Self {
        Self {
            id: member.id.number(),
            role: match member.role {
                Role::Voter => "voter",
                Role::Observer => "observer",
            },
            state: member.state.word(),
            leader: member.state.leader_of(member.id).map(ServerId::number),
            round: member.round.map(|round| round.0),
            zxid: member.vote.map(|vote| vote.zxid.to_string()),
            epoch: member.vote.map(|vote| vote.epoch.0),
            decided_ms: member.decided.map(tenths_of_ms),
        }
    }
}

/// Milliseconds with one digit after the point.
pub fn tenths_of_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, Zxid, scenario::vote_file::ExpectedLeader};

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn member(number: u64, state: MemberState) -> MemberReport {
        let vote = Vote { epoch: Epoch(1), zxid: Zxid(0x1_0000_0005), leader: id(2) };
        let decided = Some(Duration::from_micros(2149));
        let round = Some(Round(1));
        MemberReport { id: id(number), role: Role::Voter, state, vote: Some(vote), round, decided }
    }

    fn expectation(verdict: Verdict) -> ExpectationReport {
        let expectation = Expectation {
            by: Duration::from_secs(1),
            leader: Some(ExpectedLeader::Nobody),
            following: vec![],
            observing: vec![],
            looking: vec![],
        };
        ExpectationReport { expectation, verdict }
    }

    #[test]
    fn the_json_has_the_documented_shape() {
        let members = vec![
            member(1, MemberState::Following(id(2))),
            member(2, MemberState::Leading),
            MemberReport {
                role: Role::Observer,
                vote: None,
                round: None,
                decided: None,
                ..member(3, MemberState::Down)
            },
        ];
        let (election, elapsed) = (Duration::from_micros(612), Duration::from_micros(2444));
        let report =
            PlayReport::new(Some(election), elapsed, members, vec![expectation(Verdict::Met)]);
        let follower = concat!(
            r#"{"id":1,"role":"voter","state":"following","leader":2,"round":1,"#,
            r#""zxid":"0x100000005","epoch":1,"decided_ms":2.1}"#
        );
        let leader = follower.replace(r#""id":1"#, r#""id":2"#).replace("following", "leading");
        let down = concat!(
            r#"{"id":3,"role":"observer","state":"down","leader":null,"round":null,"#,
            r#""zxid":null,"epoch":null,"decided_ms":null}"#
        );
        assert_eq!(
            report.to_json(),
            format!(
                r#"{{"outcome":"elected","leader":2,"round":1,"election_ms":0.6,"elapsed_ms":2.4,"members":[{follower},{leader},{down}],"expectations":[{{"by_ms":1000,"met":true}}]}}"#
            )
        );
    }

    #[test]
    fn nobody_elected_is_good_only_if_that_was_expected() {
        let looking = || vec![member(1, MemberState::Looking)];
        let report = |expectations| PlayReport::new(None, Duration::ZERO, looking(), expectations);
        assert_eq!(report(vec![]).outcome, Outcome::NoLeader);
        assert!(!report(vec![]).is_good());
        assert!(report(vec![expectation(Verdict::Met)]).is_good());
        let pending = report(vec![expectation(Verdict::Pending)]);
        assert_eq!(pending.outcome, Outcome::Unmet);
        assert!(!pending.is_good());
    }
}
