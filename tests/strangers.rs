//! Whole nodes among strangers that greet as one of their peers: no connection counts as a peer before that peer has
//! spoken over it.
//!
//! Whatever would put an end to a silent stranger in time takes an hour here: what holds holds by the rule alone, while
//! every stranger stays.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use crate::common::{
    Lab, agreed, elects, id, patiently,
    peer::{Peer, vote_for},
};
use async_std::{
    io::WriteExt,
    net::TcpStream,
    task::{JoinHandle, block_on, spawn},
};
use ballotbox::{
    Epoch, Node, NodeConfig, Round, Standing, Vote, Zxid,
    network::NetworkEvent,
    node::{NodeEvent, NodeState, Occurrence, Status, Watch},
};
use ballotbox_core::{
    links::LinkId,
    wire::{Greeting, GreetingForm},
};
use futures::future::join_all;

const HOUR: Duration = Duration::from_secs(3600);

/// As many strangers claim to be the same peer of the same node.
const CROWD: usize = 4;

/// A member that never tires of a silent stranger.
fn config(lab: &mut Lab, number: u64) -> NodeConfig {
    let mut config = lab.config(number);
    (config.links.candidate, config.links.silence) = (HOUR, HOUR);
    config
}

async fn start(lab: &mut Lab, number: u64) -> Node {
    Node::start(config(lab, number)).await.unwrap()
}

/// An ensemble of three of which 1 follows 2, and 3 is absent.
async fn without_3() -> (Lab, BTreeMap<u64, Node>) {
    let mut lab = Lab::voters(3);
    lab.absent(3);
    let mut nodes = BTreeMap::new();
    for number in [1, 2] {
        nodes.insert(number, start(&mut lab, number).await);
    }
    assert_eq!(agreed(&nodes).await, id(2));
    (lab, nodes)
}

/// An ensemble of three with this leader, whose history is the newest.
async fn led_by(leader: u64) -> (Lab, BTreeMap<u64, Node>) {
    let mut lab = Lab::voters(3);
    let mut nodes = BTreeMap::new();
    for number in 1..=3 {
        let mut config = config(&mut lab, number);
        config.history.zxid = Zxid(i64::from(number == leader));
        nodes.insert(number, Node::start(config).await.unwrap());
    }
    for node in nodes.values() {
        elects(&mut node.watch(), leader).await;
    }
    (lab, nodes)
}

/// Strangers that are silent.
async fn silent(lab: &Lab, node: u64, claim: u64) -> Vec<Peer> {
    let crowd = join_all((0..CROWD).map(|_| Peer::greet(lab, node, claim))).await;
    // A node greets in the order in which it accepts: when this one is answered, it knows of those before.
    let mut guest = Peer::greet(lab, node, 1_000_000).await;
    guest.say(&vote_for(1_000_000, 0).encode()).await;
    guest.hear().await;
    crowd
}

/// Waits until the node takes one of these for the link to its peer: it speaks to it.
async fn one_is_taken_for_the_link(crowd: &mut [Peer]) {
    let spoken_to = crowd.iter_mut().map(|stranger| Box::pin(stranger.hear()));
    futures::future::select_all(spoken_to).await;
}

async fn looks(node: &Node) {
    let looking = |status: &Status| status.state() == NodeState::Looking;
    patiently(node.watch().until(looking)).await.unwrap();
}

async fn leads(node: &Node) -> bool {
    node.watch().status().await.unwrap().state() == NodeState::Decided(Standing::Leading)
}

/// The port of a server that is there for its kernel alone: connections are made, and nobody reads them.
fn hung(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).unwrap()
}

#[test]
fn a_leader_whose_followers_restart_among_silent_strangers_does_not_lead_beside_another() {
    block_on(async {
        let (mut lab, mut nodes) = led_by(1).await;
        let mut crowds = [silent(&lab, 1, 2).await, silent(&lab, 1, 3).await];
        for number in [2, 3] {
            nodes.remove(&number).unwrap().stop().await.unwrap();
        }
        for crowd in &mut crowds {
            one_is_taken_for_the_link(crowd).await;
        }
        for number in [2, 3] {
            nodes.insert(number, start(&mut lab, number).await);
        }
        let leader = agreed(&nodes).await;
        for (number, node) in &nodes {
            assert_eq!(leads(node).await, id(*number) == leader, "{number}");
        }
    });
}

#[test]
fn a_leader_gives_up_though_strangers_stay_while_its_followers_elect_another() {
    block_on(async {
        let (mut lab, mut nodes) = led_by(1).await;
        let mut crowds = [silent(&lab, 1, 2).await, silent(&lab, 1, 3).await];
        for number in [2, 3] {
            nodes.remove(&number).unwrap().stop().await.unwrap();
        }
        // They come back to a place from where 1 is out of reach.
        let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for number in [2, 3] {
            let mut config = config(&mut lab, number);
            std::sync::Arc::make_mut(&mut config.membership)
                .set_election(id(1), vec![nowhere.into()]);
            nodes.insert(number, Node::start(config).await.unwrap());
        }
        for number in [2, 3] {
            elects(&mut nodes[&number].watch(), 3).await;
        }
        looks(&nodes[&1]).await;
        for crowd in &mut crowds {
            one_is_taken_for_the_link(crowd).await;
            assert!(crowd.iter_mut().all(Peer::is_kept));
        }
        assert!(!leads(&nodes[&1]).await);
    });
}

