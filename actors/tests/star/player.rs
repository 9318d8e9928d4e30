//! A star whose user is the test: it plays the core of leadership.

use std::{convert::Infallible, net::SocketAddr};

use async_std::{
    io::{ReadExt, WriteExt},
    net::TcpStream,
};
use ballotbox_actors::{
    DialError, FirstPacket, NetworkConfig, StarAddress, StarEvent, StarHeard,
    kit::{Exit, Mailbox, mailbox, mailbox_with_inlet},
    start_star,
};
use ballotbox_core::{
    leadership::SessionId,
    wire::{PacketKind, PacketStream, Ports, QuorumPacket},
};

use crate::common::{PATIENCE, Server, Setup};

/// What the user of a star is told.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum StarTold {
    Heard(StarHeard),
    Event(StarEvent),
}

impl From<StarHeard> for StarTold {
    fn from(heard: StarHeard) -> Self {
        Self::Heard(heard)
    }
}

impl From<StarEvent> for StarTold {
    fn from(event: StarEvent) -> Self {
        Self::Event(event)
    }
}

/// A star that runs.
#[derive(Debug)]
pub(crate) struct Star {
    pub(crate) address: StarAddress,
    told: Mailbox<StarTold>,
    exits: Mailbox<Exit<(), Infallible>>,
}

impl Star {
    pub(crate) fn start(config: &NetworkConfig, ahead: usize) -> Self {
        let (user, inlet, told) = mailbox_with_inlet(ahead);
        let (parent, exits) = mailbox();
        let address = start_star(config, user, inlet, parent, |exit| exit);
        Self { address, told, exits }
    }

    pub(crate) async fn next(&mut self) -> StarTold {
        let Ok(next) = async_std::future::timeout(PATIENCE, self.told.next()).await else {
            panic!("a star has waited too long")
        };
        next.expect("the star has ended")
    }

    /// Whether there is nothing to be told just now.
    pub(crate) fn has_nothing_to_tell(&self) -> bool {
        self.told.is_empty()
    }

    /// The learner that comes next, with its first packet. Nothing else may come before.
    pub(crate) async fn arrived(&mut self) -> (SessionId, QuorumPacket, SocketAddr) {
        match self.next().await {
            StarTold::Event(StarEvent::Arrived { session, first, from }) => {
                (session, first.packet, from)
            }
            other => panic!("{other:?} came first"),
        }
    }

    /// The same, with the place that its first packet takes if it is long.
    pub(crate) async fn arrived_with_place(&mut self) -> FirstPacket {
        match self.next().await {
            StarTold::Event(StarEvent::Arrived { first, .. }) => first,
            other => panic!("{other:?} came first"),
        }
    }

    pub(crate) async fn dialled(&mut self) -> SessionId {
        match self.next().await {
            StarTold::Event(StarEvent::Dialled { session }) => session,
            other => panic!("{other:?} came first"),
        }
    }

    pub(crate) async fn dial_failed(&mut self) -> (SessionId, DialError) {
        match self.next().await {
            StarTold::Event(StarEvent::DialFailed { session, error }) => (session, error),
            other => panic!("{other:?} came first"),
        }
    }

    pub(crate) async fn heard(&mut self) -> (SessionId, QuorumPacket) {
        match self.next().await {
            StarTold::Heard(StarHeard { session, packet }) => (session, packet),
            other @ StarTold::Event(_) => panic!("{other:?} came first"),
        }
    }

    /// Which session has ended, and why.
    pub(crate) async fn ended(&mut self) -> (SessionId, String) {
        match self.next().await {
            StarTold::Event(StarEvent::Ended { session, cause }) => (session, cause.to_string()),
            other => panic!("{other:?} came first"),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.address.stop();
        assert_eq!(self.exits.next().await, Some(Exit::Done(())));
    }
}

/// A server and its star, whose learners come to the same address.
pub(crate) fn start(mut setup: Setup) -> (Server, Star) {
    for listen in &mut setup.config.listen {
        listen.ports = Ports::Both;
    }
    start_as_it_is(setup, 64)
}

/// The same at the addresses that are configured for them, with a user that takes this many things ahead.
pub(crate) fn start_as_it_is(setup: Setup, ahead: usize) -> (Server, Star) {
    let star = Star::start(&setup.config, ahead);
    (setup.start_beside(Some(&star.address)), star)
}

/// What a voter begins with. Its data is as long as that.
pub(crate) fn info(epoch: i32, len: usize) -> QuorumPacket {
    let data = (0_u8..=255).cycle().take(len).collect();
    QuorumPacket { kind: PacketKind::FOLLOWERINFO, zxid: i64::from(epoch) << 32, data: Some(data) }
}

pub(crate) fn ping(zxid: i64) -> QuorumPacket {
    QuorumPacket::bare(PacketKind::PING, zxid)
}

/// Connects, and says this.
pub(crate) async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // It may be closed before all of it is written.
    let _ = socket.write_all(bytes).await;
    socket
}

/// The next packet of a connection that is not ours.
pub(crate) async fn read_packet(socket: &mut TcpStream, stream: &mut PacketStream) -> QuorumPacket {
    loop {
        if let Some(packet) = stream.next_packet().unwrap() {
            return packet;
        }
        let read = async_std::future::timeout(PATIENCE, socket.read(stream.room())).await;
        let count = read.expect("waited too long").unwrap();
        assert!(count > 0, "the connection has ended");
        stream.filled(count);
    }
}
