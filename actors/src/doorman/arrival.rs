//! [`Arrival`]: a connection that has said what it comes for, on its way to those inside.

use std::net::{IpAddr, SocketAddr};

use super::DoormanMsg;
use crate::{kit::Address, socket::Connection};
use ballotbox_core::{
    ServerId, UntrustedText,
    links::Refusal,
    wire::{Greeting, QuorumPacket},
};

/// A connection whose first word was read, and nothing behind it.
#[derive(Debug)]
pub(crate) struct Arrival<W> {
    pub(crate) first: W,
    pub(crate) connection: Connection,
    pub(crate) from: SocketAddr,
    pub(crate) ticket: Ticket,
    /// To be kept as long as the first word is, if that is long.
    pub(crate) place: Option<Place>,
}

/// What a doorman tells those to whom it hands greetings on.
#[derive(Debug)]
pub(crate) enum DoorReport {
    /// We listen at these addresses.
    Open { addresses: Vec<SocketAddr>, peers: PeerBook },
    /// This process may open no more sockets. The receiver of the connections notices that as well, and counts it.
    NoDescriptors { cause: UntrustedText },
    /// A connection has greeted.
    Arrived(Arrival<Greeting>),
}

/// What a doorman tells those to whom it hands learners on.
#[derive(Debug)]
pub(crate) enum LearnerReport {
    /// We listen at these addresses.
    Open { addresses: Vec<SocketAddr> },
    /// A learner has come.
    Arrived(Arrival<QuorumPacket>),
}

/// Where a doorman is told at which addresses peers are looked for.
#[derive(Clone, Debug)]
pub(crate) struct PeerBook(Address<DoormanMsg>);

impl PeerBook {
    pub(super) const fn new(doorman: Address<DoormanMsg>) -> Self {
        Self(doorman)
    }

    /// This peer is at this address, whether or not it answers there.
    pub(crate) fn note(&self, address: IpAddr, peer: ServerId) {
        let _ = self.0.tell(DoormanMsg::PeerAt { address, peer });
    }
}

/// Goes with a connection that is handed on. Dropping it says that the connection was dealt with.
#[derive(Debug)]
pub(crate) struct Ticket {
    from: IpAddr,
    doorman: Address<DoormanMsg>,
}

impl Ticket {
    pub(super) const fn new(from: IpAddr, doorman: Address<DoormanMsg>) -> Self {
        Self { from, doorman }
    }

    /// The connection is turned away.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let _ = self.doorman.tell(DoormanMsg::Refused { from: self.from, refusal });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = self.doorman.tell(DoormanMsg::Taken);
    }
}

/// One of a few places for long first words. Dropping it says that the word is held no more.
#[derive(Debug)]
pub(crate) struct Place(Address<DoormanMsg>);

impl Place {
    pub(super) const fn new(doorman: Address<DoormanMsg>) -> Self {
        Self(doorman)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.tell(DoormanMsg::PlaceFree);
    }
}
