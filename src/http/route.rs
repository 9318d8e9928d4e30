//! [`Route`]: which question a request asks, and who may ask it. No answer is made here.

use std::{net::SocketAddr, time::Duration};

use ballotbox_core::{ServerId, UntrustedText, leadership::Successor};
use hyper::{HeaderMap, Method, Request, Uri, header};

use super::token::AdminToken;
use crate::node::control::RESIGN_WITHIN_MAX;

/// Work that has to end for an order has this long, where the order does not say.
const RESIGN_WITHIN: Duration = Duration::from_secs(5);

/// What a request asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    Leader,
    Follower,
    Ready,
    Alive,
    Status,
    Why,
    Events,
    Metrics,
    Page,
    /// It orders the leadership to be given up.
    Resign(Order),
}

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    pub(super) from: SocketAddr,
    pub(super) scheme: Scheme,
}

/// What is spoken at this port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// An order to give the leadership up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Order {
    pub(super) to: Successor,
    /// So long the work may take to end.
    pub(super) within: Duration,
}

/// Why a request is not answered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this port speaks TLS: ask at https://")]
    PlainText,
    #[error("there is no {0} here: expected one of {PATHS}")]
    NotFound(UntrustedText),
    #[error("{method} is not for {path}: expected {}", allowed(.path))]
    Method { method: UntrustedText, path: &'static str },
    #[error(
        "{query}: expected /resign, with to=ID, an id from 0 to {}, and within_ms=TIME, at most {}, if they are needed",
        ServerId::MAX,
        RESIGN_WITHIN_MAX.as_millis()
    )]
    Query { query: UntrustedText },
    #[error(
        "a page of {0} may not give orders here: expected no Origin, or that of this server by its address"
    )]
    Origin(UntrustedText),
    #[error(
        "an order from {0}: expected one from this machine, with no proxy between, or `Authorization: Bearer TOKEN` with what is in the \
         --admin-token-file"
    )]
    NotAllowed(SocketAddr),
}

const PATHS: &str =
    "/, /leader, /follower, /ready, /alive, /status, /why, /events, /metrics, /resign";

const RESIGN: &str = "/resign";

/// The methods for questions, and for orders.
const ASKING: &str = "GET, HEAD, OPTIONS";
const ORDERING: &str = "POST";

/// What a proxy adds to a request.
const OF_PROXIES: [header::HeaderName; 2] = [header::FORWARDED, header::VIA];
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The methods that a path knows.
pub(super) fn allowed(path: &str) -> &'static str {
    if path == RESIGN { ORDERING } else { ASKING }
}

impl Route {
    /// What is asked, if that may be asked from there.
    pub(super) fn of<B>(
        request: &Request<B>,
        caller: Caller,
        token: Option<&AdminToken>,
    ) -> Result<Self, Refusal> {
        let (path, question) = Self::at(request.uri())?;
        let method = request.method();
        let Some(question) = question else {
            if method != Method::POST {
                return Err(Refusal::Method { method: UntrustedText::new(method), path });
            }
            let order = Order::parse(request.uri().query().unwrap_or_default())?;
            may_order(request.headers(), caller, token)?;
            return Ok(Self::Resign(order));
        };
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(question);
        }
        Err(Refusal::Method { method: UntrustedText::new(method), path })
    }

    /// The path, and the question that it stands for; for orders, none.
    fn at(uri: &Uri) -> Result<(&'static str, Option<Self>), Refusal> {
        Ok(match uri.path() {
            "/" => ("/", Some(Self::Page)),
            "/leader" => ("/leader", Some(Self::Leader)),
            "/primary" => ("/primary", Some(Self::Leader)),
            "/follower" => ("/follower", Some(Self::Follower)),
            "/replica" => ("/replica", Some(Self::Follower)),
            "/ready" => ("/ready", Some(Self::Ready)),
            "/alive" => ("/alive", Some(Self::Alive)),
            "/status" => ("/status", Some(Self::Status)),
            "/why" => ("/why", Some(Self::Why)),
            "/events" => ("/events", Some(Self::Events)),
            "/metrics" => ("/metrics", Some(Self::Metrics)),
            RESIGN => (RESIGN, None),
            other => return Err(Refusal::NotFound(UntrustedText::new(other))),
        })
    }
}

