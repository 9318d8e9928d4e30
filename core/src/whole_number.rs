//! [`whole_number`]: a number as people write it, digits and nothing else.

use std::str::FromStr;

/// The number that this text is, if it is made of decimal digits alone and fits: Rust takes a plus in front as well. (The files
/// of real servers have [other rules](crate::membership::java).)
pub fn whole_number<T: FromStr>(text: &str) -> Option<T> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_nothing_else_is() {
        assert_eq!(whole_number::<u16>("65535"), Some(u16::MAX));
        assert_eq!(whole_number::<i64>("007"), Some(7));
        for text in ["", "+1", "-1", "-0", " 1", "1 ", "1.0", "1_000", "0x1", "\u{661}", "65536"] {
            assert_eq!(whole_number::<u16>(text), None, "{text:?}");
        }
    }
}
