//! The numbers of a vote file, each with its bounds.

use std::{fmt, time::Duration};

use ballotbox_core::ServerId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    election::{Epoch, Zxid},
    scenario::vote_file::TIME_MAX,
};

/// A server id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct Id(pub(in crate::scenario::vote_file) ServerId);

/// Milliseconds from 0 to an hour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct Millis(pub(in crate::scenario::vote_file) Duration);

/// When a step happens: milliseconds from 0 to an hour, to the microsecond.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct StepTime(pub(in crate::scenario::vote_file) Duration);

/// Milliseconds from 1 to an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct PositiveMillis(
    pub(in crate::scenario::vote_file) Duration,
);

/// A weight or the number of a group: 0 to 2^63 - 1, as in a zoo.cfg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct Whole(pub(in crate::scenario::vote_file) u64);

/// 0 to 2^63 - 1, written as a number or in hex.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct RawZxid(pub(in crate::scenario::vote_file) Zxid);

/// 0 to 2^31 - 1: the high half of a zxid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::scenario::vote_file) struct RawEpoch(pub(in crate::scenario::vote_file) Epoch);

/// Reads a whole number between two bounds, and says so when it finds something else.
pub(super) struct Bounded {
    what: &'static str,
    min: u64,
    max: u64,
    hex_too: bool,
}

impl Bounded {
    pub(super) const fn new(what: &'static str, min: u64, max: u64) -> Self {
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

impl<'de> Deserialize<'de> for StepTime {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Times;
        impl de::Visitor<'_> for Times {
            type Value = StepTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "milliseconds: a number from 0 to {MILLIS_MAX}, such as 12 or 12.345")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<StepTime, E> {
                let time = Duration::from_millis(number);
                let unexpected = de::Unexpected::Unsigned(number);
                if time > TIME_MAX {
                    Err(E::invalid_value(unexpected, &self))
                } else {
                    Ok(StepTime(time))
                }
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<StepTime, E> {
                let half_a_micro = Duration::from_nanos(500);
                let time = Duration::try_from_secs_f64(number / 1000.0).ok();
                match time.filter(|time| *time <= TIME_MAX) {
                    Some(time) => {
                        let micros = (time + half_a_micro).as_micros();
                        Ok(StepTime(Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
                    }
                    None => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
                }
            }
        }
        json.deserialize_any(Times)
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

impl Serialize for StepTime {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let micros = u32::try_from(self.0.as_micros()).unwrap_or(u32::MAX);
        if micros.is_multiple_of(1000) {
            json.serialize_u32(micros / 1000)
        } else {
            json.serialize_f64(f64::from(micros) / 1000.0)
        }
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

pub(super) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