impl Scheme {
    /// How a URL begins that leads here.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }
}

impl Order {
    /// What a query says, in which each word may stand once.
    fn parse(query: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::Query { query: UntrustedText::new(query) };
        let (mut to, mut within) = (None, None);
        for word in query.split('&').filter(|word| !word.is_empty()) {
            let is_new = match word.split_once('=').ok_or_else(wrong)? {
                ("to", id) => to.replace(id.parse::<ServerId>().map_err(|_| wrong())?).is_none(),
                ("within_ms", ms) => {
                    let time = Duration::from_millis(ms.parse().map_err(|_| wrong())?);
                    time <= RESIGN_WITHIN_MAX && within.replace(time).is_none()
                }
                _ => false,
            };
            if !is_new {
                return Err(wrong());
            }
        }
        let to = to.map_or(Successor::Any, Successor::To);
        Ok(Self { to, within: within.unwrap_or(RESIGN_WITHIN) })
    }
}

/// An order comes from this machine, or brings the token; and no page of somebody else has a browser give it.
fn may_order(
    headers: &HeaderMap,
    Caller { from, scheme }: Caller,
    token: Option<&AdminToken>,
) -> Result<(), Refusal> {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| is_own(origin, scheme, host)) {
            return Err(Refusal::Origin(UntrustedText::new(origin)));
        }
    }
    let given = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    let given = given.and_then(|given| given.strip_prefix(b"Bearer "));
    let has_token = given.zip(token).is_some_and(|(given, token)| token.is(given));
    let is_proxied = OF_PROXIES.iter().any(|name| headers.contains_key(name))
        || headers.contains_key(FORWARDED_FOR);
    let is_from_here = from.ip().to_canonical().is_loopback() && !is_proxied;
    if has_token || is_from_here { Ok(()) } else { Err(Refusal::NotAllowed(from)) }
}

