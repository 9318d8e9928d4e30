//! Ensembles of nodes in this process, on free loopback ports.

pub mod certificates;
pub(crate) mod patience;
pub mod peer;
pub mod talk;

use std::{collections::BTreeMap, future::Future, net::TcpListener, sync::Arc};

use ballotbox::{
    Member, Membership, Node, NodeConfig, ServerId,
    leadership::{DirectoryId, Record},
    network::{NetworkEvent, RefusedBecause},
    node::{Ended, Keep, LeadershipConfig, MemoryDisk, NodeEvent, Status, Watch},
};
use ballotbox_actors::kit::clock;
use futures::future::select_all;

pub(crate) use patience::PATIENCE;

/// Counts until it is at most this, as what blocks has a thread that ends a moment after its work; returns the last count.
pub fn settled<T: PartialOrd>(count: impl Fn() -> T, most: &T) -> T {
    let until = clock::now() + PATIENCE;
    loop {
        let now = count();
        if now <= *most || clock::now() > until {
            return now;
        }
        std::thread::yield_now();
    }
}

/// An ensemble whose members start when the test wants it.
#[derive(Debug)]
pub struct Lab {
    membership: Arc<Membership>,
    listeners: BTreeMap<ServerId, TcpListener>,
}

impl Lab {
    /// An ensemble of these members. Their ports listen from the beginning, so that nobody is refused for starting first.
    pub fn new(members: impl IntoIterator<Item = Member>) -> Self {
        Self::at("127.0.0.1", members)
    }

    /// The same, at another loopback address.
    pub fn at(host: &str, members: impl IntoIterator<Item = Member>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        let listen = |member: &Member| (member.id, TcpListener::bind((host, 0)).unwrap());
        let listeners: BTreeMap<_, _> = members.iter().map(listen).collect();
        let placed = members.into_iter().map(|member| {
            let address = listeners[&member.id].local_addr().unwrap();
            member.at(address)
        });
        Self { membership: Arc::new(Membership::new(placed).unwrap()), listeners }
    }

    /// Voters 1 to `count`.
    pub fn voters(count: u64) -> Self {
        Self::new((1..=count).map(|number| Member::voter(id(number))))
    }

    /// Frees the port of a member that is not to be up from the beginning.
    pub fn absent(&mut self, number: u64) {
        self.listeners.remove(&id(number));
    }

    /// Listens again at the port of a member that was started, and has stopped.
    pub fn free_again(&mut self, number: u64) {
        let listener = TcpListener::bind(self.address(number)).unwrap();
        self.listeners.insert(id(number), listener);
    }

    /// The listening socket of a member that the test plays itself.
    pub fn listener(&mut self, number: u64) -> async_std::net::TcpListener {
        self.listeners.remove(&id(number)).unwrap().into()
    }

    /// What a member would be started with, for tests that change it.
    pub fn config(&mut self, number: u64) -> NodeConfig {
        let me = id(number);
        let mut config = NodeConfig::new(me, Arc::clone(&self.membership));
        config.listener = self.listeners.remove(&me);
        config
    }

    /// The same for a member that leads and follows, and keeps this in memory.
    pub fn config_in_memory(&mut self, number: u64, record: Record) -> NodeConfig {
        let mut config = self.config(number);
        let disk = MemoryDisk::new(DirectoryId(number), record);
        config.leadership = Some(LeadershipConfig::new(Keep::InMemory(disk)));
        config
    }

    /// The same for tests in which nobody is silent: one that is held up for a second, as on a busy machine, is not given up.
    pub fn config_of_a_steady_one(&mut self, number: u64, record: Record) -> NodeConfig {
        let mut config = self.config_in_memory(number, record);
        if let Some(leadership) = &mut config.leadership {
            leadership.timing.silence = PATIENCE;
        }
        config
    }

    /// Starts a member.
    pub async fn start(&mut self, number: u64) -> Node {
        Node::start(self.config(number)).await.unwrap()
    }

    /// Who the members are.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Where a member listens.
    pub fn address(&self, number: u64) -> std::net::SocketAddr {
        self.membership.election(id(number))[0].to_string().parse().unwrap()
    }
}

pub fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

/// Waits, but not for ever.
pub async fn patiently<F: Future>(work: F) -> F::Output {
    async_std::future::timeout(PATIENCE, work).await.expect("this has taken too long")
}

/// Waits until this node has elected that one.
pub async fn elects(watch: &mut Watch, leader: u64) -> Status {
    let elected = watch.until(|status| status.elected() == Some(id(leader)));
    patiently(elected).await.unwrap_or_else(|Ended| panic!("the node has ended"))
}

/// Waits until all of these have elected the same one of them.
pub async fn agreed(nodes: &BTreeMap<u64, Node>) -> ServerId {
    let one_of_them = |leader: &ServerId| nodes.contains_key(&leader.number());
    agreed_on(nodes, |status| status.elected().filter(one_of_them)).await
}

/// Waits until all of these believe the same.
pub async fn agreed_on<B: PartialEq>(
    nodes: &BTreeMap<u64, Node>,
    belief: impl Fn(&Status) -> Option<B>,
) -> B {
    let mut watches: Vec<Watch> = nodes.values().map(Node::watch).collect();
    patiently(async {
        loop {
            let mut beliefs = Vec::new();
            for watch in &watches {
                beliefs.push(belief(&watch.status().await.unwrap()));
            }
            beliefs.dedup();
            if beliefs.len() == 1
                && let Some(Some(belief)) = beliefs.pop()
            {
                return belief;
            }
            let news = select_all(watches.iter_mut().map(|watch| Box::pin(watch.news())));
            news.await.0.unwrap();
        }
    })
    .await
}

/// Waits until this node has turned somebody away, and says why it did.
pub async fn refusal(node: &Node) -> RefusedBecause {
    let mut watch = node.watch();
    loop {
        let news = patiently(watch.news()).await.unwrap();
        for told in &news.events {
            if let NodeEvent::Network(NetworkEvent::Refused { reason, .. }) = &told.event {
                return reason.clone();
            }
        }
    }
}
