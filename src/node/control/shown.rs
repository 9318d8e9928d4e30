//! Texts in what a node answers, that may be shown as they are. A node writes no others; who answers may be something else.

use ballotbox_core::UntrustedText;
use serde::{Deserialize, Deserializer, de::Error};

/// At most this many bytes of a text in a report: a path that was shortened, with what is said of the rest.
const TEXT_MAX: usize = UntrustedText::PATH_SHOWN_MAX + 64;

/// Reads one.
pub(super) fn shown<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    may_be_shown(String::deserialize(text)?)
}

pub(super) fn shown_if_any<'de, D: Deserializer<'de>>(text: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(text)?.map(may_be_shown).transpose()
}

fn may_be_shown<E: Error>(text: String) -> Result<String, E> {
    if text.len() > TEXT_MAX || text.chars().any(UntrustedText::is_escaped) {
        let expected = format!(
            "a text that is not to be shown: expected at most {TEXT_MAX} bytes, and no hidden characters"
        );
        return Err(E::custom(expected));
    }
    Ok(text)
}
