//! The JSON form of a vote file, field by field: types and numbers are checked here, what they mean in `check`.

mod faults;
mod numbers;
mod pairs;
mod tls;

use std::{fmt, marker::PhantomData};

use ballotbox_core::{ServerId, UntrustedText, leadership::LeaseTerms};
use serde::{Deserialize, Deserializer, Serialize, de};

use faults::Drift;
pub(super) use faults::RawFaults;
use numbers::{Bounded, whole_millis};
pub(super) use numbers::{Id, Millis, PositiveMillis, RawEpoch, RawZxid, StepTime, Whole};
pub(super) use pairs::RawPair;
use pairs::TwoOf;
use tls::RawMemberTls;
pub(super) use tls::RawTls;

use super::{Expectation, ExpectedLeader, FileTiming, Operation, Step, VoteFile, VoteFileError};
use crate::{History, Member, Role};

/// A whole vote file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoteFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leadership: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ensemble: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<Object<RawTls>>,
    pub(super) members: Vec<Object<RawMember>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timing: Option<Object<RawTiming>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<Vec<Object<RawStep>>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) expect: Vec<Object<RawExpectation>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) faults: Option<Object<RawFaults>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMember {
    pub(super) id: Id,
    #[serde(default, skip_serializing_if = "RawRole::is_voter")]
    pub(super) role: RawRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<Whole>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<Whole>,
    #[serde(default, skip_serializing_if = "Object::is_empty_vote")]
    pub(super) vote: Object<RawVote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) election: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quorum: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) new: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<Object<RawMemberTls>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRole {
    #[default]
    Voter,
    Observer,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVote {
    #[serde(default)]
    pub(super) zxid: RawZxid,
    #[serde(default)]
    pub(super) epoch: RawEpoch,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the fields of the file carry their unit")]
pub(super) struct RawTiming {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settle_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resend_min_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resend_max_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grace_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connect_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ping_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) silence_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) establish_ms: Option<PositiveMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drift_ppm: Option<Drift>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) at_ms: StepTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kill: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pause: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resume: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hang: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wake: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cut: Option<Vec<RawPair>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) isolate: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) block: Option<Vec<RawPair>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) heal: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wipe: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fill: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) free: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resign: Option<Object<RawResignation>>,
}

/// Who gives its epoch up, and to whom.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResignation {
    pub(super) id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Id>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectation {
    pub(super) by_ms: Millis,
    #[serde(default, deserialize_with = "leader_or_null", skip_serializing_if = "Option::is_none")]
    pub(super) leader: Option<RawLeader>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<RawEpoch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) following: Vec<Id>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) observing: Vec<Id>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) looking: Vec<Id>,
}

/// `leader`, when it is given: an id, or null for nobody.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct RawLeader(pub(super) Option<Id>);

/// A struct that is written as an object, never as the list of its fields' values that serde would take, too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Object<T>(pub(super) T);

/// Reads the JSON of a file.
pub(super) fn read(file: &UntrustedText, text: &str) -> Result<RawVoteFile, VoteFileError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json);
    let Object(raw) = read.map_err(|error| {
        let path = error.path().to_string();
        json_error(file, &path, error.inner())
    })?;
    json.end().map_err(|error| json_error(file, "", &error))?;
    Ok(raw)
}

/// At most this many bytes are shown of what is wrong with the JSON: it may quote the file.
const WHAT_SHOWN_MAX: usize = 512;

fn json_error(file: &UntrustedText, path: &str, error: &serde_json::Error) -> VoteFileError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let expected = match error.classify() {
        serde_json::error::Category::Data if what.starts_with("invalid type") => example(path),
        serde_json::error::Category::Data => "",
        serde_json::error::Category::Eof => ": the file ends too early for JSON",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => ": not JSON",
    };
    VoteFileError::Json {
        file: file.clone(),
        line,
        column,
        path: if path == "." { "".into() } else { path.into() },
        what: UntrustedText::shortened(format_args!("{what}{expected}"), WHAT_SHOWN_MAX),
    }
}

/// What could stand at this place of a file, where it is easy to take it for something else.
fn example(path: &str) -> &'static str {
    if path == "." {
        ", as in {\"members\": [{\"id\": 1}]}"
    } else if path.starts_with("members[") && path.ends_with(']') {
        ", as in {\"id\": 1}"
    } else {
        ""
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(fields))
            }
        }
        json.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

impl RawRole {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_voter(&self) -> bool {
        *self == Self::Voter
    }
}

impl Object<RawVote> {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_empty_vote(&self) -> bool {
        *self == Self::default()
    }
}

fn leader_or_null<'de, D: Deserializer<'de>>(json: D) -> Result<Option<RawLeader>, D::Error> {
    Option::deserialize(json).map(|leader| Some(RawLeader(leader)))
}

