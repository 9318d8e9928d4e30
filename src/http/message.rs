//! What is said between a status server and its connections.

use std::{convert::Infallible, net::IpAddr, time::Duration};

use ballotbox_actors::kit::{Address, Exit};

/// What a server can be told.
#[derive(Debug)]
pub(super) enum ServerMsg {
    /// By its owner.
    Stop,
    /// By a connection: may this request be answered?
    Request { number: u64, kind: RequestKind, reply: Address<Permission> },
    /// By a connection: its handshake could go on.
    WantsTurn { number: u64, from: IpAddr, reply: Address<()> },
    /// By a connection: its handshake has gone on by one step, which has taken so much of the thread's time.
    HadTurn { number: u64, cost: Duration },
    /// By its children.
    ConnectionEnded { number: u64, exit: Exit<(), Infallible> },
}

/// How long the answer to a request is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RequestKind {
    Once,
    /// As long as the connection.
    Stream,
}

/// Whether a request may be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permission {
    Granted,
    /// There are streams enough.
    TooMany,
}