/// Whether a page of this origin is ours, asked for at this host. A name may be made to mean this machine by anybody, but for `localhost`; an
/// address may not.
fn is_own(origin: &str, scheme: Scheme, host: &str) -> bool {
    let is_same = origin.strip_prefix(scheme.prefix()) == Some(host);
    let name = host.parse::<hyper::http::uri::Authority>();
    let is_address = name.is_ok_and(|authority| {
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<std::net::IpAddr>().is_ok()
    });
    is_same && is_address
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:4000";
    const ELSEWHERE: &str = "10.0.0.7:4000";

    fn asked(
        method: &str,
        uri: &str,
        from: &str,
        headers: &[(&str, &str)],
    ) -> Result<Route, Refusal> {
        asked_by(Scheme::Http, method, uri, from, headers)
    }

    fn asked_by(
        scheme: Scheme,
        method: &str,
        uri: &str,
        from: &str,
        headers: &[(&str, &str)],
    ) -> Result<Route, Refusal> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let token = AdminToken::parse(b"correct horse battery\n").unwrap();
        let caller = Caller { from: from.parse().unwrap(), scheme };
        Route::of(&request.body(()).unwrap(), caller, Some(&token))
    }

    const fn resigns(to: Successor) -> Route {
        Route::Resign(Order { to, within: RESIGN_WITHIN })
    }

    #[test]
    fn a_question_may_be_asked_by_all_with_get_head_and_options_only() {
        for (path, route) in [
            ("/", Route::Page),
            ("/leader", Route::Leader),
            ("/primary", Route::Leader),
            ("/follower?x=1", Route::Follower),
            ("/replica", Route::Follower),
            ("/ready", Route::Ready),
            ("/alive", Route::Alive),
            ("/status", Route::Status),
            ("/why", Route::Why),
            ("/events", Route::Events),
            ("/metrics", Route::Metrics),
        ] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                assert_eq!(asked(method, path, ELSEWHERE, &[]), Ok(route), "{method} {path}");
            }
            for method in ["POST", "PUT", "DELETE", "BREW"] {
                let refused = asked(method, path, HERE, &[]);
                assert!(matches!(refused, Err(Refusal::Method { .. })), "{method} {path}");
            }
        }
        for path in ["/leader/", "/Leader", "/x", "//", "/status.json", "/resign/2"] {
            assert!(matches!(asked("GET", path, HERE, &[]), Err(Refusal::NotFound(_))), "{path}");
        }
    }

    #[test]
    fn an_order_is_taken_from_this_machine_and_from_others_with_the_token() {
        let two = resigns(Successor::To(ServerId::new(2).unwrap()));
        assert_eq!(asked("POST", "/resign", HERE, &[]), Ok(resigns(Successor::Any)));
        assert_eq!(asked("POST", "/resign?to=2", "[::1]:9", &[]), Ok(two));
        assert_eq!(asked("POST", "/resign?to=2", "[::ffff:127.0.0.1]:9", &[]), Ok(two));
        let refused = |from, headers: &[(&str, &str)]| {
            matches!(asked("POST", "/resign", from, headers), Err(Refusal::NotAllowed(_)))
        };
        assert!(refused(ELSEWHERE, &[]));
        for proxy in ["Forwarded", "X-Forwarded-For", "Via"] {
            assert!(refused(HERE, &[(proxy, "10.0.0.7")]), "{proxy}");
        }
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer correct horse", "Basic correct horse battery"]
        {
            assert!(refused(ELSEWHERE, &[("Authorization", wrong)]), "{wrong}");
        }
        let right = ("Authorization", "Bearer correct horse battery");
        assert_eq!(asked("POST", "/resign?to=2", ELSEWHERE, &[right]), Ok(two));
        assert!(matches!(asked("GET", "/resign", HERE, &[]), Err(Refusal::Method { .. })));
    }

    #[test]
    fn a_page_of_somebody_else_gives_no_orders_even_by_a_name_of_its_own() {
        let order = |origin: &str, host: &str| {
            asked("POST", "/resign", HERE, &[("Origin", origin), ("Host", host)])
        };
        for (origin, host) in [
            ("http://evil.example", "127.0.0.1:8080"),
            ("http://evil.example:8080", "evil.example:8080"),
            ("https://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:9090", "127.0.0.1:8080"),
            ("null", "127.0.0.1:8080"),
            ("", ""),
        ] {
            assert!(matches!(order(origin, host), Err(Refusal::Origin(_))), "{origin} {host}");
        }
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
            let origin = format!("http://{host}");
            assert!(order(&origin, host).is_ok(), "{host}");
            for (scheme, is_own) in [("http", false), ("https", true)] {
                let origin = format!("{scheme}://{host}");
                let headers = [("Origin", origin.as_str()), ("Host", host)];
                let order = asked_by(Scheme::Https, "POST", "/resign", HERE, &headers);
                assert_eq!(order.is_ok(), is_own, "{origin}");
            }
        }
    }

    #[test]
    fn an_order_says_to_whom_and_within_which_time_and_nothing_else() {
        for query in [
            "to=",
            "to=x",
            "to=-1",
            "to=2&to=3",
            "TO=2",
            "2",
            "to=99999999999999999999",
            "within_ms=",
            "within_ms=5s",
            "within_ms=3600001",
            "within_ms=1&within_ms=2",
            "to=2&now=1",
        ] {
            let refused = asked("POST", &format!("/resign?{query}"), HERE, &[]);
            assert!(matches!(refused, Err(Refusal::Query { .. })), "{query}");
        }
        assert_eq!(asked("POST", "/resign?", HERE, &[]), Ok(resigns(Successor::Any)));
        let to = Successor::To(ServerId::new(3).unwrap());
        for query in ["to=3&within_ms=250", "within_ms=250&to=3"] {
            let order = Order { to, within: Duration::from_millis(250) };
            let asked = asked("POST", &format!("/resign?{query}"), HERE, &[]);
            assert_eq!(asked, Ok(Route::Resign(order)), "{query}");
        }
    }
}