impl From<&VoteFile> for RawVoteFile {
    fn from(file: &VoteFile) -> Self {
        Self {
            title: file.title.as_ref().map(|title| title.as_written().to_owned()),
            leadership: (!file.leadership).then_some(false),
            ensemble: Some(file.ensemble_name.to_string()).filter(|name| !name.is_empty()),
            tls: tls::of_all(file.tls.as_ref()).map(Object),
            members: file.members().map(|member| Object(raw_member(file, member))).collect(),
            timing: (file.timing != FileTiming::default()).then(|| Object((&file.timing).into())),
            steps: Some(file.steps.iter().map(|step| Object(step.into())).collect()),
            expect: file.expectations.iter().map(|one| Object(one.into())).collect(),
            faults: file.faults.as_ref().map(|faults| Object(faults.into())),
        }
    }
}

fn raw_member(file: &VoteFile, (member, history): (&Member, History)) -> RawMember {
    RawMember {
        id: Id(member.id),
        role: match member.role {
            Role::Voter => RawRole::Voter,
            Role::Observer => RawRole::Observer,
        },
        weight: member.weight.map(Whole),
        group: member.group.map(|group| Whole(group.0)),
        vote: Object(RawVote { zxid: RawZxid(history.zxid), epoch: RawEpoch(history.epoch) }),
        election: member.election.first().map(ToString::to_string),
        quorum: member.quorum.first().map(ToString::to_string),
        new: file.new_disks.contains(&member.id),
        tls: tls::of_member(file.tls.as_ref(), member.id).map(Object),
    }
}

impl From<&FileTiming> for RawTiming {
    fn from(timing: &FileTiming) -> Self {
        Self {
            settle_ms: Some(Millis(timing.election.settle)),
            resend_min_ms: Some(PositiveMillis(timing.election.resend_min)),
            resend_max_ms: Some(PositiveMillis(timing.election.resend_max)),
            grace_ms: Some(Millis(timing.election.grace)),
            connect_ms: Some(PositiveMillis(timing.connect)),
            ping_ms: Some(PositiveMillis(timing.leadership.ping)),
            silence_ms: Some(PositiveMillis(timing.leadership.silence)),
            establish_ms: Some(PositiveMillis(timing.leadership.establish)),
            lease_ms: timing.leadership.lease.map(|lease| Millis(lease.length)),
            drift_ppm: (timing.drift_ppm != LeaseTerms::DRIFT_PPM)
                .then_some(Drift(timing.drift_ppm)),
        }
    }
}

impl From<&Step> for RawStep {
    fn from(step: &Step) -> Self {
        let raw = Self { at_ms: StepTime(step.at), ..Self::default() };
        match &step.operation {
            Operation::Start(members) => Self { start: Some(ids(members)), ..raw },
            Operation::Stop(members) => Self { stop: Some(ids(members)), ..raw },
            Operation::Kill(members) => Self { kill: Some(ids(members)), ..raw },
            Operation::Pause(members) => Self { pause: Some(ids(members)), ..raw },
            Operation::Resume(members) => Self { resume: Some(ids(members)), ..raw },
            Operation::Hang(members) => Self { hang: Some(ids(members)), ..raw },
            Operation::Wake(members) => Self { wake: Some(ids(members)), ..raw },
            Operation::Cut(cut) => Self { cut: Some(pairs(cut)), ..raw },
            Operation::Isolate(members) => Self { isolate: Some(ids(members)), ..raw },
            Operation::Block(blocked) => Self { block: Some(pairs(blocked)), ..raw },
            Operation::Heal => Self { heal: Some(true), ..raw },
            Operation::Wipe(members) => Self { wipe: Some(ids(members)), ..raw },
            Operation::Fill(members) => Self { fill: Some(ids(members)), ..raw },
            Operation::Free(members) => Self { free: Some(ids(members)), ..raw },
            Operation::Resign { member, to } => {
                let resignation = RawResignation { id: Id(*member), to: to.map(Id) };
                Self { resign: Some(Object(resignation)), ..raw }
            }
        }
    }
}

impl From<&Expectation> for RawExpectation {
    fn from(expectation: &Expectation) -> Self {
        Self {
            by_ms: Millis(expectation.by),
            leader: expectation.leader.map(|leader| match leader {
                ExpectedLeader::Member(id) => RawLeader(Some(Id(id))),
                ExpectedLeader::Nobody => RawLeader(None),
            }),
            epoch: expectation.epoch.map(RawEpoch),
            following: ids(&expectation.following),
            observing: ids(&expectation.observing),
            looking: ids(&expectation.looking),
        }
    }
}

fn ids(members: &[ServerId]) -> Vec<Id> {
    members.iter().copied().map(Id).collect()
}

fn pairs(pairs: &[(ServerId, ServerId)]) -> Vec<RawPair> {
    pairs.iter().map(|(a, b)| RawPair(Id(*a), Id(*b))).collect()
}
