//! [`Rounded`]: a duration as people read it.

use std::{fmt, time::Duration};

/// Shows a duration with the digits that matter, and its unit: `0.4 ms`, `1846.4 ms`, `2.0 s`, `12 s`, `2 min 5 s`,
/// `3 h 20 min`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rounded(pub Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded before the unit is chosen, so that 9.96 s is 10 s and 119.7 s is 2 min.
        let tenths_of_ms = self.0.as_micros().saturating_add(50) / 100;
        let tenths = self.0.as_millis().saturating_add(50) / 100;
        let seconds = self.0.as_millis().saturating_add(500) / 1000;
        let minutes = seconds.saturating_add(30) / 60;
        if tenths_of_ms < 20_000 {
            write!(f, "{}.{} ms", tenths_of_ms / 10, tenths_of_ms % 10)
        } else if tenths < 100 {
            write!(f, "{}.{} s", tenths / 10, tenths % 10)
        } else if seconds < 120 {
            write!(f, "{seconds} s")
        } else if seconds < 7200 {
            write!(f, "{} min", seconds / 60)?;
            non_zero(f, seconds % 60, "s")
        } else {
            write!(f, "{} h", minutes / 60)?;
            non_zero(f, minutes % 60, "min")
        }
    }
}

/// Milliseconds with one digit after the point, as they stand in JSON.
pub fn tenths_of_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn non_zero(f: &mut fmt::Formatter<'_>, rest: u128, unit: &str) -> fmt::Result {
    if rest == 0 { Ok(()) } else { write!(f, " {rest} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_digits_that_matter() {
        let shown = |micros: u64| Rounded(Duration::from_micros(micros)).to_string();
        for (micros, expected) in [
            (0, "0.0 ms"),
            (449, "0.4 ms"),
            (450, "0.5 ms"),
            (1_846_400, "1846.4 ms"),
            (1_999_949, "1999.9 ms"),
            (1_999_950, "2.0 s"),
            (5_000_000, "5.0 s"),
            (9_949_000, "9.9 s"),
            (9_950_000, "10 s"),
            (12_345_678, "12 s"),
            (119_499_000, "119 s"),
            (119_500_000, "2 min"),
            (125_000_000, "2 min 5 s"),
            (7_199_500_000, "2 h"),
            (12_000_000_000, "3 h 20 min"),
        ] {
            assert_eq!(shown(micros), expected, "{micros} µs");
        }
        // However long it is, nothing overflows.
        assert_eq!(Rounded(Duration::MAX).to_string(), "5124095576030431 h");
    }
}
