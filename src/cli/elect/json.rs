//! [`to_json`]: how a play ended, for programs.

use ballotbox::{
    ServerId,
    chronicle::WhyReport,
    scenario::{
        live::{ExpectationReport, MemberReport, PlayReport},
        vote_file::Outcome,
    },
};
use ballotbox_actors::kit::tenths_of_ms;
use serde::Serialize;

/// The report as one line of JSON, with how leaders came to lead if that is wanted.
pub(super) fn to_json(report: &PlayReport, with_why: bool) -> String {
    let why = report.why.as_ref().filter(|_| with_why);
    serde_json::to_string(&Json { why, ..Json::from(report) })
        .expect("plain values always serialise")
}

#[derive(Serialize)]
struct Json<'a> {
    outcome: Outcome,
    leader: Option<u64>,
    epoch: Option<i64>,
    round: Option<i64>,
    election_ms: Option<f64>,
    elapsed_ms: f64,
    members: Vec<JsonMember>,
    expectations: Vec<JsonExpectation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a WhyReport>,
}

#[derive(Serialize)]
struct JsonMember {
    id: u64,
    role: &'static str,
    state: &'static str,
    leader: Option<u64>,
    epoch: Option<i64>,
    round: Option<i64>,
    zxid: Option<String>,
    vote_epoch: Option<i64>,
    decided_ms: Option<f64>,
    established_ms: Option<f64>,
}

#[derive(Serialize)]
struct JsonExpectation {
    by_ms: u64,
    met: bool,
}

impl From<&PlayReport> for Json<'_> {
    fn from(report: &PlayReport) -> Self {
        let expectation = |expectation: &ExpectationReport| JsonExpectation {
            by_ms: u64::try_from(expectation.expectation.by.as_millis()).unwrap_or(u64::MAX),
            met: expectation.met(),
        };
        Self {
            outcome: report.outcome,
            leader: report.leader.map(|(leader, _)| leader.number()),
            epoch: report.epoch().map(|epoch| epoch.0),
            round: report.leader.map(|(_, round)| round.0),
            election_ms: report.election.map(tenths_of_ms),
            elapsed_ms: tenths_of_ms(report.elapsed),
            members: report.members.iter().map(JsonMember::from).collect(),
            expectations: report.expectations.iter().map(expectation).collect(),
            why: None,
        }
    }
}

impl From<&MemberReport> for JsonMember {
    fn from(member: &MemberReport) -> Self {
        Self {
            id: member.id.number(),
            role: member.role.word(),
            state: member.state.word(),
            leader: member.state.leader_of(member.id).map(ServerId::number),
            epoch: member.state.epoch().map(|epoch| epoch.0),
            round: member.round.map(|round| round.0),
            zxid: member.vote.map(|vote| vote.zxid.to_string()),
            vote_epoch: member.vote.map(|vote| vote.epoch.0),
            decided_ms: member.decided.map(tenths_of_ms),
            established_ms: member.established.map(tenths_of_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballotbox::{
        Epoch, Role, Round, Vote, Zxid,
        scenario::{
            live::Verdict,
            vote_file::{Expectation, ExpectedLeader, MemberState},
        },
    };

    use super::*;

    fn id(number: u64) -> ServerId {
        ServerId::new(number).unwrap()
    }

    fn member(number: u64, state: MemberState) -> MemberReport {
        let vote = Vote { epoch: Epoch(1), zxid: Zxid(0x1_0000_0005), leader: id(2) };
        let decided = Some(Duration::from_micros(2149));
        let round = Some(Round(1));
        MemberReport {
            id: id(number),
            role: Role::Voter,
            state,
            vote: Some(vote),
            round,
            decided,
            established: Some(Duration::from_micros(3349)),
        }
    }

    fn expectation() -> ExpectationReport {
        let expectation = Expectation {
            by: Duration::from_secs(1),
            leader: Some(ExpectedLeader::Nobody),
            epoch: None,
            following: vec![],
            observing: vec![],
            looking: vec![],
        };
        ExpectationReport { expectation, verdict: Verdict::Met }
    }

    #[test]
    fn the_json_has_the_documented_shape() {
        let members = vec![
            member(1, MemberState::Following { leader: id(2), epoch: Some(Epoch(2)) }),
            member(2, MemberState::Leading { epoch: Some(Epoch(2)) }),
            MemberReport {
                role: Role::Observer,
                vote: None,
                round: None,
                decided: None,
                established: None,
                ..member(3, MemberState::Down)
            },
        ];
        let (election, elapsed) = (Duration::from_micros(612), Duration::from_micros(2444));
        let report = PlayReport {
            outcome: Outcome::Elected,
            leader: Some((id(2), Round(1))),
            election: Some(election),
            elapsed,
            members,
            expectations: vec![expectation()],
            why: None,
        };
        let follower = concat!(
            r#"{"id":1,"role":"voter","state":"following","leader":2,"epoch":2,"round":1,"#,
            r#""zxid":"0x100000005","vote_epoch":1,"decided_ms":2.1,"established_ms":3.3}"#
        );
        let leader = follower.replace(r#""id":1"#, r#""id":2"#).replace("following", "leading");
        let down = concat!(
            r#"{"id":3,"role":"observer","state":"down","leader":null,"epoch":null,"round":null,"#,
            r#""zxid":null,"vote_epoch":null,"decided_ms":null,"established_ms":null}"#
        );
        assert_eq!(
            to_json(&report, true),
            format!(
                r#"{{"outcome":"elected","leader":2,"epoch":2,"round":1,"election_ms":0.6,"elapsed_ms":2.4,"members":[{follower},{leader},{down}],"expectations":[{{"by_ms":1000,"met":true}}]}}"#
            )
        );
    }
}
