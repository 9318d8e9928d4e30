//! [`ServerId`]: who is at the other end.

use std::{fmt, str::FromStr};

use crate::{UntrustedText, whole_number};

/// The identity of a server, ZooKeeper's `sid` and `myid`: 0 to 2^63 - 2.
///
/// 2^63 - 1 is not an id: on the wire it stands for "an observer without an id".
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerId(u64);

impl ServerId {
    /// The largest id there is.
    pub const MAX: Self = Self(i64::MAX as u64 - 1);

    /// The id with this number, or `None` above [`ServerId::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The id as a plain number, for printing and for the wire.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id in a signed field of the wire, or `None` if the field does not hold one.
    pub fn from_wire(field: i64) -> Option<Self> {
        u64::try_from(field).ok().and_then(Self::new)
    }

    /// The id as a signed field of the wire.
    pub fn to_wire(self) -> i64 {
        self.0.cast_signed()
    }
}

/// Why a text is no [`ServerId`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no server id: expected a whole number from 0 to {max}", max = ServerId::MAX)]
pub struct ServerIdError(UntrustedText);

impl FromStr for ServerId {
    type Err = ServerIdError;

    fn from_str(text: &str) -> Result<Self, ServerIdError> {
        let id = whole_number(text).and_then(Self::new);
        id.ok_or_else(|| ServerIdError(UntrustedText::new(text)))
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_digits_alone() {
        assert_eq!("007".parse(), Ok(ServerId(7)));
        assert_eq!(ServerId::MAX.to_string().parse(), Ok(ServerId::MAX));
        for (text, shown) in
            [("+7", "+7"), ("", ""), ("9223372036854775807", "9223372036854775807")]
        {
            let error = text.parse::<ServerId>().unwrap_err().to_string();
            let expected = "is no server id: expected a whole number from 0 to 9223372036854775806";
            assert_eq!(error, format!("`{shown}` {expected}"));
        }
    }

    #[test]
    fn the_id_of_an_observer_without_an_id_is_none() {
        assert_eq!(ServerId::from_wire(i64::MAX), None);
        assert_eq!(ServerId::from_wire(-1), None);
        assert_eq!(ServerId::from_wire(i64::MAX - 1), Some(ServerId::MAX));
        assert_eq!(ServerId::MAX.to_wire(), i64::MAX - 1);
    }
}
