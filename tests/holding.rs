//! What who holds a leadership with a lease can rely on, in this process and over real sockets.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_std::task::block_on;
use ballotbox::{
    Epoch, Node, NodeConfig,
    leadership::{LostBecause, Record},
    node::{ConfigError, Leadership, NodeError, NodeEvent, Status, Watch},
};
use futures::future::select_all;

use crate::common::{Lab, agreed_on, id, patiently};

/// So long that half of it, which the work has to end, is enough for a test on a busy machine.
const LEASE: Duration = Duration::from_secs(4);

/// A member that leads with such a lease, and keeps its epochs in memory.
fn leased(lab: &mut Lab, number: u64) -> NodeConfig {
    let record = Record { recorded: true, ..Record::default() };
    lab.config_of_a_steady_one(number, record).lease(LEASE)
}

/// Three members, of which 3 leads, and what it holds.
async fn held() -> (BTreeMap<u64, Node>, Leadership) {
    let mut lab = Lab::voters(3);
    let mut nodes = BTreeMap::new();
    // Who is there first is heard by all others, however busy the machine is.
    for number in (1..=3).rev() {
        nodes.insert(number, Node::start(leased(&mut lab, number)).await.unwrap());
    }
    let (leader, _) = agreed_on(&nodes, Status::leader).await;
    assert_eq!(leader, id(3));
    let leadership = patiently(nodes[&3].lead()).await.unwrap();
    (nodes, leadership)
}

/// Waits until one of these leads: whichever of them has answered the last pings comes next.
async fn held_by_any(nodes: &BTreeMap<u64, Node>) -> Leadership {
    let one_leads = select_all(nodes.values().map(|node| Box::pin(node.lead())));
    patiently(one_leads).await.0.unwrap()
}

/// Waits until this has happened.
async fn happens(watch: &mut Watch, is_meant: impl Fn(&NodeEvent) -> bool) {
    let happened = async {
        loop {
            let news = watch.news().await.unwrap();
            if news.events.iter().any(|occurrence| is_meant(&occurrence.event)) {
                return;
            }
        }
    };
    patiently(happened).await;
}

fn is_lost(event: &NodeEvent) -> bool {
    matches!(event, NodeEvent::Lost { .. })
}

#[test]
fn who_leads_knows_how_long_nobody_else_does_and_asks_nobody() {
    block_on(async {
        let (nodes, mut leadership) = held().await;
        // 50 ms are left for who acts on it.
        let remaining = leadership.remaining().unwrap() + Duration::from_millis(50);
        assert!(leadership.is_valid() && remaining <= LEASE);
        patiently(leadership.confirm()).await.unwrap();
        assert!(leadership.remaining().unwrap() > Duration::ZERO);
        let status = nodes[&3].watch().status().await.unwrap();
        let lease = status.leadership.as_ref().unwrap().lease.clone().unwrap();
        assert_eq!(lease.length, LEASE);
        assert!(lease.left().is_some() && lease.promising.contains(&id(3)));
        let status = nodes[&1].watch().status().await.unwrap();
        let promise = status.leadership.as_ref().unwrap().promise.clone().unwrap();
        assert_eq!((promise.to, promise.epoch), (Some(id(3)), Epoch(1)));
        assert!(promise.left().is_some());
    });
}

#[test]
fn who_is_cut_off_has_time_to_end_its_work_before_anybody_else_can_lead() {
    block_on(async {
        let (mut nodes, mut leadership) = held().await;
        let three = nodes.remove(&3).unwrap();
        let mut watch = three.watch();
        drop(nodes);
        let cause = patiently(leadership.lost()).await;
        assert!(matches!(cause, LostBecause::LeaseEnded | LostBecause::QuorumLost), "{cause}");
        // It is told in time, and what it does until then nobody else does.
        assert!(leadership.is_valid());
        happens(&mut watch, is_lost).await;
        assert!(!leadership.is_valid());
        assert_eq!(leadership.remaining(), Some(Duration::ZERO));
        assert_eq!(patiently(leadership.lost()).await, cause);
    });
}

#[test]
fn nobody_leads_before_the_work_of_a_leader_that_stops_has_ended() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    block_on(async {
        let (mut nodes, mut leadership) = held().await;
        let three = nodes.remove(&3).unwrap();
        three.begin_stop();
        assert_eq!(patiently(leadership.lost()).await, LostBecause::Stopped);
        assert!(leadership.is_valid(), "the lease goes on while the work ends");
        ENDED.store(true, Ordering::SeqCst);
        drop(leadership);
        let next = held_by_any(&nodes).await;
        assert!(ENDED.load(Ordering::SeqCst) && next.is_valid());
        assert_eq!(next.token(), 2);
        patiently(three.stop()).await.unwrap();
    });
}

#[test]
fn work_that_is_run_is_dropped_when_it_has_to_end_and_only_then_somebody_leads_again() {
    struct Work(&'static AtomicBool);

    impl Drop for Work {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    static DROPPED: AtomicBool = AtomicBool::new(false);
    block_on(async {
        let (nodes, leadership) = held().await;
        let work = Work(&DROPPED);
        let run = leadership.run(async move {
            futures::future::pending::<()>().await;
            drop(work);
        });
        nodes[&3].resign();
        let lost = patiently(run).await.unwrap_err();
        assert_eq!((lost.epoch, lost.cause), (Epoch(1), LostBecause::Resigned));
        assert!(DROPPED.load(Ordering::SeqCst));
        let next = held_by_any(&nodes).await;
        assert_eq!(next.epoch(), Epoch(2));
    });
}

#[test]
fn a_handle_that_outlives_its_node_is_worth_nothing() {
    block_on(async {
        let (mut nodes, mut leadership) = held().await;
        patiently(nodes.remove(&3).unwrap().stop()).await.unwrap();
        assert!(!leadership.is_valid());
        assert_eq!(leadership.remaining(), Some(Duration::ZERO));
        assert_eq!(patiently(leadership.lost()).await, LostBecause::Stopped);
        assert!(patiently(leadership.confirm()).await.is_err());
    });
}

#[test]
fn a_lease_without_a_directory_and_one_that_is_too_short_are_refused() {
    block_on(async {
        let refusal = |config: NodeConfig| async {
            match Node::start(config).await {
                Err(NodeError::Config(error)) => error.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let mut lab = Lab::voters(2);
        let without = lab.config(1).lease(LEASE);
        assert_eq!(refusal(without).await, ConfigError::LeaseWithoutDirectory.to_string());
        let short = lab.config_in_memory(2, Record::default()).lease(Duration::from_millis(500));
        assert!(refusal(short).await.ends_with("expected at least 950ms"));
    });
}
