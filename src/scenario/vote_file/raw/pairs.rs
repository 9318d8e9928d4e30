//! Lists of exactly two.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::Id;

/// Two members.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::scenario::vote_file) struct RawPair(
    pub(in crate::scenario::vote_file) Id,
    pub(in crate::scenario::vote_file) Id,
);

impl<'de> Deserialize<'de> for RawPair {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let ids = TwoOf::new("a pair of ids, as in [1, 2]");
        json.deserialize_any(ids).map(|(one, other)| Self(one, other))
    }
}

/// Reads a list of two. Of anything else it says what was expected: serde's own words are about tuples, or about a comma.
pub(super) struct TwoOf<T> {
    what: &'static str,
    of: PhantomData<T>,
}

impl<T> TwoOf<T> {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for TwoOf<T> {
    type Value = (T, T);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<(T, T), A::Error> {
        let too_short = |length| de::Error::invalid_length(length, &self);
        let one = list.next_element()?.ok_or_else(|| too_short(0))?;
        let other = list.next_element()?.ok_or_else(|| too_short(1))?;
        let mut length = 2;
        while list.next_element::<de::IgnoredAny>()?.is_some() {
            length += 1;
        }
        if length > 2 { Err(de::Error::invalid_length(length, &self)) } else { Ok((one, other)) }
    }
}
