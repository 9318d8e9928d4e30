//! [`Identity`]: the text of the file that says which member's directory this is, and what it remembers.
//!
//! ```text
//! ballotbox identity 1
//! member 3
//! directory 00000000deadbeef
//! incarnation 7
//! recorded 12
//! ensemble 0123456789abcdef
//! confirmed yes
//! checksum 1f5c8a0e22b14d90
//! ```
//!
//! `recorded` and `ensemble` may be `no`. Behind that a member that has promised leaders something says for how long at most, in
//! nanoseconds, with a checksum of its own:
//!
//! ```text
//! longest-promise 2040404041
//! checksum 0c4d4a1f2b3c5e60
//! ```
//!
//! What follows is from a later version, and not read.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, EnsembleId, Incarnation},
    whole_number,
};

use super::epoch_text;
use crate::files::{
    TextError,
    text::{Lines, hex, write_checksum},
};

const VERSION_LINE: &str = "ballotbox identity 1";

const LONGEST_PROMISE: &str = "longest-promise";

/// What a member keeps beside its epochs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) member: ServerId,
    pub(super) directory: DirectoryId,
    pub(super) incarnation: Incarnation,
    /// The current epoch with which the ensemble has recorded it, or a newer one. With an older one beside it in `currentEpoch`,
    /// the directory has forgotten a word.
    pub(super) recorded: Option<Epoch>,
    pub(super) ensemble: Option<EnsembleId>,
    /// Whether an epoch of that ensemble has begun.
    pub(super) confirmed: bool,
    /// The longest promise it may ever have made.
    pub(super) longest_promise: Duration,
}

impl Identity {
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = write!(text, "{self}");
        write_checksum(&mut text);
        if !self.longest_promise.is_zero() {
            let nanos = u64::try_from(self.longest_promise.as_nanos()).unwrap_or(u64::MAX);
            let _ = writeln!(text, "{LONGEST_PROMISE} {nanos}");
            write_checksum(&mut text);
        }
        text.into_bytes()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TextError> {
        let mut lines = Lines::begin(bytes, VERSION_LINE)?;
        let mut identity = Self {
            member: lines.value("member", |text| text.parse().ok())?,
            directory: lines.value("directory", |text| hex(text).map(DirectoryId))?,
            incarnation: lines.value("incarnation", |text| whole_number(text).map(Incarnation))?,
            recorded: lines.value_or_no("recorded", epoch)?,
            ensemble: lines.value_or_no("ensemble", |text| hex(text).map(EnsembleId))?,
            confirmed: lines.value("confirmed", yes_or_no)?,
            longest_promise: Duration::ZERO,
        };
        lines.checksum()?;
        if lines.rest().starts_with(LONGEST_PROMISE.as_bytes()) {
            let longest = lines.value(LONGEST_PROMISE, whole_number)?;
            lines.checksum()?;
            identity.longest_promise = Duration::from_nanos(longest);
        }
        Ok(identity)
    }
}

/// All lines but the checksum.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_no = |text: Option<String>| text.unwrap_or_else(|| "no".to_owned());
        writeln!(f, "{VERSION_LINE}")?;
        writeln!(f, "member {}", self.member)?;
        writeln!(f, "directory {}", self.directory)?;
        writeln!(f, "incarnation {}", self.incarnation)?;
        writeln!(f, "recorded {}", or_no(self.recorded.map(|epoch| epoch.0.to_string())))?;
        writeln!(f, "ensemble {}", or_no(self.ensemble.map(|id| id.to_string())))?;
        writeln!(f, "confirmed {}", if self.confirmed { "yes" } else { "no" })
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn epoch(text: &str) -> Option<Epoch> {
    epoch_text::parse(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            member: ServerId::new(3).unwrap(),
            directory: DirectoryId(0xdead_beef),
            incarnation: Incarnation(7),
            recorded: Some(Epoch(12)),
            ensemble: Some(EnsembleId(0x0123_4567_89ab_cdef)),
            confirmed: true,
            longest_promise: Duration::ZERO,
        }
    }

    fn that_has_promised() -> Identity {
        Identity { longest_promise: Duration::from_nanos(2_040_404_041), ..identity() }
    }

    #[test]
    fn an_identity_is_this_text_and_reads_back() {
        let text = identity().text();
        let expected = "ballotbox identity 1\nmember 3\ndirectory 00000000deadbeef\nincarnation 7\n\
                        recorded 12\nensemble 0123456789abcdef\nconfirmed yes\nchecksum 6aeb4c68a8ffec0a\n";
        assert_eq!(String::from_utf8(text.clone()).unwrap(), expected);
        assert_eq!(Identity::parse(&text), Ok(identity()));
        let new = Identity { recorded: None, ensemble: None, ..identity() };
        assert_eq!(Identity::parse(&new.text()), Ok(new));
    }

    #[test]
    fn what_a_later_version_has_added_behind_is_not_read() {
        let text = [identity().text().as_slice(), b"promised 6000\n\xff"].concat();
        assert_eq!(Identity::parse(&text), Ok(identity()));
    }

    #[test]
    fn what_was_promised_stands_behind_where_an_earlier_version_does_not_look() {
        let text = that_has_promised().text();
        let known = identity().text();
        assert!(text.starts_with(&known));
        let added = std::str::from_utf8(&text[known.len()..]).unwrap();
        assert!(added.starts_with("longest-promise 2040404041\nchecksum "), "{added}");
        assert_eq!(Identity::parse(&text), Ok(that_has_promised()));
        for at in known.len() + LONGEST_PROMISE.len()..text.len() {
            assert!(Identity::parse(&text[..at]).is_err(), "{at} bytes");
            let mut damaged = text.clone();
            damaged[at] ^= 4;
            assert!(Identity::parse(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_text_that_ends_early_is_torn_wherever_it_ends() {
        let text = identity().text();
        for length in 0..text.len() {
            let error = Identity::parse(&text[..length]).unwrap_err();
            assert!(matches!(error, TextError::Torn(_)), "{length} bytes: {error}");
        }
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_is() {
        let text = identity().text();
        for at in 0..text.len() {
            for flipped in [1, 4, 32, 128] {
                let mut text = text.clone();
                text[at] ^= flipped;
                assert_ne!(Identity::parse(&text), Ok(identity()), "byte {at}");
            }
        }
    }

    #[test]
    fn other_files_and_versions_are_told_apart() {
        let message = |text: &[u8]| Identity::parse(text).unwrap_err().to_string();
        assert_eq!(
            message(b"ballotbox identity 2\nmember 3\n"),
            "it has version \"2\": expected 1; use the version of ballotbox that has written it"
        );
        assert_eq!(message(b"3\n"), "it begins with \"3\": expected \"ballotbox identity 1\"");
        assert_eq!(message(b""), "it is torn: the line \"ballotbox identity 1\" is missing");
        assert_eq!(
            message(b"ballotbox identity 1\nmember three\n"),
            "it is damaged: \"member three\" is no line \"member\""
        );
        let text =
            String::from_utf8(identity().text()).unwrap().replace("recorded 12", "recorded 2");
        assert!(message(text.as_bytes()).starts_with("it is damaged: its checksum is "));
    }
}
