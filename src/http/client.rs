//! Asks a node at its status port, as `ballotbox why URL` does. For one short question a connection is made, and ended.
//!
//! It speaks HTTP/1.0, in which the answer ends with the connection: so there is nothing else to understand than a code, and a proxy
//! between may not make it more.
//!
//! | file | what it does |
//! | --- | --- |
//! | `events` | [`Events`]: how things stand, told at each change |
//! | `order` | [`ask_to_resign()`], and what becomes of that |

mod events;
mod order;

use std::{fmt, str::FromStr, time::Duration};

use ballotbox_actors::{
    kit::{Rounded, clock},
    socket::{self, ConnectError, Connection, TlsError, Trust},
};
use ballotbox_core::{Endpoint, UntrustedText};
use serde::de::DeserializeOwned;

pub use self::{events::Events, order::ask_to_resign};
use super::{AdminToken, answer::Because, route::Scheme};
use crate::{chronicle::WhyReport, node::control::StatusReport};

/// A node answers at once.
const WITHIN: Duration = Duration::from_secs(2);
/// At most this many bytes of an answer, with what stands before it.
const ANSWER_MAX: usize = 1 << 20;
/// The port, where none is named.
const PORT: u16 = 80;

/// The same for `https://`.
const SECURED_PORT: u16 = 443;

/// Where a node tells how it is: `http://HOST:PORT`, or `https://HOST:PORT`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusUrl {
    place: Endpoint,
    scheme: Scheme,
    /// By which a node at `https://` is recognised, once that is known.
    trust: Option<Trust>,
}

/// Why a text is no [`StatusUrl`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}: expected the status port of a node, as in http://127.0.0.1:8080, or with https://")]
pub struct StatusUrlError(UntrustedText);

impl FromStr for StatusUrl {
    type Err = StatusUrlError;

    fn from_str(text: &str) -> Result<Self, StatusUrlError> {
        let wrong = || StatusUrlError(UntrustedText::new(text));
        let schemes = [(Scheme::Http, PORT), (Scheme::Https, SECURED_PORT)];
        let (scheme, port, place) = schemes
            .into_iter()
            .find_map(|(scheme, port)| {
                text.strip_prefix(scheme.prefix()).map(|place| (scheme, port, place))
            })
            .ok_or_else(wrong)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        // What a user or a path would be, is part of no host.
        if place.contains(['/', '@', '?', '#', '%']) || place.chars().any(UntrustedText::is_escaped)
        {
            return Err(wrong());
        }
        let has_port = place
            .rsplit_once(':')
            .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let place = if has_port { place.to_owned() } else { format!("{place}:{port}") };
        let place = place.parse().map_err(|_| wrong())?;
        Ok(Self { place, scheme, trust: None })
    }
}

impl fmt::Display for StatusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), self.place)
    }
}

impl StatusUrl {
    /// The same, where these authorities say which server is to be believed.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Whether what listens there has to show a certificate.
    pub fn is_secured(&self) -> bool {
        self.scheme == Scheme::Https
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum AskError {
    /// There is no connection.
    #[error("no node answers at {url}: {error}")]
    NotReached { url: StatusUrl, error: ConnectError },
    /// Nobody can be recognised there.
    #[error(
        "{url}: nothing says which authority has issued the certificate of the node: expected `StatusUrl::trusting` it"
    )]
    NoAuthority { url: StatusUrl },
    /// What listens there is not to be believed, or speaks no TLS with us.
    #[error("there is no TLS with what listens at {url}: {error}")]
    NotSecured { url: StatusUrl, error: TlsError },
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
    let (code, body) = ask(url, &Request { method: "GET", path, token: None }).await?;
    if code != 200 {
        return Err(refused(url, code, &body));
    }
    understood(url, &body)
}

/// What is asked.
struct Request<'a> {
    method: &'static str,
    path: &'a str,
    token: Option<&'a AdminToken>,
}

