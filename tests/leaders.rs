//! Nodes that lead and follow, in this process, over real sockets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    Epoch, Node, NodeConfig, ServerId,
    leadership::{DirectoryId, LostBecause, Record},
    node::{
        FileCall, FileError, Keep, LeadershipConfig, MemoryDisk, NodeError, NodeEvent, Status,
        StoreError,
    },
};

use futures::future::select_all;

use crate::common::{Lab, agreed_on, id, patiently};

/// A member that keeps its epochs in memory, and is known to the ensemble.
fn known(lab: &mut Lab, number: u64) -> NodeConfig {
    lab.config_in_memory(number, Record { recorded: true, ..Record::default() })
}

async fn start_all(lab: &mut Lab, numbers: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Node> {
    let mut nodes = BTreeMap::new();
    for number in numbers {
        nodes.insert(number, Node::start(known(lab, number)).await.unwrap());
    }
    nodes
}

async fn until(node: &Node, wished: impl Fn(&Status) -> bool + Send) -> Status {
    patiently(node.watch().until(wished)).await.unwrap()
}

/// Waits until all of these believe in one leader, and returns it with its epoch.
async fn agreed(nodes: &BTreeMap<u64, Node>) -> (ServerId, Epoch) {
    agreed_on(nodes, Status::leader).await
}

#[test]
fn three_members_have_one_leader_in_one_epoch_and_the_next_one_has_the_next() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = start_all(&mut lab, 1..=3).await;
        let (leader, epoch) = agreed(&nodes).await;
        assert_eq!((leader, epoch), (id(3), Epoch(1)));
        nodes.remove(&3).unwrap().stop().await.unwrap();
        // It names who has answered its pings: that may be one of them by now, or both.
        let is_next = |status: &Status| {
            status.leader().is_some_and(|(leader, epoch)| leader != id(3) && epoch == Epoch(2))
        };
        for node in nodes.values() {
            until(node, is_next).await;
        }
    });
}

#[test]
fn a_leadership_is_a_handle_with_a_token_and_goes_to_another_when_it_is_dropped() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = start_all(&mut lab, 1..=3).await;
        agreed(&nodes).await;
        let mut leadership = patiently(nodes[&3].lead()).await.unwrap();
        assert_eq!(leadership.token(), 1);
        assert!(leadership.is_valid());
        assert_eq!(leadership.remaining(), None);
        patiently(leadership.confirm()).await.unwrap();
        drop(leadership);
        let others = [1, 2].map(|number| Box::pin(nodes[&number].lead()));
        let (leadership, next, _) = patiently(select_all(others)).await;
        let mut leadership = leadership.unwrap();
        assert_eq!(leadership.token(), 2);
        // No quorum is left.
        for number in [3, 2 - u64::try_from(next).unwrap()] {
            nodes.remove(&number).unwrap().stop().await.unwrap();
        }
        assert_eq!(patiently(leadership.lost()).await, LostBecause::QuorumLost);
        assert!(!leadership.is_valid());
    });
}

#[test]
fn work_is_dropped_when_the_leadership_is_lost() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = start_all(&mut lab, 1..=3).await;
        agreed(&nodes).await;
        let leadership = patiently(nodes[&3].lead()).await.unwrap();
        let work = leadership.run(futures::future::pending::<()>());
        for number in [1, 2] {
            nodes.remove(&number).unwrap().stop().await.unwrap();
        }
        let lost = patiently(work).await.unwrap_err();
        assert_eq!((lost.epoch, lost.cause), (Epoch(1), LostBecause::QuorumLost));
    });
}

#[test]
fn work_that_ends_returns_what_came_of_it() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let node = Node::start(known(&mut lab, 1)).await.unwrap();
        let leadership = patiently(node.lead()).await.unwrap();
        assert_eq!(patiently(leadership.run(async { 7 })).await, Ok(7));
    });
}

