//! The text of `acceptedEpoch` and `currentEpoch`: read as a real server reads it, but no epoch that does not fit on the wire.

use ballotbox_core::{UntrustedText, election::Epoch, leadership::EPOCH_MAX};

/// Why a text is no epoch.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EpochTextError {
    /// Its first line has nothing in it.
    #[error("its first line is empty: expected a whole number from 0 to {EPOCH_MAX}")]
    Empty,
    /// Its first line is something else.
    #[error("{0:?} is no whole number: expected one from 0 to {EPOCH_MAX}, without blanks")]
    NotANumber(UntrustedText),
    /// The number cannot be an epoch.
    #[error("{0} is not from 0 to {EPOCH_MAX}")]
    OutOfRange(UntrustedText),
}

/// The first line, as Java's `readLine` and `parseLong` take it: a sign is allowed, a blank is not.
pub(super) fn parse(bytes: &[u8]) -> Result<Epoch, EpochTextError> {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or(&[]);
    if line.is_empty() {
        return Err(EpochTextError::Empty);
    }
    let shown = || UntrustedText::from_bytes(line);
    let digits = line.strip_prefix(b"+").or_else(|| line.strip_prefix(b"-")).unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(EpochTextError::NotANumber(shown()));
    }
    let number = std::str::from_utf8(line).ok().and_then(|text| text.parse::<i64>().ok());
    let epoch = number.map(Epoch).filter(|epoch| fits(*epoch));
    epoch.ok_or_else(|| EpochTextError::OutOfRange(shown()))
}

/// As a real server writes it.
pub(super) fn text(epoch: Epoch) -> Vec<u8> {
    epoch.0.to_string().into_bytes()
}

/// Whether this epoch can be stored.
pub(super) fn fits(epoch: Epoch) -> bool {
    (Epoch(0)..=EPOCH_MAX).contains(&epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_real_server_reads_is_read() {
        for (text, epoch) in [
            ("0", 0),
            ("3", 3),
            ("3\n", 3),
            ("3\r\n", 3),
            ("+3", 3),
            ("-0", 0),
            ("0003", 3),
            ("3\n4\n", 3),
            ("2147483646", EPOCH_MAX.0),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(Epoch(epoch)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_epoch_is_refused_with_what_was_found() {
        for (text, message) in [
            ("", "its first line is empty: expected a whole number from 0 to 2147483646"),
            ("\n3", "its first line is empty: expected a whole number from 0 to 2147483646"),
            (" 3", "\" 3\" is no whole number: expected one from 0 to 2147483646, without blanks"),
            (
                "three",
                "\"three\" is no whole number: expected one from 0 to 2147483646, without blanks",
            ),
            ("+", "\"+\" is no whole number: expected one from 0 to 2147483646, without blanks"),
            ("-1", "-1 is not from 0 to 2147483646"),
            ("2147483647", "2147483647 is not from 0 to 2147483646"),
            ("99999999999999999999", "99999999999999999999 is not from 0 to 2147483646"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), message, "{text:?}");
        }
        assert!(parse(b"\xff3").is_err());
    }
}
