//! How long an election takes, from the common beginning until the last of its voters has decided, and how long it takes
//! until all are in the epoch of the elected one.
//!
//! | what | one sample |
//! | --- | --- |
//! | established | new nodes with new disks in memory, whose ports are bound but that have no links: from the first `Node::start` till one leads and the others follow it in its epoch |
//! | cold | new nodes whose ports are bound but that have no links: from the first `Node::start` till all have elected |
//! | connected | the same nodes afterwards, links up and settled: from telling each to look again till all have elected |
//! | leader stopped | the same nodes, a link between any two: from telling the leader to stop till the others have elected |
//! | watched | connected nodes, by their own account: the longest time from looking to decided among them |
//!
//! All nodes are in this process, on one runtime thread, over loopback sockets, with equal histories and default
//! timings. A sample that had to wait out `settle` or a resend would be 200 ms longer; p99 shows how often.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a bench that goes wrong may panic"
)]

mod common;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_std::task;
use ballotbox::{
    Epoch, Member, Membership, Node, NodeConfig, ServerId,
    leadership::{DirectoryId, Record},
    node::{Keep, LeadershipConfig, MemoryDisk, Status, Watch},
};
use ballotbox_actors::kit::clock;
use common::{Figure, Options, Percentiles, Printer, Unit};
use futures::future::join_all;

/// A link has a descriptor at each end, and 101 voters have 5,050 links; the rest is room for knocks.
const DESCRIPTORS_MANY: u64 = 12_000;

/// As many watches ask all nodes together how things stand, each again as soon as it was answered.
const WATCHERS: usize = 1000;

fn main() -> ExitCode {
    if let Some(code) = with_all_descriptors() {
        return code;
    }
    common::one_runtime_thread();
    common::run(std::env::args().skip(1), |options| {
        task::block_on(task::spawn(measure_all(options)));
        Ok(())
    })
}

/// Runs this bench with as many descriptors as the system lets us have.
fn with_all_descriptors() -> Option<ExitCode> {
    common::again_under(
        Command::new("sh").args(["-c", "ulimit -n $(ulimit -H -n); exec \"$0\" \"$@\""]),
    )
}

/// How many descriptors this process may have.
fn descriptors() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX)
}

async fn measure_all(options: Options) {
    let printer = Printer::new(options, "elections", Unit::Millis);
    for voters in [3, 5, 9] {
        measure(voters, options.amount(200, 10), &printer).await;
    }
    for voters in [3, 9] {
        measure_established(voters, options.amount(200, 10), &printer).await;
    }
    measure_watched(options.amount(11, 3), options.amount(100, 10), &printer).await;
    let descriptors = descriptors();
    if descriptors < DESCRIPTORS_MANY {
        common::note(&format!(
            "101 voters left out: they need {DESCRIPTORS_MANY} descriptors, the limit is {descriptors}"
        ));
        return;
    }
    let mut cold = Vec::new();
    for _ in 0..options.amount(5, 1) {
        let (nodes, took) = elect_cold(101).await;
        cold.push(took);
        stop(nodes).await;
    }
    printer.figure(&Figure::single("cold", 101, cold));
    measure_established(101, options.amount(5, 1), &printer).await;
}

async fn measure_established(voters: u64, times: usize, printer: &Printer) {
    let mut established = Vec::new();
    for _ in 0..times {
        let (nodes, took) = establish_cold(voters).await;
        established.push(took);
        stop(nodes).await;
    }
    let nodes = usize::try_from(voters).expect("few voters");
    printer.figure(&Figure::single("established", nodes, established));
}

async fn measure(voters: u64, elections: usize, printer: &Printer) {
    let (mut cold, mut connected, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..elections {
        let (mut nodes, took) = elect_cold(voters).await;
        cold.push(took);
        connect_all(&nodes).await;
        connected.push(elect_again(&nodes, Duration::ZERO).await);
        stopped.push(stop_leader(&mut nodes).await);
        stop(nodes).await;
    }
    let nodes = usize::try_from(voters).expect("few voters");
    printer.figure(&Figure::single("cold", nodes, cold));
    printer.figure(&Figure::single("connected", nodes, connected));
    printer.figure(&Figure::single("leader stopped", nodes, stopped));
}

/// What it costs an election when many ask how things stand, all the time.
async fn measure_watched(repetitions: usize, elections: usize, printer: &Printer) {
    let (nodes, _) = elect_cold(3).await;
    connect_all(&nodes).await;
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        alone.push(elect_often(&nodes, elections).await);
        let over = Arc::new(AtomicBool::new(false));
        let asking = nodes.iter().cycle().take(WATCHERS).map(Node::watch);
        let watchers: Vec<_> =
            asking.map(|watch| task::spawn(keep_asking(watch, Arc::clone(&over)))).collect();
        watched.push(elect_often(&nodes, elections).await);
        over.store(true, Ordering::Relaxed);
        let answers: u64 = join_all(watchers).await.into_iter().sum();
        assert!(answers > 0, "the watches were not answered");
    }
    let ratios = watched.iter().zip(&alone).map(|(watched, alone)| watched.p50 / alone.p50);
    let ratio = Some(common::median(ratios.collect()));
    let figure = |subject, repetitions, ratio| Figure {
        what: "watched",
        nodes: nodes.len(),
        subject,
        repetitions,
        samples: elections,
        ratio,
    };
    printer.figure(&figure("nobody asks", alone, None));
    printer.figure(&figure("1000 ask", watched, ratio));
    stop(nodes).await;
}

