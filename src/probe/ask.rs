//! [`ask`]: one server, one answer, or why there is none.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use async_std::{
    io::{ReadExt, WriteExt},
    net::{TcpStream, ToSocketAddrs},
};
use ballotbox_actors::{
    kit::clock,
    wire::{Frame, FrameError, Greeting, GreetingForm},
};
use futures::future::{join_all, select_ok};

use super::{Answer, NoAnswer, PROBE_ID, Target, judge::Judge};
use crate::{
    Endpoint, Round,
    election::{Format, Notification, PeerState},
};

/// No more addresses than this are tried at once, whatever the resolver says.
const ADDRESSES_MAX: usize = 16;

/// Another probe at the same moment takes our place at the server: so often we come again.
const ATTEMPTS: usize = 3;

/// Asks all of these at the same time, each no longer than `limit`. The results are in the order of the targets.
pub async fn ask_all(targets: &[Target], limit: Duration) -> Vec<Result<Answer, NoAnswer>> {
    join_all(targets.iter().map(|target| ask(target, limit))).await
}

/// Asks one server, no longer than `limit`.
///
/// # Errors
///
/// [`NoAnswer`], saying what happened instead.
pub async fn ask(target: &Target, limit: Duration) -> Result<Answer, NoAnswer> {
    let inquiry = Inquiry { began: clock::now(), limit };
    let mut result = Err(NoAnswer::Closed);
    for _ in 0..ATTEMPTS {
        result = inquiry.attempt(target).await;
        if result != Err(NoAnswer::Closed) {
            return result;
        }
    }
    if inquiry.wants_tls(target).await { Err(NoAnswer::WantsTls) } else { result }
}

/// The shortest hello of TLS 1.2 there is: one cipher, which no server has to like, and no extension.
const CLIENT_HELLO: [u8; 50] = {
    let mut hello = [0; 50];
    let head = [0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    // Behind the random bytes, here zeros, and an empty session id.
    hello[45] = 2;
    hello[47] = 0x2f;
    hello[48] = 1;
    hello
};

#[derive(Clone, Copy, Debug)]
struct Inquiry {
    began: Instant,
    limit: Duration,
}

impl Inquiry {
    async fn attempt(self, target: &Target) -> Result<Answer, NoAnswer> {
        let connected = clock::within(self.left(), connect(&target.endpoints)).await;
        let no_connection = |_| NoAnswer::NoConnection { limit: self.limit };
        let (mut socket, from) = connected.map_err(no_connection)??;
        let mut judge = Judge::default();
        let mut heard = None;
        let talk = talk(&mut socket, &mut judge, &mut heard);
        let talked = clock::within(self.left(), talk).await;
        let took = clock::now() - self.began;
        if let Some(notification) = heard {
            return Ok(Answer { from, notification, took });
        }
        match talked {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(judge.verdict(NoAnswer::Closed)),
            Err(_) => Err(judge.verdict(NoAnswer::Silent { limit: self.limit })),
        }
    }

    /// A real server that wants TLS closes without a word when it meets something else. So say hello in TLS, and see
    /// whether that is answered.
    async fn wants_tls(self, target: &Target) -> bool {
        let hello = async {
            let (mut socket, _) = connect(&target.endpoints).await?;
            let _ = socket.write_all(&CLIENT_HELLO).await;
            let mut judge = Judge::default();
            match socket.read(judge.room()).await {
                Ok(count) => judge.filled(count),
                Err(_) => Ok(()),
            }
        };
        clock::within(self.left(), hello).await == Ok(Err(NoAnswer::WantsTls))
    }

    fn left(self) -> Duration {
        self.limit.saturating_sub(clock::now() - self.began)
    }
}

/// Asks twice, and leaves the newest answer in `heard`. Ends with the second answer, or when the server closes.
async fn talk(
    socket: &mut TcpStream,
    judge: &mut Judge,
    heard: &mut Option<Notification>,
) -> Result<(), NoAnswer> {
    let Ok(question) = question() else { return Ok(()) };
    let greeting = Greeting { from: Some(PROBE_ID), form: GreetingForm::Bare };
    let opening = [&greeting.encode(), question.as_bytes()].concat();
    // A server that closes at once may still have said why.
    let _ = socket.write_all(&opening).await;
    loop {
        while let Some(notification) = judge.next()? {
            if heard.replace(notification).is_some() {
                return Ok(());
            }
            let _ = socket.write_all(question.as_bytes()).await;
        }
        match socket.read(judge.room()).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => judge.filled(count)?,
        }
    }
}

/// A vote for nobody, as observers begin, in the form of ZooKeeper 3.4.
fn question() -> Result<Frame, FrameError> {
    let question = Notification {
        state: PeerState::Looking,
        vote: None,
        round: Round::default(),
        format: Format::WithoutConfig { version: Format::LAST_WITHOUT_CONFIG },
    };
    Frame::new(&question.encode())
}

/// Connects to whichever address of these answers first.
async fn connect(endpoints: &[Endpoint]) -> Result<(TcpStream, SocketAddr), NoAnswer> {
    let mut addresses = Vec::new();
    let mut failure = NoAnswer::Unresolved {
        endpoint: "the server".to_owned(),
        cause: "it has no address".to_owned(),
    };
    for (endpoint, found) in endpoints.iter().zip(join_all(endpoints.iter().map(resolve)).await) {
        match found {
            Ok(found) => addresses.extend(found),
            Err(error) => {
                let (endpoint, cause) = (endpoint.to_string(), error.to_string());
                failure = NoAnswer::Unresolved { endpoint, cause };
            }
        }
    }
    addresses.truncate(ADDRESSES_MAX);
    if addresses.is_empty() {
        return Err(failure);
    }
    let attempts = addresses.into_iter().map(|address| Box::pin(connect_to(address)));
    let (connected, _) = select_ok(attempts).await?;
    Ok(connected)
}

async fn connect_to(address: SocketAddr) -> Result<(TcpStream, SocketAddr), NoAnswer> {
    let refused = |error: io::Error| {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            return NoAnswer::NotConnected { cause: "connection refused".to_owned() };
        }
        NoAnswer::NotConnected { cause: error.to_string() }
    };
    let socket = TcpStream::connect(address).await.map_err(refused)?;
    // Dialling a free port of this host can meet itself.
    if socket.local_addr().is_ok_and(|own| own == address) {
        return Err(refused(io::ErrorKind::ConnectionRefused.into()));
    }
    socket.set_nodelay(true).map_err(refused)?;
    Ok((socket, address))
}

/// The addresses of one endpoint. A literal needs no resolver, and so no thread.
pub(super) async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    let found = (endpoint.host.as_str(), endpoint.port).to_socket_addrs().await?;
    Ok(found.collect())
}
