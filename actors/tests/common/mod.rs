//! A network whose user is the test: it plays the elector.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use async_std::{
    io::{ReadExt, WriteExt},
    net::{TcpListener, TcpStream},
};
use ballotbox_actors::{
    DoormanAddress, Heard, NetworkAddress, NetworkConfig, NetworkError, NetworkEvent, StarAddress,
    kit::{Exit, Mailbox, mailbox, mailbox_with_inlet},
    start,
};
use ballotbox_core::{
    Endpoint, ServerId,
    links::LinkId,
    wire::{Frame, FrameBuffer, Greeting, GreetingForm},
};

/// At most this long is waited for anything: then the test fails, instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A network that has not started.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: NetworkConfig,
}

impl Setup {
    /// A server on a free loopback port.
    pub(crate) fn new(number: u64) -> Self {
        let ready = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::from(ready.local_addr().unwrap());
        let mut config = NetworkConfig::new(id(number), endpoint.into());
        config.listen[0].ready = Some(ready);
        Self { config }
    }

    /// The same at another place.
    pub(crate) fn at(self, endpoint: Endpoint) -> Self {
        Self {
            config: NetworkConfig {
                peers: self.config.peers,
                timing: self.config.timing,
                ..NetworkConfig::new(self.config.me, endpoint.into())
            },
        }
    }

    /// With a peer whose one address is both its ports.
    pub(crate) fn peer(&mut self, number: u64, endpoint: Endpoint) {
        self.config.peers.insert(id(number), vec![endpoint.clone()]);
        self.config.quorum_peers.insert(id(number), vec![endpoint]);
    }

    /// With a peer that is known but never reached.
    pub(crate) fn peer_at_nowhere(mut self, number: u64) -> Self {
        self.config.peers.insert(id(number), Vec::new());
        self
    }

    pub(crate) fn peer_of(mut self, server: &Server) -> Self {
        self.config.peers.insert(server.me, vec![server.endpoint.clone()]);
        self
    }

    pub(crate) fn start(self) -> Server {
        self.start_beside(None)
    }

    /// Beside a star that was started with the same configuration, if there is one.
    pub(crate) fn start_beside(self, star: Option<&StarAddress>) -> Server {
        let me = self.config.me;
        let endpoint = self.config.listen[0].endpoint.clone();
        let peers = self.config.peers.clone();
        let (address, inlet, told) = mailbox_with_inlet(4);
        let (parent, exits) = mailbox();
        let (doorman, network) =
            start(self.config, star, address, inlet, parent, Ended::Doorman, Ended::Mesh);
        Server { me, endpoint, peers, doorman, network, told, exits }
    }
}

/// What the user of a network is told.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Told {
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

/// What the parent of a network is told.
#[derive(Debug, Eq, PartialEq)]
enum Ended {
    Doorman(Exit<(), NetworkError>),
    Mesh(Exit<(), Infallible>),
}

/// A network that runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) me: ServerId,
    pub(crate) endpoint: Endpoint,
    peers: std::collections::BTreeMap<ServerId, Vec<Endpoint>>,
    doorman: DoormanAddress,
    pub(crate) network: NetworkAddress,
    told: Mailbox<Told>,
    exits: Mailbox<Ended>,
}

impl Server {
    /// Servers 1 and 2, peers of each other.
    pub(crate) fn pair() -> [Self; 2] {
        let (mut one, mut two) = (Setup::new(1), Setup::new(2));
        one.peer(2, two.config.listen[0].endpoint.clone());
        two.peer(1, one.config.listen[0].endpoint.clone());
        [one.start(), two.start()]
    }

    pub(crate) async fn restart(self) -> Self {
        let mut setup = Setup::new(self.me.number()).at(self.endpoint.clone());
        setup.config.peers.clone_from(&self.peers);
        self.stop().await;
        setup.start()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.to_string().parse().unwrap()
    }

    pub(crate) fn greeting(&self) -> Vec<u8> {
        let form = GreetingForm::V1(self.endpoint.clone());
        Greeting { from: Some(self.me), form }.encode()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> Told {
        let Ok(next) = async_std::future::timeout(PATIENCE, self.told.next()).await else {
            panic!("server {} has waited too long", self.me)
        };
        next.unwrap_or_else(|| panic!("server {} has ended", self.me))
    }

    /// The first event that is as wished for; what comes before it is passed over.
    pub(crate) async fn until<T>(&mut self, wished: impl Fn(NetworkEvent) -> Option<T>) -> T {
        loop {
            if let Told::Event(event) = self.next().await
                && let Some(found) = wished(event)
            {
                return found;
            }
        }
    }

    pub(crate) async fn link_up(&mut self, peer: u64) -> LinkId {
        let up = |report| match report {
            NetworkEvent::LinkUp { link } if link.peer == id(peer) => Some(link),
            _ => None,
        };
        self.until(up).await
    }

    pub(crate) async fn link_down(&mut self) -> LinkId {
        let down = |report| match report {
            NetworkEvent::LinkDown { link, .. } => Some(link),
            _ => None,
        };
        self.until(down).await
    }

    pub(crate) async fn heard(&mut self) -> (LinkId, String) {
        loop {
            if let Told::Heard(Heard { link, frame }) = self.next().await {
                return (link, text(&frame));
            }
        }
    }

    /// How the doorman ended, unasked.
    pub(crate) async fn exit(&mut self) -> Exit<(), NetworkError> {
        match self.exits.next().await {
            Some(Ended::Doorman(exit)) => exit,
            other => panic!("{other:?} came first"),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.doorman.stop();
        self.network.stop();
        for _ in 0..2 {
            match self.exits.next().await {
                Some(Ended::Doorman(exit)) => assert_eq!(exit, Exit::Done(())),
                Some(Ended::Mesh(exit)) => assert_eq!(exit, Exit::Done(())),
                None => panic!("a part of server {} has gone without a word", self.me),
            }
        }
    }
}

pub(crate) fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

pub(crate) fn frame(text: &str) -> Frame {
    Frame::new(text.as_bytes()).unwrap()
}

pub(crate) fn text(frame: &Frame) -> String {
    String::from_utf8(frame.body().to_vec()).unwrap()
}

/// What a server with this id says when it dials.
pub(crate) fn greeting(number: u64) -> Vec<u8> {
    let form = GreetingForm::V1("127.0.0.1:3888".parse().unwrap());
    Greeting { from: Some(id(number)), form }.encode()
}

/// Connects and claims to be this id.
pub(crate) async fn greet(server: &Server, number: u64) -> TcpStream {
    let mut socket = server.connect().await;
    socket.write_all(&greeting(number)).await.unwrap();
    socket
}

/// A peer that is only a listening socket.
pub(crate) async fn raw_peer() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().into();
    (listener, endpoint)
}

/// A port where nobody listens, and what keeps others from taking it.
pub(crate) fn free_port() -> (Endpoint, socket2::Socket) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (address.into(), socket)
}

/// Waits for the other end to close; whatever it still says is passed over.
pub(crate) async fn is_closed(socket: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let end = async_std::future::timeout(PATIENCE, socket.read_to_end(&mut rest));
    end.await.is_ok()
}

pub(crate) async fn read_frame(socket: &mut TcpStream) -> String {
    let mut buffer = FrameBuffer::default();
    loop {
        if let Some(frame) = buffer.next_frame().unwrap() {
            return text(&frame);
        }
        let count = socket.read(buffer.room()).await.unwrap();
        assert!(count > 0, "the connection has ended");
        buffer.filled(count);
    }
}
