//! Leases of nodes in this process, over real sockets: work that outlives its node.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    Epoch, Node,
    leadership::{DirectoryId, LostBecause, Record},
    node::{
        HeldBy, Keep, Leadership, LeadershipConfig, MemoryDisk, NodeEvent, NodeState, StoreRemark,
        Watch,
    },
};
use futures::poll;

use crate::common::{Lab, id, patiently};

/// How long a lease is.
const LEASE: Duration = Duration::from_millis(400);

/// Where the members keep what they have promised.
#[derive(Debug)]
enum Place {
    Memory(BTreeMap<u64, MemoryDisk>),
    Disk(PathBuf),
}

impl Place {
    fn in_memory() -> Self {
        let record = Record { recorded: true, ..Record::default() };
        let disk = |number| (number, MemoryDisk::new(DirectoryId(number), record));
        Self::Memory((1..=3).map(disk).collect())
    }

    fn on_disk(name: &str) -> Self {
        let name = format!("ballotbox-leases-{}-{name}", std::process::id());
        Self::Disk(std::env::temp_dir().join(name))
    }

    /// Of this member.
    fn of(&self, number: u64) -> Keep {
        match self {
            Self::Memory(disks) => Keep::InMemory(disks[&number].clone()),
            Self::Disk(path) => Keep::InDirectory(path.join(number.to_string())),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Disk(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// A member with a lease, and with waits that fit it.
async fn started(lab: &mut Lab, place: &Place, number: u64) -> Node {
    let mut config = lab.config(number);
    config.leadership = Some(LeadershipConfig::new(place.of(number)));
    let mut config = config.lease(LEASE);
    let timing = &mut config.leadership.as_mut().unwrap().timing;
    timing.ping = Duration::from_millis(50);
    timing.retry = Duration::from_millis(50);
    timing.establish = Duration::from_millis(100);
    Node::start(config).await.unwrap()
}

/// Waits for an event of this node, and fails if it leads, or follows, before.
async fn until_event_without_leader(watch: &mut Watch, wanted: impl Fn(&NodeEvent) -> bool) {
    patiently(async {
        loop {
            for occurrence in watch.news().await.unwrap().events {
                let event = occurrence.event;
                let leads =
                    matches!(event, NodeEvent::Leading { .. } | NodeEvent::Following { .. });
                assert!(!leads, "{event:?}, though work of an earlier epoch goes on");
                if wanted(&event) {
                    return;
                }
            }
        }
    })
    .await;
}

/// An election has come to nothing: for as long as that had to be established nobody has led.
fn came_to_nothing(event: &NodeEvent) -> bool {
    matches!(event, NodeEvent::GaveUp { .. } | NodeEvent::NotEstablished { .. })
}

/// It says that work of an earlier node goes on, and which process does it.
fn work_goes_on(event: &NodeEvent) -> bool {
    let NodeEvent::Directory { remark: StoreRemark::WorkGoesOn { path, by } } = event else {
        return false;
    };
    assert!(path.to_string().ends_with("/work.lock"), "{path}");
    assert_eq!(*by, HeldBy::ThisProcess);
    true
}

/// A node that leads is stopped, and its work goes on.
async fn work_without_its_node(node: Node) -> Leadership {
    let mut leadership = patiently(node.lead()).await.unwrap();
    assert!(leadership.is_valid());
    patiently(node.stop()).await.unwrap();
    assert_eq!(patiently(leadership.lost()).await, LostBecause::Stopped);
    assert!(
        !leadership.is_valid(),
        "its node has not waited for the work, and nobody renews the lease"
    );
    leadership
}

fn a_node_does_not_lead_while_work_of_an_earlier_one_goes_on(place: &Place) {
    block_on(async {
        let mut lab = Lab::voters(1);
        let first = started(&mut lab, place, 1).await;
        let work = work_without_its_node(first).await;
        let token = work.token();
        let second = started(&mut lab, place, 1).await;
        let mut watch = second.watch();
        if matches!(place, Place::Disk(_)) {
            until_event_without_leader(&mut watch, work_goes_on).await;
        }
        let mut next = Box::pin(second.lead());
        assert!(poll!(&mut next).is_pending());
        // It does not even vote for itself.
        let withdrawn = watch
            .until(|status| status.state() == NodeState::Looking && status.election.vote.is_none());
        patiently(withdrawn).await.unwrap();
        assert!(poll!(&mut next).is_pending());
        drop(work);
        assert!(patiently(next).await.unwrap().token() > token);
    });
}

#[test]
fn a_node_does_not_lead_while_work_of_an_earlier_one_on_the_same_disk_in_memory_goes_on() {
    a_node_does_not_lead_while_work_of_an_earlier_one_goes_on(&Place::in_memory());
}

#[test]
fn a_node_does_not_lead_while_work_of_an_earlier_one_in_the_same_directory_goes_on_and_says_so() {
    a_node_does_not_lead_while_work_of_an_earlier_one_goes_on(&Place::on_disk("alone"));
}

/// Voter 3 has led, and is started anew while its work goes on. Without voter 1 its word is needed.
fn a_voter_helps_nobody_to_lead_while_work_of_an_earlier_node_goes_on(place: &Place) {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut others = Vec::new();
        for number in [1, 2] {
            others.push(started(&mut lab, place, number).await);
        }
        let three = started(&mut lab, place, 3).await;
        for mut watch in [others[0].watch(), others[1].watch(), three.watch()] {
            let of_three = watch.until(|status| {
                let recorded = status.leadership.as_ref().is_some_and(|of| of.record.recorded);
                recorded && status.leader() == Some((id(3), Epoch(1)))
            });
            patiently(of_three).await.unwrap();
        }
        let work = work_without_its_node(three).await;
        let [one, two] = <[Node; 2]>::try_from(others).unwrap();
        patiently(one.stop()).await.unwrap();
        // With voter 1 it may have led meanwhile.
        patiently(two.watch().until(|status| status.leader().is_none())).await.unwrap();
        let three = started(&mut lab, place, 3).await;
        let (mut of_two, mut of_three) = (two.watch(), three.watch());
        if matches!(place, Place::Disk(_)) {
            until_event_without_leader(&mut of_three, work_goes_on).await;
        }
        for _ in 0..2 {
            until_event_without_leader(&mut of_three, came_to_nothing).await;
        }
        drop(work);
        for watch in [&mut of_two, &mut of_three] {
            let led = patiently(watch.until(|status| status.leader().is_some())).await.unwrap();
            assert!(led.leader().unwrap().1 > Epoch(1));
        }
    });
}

#[test]
fn a_voter_helps_nobody_to_lead_while_work_on_the_same_disk_in_memory_goes_on() {
    a_voter_helps_nobody_to_lead_while_work_of_an_earlier_node_goes_on(&Place::in_memory());
}

#[test]
fn a_voter_helps_nobody_to_lead_while_work_in_the_same_directory_goes_on() {
    a_voter_helps_nobody_to_lead_while_work_of_an_earlier_node_goes_on(&Place::on_disk("quorum"));
}
