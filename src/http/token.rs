//! [`AdminToken`]: what allows orders from other machines.

use std::{fmt, fs, io::Read as _, path::Path};

use ballotbox_core::UntrustedText;

use crate::files::others_can_read;

/// At most this many bytes; at least this many, as it can be guessed by everybody who reaches the port.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=1024;

/// A secret. Who brings it may give orders. It is never shown.
#[derive(Clone)]
pub struct AdminToken(Vec<u8>);

/// Why there is no token in a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable { path: UntrustedText, error: UntrustedText },
    /// What is in it is no token.
    #[error(
        "{path} has no token: expected one line of {} to {} visible characters, as `openssl rand -hex 32` prints it",
        LENGTH.start(),
        LENGTH.end()
    )]
    NoToken { path: UntrustedText },
}

impl AdminToken {
    /// Reads it from a file. Returns also whether others than its owner can read that file.
    ///
    /// # Errors
    ///
    /// [`TokenError`], when there is none in it.
    pub fn read(path: &Path) -> Result<(Self, bool), TokenError> {
        let shown = UntrustedText::path(path);
        let unreadable = |error| TokenError::Unreadable {
            path: shown.clone(),
            error: UntrustedText::new(error),
        };
        let file = fs::File::open(path).map_err(unreadable)?;
        let is_exposed = others_can_read(&file.metadata().map_err(unreadable)?).is_some();
        let mut bytes = Vec::new();
        let longest = u64::try_from(*LENGTH.end()).unwrap_or(u64::MAX).saturating_add(2);
        file.take(longest).read_to_end(&mut bytes).map_err(unreadable)?;
        let token = Self::parse(&bytes).ok_or(TokenError::NoToken { path: shown })?;
        Ok((token, is_exposed))
    }

    /// The token in these bytes, which may end with the end of a line.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let token = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let token = token.strip_suffix(b"\r").unwrap_or(token);
        let is_visible = token.iter().all(|byte| (b' '..=b'~').contains(byte));
        let is_bare = token.trim_ascii().len() == token.len();
        let is_token = LENGTH.contains(&token.len()) && is_visible && is_bare;
        is_token.then(|| Self(token.to_owned()))
    }

    /// To be sent, and for nothing else.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is it. How long that takes says nothing of where it differs.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let differs =
            self.0.iter().zip(given).fold(0, |differs, (own, given)| differs | (own ^ given));
        given.len() == self.0.len() && std::hint::black_box(differs) == 0
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_some_length_and_is_compared_whole() {
        for wrong in [
            "",
            "\n",
            "short",
            "0123456789abcde\n",
            "0123456789abcdef\nx",
            " 0123456789abcdef",
            "0123456789\tabcdef",
        ] {
            assert!(AdminToken::parse(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        for right in ["0123456789abcdef", "0123456789abcdef\n", "0123456789abcdef\r\n"] {
            let token = AdminToken::parse(right.as_bytes()).unwrap();
            assert!(token.is(b"0123456789abcdef"));
            for wrong in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
                assert!(!token.is(wrong.as_bytes()), "{wrong}");
            }
            assert_eq!(format!("{token:?}"), "AdminToken");
        }
        assert!(AdminToken::parse(&[b'x'; 1025]).is_none());
    }
}
