//! [`Lines`]: how a text file of ours is read, line after line, with a version in front and a checksum behind.
//!
//! ```text
//! ballotbox NAME 1
//! word value
//! checksum 1f5c8a0e22b14d90
//! ```
//!
//! The checksum is that of all lines above it. What follows is from a later version, and not read.

use std::fmt::Write as _;

use ballotbox_core::UntrustedText;

/// Why a text is not what it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TextError {
    /// It begins with something else.
    #[error("it begins with {found:?}: expected {expected:?}")]
    NotOurs {
        /// Its first line.
        found: UntrustedText,
        /// What that should be.
        expected: &'static str,
    },
    /// It was written by another version.
    #[error("it has version {0:?}: expected 1; use the version of ballotbox that has written it")]
    OtherVersion(UntrustedText),
    /// It ends too early.
    #[error("it is torn: the line {0:?} is missing")]
    Torn(&'static str),
    /// A line says something that was never written there.
    #[error("it is damaged: {line:?} is no line {expected:?}")]
    Damaged {
        /// What was found.
        line: UntrustedText,
        /// The first word of the line that belongs there.
        expected: &'static str,
    },
    /// Something in it was changed.
    #[error("it is damaged: its checksum is {found}, and its text gives {computed}")]
    Checksum {
        /// What the file says.
        found: UntrustedText,
        /// What the lines above it come to.
        computed: UntrustedText,
    },
}

/// Behind the lines that are there, the checksum of all of them.
pub(crate) fn write_checksum(text: &mut String) {
    let checksum = checksum(text.as_bytes());
    // Writing to a string never fails.
    let _ = writeln!(text, "checksum {checksum:016x}");
}

/// Reads line after line; each must end with a line end, as a torn one has none.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// Reads the first line, which is `ballotbox`, the name of the file, and 1.
    pub(crate) fn begin(bytes: &'a [u8], version_line: &'static str) -> Result<Self, TextError> {
        let mut lines = Self { bytes, at: 0 };
        let line = lines.next();
        if line == Some(version_line.as_bytes()) {
            return Ok(lines);
        }
        let line = line.unwrap_or(bytes);
        if version_line.as_bytes().starts_with(line) {
            return Err(TextError::Torn(version_line));
        }
        let name = version_line.strip_suffix('1').unwrap_or(version_line);
        Err(match line.strip_prefix(name.as_bytes()) {
            Some(version) => TextError::OtherVersion(UntrustedText::from_bytes(version)),
            None => TextError::NotOurs {
                found: UntrustedText::from_bytes(line),
                expected: version_line,
            },
        })
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += length + 1;
        Some(&rest[..length])
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The checksum of all lines above it.
    pub(crate) fn checksum(&mut self) -> Result<(), TextError> {
        let computed = checksum(&self.bytes[..self.at]);
        let found = self.value("checksum", hex)?;
        let shown = |sum: u64| UntrustedText::new(format_args!("{sum:016x}"));
        let error = || TextError::Checksum { found: shown(found), computed: shown(computed) };
        (found == computed).then_some(()).ok_or_else(error)
    }

    /// The value of the next line, which begins with this word.
    pub(crate) fn value<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, TextError> {
        let line = self.next().ok_or(TextError::Torn(name))?;
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(name));
        let value = text.and_then(|text| text.strip_prefix(' ')).and_then(read);
        value.ok_or_else(|| TextError::Damaged {
            line: UntrustedText::from_bytes(line),
            expected: name,
        })
    }

    /// The same of a value that may be `no`.
    pub(crate) fn value_or_no<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, TextError> {
        self.value(name, |text| if text == "no" { Some(None) } else { read(text).map(Some) })
    }
}

/// A number of sixteen digits.
pub(crate) fn hex(text: &str) -> Option<u64> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = text.len() == 16 && text.bytes().all(is_digit);
    u64::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

/// FNV-1a: it finds what was torn or mistyped, and is no guard against somebody who means it.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
