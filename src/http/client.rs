//! Asks a node at its status port, as `ballotbox why URL` does. For one short question a connection is made, and ended.
//!
//! It speaks HTTP/1.0, in which the answer ends with the connection: so there is nothing else to understand than a code, and a proxy
//! between may not make it more.

use std::{fmt, str::FromStr, time::Duration};

use ballotbox_actors::{
    kit::{Rounded, clock},
    socket::{self, ConnectError, Connection},
};
use ballotbox_core::{Endpoint, UntrustedText};
use serde::de::DeserializeOwned;

use super::AdminToken;
use crate::{chronicle::WhyReport, node::control::StatusReport};

/// A node answers at once.
const WITHIN: Duration = Duration::from_secs(2);
/// At most this many bytes of an answer, with what stands before it.
const ANSWER_MAX: usize = 1 << 20;
/// The port, where none is named.
const PORT: u16 = 80;

/// Where a node tells how it is: `http://HOST:PORT`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusUrl(Endpoint);

/// Why a text is no [`StatusUrl`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}: expected the status port of a node, as in http://127.0.0.1:8080")]
pub struct StatusUrlError(UntrustedText);

impl FromStr for StatusUrl {
    type Err = StatusUrlError;

    fn from_str(text: &str) -> Result<Self, StatusUrlError> {
        let wrong = || StatusUrlError(UntrustedText::new(text));
        let place = text.strip_prefix("http://").ok_or_else(wrong)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        // What a user or a path would be, is part of no host.
        if place.contains(['/', '@', '?', '#', '%']) || place.chars().any(UntrustedText::is_escaped)
        {
            return Err(wrong());
        }
        let has_port = place
            .rsplit_once(':')
            .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let place = if has_port { place.to_owned() } else { format!("{place}:{PORT}") };
        place.parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for StatusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum AskError {
    /// There is no connection.
    #[error("no node answers at {url}: {error}")]
    NotReached { url: StatusUrl, error: ConnectError },
    /// Nothing came in time.
    #[error("what listens at {url} does not answer within {}", Rounded(*within))]
    Silent {
        url: StatusUrl,
        /// How long was waited.
        within: Duration,
    },
    /// The connection ended before the end of the answer.
    #[error("what listens at {url} has closed the connection before the end of its answer")]
    Closed { url: StatusUrl },
    /// The answer is none of HTTP, or has no end.
    #[error("what listens at {url} is no status port of a node: its answer begins with `{found}`")]
    NoHttp {
        url: StatusUrl,
        /// How it begins.
        found: UntrustedText,
    },
    /// It says no.
    #[error("{url} answers with code {code}: {answer}")]
    Refused {
        url: StatusUrl,
        code: u16,
        /// What stands there.
        answer: UntrustedText,
    },
    /// It says something else than a node would.
    #[error("{url} answers something else than a node of this version: {error}")]
    Misunderstood {
        url: StatusUrl,
        /// Why it is not understood.
        error: UntrustedText,
    },
}

/// How the last leaders came to lead, as this node has seen it.
///
/// # Errors
///
/// [`AskError`], when no node answers.
pub async fn ask_why(url: &StatusUrl) -> Result<WhyReport, AskError> {
    get(url, "/why").await
}

/// How things stand with this node.
///
/// # Errors
///
/// [`AskError`], when no node answers.
pub async fn ask_status(url: &StatusUrl) -> Result<StatusReport, AskError> {
    get(url, "/status").await
}

/// Reads what a node tells at a path that always has an answer.
async fn get<A: DeserializeOwned>(url: &StatusUrl, path: &str) -> Result<A, AskError> {
    let (code, body) = ask(url, "GET", path, None).await?;
    if code != 200 {
        return Err(AskError::Refused { url: url.clone(), code, answer: shown(&body) });
    }
    serde_json::from_slice(&body).map_err(|error| AskError::Misunderstood {
        url: url.clone(),
        error: UntrustedText::new(error),
    })
}

/// Asks once: the code and what stands in the answer.
///
/// # Errors
///
/// [`AskError`], when no answer comes that is one of HTTP. A code that says no is no error here.
pub async fn ask(
    url: &StatusUrl,
    method: &str,
    path: &str,
    token: Option<&AdminToken>,
) -> Result<(u16, Vec<u8>), AskError> {
    let until = clock::now() + WITHIN;
    let connected = socket::connect(std::slice::from_ref(&url.0), WITHIN).await;
    let (connection, _) =
        connected.map_err(|error| AskError::NotReached { url: url.clone(), error })?;
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", url.0).into_bytes();
    if let Some(token) = token {
        request.extend_from_slice(b"Authorization: Bearer ");
        request.extend_from_slice(token.bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    let left = until.saturating_duration_since(clock::now());
    match clock::within(left, talk(connection, &request)).await {
        Ok(answer) => parsed(url, &answer),
        Err(_) => Err(AskError::Silent { url: url.clone(), within: WITHIN }),
    }
}

/// Says this, and reads until the other end has closed the connection, or has said too much.
async fn talk(mut connection: Connection, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut read = [0; 4096];
    // Who hangs up may have said why.
    let _ = connection.write_all(request).await;
    while answer.len() <= ANSWER_MAX {
        match connection.read(&mut read).await {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&read[..count]),
        }
    }
    answer
}

fn parsed(url: &StatusUrl, answer: &[u8]) -> Result<(u16, Vec<u8>), AskError> {
    let closed = || AskError::Closed { url: url.clone() };
    if answer.is_empty() {
        return Err(closed());
    }
    let no_http = || AskError::NoHttp { url: url.clone(), found: shown(answer) };
    if answer.len() > ANSWER_MAX {
        return Err(no_http());
    }
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let head = &answer[..end.unwrap_or(answer.len())];
    let head = std::str::from_utf8(head).map_err(|_| no_http())?;
    let mut lines = head.split("\r\n");
    let mut status = lines.next().unwrap_or_default().splitn(3, ' ');
    let is_http = status.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let code = status.next().filter(|code| code.len() == 3).and_then(|code| code.parse().ok());
    let code: u16 = code.filter(|_| is_http).ok_or_else(no_http)?;
    let body = &answer[end.ok_or_else(closed)? + 4..];
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(Err(_)) => Err(no_http()),
        Some(Ok(length)) if length > body.len() => Err(closed()),
        Some(Ok(length)) => Ok((code, body[..length].to_vec())),
        None => Ok((code, body.to_vec())),
    }
}

/// The beginning of an answer, as it may be shown.
fn shown(answer: &[u8]) -> UntrustedText {
    UntrustedText::from_bytes(answer.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, String> {
        text.parse::<StatusUrl>().map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_status_port_is_named_by_its_host_and_port() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://node-1.example:8080/", "http://node-1.example:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost", "http://localhost:80"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "",
            "127.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://",
            "http://:8080",
            "http://127.0.0.1:x",
            "http://127.0.0.1:8080/why",
            "http://me@127.0.0.1:8080",
            "http://a\r\nb:80",
            "http://\u{1b}[2J",
        ] {
            let refused = url(text).unwrap_err();
            assert!(refused.contains("as in http://127.0.0.1:8080"), "{text}");
            assert!(!refused.contains('\u{1b}'), "{refused}");
        }
    }

    #[test]
    fn an_answer_is_a_code_and_what_stands_behind_the_head() {
        let url = "http://127.0.0.1:8080".parse().unwrap();
        let read = |answer: &str| parsed(&url, answer.as_bytes());
        let body =
            |answer| read(answer).map(|(code, body)| (code, String::from_utf8(body).unwrap()));
        let of = |code, body: &str| Ok((code, body.to_owned()));
        assert_eq!(body("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"), of(200, "{}"));
        assert_eq!(body("HTTP/1.1 409 Conflict\r\nX: y\r\n\r\nno\n"), of(409, "no\n"));
        assert_eq!(body("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n{}"), of(200, "{"));
        let closed = Err(AskError::Closed { url: url.clone() });
        for cut in ["", "HTTP/1.0 200 OK\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}"] {
            assert_eq!(read(cut), closed, "{cut:?}");
        }
        for wrong in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 2000\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n{}",
            "\u{1b}[2J",
        ] {
            let refused = read(wrong).unwrap_err();
            assert!(matches!(refused, AskError::NoHttp { .. }), "{wrong:?}: {refused:?}");
            assert!(!refused.to_string().contains('\u{1b}'), "{refused}");
        }
        assert!(read(&format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(ANSWER_MAX))).is_err());
    }
}
