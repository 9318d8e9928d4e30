//! Ours: networks with all their actors, used through `send` and `Heard` as the elector does.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
};

use async_std::task;
use ballotbox_actors::{
    DoormanAddress, Heard, NetworkAddress, NetworkConfig, NetworkEvent, Tls,
    kit::{Mailbox, mailbox, mailbox_with_inlet},
    start,
};
use ballotbox_core::{Endpoint, ServerId, links::LinkId, wire::Frame};

use crate::{Rounds, body, number_of, secured::Members};

/// At most this many frames wait for their user, as for the elector.
const FRAMES_WAITING_MAX: usize = 64;

/// What the network tells a node.
#[derive(Debug)]
enum Told {
    Heard(Heard),
    Event(NetworkEvent),
}

impl From<Heard> for Told {
    fn from(heard: Heard) -> Self {
        Self::Heard(heard)
    }
}

impl From<NetworkEvent> for Told {
    fn from(event: NetworkEvent) -> Self {
        Self::Event(event)
    }
}

/// One of the two parts of a network has ended.
#[derive(Debug)]
struct Ended;

/// The network of one node, and what it tells.
#[derive(Debug)]
pub struct Node {
    me: ServerId,
    doorman: DoormanAddress,
    network: NetworkAddress,
    told: Mailbox<Told>,
    exits: Mailbox<Ended>,
    /// The links over which something was heard.
    spoken: BTreeSet<LinkId>,
}

impl Node {
    /// Listens on this socket, and wants links to these peers.
    pub fn start(
        me: u64,
        listener: TcpListener,
        peers: impl IntoIterator<Item = (u64, Endpoint)>,
        tls: Option<Tls>,
    ) -> Self {
        let endpoint = Endpoint::from(listener.local_addr().unwrap());
        let mut config = NetworkConfig::new(id(me), endpoint.into());
        config.listen[0].ready = Some(listener);
        config.tls = tls;
        config.peers.extend(peers.into_iter().map(|(peer, endpoint)| (id(peer), vec![endpoint])));
        let (user, inlet, told) = mailbox_with_inlet(FRAMES_WAITING_MAX);
        let (parent, exits) = mailbox();
        let (doorman, network) = start(config, None, user, inlet, parent, |_| Ended, |_| Ended);
        Self { me: id(me), doorman, network, told, exits, spoken: BTreeSet::new() }
    }

    /// A node that speaks TLS and wants no links: where it listens, and who lets others in.
    pub fn start_secured() -> (Self, SocketAddr, Members) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let members = Members::new(&[(1, address.into())]);
        let tls = members.tls(1);
        (Self::start(1, listener, [], Some(tls)), address, members)
    }

    /// Waits until there is this number of links.
    pub async fn linked(&mut self, links: usize) {
        let mut up = 0;
        while up < links {
            match self.told.next().await {
                Some(Told::Event(NetworkEvent::LinkUp { .. })) => up += 1,
                Some(Told::Event(
                    NetworkEvent::Listening { .. }
                    | NetworkEvent::Started
                    | NetworkEvent::Doubted { .. },
                )) => {}
                unexpected @ (Some(_) | None) => {
                    panic!("node {}: {unexpected:?}", self.me)
                }
            }
        }
    }

    pub fn send(&self, to: ServerId, frame: Frame) {
        self.network.send(to, frame);
    }

    /// The next frame and who said it; `None` when its link is lost or the network has ended.
    pub async fn heard(&mut self) -> Option<(ServerId, Frame)> {
        loop {
            match self.told.next().await {
                Some(Told::Heard(Heard { link, frame })) => {
                    if self.spoken.insert(link) {
                        // As the elector does; a link over which nobody is known to have spoken is closed.
                        self.network.spoke(link);
                    }
                    return Some((link.peer, frame));
                }
                // Knocks that were under way while links came up.
                Some(Told::Event(NetworkEvent::Doubted { .. })) => {}
                Some(_) | None => return None,
            }
        }
    }

    /// Sends back whatever comes, until the peer has gone.
    pub async fn echo(mut self) {
        while let Some((from, frame)) = self.heard().await {
            self.send(from, frame);
        }
    }

    pub async fn stop(mut self) {
        self.doorman.stop();
        self.network.stop();
        for _ in 0..2 {
            self.exits.next().await;
        }
    }
}

/// Nodes in this process with a link between any two.
#[derive(Debug)]
pub struct Mesh(Vec<Node>);

impl Mesh {
    pub async fn start(nodes: usize) -> Self {
        Self::start_with(nodes, |_| None).await
    }

    /// The same, where all of them speak TLS.
    pub async fn start_secured(nodes: usize) -> Self {
        Self::start_with(nodes, |all| Some(Members::new(all))).await
    }

    async fn start_with(
        nodes: usize,
        secured: impl FnOnce(&[(u64, Endpoint)]) -> Option<Members>,
    ) -> Self {
        let numbers = (1..).take(nodes);
        let listeners: Vec<_> =
            numbers.map(|n: u64| (n, TcpListener::bind("127.0.0.1:0").unwrap())).collect();
        let endpoint = |listener: &TcpListener| Endpoint::from(listener.local_addr().unwrap());
        let all: Vec<_> = listeners.iter().map(|(n, listener)| (*n, endpoint(listener))).collect();
        let secured = secured(&all);
        let begin = |(n, listener)| {
            let others = all.iter().filter(|(other, _)| *other != n).cloned();
            Node::start(n, listener, others, secured.as_ref().map(|members| members.tls(n)))
        };
        let mut mesh = Self(listeners.into_iter().map(begin).collect());
        for node in &mut mesh.0 {
            node.linked(nodes - 1).await;
        }
        mesh
    }

    /// The first node, with the second one echoing in a task.
    pub fn into_ping_pong(mut self) -> PingPong {
        let there = self.0.pop().expect("two nodes");
        let peer = there.me;
        task::spawn(there.echo());
        let here = self.0.pop().expect("two nodes");
        PingPong { here, peer }
    }

    pub async fn stop(self) {
        for node in self.0 {
            node.stop().await;
        }
    }
}

impl Rounds for Mesh {
    async fn round(&mut self, number: u64) {
        let frame = Frame::new(&body(number)).unwrap();
        for node in &self.0 {
            for peer in self.0.iter().filter(|peer| peer.me != node.me) {
                node.send(peer.me, frame.clone());
            }
        }
        let others = self.0.len() - 1;
        for node in &mut self.0 {
            for _ in 0..others {
                let (_, heard) = node.heard().await.unwrap();
                assert_eq!(number_of(heard.body()), number);
            }
        }
    }
}

/// One side of a ping-pong.
#[derive(Debug)]
pub struct PingPong {
    pub here: Node,
    pub peer: ServerId,
}

impl Rounds for PingPong {
    async fn round(&mut self, number: u64) {
        self.here.send(self.peer, Frame::new(&body(number)).unwrap());
        let (_, back) = self.here.heard().await.unwrap();
        assert_eq!(number_of(back.body()), number);
    }
}

impl PingPong {
    pub async fn stop(self) {
        self.here.stop().await;
    }
}

pub fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}
