//! Nodes of ours beside real ZooKeeper servers, which cannot tell them from their own.
//!
//! A node does not serve the quorum port, so it must not win: it has the lowest id.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests")]

mod common;
mod zookeeper;

use async_std::task::block_on;
use ballotbox::{Node, node::Status};
use common::elects;
use zookeeper::{Outcome, Server, Zoo};

#[test]
fn in_every_start_order_all_three_settle_on_the_same_leader() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
        println!("starting in the order {order:?}");
        block_on(async {
            let (mut node, mut servers) = (None, Vec::new());
            for (position, number) in order.into_iter().enumerate() {
                if number == 1 {
                    node = Some(zoo.node(1).await);
                } else {
                    let mut server = zoo.serve(number);
                    server.until_looking();
                    servers.push(server);
                }
                // The two that make a quorum are to agree before the third comes.
                if position == 1 {
                    let leader = order[0].max(order[1]);
                    all_settle_on(leader, node.as_ref(), &mut servers).await;
                }
            }
            let leader = order[0].max(order[1]);
            let newcomers = usize::from(order[2] != 1);
            let known = servers.len() - newcomers;
            all_settle_on(leader, node.as_ref(), &mut servers[known..]).await;
        });
    }
}

/// Waits until all of these have settled on this leader, and compares what they make of it.
async fn all_settle_on(leader: u64, node: Option<&Node>, servers: &mut [Server]) -> Option<Status> {
    let outcomes: Vec<_> = servers.iter_mut().map(|server| server.outcome_with(leader)).collect();
    let status = elects(&mut node?.watch(), leader).await;
    for (server, outcome) in servers.iter().zip(&outcomes) {
        assert_eq!(account(&status), account_of(outcome), "ours and server {}", server.number);
    }
    Some(status)
}

/// Leader, zxid, epoch and round, as a node of ours reports them.
fn account(status: &Status) -> (u64, i64, i64, i64) {
    let vote = status.vote.unwrap();
    (vote.leader.number(), vote.zxid.0, vote.epoch.0, status.round.0)
}

/// The same, as a real server logs them.
fn account_of(outcome: &Outcome) -> (u64, i64, i64, i64) {
    (outcome.leader, outcome.zxid, outcome.epoch, outcome.round)
}
