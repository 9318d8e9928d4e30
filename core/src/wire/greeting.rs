//! [`Greeting`]: the first bytes of a connection, by which the dialler says who it is.
//!
//! | form | bytes | sent by |
//! | --- | --- | --- |
//! | bare | i64 id | ZooKeeper 3.4 |
//! | V1 | i64 -65536, i64 id, i32 length, `host:port` | 3.5 and later |
//! | V2 | i64 -65535, i64 id, i32 length, `host:port` joined by a vertical bar | 3.6 and later, several addresses |

use crate::{Endpoint, EndpointError, ServerId};

const V1: i64 = -65536;
const V2: i64 = -65535;

/// The longest address text real servers accept (`maxBuffer` of `InitialMessage`).
const ADDRESS_LEN_MAX: usize = 2048;

const BARE_LEN: usize = 8;
const HEAD_LEN: usize = 8 + 8 + 4;

/// The field of a dialler that has no id of its own.
const NO_ID: i64 = i64::MAX;

/// Who dials, as it says itself: a claim, nothing more.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Greeting {
    /// The dialler's id; `None` for an observer without one.
    pub from: Option<ServerId>,
    /// How it was said, and the addresses that came with it.
    pub form: GreetingForm,
}

/// The forms of a greeting.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum GreetingForm {
    /// Only the id.
    Bare,
    /// The id and the dialler's election address.
    V1(Endpoint),
    /// The id and all the dialler's election addresses, at least one.
    V2(Vec<Endpoint>),
}

