//! [`Dialer`]: one attempt to reach one peer.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use super::{ConnectError, Connection, Tls, TlsError, connect};
use crate::kit::{Actor, Mailbox, Raced, Rounded, clock};
use ballotbox_core::{Endpoint, ServerId, UntrustedText};

/// Resolves a peer's endpoints, connects to whichever answers first, and says who we are.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// Who has to be there, which only TLS can tell.
    pub(crate) peer: ServerId,
    pub(crate) tls: Option<Tls>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) greeting: Vec<u8>,
    /// Where we listen ourselves.
    pub(crate) listening: Vec<SocketAddr>,
    /// Time to look up names and connect; again for the handshake of TLS; and again to write the greeting, which a live system
    /// takes at once.
    pub(crate) limit: Duration,
}

/// A peer that was reached, and knows who we are.
#[derive(Debug)]
pub(crate) struct Dialed {
    pub(crate) connection: Connection,
    /// Which of its addresses has answered.
    pub(crate) address: SocketAddr,
}

/// Why a peer was not reached.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum DialError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Its address leads back to us.
    #[error(
        "its address leads to {address}, where this server itself listens: give each server its own address, and look whether the ids of two servers are swapped (myid, --id)"
    )]
    Ourselves {
        /// Where we were found.
        address: SocketAddr,
    },
    /// The connection was made, but is not secured.
    #[error("connected to {address}, but {error}")]
    Tls {
        address: SocketAddr,
        /// What is wrong with the other end, or with us.
        error: TlsError,
    },
    /// The connection was made, and nothing came of the handshake.
    #[error("connected to {address}, but the TLS handshake was not over in {}: it may speak plain text only", Rounded(*limit))]
    NoHandshake {
        address: SocketAddr,
        /// How long it was given.
        limit: Duration,
    },
    /// The connection was made, but did not take our greeting.
    #[error("connected to {address}, but cannot say who we are: {text}")]
    NotGreeted {
        address: SocketAddr,
        /// What kind of failure that was.
        kind: io::ErrorKind,
        /// What the system said.
        text: UntrustedText,
    },
    /// The dialler itself failed.
    #[error("the dialler panicked: {message}; please report this")]
    Panicked { message: UntrustedText },
}

impl DialError {
    /// Whether the system of the peer is there, and nobody listens.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Connect(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            Self::Ourselves { .. }
            | Self::Tls { .. }
            | Self::NoHandshake { .. }
            | Self::NotGreeted { .. }
            | Self::Panicked { .. } => false,
        }
    }

    /// The address of the peer that was tried, if it came that far.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Connect(error) => error.address(),
            Self::Ourselves { address }
            | Self::Tls { address, .. }
            | Self::NoHandshake { address, .. }
            | Self::NotGreeted { address, .. } => Some(*address),
            Self::Panicked { .. } => None,
        }
    }
}

impl Actor for Dialer {
    type Msg = Infallible;
    /// `None` when it was asked to end before the peer was reached.
    type Output = Option<Dialed>;
    type Error = DialError;

    async fn run(self, mut mailbox: Mailbox<Infallible>) -> Result<Option<Dialed>, DialError> {
        match mailbox.race(self.dial()).await {
            Raced::Done(dialed) => dialed.map(Some),
            Raced::Woken(_) => Ok(None),
        }
    }
}

impl Dialer {
    async fn dial(&self) -> Result<Dialed, DialError> {
        let (connection, address) = connect(&self.endpoints, self.limit).await?;
        if self.listening.iter().any(|own| connection.leads_to(*own)) {
            return Err(DialError::Ourselves { address });
        }
        let not_secured = |error| DialError::Tls { address, error };
        let dialled =
            clock::within(self.limit, connection.dial(self.tls.as_ref(), Some(self.peer)));
        let mut connection = dialled
            .await
            .map_err(|clock::Late(limit)| DialError::NoHandshake { address, limit })?
            .map_err(not_secured)?;
        connection.admission().await.map_err(not_secured)?;
        let not_greeted = |error: io::Error| {
            let (kind, text) = (error.kind(), UntrustedText::from(error));
            DialError::NotGreeted { address, kind, text }
        };
        let greeted = clock::within(self.limit, connection.write_all(&self.greeting)).await;
        greeted
            .unwrap_or_else(|late| Err(io::Error::new(io::ErrorKind::TimedOut, late)))
            .map_err(not_greeted)?;
        Ok(Dialed { connection, address })
    }
}
