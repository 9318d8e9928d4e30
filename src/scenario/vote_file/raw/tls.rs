//! The JSON form of `tls`.

use serde::{Deserialize, Serialize};

use super::super::{FileTls, MemberTls, TlsFields};
use crate::tls::TlsStage;
use ballotbox_core::ServerId;

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawTls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) cert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) ca: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) stage: Option<RawStage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) strict: Option<bool>,
}

/// The same with what only a member has. serde cannot flatten a struct and refuse unknown fields.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawMemberTls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<RawStage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum RawStage {
    Taken,
    Spoken,
    Required,
}

impl RawMemberTls {
    /// What it has in common with the `tls` of all.
    pub(in super::super) fn fields(&self) -> RawTls {
        RawTls {
            cert: self.cert.clone(),
            key: self.key.clone(),
            ca: self.ca.clone(),
            stage: self.stage,
            strict: self.strict,
        }
    }
}

impl From<RawStage> for TlsStage {
    fn from(stage: RawStage) -> Self {
        match stage {
            RawStage::Taken => Self::Taken,
            RawStage::Spoken => Self::Spoken,
            RawStage::Required => Self::Required,
        }
    }
}

impl From<TlsStage> for RawStage {
    fn from(stage: TlsStage) -> Self {
        match stage {
            TlsStage::Taken => Self::Taken,
            TlsStage::Spoken => Self::Spoken,
            TlsStage::Required => Self::Required,
        }
    }
}

impl From<&TlsFields> for RawTls {
    fn from(fields: &TlsFields) -> Self {
        let TlsFields { cert, key, ca, stage, strict } = fields.clone();
        Self { cert, key, ca, stage: stage.map(Into::into), strict }
    }
}

/// What is said for all members, if the file says anything of TLS.
pub(super) fn of_all(tls: Option<&FileTls>) -> Option<RawTls> {
    tls.map(|tls| RawTls::from(&tls.all))
}

/// What is said for this member.
pub(super) fn of_member(tls: Option<&FileTls>, id: ServerId) -> Option<RawMemberTls> {
    let MemberTls { fields, name } = tls?.members.get(&id)?;
    let RawTls { cert, key, ca, stage, strict } = RawTls::from(fields);
    let name = name.as_ref().map(ToString::to_string);
    Some(RawMemberTls { name, cert, key, ca, stage, strict })
}
