//! [`Connection`]: one connection, on which hyper reads requests and writes answers, within TLS if the port speaks that.

use std::{
    convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use ballotbox_actors::{
    Tls,
    kit::{Actor, Address, Mailbox, clock, mailbox},
    socket::{self, in_turns},
};
use ballotbox_core::wire::Taken;
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};

use super::{
    AdminToken,
    answer::{self, Body},
    events,
    message::{Permission, RequestKind, ServerMsg},
    metrics,
    route::{Caller, Order, Refusal, Route, Scheme},
    socket::{Clock, Socket},
};
use crate::node::{Desk, Ended, control::StatusReport};

/// The head of a request has to be whole within this time, and a connection may be idle for as long; so long a handshake may take.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// An answer is made within this time, or the connection is closed.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// At most this many bytes of a request are kept; hyper takes no less.
const BUFFER_MAX: usize = 8192;
const HEADERS_MAX: usize = 32;

/// Secures the connection if it has to be, and has what is asked there answered.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: socket::Connection,
    pub(super) tls: Option<Tls>,
    pub(super) answerer: Answerer,
}

/// Answers what is asked on one connection, one request after another.
#[derive(Debug)]
pub(super) struct Answerer {
    pub(super) from: SocketAddr,
    /// Which of the connections of its server it is.
    pub(super) number: u64,
    pub(super) desk: Desk,
    pub(super) token: Option<Arc<AdminToken>>,
    pub(super) server: Address<ServerMsg>,
}

/// There is no answer: the connection is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Ended(#[from] Ended),
    #[error("the node does not answer")]
    Late,
}

impl Actor for Connection {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        // How a connection ends is the other end's affair.
        let _ = mailbox.race(self.serve()).await;
        Ok(())
    }
}

impl Connection {
    async fn serve(self) {
        let Self { socket, tls, answerer } = self;
        let _ = socket.set_nodelay();
        let Some(tls) = tls else {
            return talk(socket, |request| answerer.answer(request, Scheme::Http)).await;
        };
        let Ok(Ok(Some(first))) = clock::within(HEAD_WITHIN, socket.first_byte()).await else {
            return;
        };
        if Taken::Tls.is_tls(first).is_err() {
            return talk(socket, |_| answerer.refuse(Refusal::PlainText)).await;
        }
        if let Some(secured) = answerer.secured(socket, &tls).await {
            talk(secured, |request| answerer.answer(request, Scheme::Https)).await;
        }
    }
}

/// Reads requests, and writes what is answered.
async fn talk<F>(socket: socket::Connection, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Result<Response<Body>, Unanswered>>,
{
    let talk = http1::Builder::new()
        .timer(Clock)
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(BUFFER_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(Socket::new(socket), service_fn(answer));
    let _ = talk.await;
}

impl Answerer {
    /// With our certificate shown to the other end, in the turns that the server gives; `None` when that has failed.
    async fn secured(&self, socket: socket::Connection, tls: &Tls) -> Option<socket::Connection> {
        let Self { number, server, from, .. } = self;
        // A server that has ended ends us as well.
        let ask = |reply| {
            let _ = server.ask(ServerMsg::WantsTurn { number: *number, from: from.ip(), reply });
        };
        let had = |cost| {
            let _ = server.tell(ServerMsg::HadTurn { number: *number, cost });
        };
        let handshake = Box::pin(socket.serve_public(tls));
        let secured = clock::within(HEAD_WITHIN, in_turns(pin!(handshake), ask, had)).await;
        secured.ok().flatten()?.ok()
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        scheme: Scheme,
    ) -> Result<Response<Body>, Unanswered> {
        let caller = Caller { from: self.from, scheme };
        let route = match Route::of(&request, caller, self.token.as_deref()) {
            Ok(route) => route,
            Err(refusal) => return self.refuse(refusal).await,
        };
        let is_stream = route == Route::Events && request.method() == Method::GET;
        let kind = if is_stream { RequestKind::Stream } else { RequestKind::Once };
        if self.permission(kind).await? == Permission::TooMany {
            return Ok(answer::too_many());
        }
        let answered = clock::within(ANSWER_WITHIN, self.answer_to(route, &request)).await;
        answered.map_err(|_| Unanswered::Late)?.map_err(Unanswered::from)
    }

    async fn refuse(&self, refusal: Refusal) -> Result<Response<Body>, Unanswered> {
        self.permission(RequestKind::Once).await?;
        Ok(answer::refused(&refusal))
    }

    /// Waits for its turn.
    async fn permission(&self, kind: RequestKind) -> Result<Permission, Ended> {
        let (reply, mut permission) = mailbox();
        let asked = ServerMsg::Request { number: self.number, kind, reply };
        self.server.ask(asked).map_err(|_| Ended)?;
        permission.next().await.ok_or(Ended)
    }

    async fn answer_to(
        &self,
        route: Route,
        request: &Request<Incoming>,
    ) -> Result<Response<Body>, Ended> {
        let mut desk = self.desk.clone();
        if let Route::Resign(Order { to, within }) = route {
            return Ok(answer::resignation(to, desk.resign(to, within).await?));
        }
        if route == Route::Why {
            return Ok(answer::why(&desk.why().await?));
        }
        let status =
            if route == Route::Alive { desk.answer().await? } else { desk.status().await? };
        let report = StatusReport::of(&desk, &status);
        Ok(match route {
            Route::Leader => answer::yes_or_no(status.leads_now(), &report),
            Route::Follower => answer::yes_or_no(status.follows_now(), &report),
            Route::Ready => answer::yes_or_no(status.leads_now() || status.follows_now(), &report),
            Route::Alive | Route::Status | Route::Why | Route::Resign(_) => {
                answer::yes_or_no(true, &report)
            }
            Route::Metrics => answer::metrics(metrics::text(&status, &report)),
            Route::Page => answer::page(),
            Route::Events if request.method() != Method::GET => answer::no_events(),
            Route::Events => answer::events(events::stream(desk, events::seen(request.headers()))),
        })
    }
}