async fn elect_often(nodes: &[Node], elections: usize) -> Percentiles {
    let mut samples = Vec::new();
    for _ in 0..elections {
        // An election begins when it likes, not when this bench was just answered.
        elect_again(nodes, Duration::from_micros(fastrand::u64(..3000))).await;
        let statuses = join_all(nodes.iter().map(|node| async { node.watch().status().await }));
        let took = |status: &Status| status.election.took.expect("an election has ended");
        let statuses = statuses.await.into_iter().map(Result::unwrap);
        samples.extend(statuses.map(|status| took(&status)).max());
    }
    Percentiles::of(samples)
}

async fn keep_asking(watch: Watch, over: Arc<AtomicBool>) -> u64 {
    let mut answers = 0;
    while !over.load(Ordering::Relaxed) {
        watch.status().await.unwrap();
        answers += 1;
    }
    answers
}

async fn elect_cold(voters: u64) -> (Vec<Node>, Duration) {
    let configs = configs(voters);
    let begun = clock::now();
    let starts = configs.into_iter().map(|config| async {
        let node = Node::start(config).await.unwrap();
        node.watch().elected().await.unwrap();
        node
    });
    let nodes = join_all(starts).await;
    let took = clock::now() - begun;
    assert_eq!(leader(&nodes).await, id(voters));
    (nodes, took)
}

/// New members of a new ensemble, which all have to be seen before it begins.
async fn establish_cold(voters: u64) -> (Vec<Node>, Duration) {
    let configs: Vec<_> = configs(voters).into_iter().map(with_new_disk).collect();
    let begun = clock::now();
    let starts = configs.into_iter().map(|config| async {
        let node = Node::start(config).await.unwrap();
        let follows = |status: &Status| status.leader().is_some();
        let leader = node.watch().until(follows).await.unwrap().leader();
        (node, leader)
    });
    let (nodes, mut leaders): (Vec<_>, Vec<_>) = join_all(starts).await.into_iter().unzip();
    let took = clock::now() - begun;
    leaders.dedup();
    assert_eq!(leaders, [Some((id(voters), Epoch(1)))], "one leader in one epoch");
    (nodes, took)
}

fn with_new_disk(mut config: NodeConfig) -> NodeConfig {
    let disk = MemoryDisk::new(DirectoryId(config.me.number()), Record::default());
    config.leadership = Some(LeadershipConfig::new(Keep::InMemory(disk)));
    config
}

/// Waits until there is a link between any two: an election can end before.
async fn connect_all(nodes: &[Node]) {
    let others = nodes.len() - 1;
    let linked = nodes.iter().map(|node| async move {
        node.watch().until(|status| status.election.links.len() == others).await.unwrap();
    });
    join_all(linked).await;
}

/// Holds another election, after a pause.
async fn elect_again(nodes: &[Node], pause: Duration) -> Duration {
    let watches: Vec<_> = nodes.iter().map(Node::watch).collect();
    let rounds = join_all(watches.iter().map(Watch::status)).await;
    let rounds: Vec<_> = rounds.into_iter().map(|status| status.unwrap().election.round).collect();
    if !pause.is_zero() {
        clock::sleep_until(clock::now() + pause).await;
    }
    let begun = clock::now();
    for node in nodes {
        node.look_again();
    }
    let elected = watches.into_iter().zip(rounds).map(|(mut watch, before)| async move {
        let again = |status: &Status| status.elected().is_some() && status.election.round > before;
        watch.until(again).await.unwrap();
    });
    join_all(elected).await;
    clock::now() - begun
}

async fn stop_leader(nodes: &mut Vec<Node>) -> Duration {
    let leader = leader(nodes).await;
    let index = nodes.iter().position(|node| node.id() == leader).expect("one of us");
    let stopping = nodes.remove(index);
    let begun = clock::now();
    let stopped = task::spawn(stopping.stop());
    let elected = nodes.iter().map(|node| async {
        let other = |status: &Status| status.elected().is_some_and(|elected| elected != leader);
        node.watch().until(other).await.unwrap();
    });
    join_all(elected).await;
    let took = clock::now() - begun;
    stopped.await.unwrap();
    took
}

/// Whom all of them have elected.
async fn leader(nodes: &[Node]) -> ServerId {
    let elected = join_all(nodes.iter().map(|node| async { node.watch().status().await }));
    let mut leaders: Vec<_> =
        elected.await.into_iter().map(|status| status.unwrap().elected()).collect();
    leaders.dedup();
    assert_eq!(leaders.len(), 1, "{leaders:?}");
    leaders[0].expect("all have elected")
}

async fn stop(nodes: Vec<Node>) {
    for node in nodes {
        node.stop().await.unwrap();
    }
}

/// Voters with ports that listen already.
fn configs(voters: u64) -> Vec<NodeConfig> {
    let ids: Vec<_> = (1..=voters).map(id).collect();
    let listeners: BTreeMap<_, _> =
        ids.iter().map(|id| (*id, TcpListener::bind("127.0.0.1:0").unwrap())).collect();
    let placed = listeners
        .iter()
        .map(|(id, listener)| Member::voter(*id).at(listener.local_addr().unwrap()));
    let membership = Arc::new(Membership::new(placed).unwrap());
    let config = |(id, listener)| {
        let mut config = NodeConfig::new(id, Arc::clone(&membership));
        config.listener = Some(listener);
        config
    };
    listeners.into_iter().map(config).collect()
}

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}
