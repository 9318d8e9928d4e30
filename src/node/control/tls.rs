//! [`TlsReport`]: how a node speaks TLS, as it tells other processes.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::shown::shown;
use crate::node::desk::Constants;

/// How a node speaks TLS with other members.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TlsReport {
    /// How far the ensemble has come from plain text, by this node: `taken`, `spoken` or `required`.
    #[serde(deserialize_with = "shown")]
    pub stage: String,
    /// Until when the certificate that it shows is valid.
    #[serde(with = "time_of_day")]
    pub certificate_until: SystemTime,
}

impl TlsReport {
    /// That of this node at this moment.
    #[cfg(feature = "tls")]
    pub(super) fn of(constants: &Constants) -> Option<Self> {
        let tls = constants.tls.as_ref()?;
        Some(Self {
            stage: tls.stage().word().to_owned(),
            certificate_until: tls.certificate().not_after,
        })
    }

    /// None: TLS is not compiled in.
    #[cfg(not(feature = "tls"))]
    pub(super) const fn of(_: &Constants) -> Option<Self> {
        None
    }
}

/// A time of day, as `2026-11-25T13:55:21Z`.
mod time_of_day {
    use std::time::SystemTime;

    use ballotbox_actors::kit::clock;
    use ballotbox_core::UntrustedText;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        clock::rfc3339_seconds(*time).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        clock::parse_rfc3339(&text).ok_or_else(|| {
            let text = UntrustedText::new(text);
            D::Error::custom(format!("{text} is no time: expected one as 2026-11-25T13:55:21Z"))
        })
    }
}
