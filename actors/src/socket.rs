//! Sockets: how a connection is made, accepted, read and written. Nothing here knows who is at the other end, or what for.
//!
//! | piece | what it is |
//! | --- | --- |
//! | [`resolve`], [`connect()`] | from what an operator wrote to addresses, and to a connection |
//! | [`Connection`] | a connection, whole or in its two halves, in plain text or secured |
//! | [`Tls`] | who we are to other members, and whom we believe to be one |
//! | [`Handshakes`] | which of those who come in may go on with the handshake, and when |
//! | `Dialer` | one attempt to reach a server, and to say who we are |
//! | `Listener` | accepts connections at all addresses of a server |
//! | `Sender`, `Receiver` | write and read the frames of one connection |

mod connect;
mod connection;
mod dialer;
mod handshakes;
mod listener;
mod lookup;
mod receiver;
mod sender;
mod terms;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "socket/without_tls.rs"]
mod tls;

use std::time::Duration;

pub use self::{
    connect::{ConnectError, LookupError, connect, resolve},
    connection::Connection,
    dialer::DialError,
    handshakes::{Handshakes, Origin, in_turns},
    listener::{Listen, ListenError},
    receiver::Heard,
    terms::{ClientCertificate, TlsStage, TlsVersions},
    tls::{Tls, TlsError, Trust},
};
pub(crate) use self::{
    connection::{ReadHalf, WriteHalf},
    dialer::{Dialed, Dialer},
    listener::{Elsewhere, Listener, ListenerMsg, ListenerReport},
    receiver::{ReceiveError, Receiver, read_some},
    sender::{SendError, Sender, SenderMsg, Written},
};

/// How soon the kernel gives up a connection whose other end has vanished.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Liveness {
    /// How long written bytes may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Duration,
    /// After how long an idle connection is probed.
    pub idle: Duration,
    /// Unanswered probes are repeated this often, three times.
    pub probe: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            unacknowledged: Duration::from_secs(2),
            idle: Duration::from_secs(5),
            probe: Duration::from_secs(1),
        }
    }
}
