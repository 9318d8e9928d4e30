//! The JSON form of a vote file, field by field: types and numbers are checked here, what they mean in `check`.

mod faults;

use std::{fmt, marker::PhantomData, time::Duration};

use ballotbox_actors::ServerId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(super) use faults::RawFaults;

use super::{
    Deed, Expectation, ExpectedLeader, FileTiming, Step, TIME_MAX, VoteFile, VoteFileError,
    VoteFileMember, error::one_line,
};
use crate::{
    Role,
    election::{Epoch, Zxid},
};

/// A whole vote file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoteFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
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
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) at_ms: Millis,
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
    pub(super) cut: Option<Vec<(Id, Id)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) isolate: Option<Vec<Id>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) heal: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectation {
    pub(super) by_ms: Millis,
    #[serde(default, deserialize_with = "leader_or_null", skip_serializing_if = "Option::is_none")]
    pub(super) leader: Option<RawLeader>,
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

/// A server id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Id(pub(super) ServerId);

/// Milliseconds from 0 to an hour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Millis(pub(super) Duration);

/// Milliseconds from 1 to an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PositiveMillis(pub(super) Duration);

/// A weight or the number of a group: 0 to 2^63 - 1, as in a zoo.cfg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Whole(pub(super) u64);

/// 0 to 2^63 - 1, written as a number or in hex.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RawZxid(pub(super) Zxid);

/// 0 to 2^31 - 1: the high half of a zxid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RawEpoch(pub(super) Epoch);

/// A struct that is written as an object, never as the list of its fields' values that serde would take, too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Object<T>(pub(super) T);

/// Reads the JSON of a file.
pub(super) fn read(file: &str, text: &str) -> Result<RawVoteFile, VoteFileError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json);
    let Object(raw) = read.map_err(|error| {
        let path = error.path().to_string();
        json_error(file, &path, error.inner())
    })?;
    json.end().map_err(|error| json_error(file, "", &error))?;
    Ok(raw)
}

fn json_error(file: &str, path: &str, error: &serde_json::Error) -> VoteFileError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = one_line(text.strip_suffix(&place).unwrap_or(&text));
    let expected = match error.classify() {
        serde_json::error::Category::Data => "",
        serde_json::error::Category::Eof => ": the file ends too early for JSON",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => ": not JSON",
    };
    VoteFileError::Json {
        file: file.to_owned(),
        line,
        column,
        path: if path == "." { String::new() } else { one_line(path) },
        what: what + expected,
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, as in {\"id\": 1}")
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

/// Reads a whole number between two bounds, and says so when it finds something else.
struct Bounded {
    what: &'static str,
    min: u64,
    max: u64,
    hex_too: bool,
}

impl Bounded {
    const fn new(what: &'static str, min: u64, max: u64) -> Self {
        Self { what, min, max, hex_too: false }
    }
}

impl de::Visitor<'_> for Bounded {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, min, max, .. } = self;
        write!(f, "{what}: a whole number from {min} to {max}")?;
        if self.hex_too {
            f.write_str(", or hex in quotes such as \"0x100000002\"")?;
        }
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if (self.min..=self.max).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        if !self.hex_too {
            return Err(E::invalid_type(de::Unexpected::Str(text), &self));
        }
        let digits = text.strip_prefix("0x").filter(|digits| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        match number.filter(|number| (self.min..=self.max).contains(number)) {
            Some(number) => Ok(number),
            None => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

const SIGNED_MAX: u64 = i64::MAX.unsigned_abs();
const MILLIS_MAX: u64 = TIME_MAX.as_secs() * 1000;

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let ids = Bounded::new("a server id", 0, ServerId::MAX.number());
        let number = json.deserialize_any(ids)?;
        let id = ServerId::new(number).ok_or_else(|| de::Error::custom("no server id"))?;
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let number = json.deserialize_any(Bounded::new("milliseconds", 0, MILLIS_MAX))?;
        Ok(Self(Duration::from_millis(number)))
    }
}

impl<'de> Deserialize<'de> for PositiveMillis {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let number = json.deserialize_any(Bounded::new("milliseconds", 1, MILLIS_MAX))?;
        Ok(Self(Duration::from_millis(number)))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let numbers = Bounded::new("a weight or a group", 0, SIGNED_MAX);
        json.deserialize_any(numbers).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawZxid {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let numbers = Bounded { hex_too: true, ..Bounded::new("a zxid", 0, SIGNED_MAX) };
        let number = json.deserialize_any(numbers)?;
        Ok(Self(Zxid(number.cast_signed())))
    }
}

impl<'de> Deserialize<'de> for RawEpoch {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let number = json.deserialize_any(Bounded::new("an epoch", 0, SIGNED_MAX >> 32))?;
        Ok(Self(Epoch(number.cast_signed())))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_u64(self.0.number())
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_u64(whole_millis(self.0))
    }
}

impl Serialize for PositiveMillis {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_u64(whole_millis(self.0))
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_u64(self.0)
    }
}

impl Serialize for RawZxid {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_str(&self.0)
    }
}

impl Serialize for RawEpoch {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_i64(self.0.0)
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<&VoteFile> for RawVoteFile {
    fn from(file: &VoteFile) -> Self {
        Self {
            title: file.title.clone(),
            members: file.members.iter().map(|member| Object(member.into())).collect(),
            timing: (file.timing != FileTiming::default()).then(|| Object((&file.timing).into())),
            steps: Some(file.steps.iter().map(|step| Object(step.into())).collect()),
            expect: file.expectations.iter().map(|one| Object(one.into())).collect(),
            faults: file.faults.as_ref().map(|faults| Object(faults.into())),
        }
    }
}

impl From<&VoteFileMember> for RawMember {
    fn from(member: &VoteFileMember) -> Self {
        Self {
            id: Id(member.member.id),
            role: match member.member.role {
                Role::Voter => RawRole::Voter,
                Role::Observer => RawRole::Observer,
            },
            weight: member.member.weight.map(Whole),
            group: member.member.group.map(|group| Whole(group.0)),
            vote: Object(RawVote { zxid: RawZxid(member.zxid), epoch: RawEpoch(member.epoch) }),
            election: member.election.as_ref().map(ToString::to_string),
            quorum: member.quorum.as_ref().map(ToString::to_string),
        }
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
        }
    }
}

impl From<&Step> for RawStep {
    fn from(step: &Step) -> Self {
        let raw = Self { at_ms: Millis(step.at), ..Self::default() };
        match &step.deed {
            Deed::Start(members) => Self { start: Some(ids(members)), ..raw },
            Deed::Stop(members) => Self { stop: Some(ids(members)), ..raw },
            Deed::Kill(members) => Self { kill: Some(ids(members)), ..raw },
            Deed::Pause(members) => Self { pause: Some(ids(members)), ..raw },
            Deed::Resume(members) => Self { resume: Some(ids(members)), ..raw },
            Deed::Cut(pairs) => {
                let pairs = pairs.iter().map(|(a, b)| (Id(*a), Id(*b)));
                Self { cut: Some(pairs.collect()), ..raw }
            }
            Deed::Isolate(members) => Self { isolate: Some(ids(members)), ..raw },
            Deed::Heal => Self { heal: Some(true), ..raw },
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
            following: ids(&expectation.following),
            observing: ids(&expectation.observing),
            looking: ids(&expectation.looking),
        }
    }
}

fn ids(members: &[ServerId]) -> Vec<Id> {
    members.iter().copied().map(Id).collect()
}
