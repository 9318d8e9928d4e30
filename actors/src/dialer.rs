//! [`Dialer`]: one attempt to reach one peer.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_std::{
    io::WriteExt,
    net::{TcpStream, ToSocketAddrs},
};
use futures::future::{join_all, select_ok};

use crate::{
    Endpoint, UntrustedText,
    kit::{Actor, Address, Mailbox, Raced, Rounded, clock},
    links::{Approach, LinkId},
    manager::ManagerMsg,
    socket,
};

/// No more addresses than this are tried at once, whatever the resolver says.
const ADDRESSES_MAX: usize = 16;

/// Resolves a peer's endpoints, connects to whichever answers first, and says who we are.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) link: LinkId,
    pub(crate) approach: Approach,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) greeting: Vec<u8>,
    pub(crate) limit: Duration,
    pub(crate) manager: Address<ManagerMsg>,
}

/// Why a peer was not reached.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DialError {
    /// No endpoint has an address.
    #[error("cannot resolve {endpoint}: {cause}")]
    Unresolved {
        /// The endpoint, the last one if there are several.
        endpoint: UntrustedText,
        /// What the resolver said.
        cause: UntrustedText,
    },
    /// No address could be connected to.
    #[error("cannot connect to {address}: {cause}")]
    Refused {
        /// The address, one of them if there are several.
        address: SocketAddr,
        /// What the system said.
        cause: UntrustedText,
    },
    /// Nothing answered in time.
    #[error("no answer from {endpoints} in {}", Rounded(*limit))]
    TimedOut {
        /// Where it was tried.
        endpoints: UntrustedText,
        /// How long.
        limit: Duration,
    },
    /// The connection was made, but did not take our greeting.
    #[error("connected, but cannot say who we are: {cause}")]
    NotGreeted {
        /// What the system said.
        cause: UntrustedText,
    },
    /// The dialler itself failed.
    #[error("the dialler panicked: {message}")]
    Panicked {
        /// What it said.
        message: UntrustedText,
    },
    /// Nobody said why.
    #[error("for a reason nobody gave")]
    Unknown,
}

impl Actor for Dialer {
    type Msg = Infallible;
    type Error = DialError;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<(), DialError> {
        match mailbox.race(clock::within(self.limit, self.dial())).await {
            Raced::Done(Ok(Ok(socket))) => self.report(socket),
            Raced::Done(Ok(Err(error))) => return Err(error),
            Raced::Done(Err(clock::Late(limit))) => {
                let endpoints: Vec<_> = self.endpoints.iter().map(Endpoint::to_string).collect();
                let endpoints = endpoints.join(", ").into();
                return Err(DialError::TimedOut { endpoints, limit });
            }
            Raced::Woken(_) => {}
        }
        Ok(())
    }
}

impl Dialer {
    async fn dial(&self) -> Result<TcpStream, DialError> {
        let addresses = resolve_all(&self.endpoints).await?;
        let attempts = addresses.into_iter().map(|address| Box::pin(connect(address)));
        let (mut socket, _) = select_ok(attempts).await?;
        let not_greeted = |error: io::Error| DialError::NotGreeted { cause: error.into() };
        socket.write_all(&self.greeting).await.map_err(not_greeted)?;
        Ok(socket)
    }

    fn report(self, socket: TcpStream) {
        let link = self.link;
        let reached = match self.approach {
            Approach::Connect => ManagerMsg::Dialed { link, socket },
            // Hanging up is part of a knock.
            Approach::Knock => ManagerMsg::Knocked { link },
        };
        let _ = self.manager.tell(reached);
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, DialError> {
    let refused = |error: io::Error| DialError::Refused { address, cause: error.into() };
    let socket = TcpStream::connect(address).await.map_err(refused)?;
    if socket::is_own_end(&socket) {
        return Err(refused(io::ErrorKind::ConnectionRefused.into()));
    }
    Ok(socket)
}

/// The addresses of all endpoints, looked up now: names move.
async fn resolve_all(endpoints: &[Endpoint]) -> Result<Vec<SocketAddr>, DialError> {
    let mut addresses = Vec::new();
    let mut failure = None;
    for (endpoint, resolved) in endpoints.iter().zip(join_all(endpoints.iter().map(resolve)).await)
    {
        match resolved {
            Ok(found) => addresses.extend(found),
            Err(error) => failure = Some((UntrustedText::new(endpoint), error.into())),
        }
    }
    if addresses.is_empty() {
        let (endpoint, cause) =
            failure.unwrap_or_else(|| ("the peer".into(), "it has no address".into()));
        return Err(DialError::Unresolved { endpoint, cause });
    }
    addresses.truncate(ADDRESSES_MAX);
    Ok(addresses)
}

/// The addresses of one endpoint. A literal needs no resolver, and so no thread.
pub(crate) async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    let found = (endpoint.host.as_str(), endpoint.port).to_socket_addrs().await?;
    Ok(found.collect())
}
