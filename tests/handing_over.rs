//! Handing a leadership over, in this process and over real sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_std::task::block_on;
use ballotbox::{
    Epoch, Node,
    leadership::{CannotResign, LostBecause, Record, Successor},
    node::{Leadership, NodeEvent, ResignError, Status, Watch},
};

use crate::common::{Lab, agreed_on, id, patiently};

/// What no test here waits for.
const LONG: Duration = Duration::from_secs(60);

/// So long that a busy machine renews it.
const LEASE: Duration = Duration::from_secs(4);

/// Members 1 to `count`, which all follow the last of them.
async fn led(count: u64, lease: bool) -> BTreeMap<u64, Node> {
    let record = Record { recorded: true, ..Record::default() };
    let mut lab = Lab::voters(count);
    let mut nodes = BTreeMap::new();
    // Who is there first is heard by all others, however busy the machine is.
    for number in (1..=count).rev() {
        let config = lab.config_of_a_steady_one(number, record);
        let config = if lease { config.lease(LEASE) } else { config };
        nodes.insert(number, Node::start(config).await.unwrap());
    }
    let (leader, _) = agreed_on(&nodes, Status::leader).await;
    assert_eq!(leader, id(count));
    nodes
}

async fn held(nodes: &BTreeMap<u64, Node>, number: u64) -> Leadership {
    patiently(nodes[&number].lead()).await.unwrap()
}

/// Hands over as soon as that one can come next: it has answered a ping, and promised what that asks for.
async fn hand_over(leadership: &mut Leadership, to: Successor) {
    while let Err(why) = patiently(leadership.resign(to, LONG)).await {
        let is_early =
            matches!(why, CannotResign::Silent { .. } | CannotResign::DoesNotPromise { .. });
        assert!(is_early || matches!(why, CannotResign::NotHere { .. }), "{why}");
        patiently(leadership.confirm()).await.unwrap();
    }
}

/// What has happened, up to when this member leads or follows in a later epoch.
async fn events_until_led(watch: &mut Watch, later: Epoch) -> Vec<NodeEvent> {
    let mut events = Vec::new();
    loop {
        let news = patiently(watch.news()).await.unwrap();
        for occurrence in news.events {
            let led = if let NodeEvent::Leading { epoch, .. } | NodeEvent::Following { epoch, .. } =
                &occurrence.event
            {
                Some(*epoch)
            } else {
                None
            };
            let is_led = led >= Some(later);
            events.push(occurrence.event);
            if is_led {
                return events;
            }
        }
    }
}

#[test]
fn a_leadership_that_is_handed_over_is_followed_by_the_one_that_was_named_and_nobody_votes() {
    block_on(async {
        for lease in [false, true] {
            let nodes = led(3, lease).await;
            let mut watches: Vec<_> = nodes.values().map(Node::watch).collect();
            let mut leadership = held(&nodes, 3).await;
            hand_over(&mut leadership, Successor::To(id(1))).await;
            let next = Epoch(leadership.epoch().0 + 1);
            drop(leadership);
            for watch in &mut watches {
                let events = events_until_led(watch, next).await;
                let mut elections = events.iter().filter_map(|event| {
                    if let NodeEvent::Elected { decision, .. } = event {
                        Some((decision.vote.leader, decision.round.0))
                    } else {
                        None
                    }
                });
                // What was told before the hand-over is among it.
                assert_eq!(elections.next_back(), Some((id(1), 2)), "{events:?}");
            }
            assert_eq!(agreed_on(&nodes, Status::leader).await, (id(1), next));
        }
    });
}

#[test]
fn the_handle_is_told_at_once_and_only_when_it_is_dropped_another_one_leads() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    block_on(async {
        let nodes = led(3, true).await;
        let mut leadership = held(&nodes, 3).await;
        patiently(leadership.confirm()).await.unwrap();
        let to = Successor::To(id(3));
        let itself = CannotResign::Itself { id: id(3) };
        assert_eq!(patiently(leadership.resign(to, LONG)).await, Err(itself));
        // Any that can would be the one that has answered first.
        hand_over(&mut leadership, Successor::To(id(2))).await;
        assert_eq!(patiently(leadership.lost()).await, LostBecause::Resigned);
        assert!(leadership.is_valid(), "the lease goes on while the work ends");
        patiently(leadership.confirm()).await.unwrap();
        let status = nodes[&3].watch().status().await.unwrap();
        assert!(status.leadership.unwrap().retiring);
        ENDED.store(true, Ordering::SeqCst);
        drop(leadership);
        let next = held(&nodes, 2).await;
        assert!(ENDED.load(Ordering::SeqCst) && next.is_valid());
        assert_eq!(next.token(), 2);
    });
}

