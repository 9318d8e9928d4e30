//! [`ServerId`]: who is at the other end.

use std::fmt;

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

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_observer_without_an_id_is_none() {
        assert_eq!(ServerId::from_wire(i64::MAX), None);
        assert_eq!(ServerId::from_wire(-1), None);
        assert_eq!(ServerId::from_wire(i64::MAX - 1), Some(ServerId::MAX));
        assert_eq!(ServerId::MAX.to_wire(), i64::MAX - 1);
    }
}
