//! What Java's library makes of text, as far as real servers let it decide.
//!
//! A zoo.cfg that means one thing to a real server and another to us would split an ensemble, so we read numbers and
//! lists with the rules of `Long.parseLong`, `Integer.getInteger` and `String.split`. Only ASCII digits are digits
//! here; Java takes those of every script.

/// A number as `parseLong` reads it: digits, with a sign if one likes.
pub fn number(text: &str) -> Option<i64> {
    parse(text, 10)
}

/// The same in hexadecimal digits.
pub fn hexadecimal(text: &str) -> Option<i64> {
    parse(text, 16)
}

/// A number as `getInteger` and `getLong` read it: beside decimal digits, `0x10` and `#10` are 16, and `010` is 8.
pub fn decoded(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = ["0x", "0X", "#"].into_iter().find_map(|prefix| digits.strip_prefix(prefix));
    let (digits, radix) = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        (None, _) => (digits, 10),
    };
    let unsigned = digits.starts_with(|c: char| c.is_ascii_alphanumeric());
    parse(&format!("{sign}{digits}"), radix).filter(|_| unsigned)
}

/// Whether a number is written as everybody would write it: without a plus, without zeros in front.
pub fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" || digits.starts_with(|c: char| c.is_ascii_digit() && c != '0')
}

/// The parts of a text, as `split` cuts it: empty ones at the end are dropped, but a text without the separator is
/// one part, empty or not.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let kept = text.trim_end_matches(separator);
    let nothing = kept.is_empty() && !text.is_empty();
    kept.split(separator).filter(move |_| !nothing)
}

/// The text without what `trim` takes away: blanks and control characters.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

fn parse(text: &str, radix: u32) -> Option<i64> {
    // Rust and Java agree on signs, and on digits as far as they are ASCII.
    i64::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_a_sign_and_zeros_in_front_and_nothing_else() {
        for (text, expected) in
            [("0", 0), ("03", 3), ("+1", 1), ("-7", -7), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in ["", "+", "-", "1 ", " 1", "1.0", "0x1", "9223372036854775808", "1_0", "ten"] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(hexadecimal("10000001a"), Some(0x1_0000_001a));
        assert_eq!(hexadecimal("fffffffffffffffb"), None);
    }

    #[test]
    fn properties_may_be_octal_or_hexadecimal() {
        for (text, expected) in [
            ("10", 10),
            ("010", 8),
            ("0x10", 16),
            ("-0X10", -16),
            ("#10", 16),
            ("+010", 8),
            ("0", 0),
        ] {
            assert_eq!(decoded(text), Some(expected), "{text}");
        }
        for text in ["", "08", "0x", "--1", "0x-1", "+-1", "#", "1m"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn plain_numbers_have_one_way_to_be_written() {
        assert!(["0", "10", "-1"].into_iter().all(is_plain));
        assert!(!["00", "+1", "01", "-01", "", "x"].into_iter().any(is_plain));
    }

    #[test]
    fn empty_parts_at_the_end_are_dropped() {
        let parts = |text| split(text, ':').collect::<Vec<_>>();
        assert_eq!(parts("a:b"), ["a", "b"]);
        assert_eq!(parts(":a::b::"), ["", "a", "", "b"]);
        assert_eq!(parts(""), [""]);
        assert_eq!(parts("::"), <[&str; 0]>::default());
    }
}
