//! Whole nodes among strangers that begin handshakes: these cost signatures, and places while they last.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use async_std::{
    net::TcpStream,
    task::{JoinHandle, block_on, spawn},
};
use ballotbox::{Node, network::RefusedBecause, node::Status, tls::TlsStage};
use futures::{AsyncReadExt, AsyncWriteExt, future::join_all};
use futures_rustls::{
    TlsConnector,
    rustls::{ClientConfig, ClientConnection, pki_types::ServerName},
};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::{
    common::{Lab, agreed_on, certificates::Authority, id, patiently, refusal},
    secured::member,
};

/// The strangers are not at the address of the members.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// As many strangers are half way through a handshake with one node.
const HALF_OPEN: usize = 300;

/// As many of them are let in from one address; those that came first make room.
const LET_IN: usize = 128;

/// As many strangers at a time go through whole handshakes, one after the other.
const CROWD: usize = 8;

const HOUR: Duration = Duration::from_secs(3600);

/// A connection from another address than that of the members. It waits for a node that accepts slowly, and holds up no thread.
async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(ELSEWHERE, 0).into())?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
            return Err(error);
        }
        Ok(()) | Err(_) => {}
    }
    let socket = Async::new(std::net::TcpStream::from(socket))?;
    socket.writable().await?;
    match socket.get_ref().take_error()? {
        Some(error) => Err(error),
        None => Ok(TcpStream::from(socket.into_inner()?)),
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("127.0.0.1").unwrap()
}

/// The first word of a handshake.
fn client_hello(client: Arc<ClientConfig>) -> Vec<u8> {
    let mut hello = Vec::new();
    ClientConnection::new(client, name()).unwrap().write_tls(&mut hello).unwrap();
    hello
}

/// A member that gives up no first word by itself, however long that takes.
async fn start(lab: &mut Lab, authority: &Authority, number: u64) -> Node {
    let mut config = member(lab, authority, number, TlsStage::Required);
    config.network.greeting = HOUR;
    Node::start(config).await.unwrap()
}

/// Strangers that have said this, and say nothing more: as many as are let in.
async fn half_open(to: SocketAddr, word: &[u8]) -> Vec<TcpStream> {
    let mut strangers = Vec::new();
    for _ in 0..HALF_OPEN {
        let mut socket = connect(to).await.unwrap();
        let _ = socket.write_all(word).await;
        strangers.push(socket);
    }
    let those_that_stay = strangers.split_off(HALF_OPEN - LET_IN);
    join_all(strangers.iter_mut().map(gone)).await;
    those_that_stay
}

/// Reads what there is until the other end has hung up.
async fn gone(socket: &mut TcpStream) {
    while let Ok(1..) = patiently(socket.read(&mut [0; 4096])).await {}
}

#[test]
fn members_elect_and_fail_over_among_strangers_that_are_half_way_through_a_handshake() {
    for is_whole in [false, true] {
        block_on(async {
            let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
            let mut word = client_hello(authority.issue(&["127.0.0.1"]).nameless_client());
            if !is_whole {
                word.truncate(12);
            }
            let (mut nodes, mut strangers) = (BTreeMap::new(), Vec::new());
            for number in 1..=3 {
                nodes.insert(number, start(&mut lab, &authority, number).await);
                strangers.push(half_open(lab.address(number), &word).await);
            }
            let (leader, epoch) = agreed_on(&nodes, Status::leader).await;
            nodes.remove(&leader.number()).unwrap().stop().await.unwrap();
            let next = |status: &Status| status.leader().filter(|(other, _)| *other != leader);
            assert!(agreed_on(&nodes, next).await.1 > epoch);
        });
    }
}

#[test]
fn half_a_handshake_ends_with_the_time_for_a_first_word() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        lab.absent(2);
        lab.absent(3);
        let mut config = member(&mut lab, &authority, 1, TlsStage::Required);
        config.network.greeting = Duration::from_millis(200);
        let node = Node::start(config).await.unwrap();
        let hello = client_hello(authority.issue(&["127.0.0.1"]).nameless_client());
        for word in [&hello[..1], &hello[..12], &hello] {
            let mut stranger = connect(lab.address(1)).await.unwrap();
            stranger.write_all(word).await.unwrap();
            gone(&mut stranger).await;
            assert_eq!(refusal(&node).await, RefusedBecause::Silence);
        }
    });
}

#[test]
fn members_elect_and_fail_over_in_a_flood_of_handshakes() {
    block_on(async {
        let (mut lab, authority) = (Lab::voters(3), Authority::new("test"));
        let stranger = Authority::new("other").issue(&["ballotbox:1"]);
        let client = stranger.client_that_trusts(&authority.member(1));
        let (mut nodes, mut floods) = (BTreeMap::new(), Vec::new());
        for number in 1..=3 {
            nodes.insert(number, start(&mut lab, &authority, number).await);
            let flood = Flood::begin(lab.address(number), &client);
            flood.goes_on().await;
            floods.push(flood);
        }
        let (leader, epoch) = agreed_on(&nodes, Status::leader).await;
        nodes.remove(&leader.number()).unwrap().stop().await.unwrap();
        let next = |status: &Status| status.leader().filter(|(other, _)| *other != leader);
        assert!(agreed_on(&nodes, next).await.1 > epoch);
        for (flood, number) in floods.into_iter().zip(1..) {
            if id(number) != leader {
                flood.goes_on().await;
            }
            flood.end().await;
        }
    });
}

/// Strangers whose handshakes are turned away at their very end, again and again.
struct Flood {
    tasks: Vec<JoinHandle<()>>,
    ended: flume::Receiver<()>,
}

impl Flood {
    fn begin(to: SocketAddr, client: &Arc<ClientConfig>) -> Self {
        let (say, ended) = flume::bounded(1);
        let again = |say: flume::Sender<()>, client: Arc<ClientConfig>| async move {
            // The node may hang up at any moment, and the machine may run out of ports for a while.
            loop {
                let Ok(socket) = connect(to).await else { continue };
                let connector = TlsConnector::from(Arc::clone(&client));
                let Ok(mut stream) = connector.connect(name(), socket).await else { continue };
                // With TLS 1.3 the refusal comes after the handshake.
                let _ = stream.read(&mut [0; 64]).await;
                let _ = say.try_send(());
            }
        };
        let tasks = (0..CROWD).map(|_| spawn(again(say.clone(), Arc::clone(client)))).collect();
        Self { tasks, ended }
    }

    /// Waits until another handshake was turned away.
    async fn goes_on(&self) {
        self.ended.drain();
        patiently(self.ended.recv_async()).await.unwrap();
    }

    async fn end(self) {
        join_all(self.tasks.into_iter().map(JoinHandle::cancel)).await;
    }
}
