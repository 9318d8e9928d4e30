//! How times, ids of changes and texts stand in JSON. Who reads it trusts nobody: it may come from something else than a node.

use std::{fmt::Display, time::Duration};

use ballotbox_core::{UntrustedText, election::Zxid};
use serde::{Deserialize, Deserializer, de::Error};

/// At most this many bytes of a text.
const TEXT_MAX: usize = 1024;

/// A text that may be shown as it is.
pub(super) fn text_if_any<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(text)?;
    Ok(text.map(|text| UntrustedText::shortened(text, TEXT_MAX).to_string()))
}

/// A text that is written only if it may be shown.
pub(super) fn shown(text: impl Display) -> String {
    UntrustedText::shortened(text, TEXT_MAX).to_string()
}

/// No node runs longer than a hundred years.
const TIME_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

fn from_ms<E: Error>(ms: f64) -> Result<Duration, E> {
    let time = Duration::try_from_secs_f64(ms / 1000.0).ok().filter(|time| *time <= TIME_MAX);
    time.ok_or_else(|| E::custom(format!("{ms} ms: expected a time")))
}

fn to_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Milliseconds, to the tenth.
pub(super) mod millis {
    use super::{Deserialize, Deserializer, Duration, from_ms, to_ms};

    pub(crate) fn serialize<S: serde::Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_f64(to_ms(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from_ms(f64::deserialize(from)?)
    }
}

/// The same, or null.
pub(super) mod some_millis {
    use super::{Deserialize, Deserializer, Duration, from_ms, to_ms};

    #[allow(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: serde::Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_some(&to_ms(*time)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(from)?.map(from_ms).transpose()
    }
}

/// The id of a change in a history, as ZooKeeper shows it.
pub(super) mod zxid {
    use super::{Deserialize, Deserializer, Error, Zxid};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: serde::Serializer>(zxid: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Zxid(*zxid))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let text = String::deserialize(from)?;
        let digits =
            text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        digits.map(u64::cast_signed).ok_or_else(|| D::Error::custom("a zxid that is no number"))
    }
}
