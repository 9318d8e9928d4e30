//! Times on the command line: `500ms`, `30s`, `2m`.

use std::time::Duration;

use ballotbox::UntrustedText;

/// No deadline is longer than a day.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// Why a text is no time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no time from 1ms to 24h: expected a whole number and a unit, as in 500ms, 30s, 2m or 1h"
)]
pub(super) struct DurationError(UntrustedText);

/// Reads a whole number with the unit `ms`, `s`, `m` or `h`.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    let refused = || DurationError(text.into());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    let time = Duration::from_millis(number.checked_mul(millis).ok_or_else(refused)?);
    if time.is_zero() || time > MAX { Err(refused()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_time() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("24h"), Ok(MAX));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "30", "s", "-1s", "1.5s", "0s", "25h", "1 s", "99999999999999999999s", "é"]
        {
            assert_eq!(parse(text), Err(DurationError(text.into())));
        }
        assert!(parse("18446744073709551615h").is_err());
    }
}
