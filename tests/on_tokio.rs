//! `examples/only_one.rs` on tokio: a program of another runtime starts members, leads, loses and stops.
//!
//! Nothing here runs on async-std but what the nodes start themselves. What is spawned on tokio has to be `Send`, so that a
//! future which is not would not compile.

use std::{
    future::Future,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ballotbox::{
    Node, NodeConfig, NodeError,
    leadership::LostBecause,
    node::{Ended, LeadError, NodeEvent, NotLeading, control::ask_status},
    probe::{self, Target},
    scenario::{live, vote_file::VoteFile},
};
use futures::future::select_all;
use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::timeout,
};

use crate::common::PATIENCE;

/// One runtime of each kind.
fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(2).enable_time().build().unwrap())
}

/// Waits, but not for ever, and by the clock of tokio.
async fn patiently<F: Future>(work: F) -> F::Output {
    timeout(PATIENCE, work).await.expect("this has taken too long")
}

/// As a task of tokio.
async fn as_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    patiently(tokio::spawn(work)).await.unwrap()
}

/// Where the members of one program keep their epochs, until it ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static PROGRAMS: AtomicU64 = AtomicU64::new(0);
        let number = PROGRAMS.fetch_add(1, Ordering::Relaxed);
        let name = format!("ballotbox-on-tokio-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn of(&self, node: &Node) -> PathBuf {
        self.0.join(node.id().to_string())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Members 1 to `count` of an ensemble, and where they listen.
async fn start(count: u64, directory: &Path) -> (Vec<Node>, Vec<String>) {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let places: Vec<_> = listeners.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
    let members: Vec<_> =
        (1..).zip(&places).map(|(id, at): (u64, _)| format!("{id}={at}")).collect();
    let mut nodes = Vec::new();
    for (id, listener) in (1..).zip(listeners) {
        let config =
            NodeConfig::parse(id, &members).unwrap().data_dir(directory.join(id.to_string()));
        let config = NodeConfig { listener: Some(listener), ..config };
        nodes.push(as_task(Node::start(config)).await.unwrap());
    }
    (nodes, places)
}

/// What must not be written by two: it refuses a token smaller than one it has seen.
#[derive(Debug, Default)]
struct Fenced(AtomicU64);

impl Fenced {
    fn write(&self, token: u64) {
        let newest = self.0.fetch_max(token, Ordering::SeqCst);
        assert!(newest <= token, "token {token} after {newest}");
    }
}

async fn work(token: u64, fenced: Arc<Fenced>) -> u64 {
    for _ in 0..3 {
        fenced.write(token);
        yield_now().await;
    }
    token
}

#[test]
fn only_one_of_three_members_works_until_it_stops_and_a_leadership_without_a_quorum_is_lost() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let directory = Directory::new();
            let (mut nodes, _) = start(3, &directory.0).await;
            let fenced = Arc::new(Fenced::default());

            let (first, mut leadership) = whichever_leads(&mut nodes).await;
            let token = leadership.token();
            patiently(leadership.confirm()).await.unwrap();
            assert!(leadership.is_valid());
            let done = as_task(leadership.run(work(token, Arc::clone(&fenced)))).await;
            assert_eq!(done, Ok(token));
            as_task(first.stop()).await.unwrap();

            let (second, leadership) = whichever_leads(&mut nodes).await;
            fenced.write(leadership.token());
            assert!(leadership.token() > token);
            let epoch = leadership.epoch();
            let endless = tokio::spawn(leadership.run(std::future::pending::<()>()));
            let third = nodes.pop().unwrap();
            as_task(third.stop()).await.unwrap();
            let lost = patiently(endless).await.unwrap();
            assert_eq!(lost, Err(NotLeading { epoch, cause: LostBecause::QuorumLost }));
            as_task(second.stop()).await.unwrap();
        });
    }
}

/// The member that leads first, and its leadership.
async fn whichever_leads(nodes: &mut Vec<Node>) -> (Node, ballotbox::node::Leadership) {
    let all_wait = nodes.iter().map(|node| Box::pin(node.lead()));
    let (leadership, which, others) = patiently(select_all(all_wait)).await;
    drop(others);
    (nodes.remove(which), leadership.unwrap())
}

#[test]
fn every_future_of_a_node_can_be_awaited_on_tokio() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let directory = Directory::new();
            let (mut nodes, places) = start(1, &directory.0).await;
            let mut node = nodes.remove(0);

            let mut watch = node.watch();
            let elected = as_task(async move { watch.elected().await }).await.unwrap();
            assert_eq!(elected.elected(), Some(node.id()));
            let watch = node.watch();
            let status = as_task(async move { watch.status().await }).await.unwrap();
            assert_eq!(status.elected(), Some(node.id()));
            let mut watch = node.watch();
            let news = as_task(async move { watch.news().await }).await.unwrap();
            assert!(news.events.iter().any(|it| matches!(it.event, NodeEvent::Looking { .. })));

            let mut leadership = patiently(node.lead()).await.unwrap();
            let mut watch = node.watch();
            let leads = as_task(async move { watch.until(|it| it.leader().is_some()).await });
            assert_eq!(leads.await.unwrap().leader(), Some((node.id(), leadership.epoch())));
            let data = directory.of(&node);
            let report = as_task(async move { ask_status(&data, None).await }).await.unwrap();
            assert_eq!(report.id, node.id().number());

            let targets: Vec<Target> = places
                .iter()
                .map(|place| Target { id: None, endpoints: vec![place.parse().unwrap()] })
                .collect();
            let answers =
                as_task(async move { probe::ask_all(&targets, None, PATIENCE).await }).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");

            let lost = tokio::spawn(async move { leadership.lost().await });
            node.begin_stop();
            assert_eq!(patiently(lost).await.unwrap(), LostBecause::Stopped);
            assert_eq!(patiently(node.ended()).await, Ok(()));
            assert_eq!(patiently(node.lead()).await.unwrap_err(), LeadError::Ended(Ended));
        });
    }
}

#[test]
fn a_node_that_tokio_drops_ends_and_tells_its_watches() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let directory = Directory::new();
            let (mut nodes, _) = start(1, &directory.0).await;
            let mut watch = nodes[0].watch();
            let node = nodes.remove(0);
            let leads_for_ever = tokio::spawn(async move {
                let leadership = node.lead().await?;
                let _ = leadership.run(std::future::pending::<()>()).await;
                node.stop().await.map_err(|_: NodeError| Ended)?;
                Ok::<_, LeadError>(())
            });
            patiently(watch.until(|status| status.leader().is_some())).await.unwrap();
            leads_for_ever.abort();
            assert!(patiently(leads_for_ever).await.unwrap_err().is_cancelled());
            assert_eq!(patiently(watch.until(|_| false)).await.unwrap_err(), Ended);
        });
    }
}

#[test]
fn a_play_can_be_awaited_on_tokio() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/three-voters.json");
    let file = VoteFile::read(&file).unwrap();
    for runtime in runtimes() {
        let mut told = 0;
        let mut tell = |_: &live::StoryLine| told += 1;
        let played = runtime.block_on(live::play(&file, Duration::from_secs(60), &mut tell));
        assert!(played.unwrap().is_good());
        assert!(told > 0);
    }
}
