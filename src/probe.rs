//! Asking a running ensemble who leads: [`ask_all`], and the [`ProbeReport`] of what it answers.
//!
//! Every server, ZooKeeper's or ours, answers at once, with its present vote, everyone that is no voter. So we greet under an
//! id that nobody has and that is larger than all others, so that the link is kept; ask; and go. The question is the
//! oldest form that all of them read, has no member list in it, and votes for nobody: it cannot count anywhere.
//!
//! ```text
//!    we                                      a server
//!     │ greeting: id 2^63-2, then a question ──► │
//!     │ ◄── maybe: what it last said to that id  │   of an earlier probe, and old news
//!     │ a second question ─────────────────────► │
//!     │ ◄────────── its present state and vote   │   this one counts
//! ```
//!
//! A server that was asked before says its last answer again on a new link, before it hears the question. So the first
//! answer only proves that the link works, and the second one counts.
//!
//! The answer does not name its sender. We know it from the word of a leader for itself, from a member list, or not at
//! all: ZooKeeper 3.4 sends no list.
//!
//! Members that let in only members let in a probe that shows the certificate of one. It speaks as nobody all the same, so its
//! question counts nowhere. A server whose id is known beforehand has to prove it; of any other server, a certificate of the authority
//! is enough.

mod ask;
mod classifier;
mod report;

use std::{io, net::SocketAddr, time::Duration};

use ballotbox_actors::socket::ConnectError;

use ballotbox_actors::kit::Rounded;

pub use self::{
    ask::{Inquirer, ask, ask_all},
    report::{ProbeReport, Reading},
};
use crate::{Endpoint, ServerId, UntrustedText, election::Notification, network::TlsError};

/// Under this id we ask. It is always the same, as a real server keeps a queue for every id it ever met.
pub const PROBE_ID: ServerId = ServerId::MAX;

/// A server to ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// Its id, if it is known beforehand.
    pub id: Option<ServerId>,
    /// Its election addresses, at least one.
    pub endpoints: Vec<Endpoint>,
}

/// What a server said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Which of its addresses answered.
    pub from: SocketAddr,
    /// Its state, its vote, and the member list it sends along.
    pub notification: Notification,
    /// How long that took, connecting included.
    pub took: Duration,
}

/// Why a server did not answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// There is no connection, for a reason that was told.
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    /// The connection was not made in time.
    #[error(
        "no connection in {}: it may be down, or a firewall drops what we send",
        Rounded(*limit)
    )]
    NoConnection {
        /// How long we waited.
        limit: Duration,
    },
    /// The connection was made, and then nothing was said.
    #[error(
        "connected, but no answer in {}: it may be paused, or this is no election port",
        Rounded(*limit)
    )]
    Silent {
        /// How long we waited.
        limit: Duration,
    },
    /// The connection was closed without a word.
    #[error(
        "closed the connection without an answer: it may want authentication (quorum.auth), or be no election port"
    )]
    Closed,
    /// The answer is one of TLS.
    #[error(
        "wants TLS (sslQuorum): give --tls-cert, --tls-key and --tls-ca, or the --config of a member that speaks TLS"
    )]
    WantsTls,
    /// We speak TLS, and the connection is not secured.
    #[error("connected, but {0}")]
    NotSecured(#[from] TlsError),
    /// We speak TLS, and nothing came of the handshake.
    #[error(
        "connected, but the TLS handshake was not over in {}: it may be paused, or speak plain text only",
        Rounded(*limit)
    )]
    NoHandshake {
        /// How long we waited.
        limit: Duration,
    },
    /// The answer is no frame.
    #[error("this is another program: its answer begins with `{found}`")]
    AnotherProgram {
        /// How it begins.
        found: UntrustedText,
    },
    /// The answer is a frame, but no notification.
    #[error("the answer makes no sense: {0}")]
    Malformed(#[from] crate::election::DecodeError),
}

impl NoAnswer {
    /// A word for scripts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotConnected(ConnectError::NoAddress | ConnectError::Lookup(_)) => "unresolved",
            Self::NotConnected(ConnectError::NotConnected {
                kind: io::ErrorKind::ConnectionRefused,
                ..
            }) => "refused",
            Self::NotConnected(_) => "not-connected",
            Self::NoConnection { .. } => "no-connection",
            Self::Silent { .. } => "silent",
            Self::Closed => "closed",
            Self::WantsTls => "wants-tls",
            Self::NotSecured(_) => "not-secured",
            Self::NoHandshake { .. } => "no-handshake",
            Self::AnotherProgram { .. } => "another-program",
            Self::Malformed(_) => "malformed",
        }
    }
}