#[test]
fn when_the_leader_dies_the_others_elect_though_strangers_claim_to_be_it() {
    for hangs in [false, true] {
        block_on(async {
            let (lab, mut nodes) = led_by(3).await;
            let mut crowds = [silent(&lab, 1, 3).await, silent(&lab, 2, 3).await];
            nodes.remove(&3).unwrap().stop().await.unwrap();
            let _hung = hangs.then(|| hung(lab.address(3)));
            for crowd in &mut crowds {
                one_is_taken_for_the_link(crowd).await;
            }
            assert_eq!(agreed(&nodes).await, id(2));
            assert!(crowds.iter_mut().flatten().all(Peer::is_kept));
        });
    }
}

#[test]
fn a_leader_that_dies_is_replaced_without_the_grace_if_its_port_refuses() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = BTreeMap::new();
        for number in [3, 2, 1] {
            let mut config = config(&mut lab, number);
            config.timing.grace = HOUR;
            nodes.insert(number, Node::start(config).await.unwrap());
        }
        for node in nodes.values() {
            elects(&mut node.watch(), 3).await;
        }
        let mut crowds = [silent(&lab, 1, 3).await, silent(&lab, 2, 3).await];
        nodes.remove(&3).unwrap().stop().await.unwrap();
        assert_eq!(agreed(&nodes).await, id(2));
        assert!(crowds.iter_mut().flatten().all(Peer::is_kept));
    });
}

#[test]
fn a_leader_whose_followers_are_gone_looks_again_though_strangers_claim_to_be_them() {
    for hang in [false, true] {
        block_on(async {
            let (lab, mut nodes) = led_by(1).await;
            let mut crowds = [silent(&lab, 1, 2).await, silent(&lab, 1, 3).await];
            let mut ports = Vec::new();
            for number in [2, 3] {
                nodes.remove(&number).unwrap().stop().await.unwrap();
                ports.extend(hang.then(|| hung(lab.address(number))));
            }
            for crowd in &mut crowds {
                one_is_taken_for_the_link(crowd).await;
            }
            looks(&nodes[&1]).await;
            assert!(crowds.iter_mut().flatten().all(Peer::is_kept));
        });
    }
}

#[test]
fn a_peer_gets_in_though_silent_strangers_hold_its_links() {
    block_on(async {
        let (mut lab, mut nodes) = without_3().await;
        let mut crowds = [silent(&lab, 1, 3).await, silent(&lab, 2, 3).await];
        for crowd in &mut crowds {
            one_is_taken_for_the_link(crowd).await;
        }
        nodes.insert(3, start(&mut lab, 3).await);
        assert_eq!(agreed(&nodes).await, id(2));
        for number in [1, 2] {
            let linked = |status: &Status| status.election.links.contains(&id(3));
            patiently(nodes[&number].watch().until(linked)).await.unwrap();
        }
    });
}

#[test]
fn a_peer_gets_in_while_strangers_keep_coming_in_its_name() {
    block_on(async {
        let (mut lab, mut nodes) = without_3().await;
        let floods: Vec<_> = [1, 2]
            .into_iter()
            .flat_map(|node| [&b""[..], b"\0\0\0\x04none"].map(|word| (node, word)))
            .map(|(node, word)| Flood::begin(lab.address(node), 3, word))
            .collect();
        for flood in &floods {
            flood.goes_on().await;
        }
        nodes.insert(3, start(&mut lab, 3).await);
        assert_eq!(agreed(&nodes).await, id(2));
        for flood in floods {
            flood.goes_on().await;
            flood.end().await;
        }
        assert_eq!(agreed(&nodes).await, id(2));
    });
}

/// Strangers that come one after the other in the name of the same peer, and say the same.
struct Flood {
    task: JoinHandle<()>,
    greeted: flume::Receiver<()>,
}

impl Flood {
    fn begin(address: SocketAddr, claim: u64, word: &'static [u8]) -> Self {
        let (say, greeted) = flume::bounded(1);
        let form = GreetingForm::V1("127.0.0.1:1".parse().unwrap());
        let greeting = Greeting { from: Some(id(claim)), form }.encode();
        let task = spawn(async move {
            let mut last = Vec::new();
            // The node may hang up at any moment, and the machine may run out of ports for a while.
            loop {
                let Ok(mut socket) = TcpStream::connect(address).await else { continue };
                let _ = socket.write_all(&greeting).await;
                let _ = socket.write_all(word).await;
                last.push(socket);
                last.drain(..last.len().saturating_sub(CROWD));
                let _ = say.try_send(());
            }
        });
        Self { task, greeted }
    }

    /// Waits until another stranger has greeted.
    async fn goes_on(&self) {
        self.greeted.drain();
        patiently(self.greeted.recv_async()).await.unwrap();
    }

    async fn end(self) {
        self.task.cancel().await;
    }
}

