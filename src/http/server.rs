//! [`StatusServer`]: owns the sockets that listen, and the connections.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use async_io::Async;
use ballotbox_actors::{
    Tls,
    kit::{Actor, Address, Exit, Mailbox, Raced, clock, mailbox, spawn, yield_now},
    socket::{self, Handshakes, Origin},
};
use ballotbox_core::{RateLimit, UntrustedText};
use futures::{FutureExt, future::select_all};

use super::{
    AdminToken,
    connection::{Answerer, Connection},
    message::{Permission, RequestKind, ServerMsg},
};
use crate::{
    conversations::Conversations,
    node::{Desk, Node},
};

/// At most this many connections at a time, streams of events aside.
pub const CONNECTIONS_MAX: usize = 48;
/// At most this many streams of events.
pub const STREAMS_MAX: usize = 32;

/// At most this many connections are accepted in any period of this length, and at most this many requests are taken.
const TAKEN_MAX: (usize, Duration) = (64, Duration::from_millis(64));

/// After a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What a status server is to do.
#[derive(Debug)]
pub struct StatusConfig {
    /// Where it listens: at least one.
    pub listeners: Vec<TcpListener>,
    /// What allows orders from other machines, if anything does.
    pub token: Option<AdminToken>,
    /// Whose certificate is shown to all who come, over TLS; they need none. In plain text, if there is none.
    pub tls: Option<Tls>,
}

/// A server that tells how a node is. It stops when this is dropped.
#[derive(Debug)]
pub struct StatusServer {
    server: Address<ServerMsg>,
    /// What the panics of its connections said, until it ends.
    bugs: Mailbox<Option<UntrustedText>>,
}

impl StatusServer {
    /// Starts to answer for this node. It does not keep the node running.
    ///
    /// # Errors
    ///
    /// The system refuses to wait for one of the sockets.
    pub fn start(config: StatusConfig, node: &Node) -> io::Result<Self> {
        let listeners: io::Result<Vec<_>> = config.listeners.into_iter().map(Async::new).collect();
        let (server, orders) = mailbox();
        let (owner, bugs) = mailbox();
        let actor = Server {
            listeners: listeners?,
            desk: node.desk(),
            token: config.token.map(Arc::new),
            tls: config.tls,
            myself: server.clone(),
            owner: owner.clone(),
            started: clock::now(),
            accepted: RateLimit::new(TAKEN_MAX.0, TAKEN_MAX.1),
            taken: RateLimit::new(TAKEN_MAX.0, TAKEN_MAX.1),
            waiting: VecDeque::new(),
            connections: Conversations::new(CONNECTIONS_MAX, STREAMS_MAX),
            handshakes: Handshakes::new(clock::now()),
        };
        spawn(actor, orders, owner, bug);
        Ok(Self { server, bugs })
    }

    /// Waits until one of its connections has panicked, which is a bug of ours, and returns what was said. `None` when the server has ended.
    pub async fn bug(&mut self) -> Option<UntrustedText> {
        self.bugs.next().await.flatten()
    }

    /// Stops it. When this returns, no socket of it is left.
    pub async fn stop(mut self) {
        let _ = self.server.tell(ServerMsg::Stop);
        while self.bug().await.is_some() {}
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        let _ = self.server.tell(ServerMsg::Stop);
    }
}

/// What can be said of the end of an actor: nothing, unless it panicked.
fn bug(exit: Exit<(), Infallible>) -> Option<UntrustedText> {
    match exit {
        Exit::Done(()) => None,
        Exit::Failed(never) => match never {},
        Exit::Panicked(message) => Some(message),
    }
}

/// Owns everything that a status server has.
#[derive(Debug)]
struct Server {
    listeners: Vec<Async<TcpListener>>,
    desk: Desk,
    token: Option<Arc<AdminToken>>,
    tls: Option<Tls>,
    myself: Address<ServerMsg>,
    owner: Address<Option<UntrustedText>>,
    started: Instant,
    accepted: RateLimit,
    taken: RateLimit,
    /// Those who wait for their turn; each connection has one request at a time.
    waiting: VecDeque<Address<Permission>>,
    connections: Conversations,
    handshakes: Handshakes<u64, Address<()>>,
}

/// What a server does by itself.
enum Next {
    Accepted(Async<TcpStream>, SocketAddr),
    /// Those who wait may have their turn.
    Turn,
    /// A handshake may go on.
    Handshake,
}

