//! The public part of a node's network: the waits that a [`NodeConfig`](crate::NodeConfig) sets, what a
//! [`NodeEvent`](crate::node::NodeEvent) tells, and why a node may have to give up.
//!
//! The network itself, with its actors, is the package `ballotbox-actors`.

pub use ballotbox_actors::{
    DialError, ListenError, Liveness, NetworkError, NetworkEvent, NetworkTiming, RefusedBecause,
    Tls, TlsError,
    socket::{ConnectError, LookupError, Trust},
};
pub use ballotbox_core::{
    Backoff,
    links::{Generation, LinkId, LinkTiming, Refusal},
    wire::Ports,
};
