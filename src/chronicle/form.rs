//! How times, ids of changes and texts stand in JSON. Who reads it trusts nobody: it may come from something else than a node.

use std::{
    fmt::{Display, Write as _},
    time::{Duration, SystemTime},
};

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

/// `2026-11-25T13:55:21.123Z`. A clock that is out of all bounds is shown at their edge.
pub(super) fn rfc3339(time: SystemTime) -> String {
    const YEAR_9999_ENDS: u128 = 253_402_300_799_999;
    const DAY: u64 = 24 * 60 * 60;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis().min(YEAR_9999_ENDS)).unwrap_or_default();
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (days, second) = (seconds / DAY, seconds % DAY);
    // Years that begin in March end with the day that some of them lack.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let mut text = String::new();
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_others_show_it() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (951_868_800, "2000-03-01T00:00:00.007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.007Z"),
            (1_735_689_599, "2024-12-31T23:59:59.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (1_000_000_000_000, "9999-12-31T23:59:59.999Z"),
        ] {
            let time =
                SystemTime::UNIX_EPOCH + Duration::from_millis(7) + Duration::from_secs(seconds);
            assert_eq!(rfc3339(time), text);
        }
    }
}
