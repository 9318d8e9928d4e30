//! [`Wiring`]: the ports of all members, and the cables between those that some step may part.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use ballotbox_actors::{
    kit::{Address, Exit, mailbox, spawn},
    socket::resolve,
};
use ballotbox_core::{Endpoint, ServerId, UntrustedText};

use super::{
    cabling::{self, Cabling, Pair},
    error::{CABLES_MAX, PlayError},
    ports::ReservedPort,
    relay::{Relay, RelayError, RelayMsg},
};
use crate::scenario::vote_file::VoteFile;

/// To look up the name of a member's address.
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// Who listens where, and who reaches whom how.
#[derive(Debug)]
pub(super) struct Wiring {
    ports: BTreeMap<ServerId, ReservedPort>,
    relays: BTreeMap<Pair, Cable>,
}

#[derive(Debug)]
struct Cable {
    relay: Address<RelayMsg>,
    address: SocketAddr,
}

impl Wiring {
    /// Reserves the ports and lays the cables of a file. When a relay ends, the parent is told.
    pub(super) async fn new<P: Send + 'static>(
        file: &VoteFile,
        parent: &Address<P>,
        report: fn(Exit<(), RelayError>) -> P,
    ) -> Result<Self, PlayError> {
        let cables = cabling::cables(file);
        if cables.len() > CABLES_MAX {
            return Err(PlayError::TooManyCables { found: cables.len() });
        }
        let mut ports = BTreeMap::new();
        for (member, _) in file.members() {
            ports.insert(member.id, reserve(member.id, member.election.first()).await?);
        }
        let mut wiring = Self { ports, relays: BTreeMap::new() };
        for (from, to) in cables {
            let Some(target) = wiring.ports.get(&to).map(ReservedPort::address) else { continue };
            let port =
                ReservedPort::free().map_err(|error| PlayError::Cable { cause: error.into() })?;
            let address = port.address();
            let (relay, orders) = mailbox();
            spawn(Relay::new(port, target, relay.clone()), orders, parent.clone(), report);
            wiring.relays.insert((from, to), Cable { relay, address });
        }
        Ok(wiring)
    }

    /// The addresses a member is given: its own, and for every other member that of the cable or of the member itself.
    pub(super) fn addresses(&self, from: ServerId) -> BTreeMap<ServerId, Vec<Endpoint>> {
        let seen = |(to, port): (&ServerId, &ReservedPort)| {
            let cable = self.relays.get(&(from, *to)).map(|cable| cable.address);
            (*to, vec![Endpoint::from(cable.unwrap_or_else(|| port.address()))])
        };
        self.ports.iter().map(seen).collect()
    }

    /// Opens the port of a member.
    pub(super) fn listen(&self, member: ServerId) -> Result<Option<TcpListener>, PlayError> {
        let Some(port) = self.ports.get(&member) else { return Ok(None) };
        let address = UntrustedText::new(port.address());
        let opened = port.listen();
        opened.map(Some).map_err(|error| PlayError::Bind { member, address, cause: error.into() })
    }

    /// Puts every cable into its condition, and waits until it is.
    pub(super) async fn set(&self, cabling: &Cabling) {
        let (done, mut all_done) = mailbox();
        for (pair, cable) in &self.relays {
            let condition = cabling.condition(*pair);
            let _ = cable.relay.tell(RelayMsg::Set { condition, done: done.clone() });
        }
        drop(done);
        // Nothing can be told through a token; its end is what is waited for.
        all_done.next().await;
    }

    /// Takes all cables away, and returns how many there were: the parent will be told the end of each.
    pub(super) fn remove_cables(&mut self) -> usize {
        let cables = std::mem::take(&mut self.relays);
        for cable in cables.values() {
            let _ = cable.relay.tell(RelayMsg::Stop);
        }
        cables.len()
    }
}

async fn reserve(member: ServerId, at: Option<&Endpoint>) -> Result<ReservedPort, PlayError> {
    let cannot_bind =
        |address, error: std::io::Error| PlayError::Bind { member, address, cause: error.into() };
    let Some(endpoint) = at else {
        return ReservedPort::free()
            .map_err(|error| cannot_bind("a free loopback port".into(), error));
    };
    let found = resolve(endpoint, RESOLVE_MAX).await;
    let found = found.map_err(|error| PlayError::Lookup { member, error })?;
    let none = || std::io::ErrorKind::NotFound.into();
    let reserved = found.first().ok_or_else(none).and_then(|address| ReservedPort::at(*address));
    reserved.map_err(|error| cannot_bind(UntrustedText::new(endpoint), error))
}