/// Asks once: the code and what stands in the answer. A code that says no is no error here.
async fn ask(url: &StatusUrl, request: &Request<'_>) -> Result<(u16, Vec<u8>), AskError> {
    // An order that is said has all of its time to be answered.
    let connection = connect(url).await?;
    match clock::within(WITHIN, talk(connection, &request.head(url))).await {
        Ok(answer) => parsed(url, &answer),
        Err(_) => Err(AskError::Silent { url: url.clone(), within: WITHIN }),
    }
}

/// A connection on which the other end has shown who it is, if it has to, within one time.
async fn connect(url: &StatusUrl) -> Result<Connection, AskError> {
    let until = clock::now() + WITHIN;
    let connected = socket::connect(std::slice::from_ref(&url.place), WITHIN).await;
    let not_reached = |error| AskError::NotReached { url: url.clone(), error };
    let (connection, _) = connected.map_err(not_reached)?;
    if !url.is_secured() {
        return Ok(connection);
    }
    let trust = url.trust.as_ref().ok_or_else(|| AskError::NoAuthority { url: url.clone() })?;
    let left = until.saturating_duration_since(clock::now());
    let secured = clock::within(left, connection.dial_public(trust, &url.place)).await;
    let silent = |_| AskError::Silent { url: url.clone(), within: WITHIN };
    let not_secured = |error| AskError::NotSecured { url: url.clone(), error };
    secured.map_err(silent)?.map_err(not_secured)
}

impl Request<'_> {
    fn head(&self, url: &StatusUrl) -> Vec<u8> {
        let Self { method, path, token } = self;
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", url.place).into_bytes();
        if let Some(token) = token {
            head.extend_from_slice(b"Authorization: Bearer ");
            head.extend_from_slice(token.bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        head
    }
}

/// The code of an answer of these bytes, and how a node is that says so, if it does. The fuzzer calls this.
///
/// # Errors
///
/// [`AskError`], when it is no answer.
#[doc(hidden)]
pub fn answer_read(
    url: &StatusUrl,
    answer: &[u8],
) -> Result<(u16, Option<StatusReport>), AskError> {
    let (code, body) = parsed(url, answer)?;
    Ok((code, understood(url, &body).ok()))
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
    let end = end_of_head(answer);
    let head = Head::parse(&answer[..end.unwrap_or(answer.len())]).ok_or_else(no_http)?;
    let body = &answer[end.ok_or_else(closed)?..];
    match head.length {
        Some(length) if length > body.len() => Err(closed()),
        Some(length) => Ok((head.code, body[..length].to_vec())),
        None => Ok((head.code, body.to_vec())),
    }
}

/// What stands before the rest of an answer.
struct Head {
    code: u16,
    length: Option<usize>,
}

/// Where it ends, if all of it has come.
fn end_of_head(answer: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    answer.windows(END.len()).position(|bytes| bytes == END).map(|at| at + END.len())
}

impl Head {
    fn parse(head: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut status = lines.next()?.splitn(3, ' ');
        status.next().filter(|version| version.starts_with("HTTP/1."))?;
        let is_code =
            |code: &&str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let code = status.next().filter(is_code)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
        });
        Some(Self { code, length: length.transpose().ok()? })
    }
}

/// What an answer says in JSON.
fn understood<A: DeserializeOwned>(url: &StatusUrl, body: &[u8]) -> Result<A, AskError> {
    serde_json::from_slice(body).map_err(|error| AskError::Misunderstood {
        url: url.clone(),
        error: UntrustedText::new(error),
    })
}

/// What is said with a code that says no.
fn refused(url: &StatusUrl, code: u16, body: &[u8]) -> AskError {
    let reason = serde_json::from_slice(body).map(|Because { reason }| UntrustedText::new(reason));
    let answer = reason.unwrap_or_else(|_| shown(body));
    AskError::Refused { url: url.clone(), code, answer }
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
            ("https://127.0.0.1:8080", "https://127.0.0.1:8080"),
            ("https://node-1.example", "https://node-1.example:443"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "",
            "127.0.0.1:8080",
            "ftp://127.0.0.1:8080",
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
            "HTTP/1.1 +12 OK\r\n\r\n",
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
