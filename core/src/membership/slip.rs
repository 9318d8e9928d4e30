//! [`Slip`]: what gets into a value by mistake, and makes it something else than its author thinks.

mod left_in;

use crate::UntrustedText;

pub use self::left_in::is_left_in;
use self::left_in::left_in;

/// What got into a value by mistake.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Slip {
    /// A character that cannot be seen; it is shown escaped.
    #[error("it holds the invisible character `{found}`: take it out")]
    Invisible { found: UntrustedText },
    /// A variable or placeholder of a template.
    #[error("`{found}` looks like a variable of a template that was not filled in")]
    LeftIn { found: UntrustedText },
    /// A comment behind the value.
    #[error(
        "`#` begins a comment only at the beginning of a line: give the comment a line of its own"
    )]
    Comment,
    /// Quotes around the value, or in it.
    #[error("quotes have no meaning here, they become a part of the value: leave them out")]
    Quotes,
}

impl Slip {
    /// The first slip in a value, the most telling kind first.
    pub fn find(value: &str) -> Option<Self> {
        if let Some(hidden) = value.chars().find(|c| UntrustedText::is_escaped(*c)) {
            return Some(Self::Invisible { found: UntrustedText::new(hidden) });
        }
        if let Some(found) = left_in(value) {
            return Some(Self::LeftIn { found: found.into() });
        }
        if value.starts_with('#') || value.contains(" #") {
            return Some(Self::Comment);
        }
        let quoted = |mark| value.starts_with(mark) || value.ends_with(mark);
        (quoted('"') || quoted('\'') || value.contains('"')).then_some(Self::Quotes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_what_is_none_is_not() {
        let found = |value| Slip::find(value);
        assert!(matches!(found("2181\u{200b}"), Some(Slip::Invisible { .. })));
        assert!(matches!(found("a\tb"), Some(Slip::Invisible { .. })));
        assert!(matches!(found("${PORT}"), Some(Slip::LeftIn { .. })));
        assert!(matches!(found("2181 # for clients"), Some(Slip::Comment)));
        assert!(matches!(found("# for clients"), Some(Slip::Comment)));
        for quoted in ["\"a\"", "'a'", "\"a", "'a", "a'", "a \"b\" c"] {
            assert!(matches!(found(quoted), Some(Slip::Quotes)), "{quoted}");
        }
        for plain in ["", "2181", "/data/#1", "/mnt/o'hara/log", "a b", "größer"] {
            assert_eq!(found(plain), None, "{plain}");
        }
        let shown = found("2181\u{200b}").map(|slip| slip.to_string());
        assert!(shown.is_some_and(|shown| shown.contains(r"`\u{200b}`")));
    }
}