impl Actor for Server {
    type Msg = ServerMsg;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<ServerMsg>) -> Result<(), Infallible> {
        self.serve(&mut mailbox).await;
        self.listeners.clear();
        self.waiting.clear();
        self.connections.end_all();
        while !self.connections.is_over() {
            match mailbox.next().await {
                Some(ServerMsg::ConnectionEnded { number, exit }) => self.ended(number, exit),
                Some(
                    ServerMsg::Stop
                    | ServerMsg::Request { .. }
                    | ServerMsg::WantsTurn { .. }
                    | ServerMsg::HadTurn { .. },
                ) => {}
                None => break,
            }
        }
        Ok(())
    }
}

impl Server {
    /// Answers until it is told to stop.
    async fn serve(&mut self, mailbox: &mut Mailbox<ServerMsg>) {
        loop {
            let next_turn = self.handshakes.give_turn(clock::now());
            match mailbox.race(self.next(next_turn)).await {
                Raced::Done(Next::Handshake) => {}
                Raced::Done(Next::Accepted(stream, from)) => {
                    self.begin(stream, from);
                    yield_now().await;
                }
                Raced::Done(Next::Turn) => {
                    let permitted = self.waiting.pop_front();
                    let _ = permitted.map(|reply| reply.tell(Permission::Granted));
                }
                Raced::Woken(Some(ServerMsg::Request { number, kind, reply })) => {
                    self.hear_request(number, kind, reply);
                }
                Raced::Woken(Some(ServerMsg::WantsTurn { number, from, reply })) => {
                    let from = Origin { address: from, is_familiar: false };
                    self.handshakes.ask(number, from, reply);
                }
                Raced::Woken(Some(ServerMsg::HadTurn { number, cost })) => {
                    self.handshakes.had(number, cost, clock::now());
                }
                Raced::Woken(Some(ServerMsg::ConnectionEnded { number, exit })) => {
                    self.ended(number, exit);
                }
                Raced::Woken(Some(ServerMsg::Stop) | None) => return,
            }
        }
    }

    /// Waits until there is something to do; for a handshake, until then.
    async fn next(&mut self, next_turn: Option<Instant>) -> Next {
        let Self { listeners, accepted, taken, waiting, connections, started, .. } = self;
        let turn = async {
            if waiting.is_empty() {
                std::future::pending::<()>().await;
            }
            while !taken.admit(clock::now() - *started) {
                clock::sleep_until(*started + taken.next_admitted()).await;
            }
        };
        let handshake = async {
            match next_turn {
                Some(then) => clock::sleep_until(then).await,
                None => std::future::pending().await,
            }
        };
        let accept = async {
            if connections.is_crowded() {
                std::future::pending::<()>().await;
            }
            clock::sleep_until(*started + accepted.next_admitted()).await;
            loop {
                let accepts = listeners.iter().map(|listener| listener.accept().boxed());
                match select_all(accepts).await.0 {
                    Ok(accepted) => return accepted,
                    // We have no descriptor left, or the other end has gone.
                    Err(_) => clock::sleep_until(clock::now() + PAUSE).await,
                }
            }
        };
        futures::select_biased! {
            () = turn.fuse() => Next::Turn,
            () = handshake.fuse() => Next::Handshake,
            (stream, from) = accept.fuse() => {
                accepted.admit(clock::now() - *started);
                Next::Accepted(stream, from)
            }
        }
    }

    fn begin(&mut self, stream: Async<TcpStream>, from: SocketAddr) {
        let (number, mailbox) = self.connections.begin(Some(from.ip()));
        let (desk, token) = (self.desk.clone(), self.token.clone());
        let answerer = Answerer { from, number, desk, token, server: self.myself.clone() };
        let (socket, tls) = (socket::Connection::new(stream), self.tls.clone());
        let connection = Connection { socket, tls, answerer };
        let report = move |exit| ServerMsg::ConnectionEnded { number, exit };
        spawn(connection, mailbox, self.myself.clone(), report);
    }

    fn hear_request(&mut self, number: u64, kind: RequestKind, reply: Address<Permission>) {
        if kind == RequestKind::Stream && !self.connections.keep(number) {
            let _ = reply.tell(Permission::TooMany);
            return;
        }
        self.waiting.push_back(reply);
    }

    fn ended(&mut self, number: u64, exit: Exit<(), Infallible>) {
        self.connections.ended(number);
        self.handshakes.leave(number);
        if let Some(message) = bug(exit) {
            let _ = self.owner.tell(Some(message));
        }
    }
}
