//! [`Request`]: what can be asked, and how a line is read.

use ballotbox_core::UntrustedText;
use serde::{Deserialize, Serialize};

/// At most this many bytes in a request, with the end of its line.
pub(super) const LINE_MAX: usize = 1024;

/// What can be asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// How things stand.
    Status {
        /// Answer when the sequence is another one than this, or after a while.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<u64>,
    },
}

/// Why there is no answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Refusal {
    pub(super) error: String,
}

impl Refusal {
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self { error: error.into() }
    }
}

impl Request {
    /// Reads a line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(line).map_err(|error| {
            let error = UntrustedText::new(error);
            Refusal::new(format!("no request: {error}; expected {{\"request\":\"status\"}}"))
        })
    }
}

/// One line of JSON.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    // Nothing that is said here cannot be written as JSON.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_can_be_asked_for_with_and_without_what_was_seen() {
        let parsed = |line: &str| Request::parse(line.as_bytes()).map_err(|refusal| refusal.error);
        let status = |seen| Ok(Request::Status { seen });
        assert_eq!(parsed(r#"{"request":"status"}"#), status(None));
        assert_eq!(parsed("{ \"request\" : \"status\", \"seen\": 7 }\r"), status(Some(7)));
        assert_eq!(
            line(&Request::Status { seen: None }),
            b"{\"request\":\"status\"}\n",
            "and is written so"
        );
    }

    #[test]
    fn everything_else_is_refused_with_what_was_expected() {
        for line in [
            "",
            "status",
            "{}",
            "[]",
            "null",
            r#"{"request":"resign"}"#,
            r#"{"request":"status","sean":1}"#,
            r#"{"request":"status","seen":-1}"#,
            r#"{"request":"status"} {"request":"status"}"#,
            &"[".repeat(LINE_MAX),
            "\u{0}\u{1b}[2J",
        ] {
            let refusal = Request::parse(line.as_bytes()).unwrap_err();
            assert!(refusal.error.contains("expected {\"request\":\"status\"}"), "{line}");
            assert!(!refusal.error.contains('\u{1b}'), "{line}");
        }
        assert!(Request::parse(&[0xff, 0xfe]).is_err());
    }
}