/// Why bytes are not a greeting.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum GreetingError {
    /// The first eight bytes are negative and no version we know.
    #[error("greeting version {version}: expected an id, {V1} or {V2}; is this another program?")]
    Version { version: i64 },
    /// The id is negative.
    #[error("id {id} in a greeting: expected 0 to 2^63-1")]
    Id { id: i64 },
    /// The length of the address is out of bounds.
    #[error("an address of {len} bytes in a greeting: expected 1 to {ADDRESS_LEN_MAX}")]
    Length { len: i32 },
    /// The address is not text.
    #[error("the address in a greeting is not UTF-8")]
    NotUtf8,
    /// The address is text, but no address.
    #[error("the address in a greeting: {0}")]
    Address(#[from] EndpointError),
    /// The bytes end too early, or go on after the greeting.
    #[error("a greeting of {found} bytes: expected {expected}")]
    Size {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl Greeting {
    /// How many more bytes belong to the greeting that begins with `head`: 0 when it is whole.
    ///
    /// Reading exactly this many leaves the frames behind it untouched.
    ///
    /// # Errors
    ///
    /// [`GreetingError`] as soon as the bytes cannot become a greeting.
    pub fn missing(head: &[u8]) -> Result<usize, GreetingError> {
        let Some(first) = long_at(head, 0) else {
            return Ok(BARE_LEN - head.len());
        };
        match first {
            0.. => return Ok(0),
            V1 | V2 => {}
            version => return Err(GreetingError::Version { version }),
        }
        let Some(len) = head.get(16..).and_then(<[u8]>::first_chunk) else {
            return Ok(HEAD_LEN - head.len());
        };
        let len = i32::from_be_bytes(*len);
        match usize::try_from(len) {
            Ok(bytes @ 1..=ADDRESS_LEN_MAX) => Ok((HEAD_LEN + bytes).saturating_sub(head.len())),
            _ => Err(GreetingError::Length { len }),
        }
    }

    /// Reads a whole greeting.
    ///
    /// # Errors
    ///
    /// [`GreetingError`], saying what was found and what was expected.
    pub fn decode(bytes: &[u8]) -> Result<Self, GreetingError> {
        let size = |expected| GreetingError::Size { found: bytes.len(), expected };
        match Self::missing(bytes)? {
            0 => {}
            missing => return Err(size(bytes.len() + missing)),
        }
        let first = long_at(bytes, 0).ok_or_else(|| size(BARE_LEN))?;
        if first >= 0 {
            return if bytes.len() == BARE_LEN {
                Ok(Self { from: id_from(first)?, form: GreetingForm::Bare })
            } else {
                Err(size(BARE_LEN))
            };
        }
        let from = id_from(long_at(bytes, 8).ok_or_else(|| size(HEAD_LEN))?)?;
        let (head, text) = bytes.split_at(HEAD_LEN);
        let len = head[16..].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        if text.len() != len {
            return Err(size(HEAD_LEN + len));
        }
        let text = std::str::from_utf8(text).map_err(|_| GreetingError::NotUtf8)?;
        let form = if first == V1 {
            GreetingForm::V1(text.parse()?)
        } else {
            GreetingForm::V2(text.split('|').map(str::parse).collect::<Result<_, _>>()?)
        };
        Ok(Self { from, form })
    }

    /// The greeting as it goes over the wire, for one write: real servers refuse one that is split.
    pub fn encode(&self) -> Vec<u8> {
        let id = self.from.map_or(NO_ID, ServerId::to_wire).to_be_bytes();
        let (version, address) = match &self.form {
            GreetingForm::Bare => return id.to_vec(),
            GreetingForm::V1(endpoint) => (V1, endpoint.to_string()),
            GreetingForm::V2(endpoints) => {
                let texts: Vec<_> = endpoints.iter().map(Endpoint::to_string).collect();
                (V2, texts.join("|"))
            }
        };
        // A name has at most 255 bytes and a configuration few addresses: the length fits.
        let len = u32::try_from(address.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&version.to_be_bytes()[..], &id, &len, address.as_bytes()].concat()
    }
}

fn long_at(bytes: &[u8], offset: usize) -> Option<i64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(i64::from_be_bytes(*field))
}

fn id_from(field: i64) -> Result<Option<ServerId>, GreetingError> {
    match ServerId::from_wire(field) {
        None if field != NO_ID => Err(GreetingError::Id { id: field }),
        id => Ok(id),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v1(id: i64, text: &[u8]) -> Vec<u8> {
        let len = i32::try_from(text.len()).unwrap();
        [&V1.to_be_bytes()[..], &id.to_be_bytes(), &len.to_be_bytes(), text].concat()
    }

    #[test]
    fn the_three_forms_are_read_and_written_back() {
        let endpoint: Endpoint = "[0:0:0:0:0:0:0:1]:3888".parse().unwrap();
        for form in [
            GreetingForm::Bare,
            GreetingForm::V1(endpoint.clone()),
            GreetingForm::V2(vec![endpoint, "zoo1.example:3888".parse().unwrap()]),
        ] {
            let greeting = Greeting { from: ServerId::new(3), form };
            assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
        }
    }

    #[test]
    fn it_says_at_each_byte_how_many_are_missing_as_far_as_can_be_known() {
        let whole = v1(3, b"h:1");
        for there in 0..whole.len() {
            let known = if there < 8 {
                8
            } else if there < 20 {
                20
            } else {
                whole.len()
            };
            assert_eq!(Greeting::missing(&whole[..there]), Ok(known - there));
            let cut = GreetingError::Size { found: there, expected: known };
            assert_eq!(Greeting::decode(&whole[..there]), Err(cut));
        }
        assert_eq!(Greeting::missing(&whole), Ok(0));
        let more = [&whole[..], b"0"].concat();
        let too_long = GreetingError::Size { found: whole.len() + 1, expected: whole.len() };
        assert_eq!(Greeting::decode(&more), Err(too_long));
    }

    #[test]
    fn an_address_text_may_need_two_bytes_of_its_length() {
        let host = "a".repeat(250);
        let addresses = (1..=4).map(|port| format!("{host}:{port}").parse().unwrap());
        let form = GreetingForm::V2(addresses.collect());
        let greeting = Greeting { from: ServerId::new(3), form };
        assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
    }

    #[test]
    fn an_observer_without_an_id_is_nobody() {
        assert_eq!(Greeting::decode(&i64::MAX.to_be_bytes()).unwrap().from, None);
        assert_eq!(Greeting::decode(&v1(-7, b"h:1")), Err(GreetingError::Id { id: -7 }));
    }

    #[test]
    fn what_cannot_become_a_greeting_is_refused_as_soon_as_that_shows() {
        let version = Greeting::missing(&(-3i64).to_be_bytes());
        assert_eq!(version, Err(GreetingError::Version { version: -3 }));
        for len in [0, -1, 2049, i32::MAX, i32::MIN] {
            let mut bytes = v1(3, b"");
            bytes[16..].copy_from_slice(&len.to_be_bytes());
            assert_eq!(Greeting::missing(&bytes), Err(GreetingError::Length { len }));
        }
        assert_eq!(Greeting::decode(&v1(3, b"\xff\xfe:1")), Err(GreetingError::NotUtf8));
        for text in ["host", "host:70000", "host:-1", ":3888", "[::1:3888", "h:1|h:2"] {
            let refused = Greeting::decode(&v1(3, text.as_bytes()));
            assert!(matches!(refused, Err(GreetingError::Address(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_byte_by_byte(
            bytes in prop::collection::vec(any::<u8>(), 0..64), form in 0..3u8,
        ) {
            let mut bytes = bytes;
            match form {
                1 => { bytes.splice(0..0, V1.to_be_bytes()); }
                2 => { bytes.splice(0..0, V2.to_be_bytes()); }
                _ => {}
            }
            for end in 0..=bytes.len() {
                match Greeting::missing(&bytes[..end]) {
                    Ok(0) => { let _ = Greeting::decode(&bytes[..end]); break }
                    Ok(_) => prop_assert!(Greeting::decode(&bytes[..end]).is_err()),
                    Err(_) => break,
                }
            }
        }
    }
}