#[test]
fn a_new_ensemble_says_whom_it_waits_for() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut new = |number| lab.config_in_memory(number, Record::default());
        let one = Node::start(new(1)).await.unwrap();
        let two = Node::start(new(2)).await.unwrap();
        let mut watch = one.watch();
        let missing = patiently(async {
            loop {
                let news = watch.news().await.unwrap();
                let waits = news.events.into_iter().find_map(|occurrence| {
                    let NodeEvent::WaitingFor { missing, .. } = occurrence.event else {
                        return None;
                    };
                    Some(missing)
                });
                if let Some(missing) = waits {
                    return missing;
                }
            }
        });
        assert_eq!(missing.await, [id(3)].into());
        let three = Node::start(new(3)).await.unwrap();
        let epoch = until(&three, |status| status.leader().is_some()).await.leader().unwrap().1;
        for node in [&one, &two] {
            until(node, |status| status.leader().is_some_and(|(_, led)| led == epoch)).await;
        }
    });
}

#[test]
fn epochs_outlive_the_process_on_disk() {
    block_on(async {
        let directory =
            std::env::temp_dir().join(format!("ballotbox-epochs-{}", std::process::id()));
        let mut epochs = Vec::new();
        for _ in 0..3 {
            let mut lab = Lab::voters(1);
            let config = lab.config(1).data_dir(&directory);
            let node = Node::start(config).await.unwrap();
            epochs.push(until(&node, |status| status.leader().is_some()).await.leader().unwrap().1);
            node.stop().await.unwrap();
        }
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(epochs, [Epoch(1), Epoch(2), Epoch(3)]);
    });
}

#[test]
fn a_member_that_is_started_again_votes_with_the_epoch_on_its_disk() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let record =
            Record { accepted: Epoch(6), current: Epoch(6), recorded: true, ..Record::default() };
        let node = Node::start(lab.config_in_memory(1, record)).await.unwrap();
        let status = until(&node, |status| status.leader().is_some()).await;
        assert_eq!(status.leader(), Some((id(1), Epoch(7))));
        // It has said so from the beginning, and says now in which epoch it leads.
        assert!(status.election.vote.is_some_and(|vote| vote.epoch >= Epoch(6)));
    });
}

#[test]
fn a_member_with_another_name_for_the_ensemble_is_not_let_in() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let nodes = start_all(&mut lab, [2, 3]).await;
        agreed(&nodes).await;
        let mut config = known(&mut lab, 1);
        let leadership = config.leadership.as_mut().unwrap();
        leadership.ensemble_name = Arc::from("other");
        leadership.timing.retry = Duration::from_millis(10);
        let one = Node::start(config).await.unwrap();
        let mut watch = one.watch();
        patiently(async {
            loop {
                let news = watch.news().await.unwrap();
                let told = news
                    .events
                    .iter()
                    .any(|occurrence| matches!(occurrence.event, NodeEvent::GaveUp { .. }));
                if told {
                    return;
                }
            }
        })
        .await;
        assert_eq!(one.watch().status().await.unwrap().leader(), None);
    });
}

#[test]
fn a_failed_sync_is_the_end_of_a_leadership_and_then_of_the_node() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let disk = MemoryDisk::new(DirectoryId(1), Record { recorded: true, ..Record::default() });
        // The epoch is stored before it begins. What fails is to note then that its ensemble is there for good.
        disk.fail_sync_after(1);
        let mut config = lab.config(1);
        config.leadership = Some(LeadershipConfig::new(Keep::InMemory(disk)));
        let mut node = Node::launch(config).await.unwrap();
        let mut watch = node.watch();
        let mut reigns = Vec::new();
        while let Ok(news) = patiently(watch.news()).await {
            let told = news.events.into_iter().map(|occurrence| occurrence.event);
            reigns.extend(told.filter(|event| {
                matches!(event, NodeEvent::Leading { .. } | NodeEvent::Lost { .. })
            }));
        }
        let [NodeEvent::Leading { epoch: Epoch(1), .. }, lost] = &reigns[..] else {
            panic!("{reigns:?}")
        };
        let lost_as = NodeEvent::Lost { epoch: Epoch(1), cause: LostBecause::Stopped };
        assert_eq!(*lost, lost_as);
        let Err(NodeError::Store(StoreError::File(FileError { call: FileCall::Sync, .. }))) =
            patiently(node.ended()).await
        else {
            panic!("it has ended for another reason");
        };
    });
}
