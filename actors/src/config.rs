//! [`NetworkConfig`]: what the network of one server is made of.

use std::{collections::BTreeMap, time::Duration};

use crate::socket::{Listen, Liveness, Tls};
use ballotbox_core::{
    Backoff, Endpoint, ServerId,
    links::LinkTiming,
    wire::{Greeting, GreetingForm},
};

/// The network of one server: who we are, where we listen, whom we want links to.
#[derive(Debug)]
pub struct NetworkConfig {
    /// Our id.
    pub me: ServerId,
    /// What we say when we dial.
    pub greeting: Greeting,
    /// Where we listen, and what is spoken there. Peers are dialled once all of these do.
    pub listen: Vec<Listen>,
    /// The peers we want links to, with all their addresses: nobody is ever dialled anywhere else.
    pub peers: BTreeMap<ServerId, Vec<Endpoint>>,
    /// Where we find the other members as learners, once one of them leads.
    pub quorum_peers: BTreeMap<ServerId, Vec<Endpoint>>,
    /// Whether the body of a frame is something that a peer may say. A connection that brings anything else never takes the
    /// place of another.
    pub understands: fn(&[u8]) -> bool,
    /// Who we are to the others over TLS, and whom we believe to be one; `None` for plain text, in which anybody who reaches a port
    /// is believed.
    pub tls: Option<Tls>,
    /// Deadlines.
    pub timing: NetworkTiming,
    /// When links are tried again.
    pub links: LinkTiming,
    /// How dead peers are noticed.
    pub liveness: Liveness,
}

impl NetworkConfig {
    /// The network of `me`, listening at `listen`, with default timings and no peers yet.
    pub fn new(me: ServerId, listen: Listen) -> Self {
        let form = GreetingForm::V1(listen.endpoint.clone());
        Self {
            me,
            greeting: Greeting { from: Some(me), form },
            listen: vec![listen],
            peers: BTreeMap::new(),
            quorum_peers: BTreeMap::new(),
            understands: |_| true,
            tls: None,
            timing: NetworkTiming::default(),
            links: LinkTiming::default(),
            liveness: Liveness::default(),
        }
    }
}

/// The deadlines of the network's actors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetworkTiming {
    /// To resolve, connect and greet (`cnxTimeout`).
    pub connect: Duration,
    /// For an incoming greeting, or a learner's first packet, to be complete (`quorumCnxnTimeoutMs`).
    pub greeting: Duration,
    /// For a frame, or the packets that are said together, to be taken by the peer's system.
    pub write: Duration,
    /// For a frame or a packet that has begun to be complete.
    pub frame: Duration,
    /// Between attempts to listen, and how many (`electionPortBindRetry`).
    pub rebind: Backoff,
}

impl Default for NetworkTiming {
    fn default() -> Self {
        let five_seconds = Duration::from_secs(5);
        Self {
            connect: five_seconds,
            greeting: five_seconds,
            write: five_seconds,
            frame: five_seconds,
            rebind: Backoff {
                min: Duration::from_millis(250),
                max: Duration::from_secs(5),
                attempts_max: Some(4),
            },
        }
    }
}