/// A vote that would win every election.
fn forged(leader: u64) -> Vec<u8> {
    let best = Vote { epoch: Epoch(9), zxid: Zxid(i64::MAX), leader: id(leader) };
    ballotbox::election::Notification { vote: Some(best), ..vote_for(leader, 9) }.encode()
}

/// What has happened to the links of a node since somebody began to look.
struct Journal(Watch);

impl Journal {
    /// Begins when this node is linked to both its peers.
    async fn begin(node: &Node) -> Self {
        let mut watch = node.watch();
        let linked = |status: &Status| status.election.links.len() == 2;
        patiently(watch.until(linked)).await.unwrap();
        watch.news().await.unwrap();
        Self(watch)
    }

    /// Waits until the links to these peers have been in doubt this many times. Meanwhile nothing else may happen.
    async fn doubted(&mut self, peers: &[u64], times: usize) {
        let mut doubted = BTreeMap::<u64, Vec<LinkId>>::new();
        let often = |doubted: &BTreeMap<u64, Vec<LinkId>>| {
            peers.iter().all(|peer| doubted.get(peer).is_some_and(|links| links.len() >= times))
        };
        while !often(&doubted) {
            let news = patiently(self.0.news()).await.unwrap();
            for Occurrence { event, .. } in news.events {
                let NodeEvent::Network(NetworkEvent::Doubted { link }) = event else {
                    panic!("{event:?}")
                };
                doubted.entry(link.peer.number()).or_default().push(link);
            }
        }
        for links in doubted.values_mut() {
            links.dedup();
            assert_eq!(links.len(), 1, "a link has been replaced");
        }
    }
}

#[test]
fn a_healthy_link_keeps_its_place_against_higher_ids_that_speak() {
    for _ in 0..10 {
        block_on(async {
            let mut lab = Lab::voters(3);
            let mut nodes = BTreeMap::new();
            for number in 1..=3 {
                let mut config = config(&mut lab, number);
                // So the strangers are turned away because the link has answered, and for nothing else.
                config.links.answer = HOUR;
                nodes.insert(number, Node::start(config).await.unwrap());
            }
            let leader = agreed(&nodes).await;
            let mut journals = BTreeMap::new();
            for (number, node) in &nodes {
                journals.insert(*number, Journal::begin(node).await);
            }
            for (node, claim) in [(1, 2), (1, 3), (2, 3)] {
                for _ in 0..CROWD {
                    let mut stranger = Peer::greet(&lab, node, claim).await;
                    stranger.say(&forged(claim)).await;
                    stranger.dropped().await;
                }
            }
            for (number, peers) in [(1, &[2, 3][..]), (2, &[3])] {
                journals.get_mut(&number).unwrap().doubted(peers, 1).await;
            }
            assert_eq!(agreed(&nodes).await, leader);
        });
    }
}

#[test]
fn a_healthy_link_keeps_its_place_against_lower_ids_that_knock() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = BTreeMap::new();
        for number in 1..=3 {
            nodes.insert(number, start(&mut lab, number).await);
        }
        let leader = agreed(&nodes).await;
        let mut journal = Journal::begin(&nodes[&3]).await;
        let knocks: Vec<_> = [1, 2].map(|claim| Flood::begin(lab.address(3), claim, b"")).into();
        // A link that did not answer the first time would be lost before it is doubted again.
        journal.doubted(&[1, 2], 3).await;
        for knock in knocks {
            knock.end().await;
        }
        assert_eq!(agreed(&nodes).await, leader);
    });
}

#[test]
fn what_a_stranger_wins_that_speaks_for_an_absent_voter_does_not_outlast_it() {
    block_on(async {
        let mut lab = Lab::voters(3);
        (2..=3).for_each(|number| lab.absent(number));
        let mut nodes = BTreeMap::from([(1, start(&mut lab, 1).await)]);
        let mut stranger = Peer::greet(&lab, 1, 3).await;
        stranger.say(&forged(3)).await;
        elects(&mut nodes[&1].watch(), 3).await;
        // Nor does it keep 2, to which it does not speak, from electing as soon as it is gone.
        nodes.insert(2, start(&mut lab, 2).await);
        drop(stranger);
        assert_eq!(agreed(&nodes).await, id(2));
        nodes.insert(3, start(&mut lab, 3).await);
        assert_eq!(agreed(&nodes).await, id(2));
    });
}

#[test]
fn a_stranger_that_answers_for_a_peer_keeps_its_place_only_while_it_stays() {
    block_on(async {
        let (mut lab, mut nodes) = without_3().await;
        let mut stranger = Peer::greet(&lab, 1, 3).await;
        stranger.say(&forged(3)).await;
        nodes.insert(3, start(&mut lab, 3).await);
        for _ in 0..3 {
            // The genuine one has spoken, and 1 wants to know who is at the other end of its link.
            while stranger.hear().await.round != Round(-1) {}
            stranger.say(&forged(3)).await;
        }
        drop(stranger);
        assert_eq!(agreed(&nodes).await, id(2));
        let linked = |status: &Status| status.election.links.contains(&id(1));
        patiently(nodes[&3].watch().until(linked)).await.unwrap();
    });
}
