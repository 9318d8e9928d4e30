//! [`Request`]: what can be asked, and [`RequestBuffer`], which cuts what comes in into requests.

use std::time::Duration;

use ballotbox_core::{ServerId, UntrustedText, leadership::Successor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

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
    /// How the last leaders came to lead.
    Why {},
    /// Give the leadership up.
    Resign {
        /// In favour of this member; of any that can, if it is not said.
        #[serde(
            default,
            skip_serializing_if = "is_any",
            serialize_with = "id_of",
            deserialize_with = "successor"
        )]
        to: Successor,
        /// Within so many milliseconds: so long the work may take to end, and so long the answer.
        #[serde(rename = "within_ms", serialize_with = "millis_of", deserialize_with = "within")]
        within: Duration,
    },
}

/// Nobody waits longer for a successor.
pub const RESIGN_WITHIN_MAX: Duration = Duration::from_secs(3600);

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_any(to: &Successor) -> bool {
    *to == Successor::Any
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn id_of<S: Serializer>(to: &Successor, serializer: S) -> Result<S::Ok, S::Error> {
    match to {
        Successor::Any => serializer.serialize_none(),
        Successor::To(id) => serializer.serialize_u64(id.number()),
    }
}

fn successor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Successor, D::Error> {
    let Some(number) = Option::<u64>::deserialize(deserializer)? else { return Ok(Successor::Any) };
    let expected = || format!("id {number}: expected 0 to {}", ServerId::MAX);
    ServerId::new(number).map(Successor::To).ok_or_else(|| D::Error::custom(expected()))
}

fn millis_of<S: Serializer>(within: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(within.as_millis()).unwrap_or(u64::MAX))
}

fn within<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let within = Duration::from_millis(u64::deserialize(deserializer)?);
    if within > RESIGN_WITHIN_MAX {
        let text = format!("within {within:?}: expected at most {RESIGN_WITHIN_MAX:?}");
        return Err(D::Error::custom(text));
    }
    Ok(within)
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

/// What was read of a connection, and not yet looked at.
#[derive(Debug, Default)]
pub(super) struct RequestBuffer(Vec<u8>);

impl RequestBuffer {
    /// The next request, if all of its line is there.
    pub(super) fn next_request(&mut self) -> Result<Option<Request>, Refusal> {
        if let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).take(end).collect();
            return Request::parse(&line).map(Some);
        }
        if self.room() == 0 {
            let text = format!("a line of more than {LINE_MAX} bytes: expected a request");
            return Err(Refusal::new(text));
        }
        Ok(None)
    }

    /// At most this many bytes may be read now: some, after [`next_request`](Self::next_request) has found none.
    pub(super) const fn room(&self) -> usize {
        LINE_MAX - self.0.len()
    }

    /// These bytes were read.
    pub(super) fn filled(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Request {
    /// Reads a line.
    fn parse(line: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(line).map_err(|error| {
            let error = UntrustedText::new(error);
            Refusal::new(format!(
                "no request: {error}; expected {{\"request\":\"status\"}}, {{\"request\":\"why\"}} or \
                 {{\"request\":\"resign\",\"within_ms\":5000}}"
            ))
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

/// What a node reads of a connection on which this comes, piece by piece: the requests, as we write them, and what it answers
/// before it hangs up, if it does. The fuzzer calls this.
#[doc(hidden)]
pub fn requests_read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let mut buffer = RequestBuffer::default();
    let mut requests = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            let (read, later) = rest.split_at(rest.len().min(buffer.room()));
            buffer.filled(read);
            rest = later;
            loop {
                match buffer.next_request() {
                    Ok(Some(request)) => requests.push(line(&request)),
                    Ok(None) => break,
                    Err(refusal) => return (requests, Some(line(&refusal))),
                }
            }
        }
    }
    (requests, None)
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
    fn a_node_can_be_asked_why_and_for_nothing_else_with_it() {
        let line = line(&Request::Why {});
        assert_eq!(line, b"{\"request\":\"why\"}\n");
        let read = Request::parse(line.trim_ascii_end()).map_err(|refusal| refusal.error);
        assert_eq!(read, Ok(Request::Why {}));
    }

    #[test]
    fn a_node_can_be_asked_to_resign_in_favour_of_whoever_can_or_of_one_member() {
        let any = Request::Resign { to: Successor::Any, within: Duration::from_secs(5) };
        let to = Successor::To(ServerId::new(2).unwrap());
        let named = Request::Resign { to, within: Duration::from_secs(3600) };
        for (text, request) in [
            (r#"{"request":"resign","within_ms":5000}"#, any),
            (r#"{"request":"resign","to":2,"within_ms":3600000}"#, named),
        ] {
            let read = Request::parse(text.as_bytes()).map_err(|refusal| refusal.error);
            assert_eq!(read, Ok(request));
            assert_eq!(line(&request), format!("{text}\n").into_bytes());
        }
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
            r#"{"request":"resign","within_ms":3600001}"#,
            r#"{"request":"resign","within_ms":1,"to":9223372036854775808}"#,
            r#"{"request":"resign","within_ms":1,"too":1}"#,
            r#"{"request":"status","sean":1}"#,
            r#"{"request":"status","seen":-1}"#,
            r#"{"request":"why","seen":1}"#,
            r#"{"request":"Why"}"#,
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

    #[test]
    fn a_line_of_the_largest_length_is_read_and_one_byte_more_is_refused() {
        let longest = format!("{:<1$}\n", "{\"request\":\"status\"}", LINE_MAX - 1);
        let (requests, refusal) = requests_read([longest.as_bytes(), longest.as_bytes()]);
        assert_eq!((requests.len(), refusal), (2, None));
        let (requests, refusal) = requests_read([b" ".as_slice(), longest.as_bytes()]);
        let expected = "{\"error\":\"a line of more than 1024 bytes: expected a request\"}\n";
        assert_eq!((requests.len(), refusal), (0, Some(expected.as_bytes().to_vec())));
    }
}
