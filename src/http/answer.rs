//! The answers: codes, headers and bodies.

use std::{convert::Infallible, fmt};

use ballotbox_core::{UntrustedText, leadership::Successor};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::Frame,
    header::{self, HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};

use super::{
    page::PAGE,
    route::{Refusal, allowed},
};
use crate::{
    Epoch,
    chronicle::{self, WhyReport},
    node::{ResignError, control::StatusReport},
};

/// What an answer consists of: some bytes, or events without end.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const EVENTS: &str = "text/event-stream";
/// What the page may do: show itself, and ask this server.
const PAGE_MAY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                        img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer to an order that is carried out.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Accepted {
    /// The epoch that is given up.
    pub(super) epoch: i64,
    pub(super) to: Option<u64>,
}

/// The answer to what is not done.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Because {
    pub(super) reason: String,
}

/// 200 or 503, with how things stand.
pub(super) fn yes_or_no(yes: bool, report: &StatusReport) -> Response<Body> {
    let code = if yes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, report)
}

/// The last changes as values, and in words, in the same order.
pub(super) fn why(report: &WhyReport) -> Response<Body> {
    #[derive(Serialize)]
    struct Why<'a> {
        #[serde(flatten)]
        report: &'a WhyReport,
        words: Vec<String>,
    }
    let words = report.changes.iter().map(|change| chronicle::text(change, report.id)).collect();
    json(StatusCode::OK, &Why { report, words })
}

pub(super) fn metrics(text: String) -> Response<Body> {
    const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
    whole(StatusCode::OK, PROMETHEUS, text)
}

pub(super) fn page() -> Response<Body> {
    let mut page = whole(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    set(&mut page, header::CONTENT_SECURITY_POLICY, PAGE_MAY);
    set(&mut page, header::REFERRER_POLICY, "no-referrer");
    page
}

pub(super) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let frames = events.map(|event| Ok(Frame::data(event)));
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    set_all(&mut answer, EVENTS);
    // For a proxy that would rather wait until there is more.
    set(&mut answer, HeaderName::from_static("x-accel-buffering"), "no");
    answer
}

/// The head of a stream of events, for who asks for no more than that.
pub(super) fn no_events() -> Response<Body> {
    whole(StatusCode::OK, EVENTS, "")
}

pub(super) fn too_many() -> Response<Body> {
    let text = "there are streams of events enough: try again later, or ask for /status\n";
    let mut full = whole(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
    set(&mut full, header::RETRY_AFTER, "10");
    full
}

/// What has become of an order.
pub(super) fn resignation(to: Successor, given_up: Result<Epoch, ResignError>) -> Response<Body> {
    match given_up {
        Ok(epoch) => {
            let to = match to {
                Successor::Any => None,
                Successor::To(id) => Some(id.number()),
            };
            json(StatusCode::ACCEPTED, &Accepted { epoch: epoch.0, to })
        }
        Err(why) => because(StatusCode::CONFLICT, &why),
    }
}

pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let code = match refusal {
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::Query { .. } | Refusal::PlainText => StatusCode::BAD_REQUEST,
        Refusal::Origin(_) | Refusal::NotAllowed(_) => StatusCode::FORBIDDEN,
    };
    let mut answer = because(code, refusal);
    if let Refusal::Method { path, .. } = refusal {
        set(&mut answer, header::ALLOW, allowed(path));
    }
    answer
}

fn because(code: StatusCode, why: &impl fmt::Display) -> Response<Body> {
    json(code, &Because { reason: UntrustedText::new(why).to_string() })
}

fn json(code: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Nothing that is said here cannot be written as JSON.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    whole(code, JSON, text)
}

fn whole(code: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = code;
    set_all(&mut answer, kind);
    answer
}

/// What all answers have.
fn set_all(answer: &mut Response<Body>, kind: &'static str) {
    set(answer, header::CONTENT_TYPE, kind);
    set(answer, header::CACHE_CONTROL, "no-store");
    set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
}

fn set(answer: &mut Response<Body>, name: HeaderName, value: &'static str) {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::Change;

    #[test]
    fn the_page_is_not_kept_and_may_ask_this_server_only() {
        let page = page();
        let header = |name: HeaderName| page.headers()[name].to_str().unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(header(header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(header(header::CACHE_CONTROL), "no-store");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        let may = header(header::CONTENT_SECURITY_POLICY);
        for rule in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(may.contains(rule), "{rule}: {may}");
        }
        assert!(!may.contains('*') && !may.contains("http") && !may.contains("eval"), "{may}");
    }

    #[test]
    fn each_change_comes_with_its_words() {
        let changes = [1, 2].map(|number| Change { number, ..Change::default() });
        let answer = why(&WhyReport { id: 1, changes: changes.into() });
        let body = futures::executor::block_on(answer.into_body().collect()).unwrap().to_bytes();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["changes"].as_array().unwrap().len(), 2);
        let words = told["words"].as_array().unwrap();
        for (text, number) in words.iter().zip([1, 2]) {
            assert!(text.as_str().unwrap().contains(&format!("Change {number}, ")), "{told}");
        }
        assert_eq!(words.len(), 2);
    }
}
