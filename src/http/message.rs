//! What is said between a status server and its connections.

use std::convert::Infallible;

use ballotbox_actors::kit::{Address, Exit};

/// What a server can be told.
#[derive(Debug)]
pub(super) enum ServerMsg {
    /// By its owner.
    Stop,
    /// By a connection: may this request be answered?
    Request { number: u64, kind: RequestKind, reply: Address<Permission> },
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