#[test]
fn who_does_not_lead_answers_at_once_and_a_handle_gives_up_only_its_own_epoch() {
    block_on(async {
        let mut nodes = led(3, false).await;
        let refused = patiently(nodes[&1].hand_over(Successor::Any, LONG)).await.unwrap_err();
        let (leader, epoch) = (id(3), Epoch(1));
        let another = CannotResign::AnotherLeads { leader, epoch };
        assert_eq!(refused, ResignError::Cannot(another));
        let old = held(&nodes, 3).await;
        patiently(old.resign(Successor::Any, Duration::ZERO)).await.unwrap();
        // As long as its work goes on, 3 gives nobody its word.
        let _three = nodes.remove(&3);
        let (_, next) =
            agreed_on(&nodes, |status| status.leader().filter(|(_, epoch)| *epoch > Epoch(1)))
                .await;
        let lost = CannotResign::HasLost { epoch };
        assert_eq!(patiently(old.resign(Successor::Any, LONG)).await, Err(lost));
        assert!(next > epoch, "it was over though its handle lives");
    });
}

#[test]
fn a_leader_that_stops_hands_over_as_well() {
    block_on(async {
        let mut nodes = led(3, true).await;
        let three = nodes.remove(&3).unwrap();
        let mut watches: Vec<_> = nodes.values().map(Node::watch).collect();
        let mut leadership = patiently(three.lead()).await.unwrap();
        patiently(leadership.confirm()).await.unwrap();
        three.begin_stop();
        assert_eq!(patiently(leadership.lost()).await, LostBecause::Stopped);
        drop(leadership);
        patiently(three.stop()).await.unwrap();
        for watch in &mut watches {
            events_until_led(watch, Epoch(2)).await;
        }
        // Whichever of them has answered the last pings.
        agreed_on(&nodes, Status::leader).await;
    });
}

/// A node that is not to lead: work that fails there rests, and another node is to try.
#[test]
fn nodes_that_are_not_to_lead_let_others_and_if_all_are_the_first_that_is_again_does() {
    block_on(async {
        let nodes = led(3, false).await;
        let later =
            |epoch| move |status: &Status| status.leader().filter(|(_, other)| *other > epoch);
        let (mut leader, mut epoch) = (3, Epoch(1));
        let mut willing = BTreeSet::from([1, 2, 3]);
        loop {
            let mut watch = nodes[&leader].watch();
            let leadership = held(&nodes, leader).await;
            nodes[&leader].set_willing(false);
            patiently(watch.until(|status| status.leader() == Some((id(leader), epoch))))
                .await
                .unwrap();
            // Work of it goes on, and so does its epoch.
            assert!(leadership.is_valid());
            drop(leadership);
            willing.remove(&leader);
            if willing.is_empty() {
                break;
            }
            // Whether it was named, or elected.
            let (led_by, newer) = agreed_on(&nodes, later(epoch)).await;
            (leader, epoch) = (led_by.number(), newer);
            assert!(willing.contains(&leader), "{leader} leads, of {willing:?}");
        }
        let mut watches: Vec<_> = nodes.values().map(Node::watch).collect();
        for watch in &mut watches {
            patiently(watch.until(|status| status.leader().is_none())).await.unwrap();
        }
        // All of them have resigned lately, and this one last: the others would stand before it.
        nodes[&leader].set_willing(true);
        let (led_by, _) = agreed_on(&nodes, later(epoch)).await;
        assert_eq!(led_by, id(leader));
        let leadership = held(&nodes, leader).await;
        assert!(leadership.is_valid());
    });
}
