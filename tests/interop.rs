//! Nodes of ours beside real ZooKeeper servers, which cannot tell them from their own.
//!
//! Ours has the lowest id here, so that it is never elected: what happens otherwise is in [`beside_real`](crate::beside_real).

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::common::{
    PATIENCE, elects, id,
    patience::{Lines, ended},
    patiently,
};
use crate::zookeeper::{Server, Zoo, log::Outcome};
use async_std::task::block_on;
use ballotbox::{
    Endpoint, GroupId, Node, Role, Standing,
    node::{NodeEvent, NodeState, Status, Watch},
};
use serde_json::Value;

#[test]
fn in_every_start_order_all_three_settle_on_the_same_leader() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
        println!("starting in the order {order:?}");
        // The two that make a quorum agree before the third comes.
        let leader = order[0].max(order[1]);
        block_on(async {
            let (mut node, mut servers) = (None, Vec::new());
            for (position, number) in order.into_iter().enumerate() {
                if number == 1 {
                    node = Some(zoo.node(1).await);
                } else {
                    servers.push(zoo.serve(number));
                    servers.iter_mut().last().unwrap().until_looking();
                }
                match (position, &node) {
                    (1, Some(node)) => drop(all_settle_on(leader, node, &mut servers).await),
                    (1, None) => all_agree(leader, &mut servers),
                    _ => {}
                }
            }
            let node = node.unwrap();
            elects(&mut node.watch(), leader).await;
            if order[2] != 1 {
                all_settle_on(leader, &node, servers.iter_mut().skip(1)).await;
            }
            assert_no_complaint(&node).await;
        });
    }
}

#[test]
fn ours_makes_the_quorum_and_looks_again_with_a_leader_that_gives_up() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    // Server 2 leads by our vote, but nobody follows it on its quorum port: it gives up after two ticks.
    zoo.settings.push("initLimit=2".to_owned());
    block_on(async {
        let mut server = zoo.serve(2);
        server.until_looking();
        let node = zoo.node(1).await;
        let first = all_settle_on(2, &node, [&mut server]).await;
        let again = server.outcome_with(2);
        assert!(again.round > first.election.round.0, "{again:?}");
        let mut watch = node.watch();
        let followed = watch.until(|status| {
            status.election.round.0 >= again.round && status.elected() == Some(id(2))
        });
        patiently(followed).await.unwrap();
        assert_no_complaint(&node).await;
    });
}

#[test]
fn when_the_real_leader_is_killed_ours_follows_the_next_and_the_old_one_joins() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
        all_agree(3, [&mut two, &mut three]);
        let node = zoo.node(1).await;
        elects(&mut node.watch(), 3).await;
        two.until_logged("Peer state changed: following - broadcast");
        drop(three);
        all_settle_on(2, &node, [&mut two]).await;
        three = zoo.serve(3);
        assert_eq!(three.outcome_with(2).state, "FOLLOWING");
        let status = elects(&mut node.watch(), 2).await;
        assert_eq!(status.epoch().unwrap().0, 1, "they were in step before");
        assert_no_complaint(&node).await;
    });
}

#[test]
fn ours_is_stopped_and_started_and_joins_without_a_new_election() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
        all_agree(3, [&mut two, &mut three]);
        three.until_logged("LEADING - LEADER ELECTION TOOK");
        for _ in 0..5 {
            let node = zoo.node(1).await;
            let status = elects(&mut node.watch(), 3).await;
            assert_eq!(status.state(), NodeState::Decided(Standing::Following));
            assert_no_complaint(&node).await;
            node.stop().await.unwrap();
        }
        assert_eq!((two.elections(), three.elections()), (1, 1));
    });
}

#[test]
fn ours_is_killed_as_a_process_and_its_next_life_joins_from_the_same_zoo_cfg() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    let file = zoo.zoo_cfg_file(1);
    let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
    all_agree(3, [&mut two, &mut three]);
    for _ in 0..5 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballotbox"));
        command.args(["node", "--json", "--id", "1", "--config"]).arg(&file).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = Lines::of(process.stdout.take().unwrap());
        let elected = lines.find(|line| line.contains("\"elected\""));
        let elected: Value = serde_json::from_str(&elected.unwrap()).unwrap();
        process.kill().unwrap();
        ended(&mut process, "the node that was killed");
        assert_eq!((&elected["leader"], &elected["state"]), (&3.into(), &"following".into()));
    }
    assert_eq!((two.elections(), three.elections()), (1, 1));
}

#[test]
fn ours_observes_with_a_smaller_and_with_a_larger_id() {
    let members = [(1, Role::Observer), (5, Role::Voter), (6, Role::Voter), (9, Role::Observer)];
    let Some(zoo) = Zoo::new(members) else { return };
    block_on(async {
        let early = zoo.node(1).await;
        let (mut five, mut six) = (zoo.serve(5), zoo.serve(6));
        let outcome = five.outcome_with(6);
        six.outcome_with(6);
        let late = zoo.node(9).await;
        for node in [&early, &late] {
            let status = elects(&mut node.watch(), 6).await;
            assert_eq!(status.state(), NodeState::Decided(Standing::Observing));
            assert_eq!(status.election.round.0, outcome.round);
            assert_no_complaint(node).await;
        }
        assert_eq!((five.elections(), six.elections()), (1, 1));
    });
}

#[test]
fn two_of_ours_elect_a_single_real_server() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let mut server = zoo.serve(3);
        server.until_looking();
        let (one, two) = (zoo.node(1).await, zoo.node(2).await);
        all_settle_on(3, &one, [&mut server]).await;
        elects(&mut two.watch(), 3).await;
        assert_no_complaint(&one).await;
        assert_no_complaint(&two).await;
    });
}

#[test]
fn groups_and_weights_mean_the_same_to_both() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    // It takes 1 and 2 together; 3 has the highest id, but never leads.
    let groups = [(1, 1), (2, 1), (3, 2)].map(|(member, group)| (id(member), GroupId(group)));
    zoo.members().groups.extend(groups);
    zoo.members().weights.extend([(1, 1), (2, 1), (3, 0)].map(|(member, w)| (id(member), w)));
    block_on(async {
        let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
        two.until_looking();
        three.until_looking();
        let node = zoo.node(1).await;
        all_settle_on(2, &node, [&mut two, &mut three]).await;
        assert_no_complaint(&node).await;
    });
}

#[test]
fn with_several_addresses_each_greets_with_all_of_them() {
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    zoo.java_options.push("-Dzookeeper.multiAddress.enabled=true".to_owned());
    zoo.greet_with_all_addresses = true;
    for line in zoo.members().servers.values_mut() {
        for endpoints in [&mut line.quorum, &mut line.election] {
            let port = endpoints[0].port;
            endpoints.push(Endpoint { host: "127.0.0.2".to_owned(), port });
        }
    }
    block_on(async {
        let mut two = zoo.serve(2);
        two.until_looking();
        let node = zoo.node(1).await;
        all_settle_on(2, &node, [&mut two]).await;
        let mut three = zoo.serve(3);
        all_settle_on(2, &node, [&mut three]).await;
        assert_no_complaint(&node).await;
    });
}

#[test]
fn a_real_leader_is_paused_and_resumed_and_all_agree_again() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    block_on(async {
        let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
        all_agree(3, [&mut two, &mut three]);
        let node = zoo.node(1).await;
        elects(&mut node.watch(), 3).await;
        two.until_logged("Peer state changed: following - broadcast");
        three.pause();
        two.until_looking();
        three.resume();
        three.until_looking();
        let leader = three.outcome().leader;
        all_agree(leader, [&mut two]);
        elects(&mut node.watch(), leader).await;
        assert_no_complaint(&node).await;
    });
}

#[test]
fn an_observer_of_ours_does_not_stay_with_a_leader_that_was_replaced_while_it_was_frozen() {
    let Some(mut zoo) = Zoo::new(THREE_AND_OUR_OBSERVER) else { return };
    zoo.settings.push("initLimit=10".to_owned());
    block_on(async {
        let [_one, mut two, mut three] = three_settle_on_three(&zoo);
        let mut config = zoo.config(9);
        config.timing.resend_max = Duration::from_secs(2);
        let node = Node::start(config).await.unwrap();
        let mut watch = node.watch();
        elects(&mut watch, 3).await;
        // Its connections stay, and it does not tell observers that it follows another.
        follows_another_after_a_pause(&mut two, &mut three, &mut watch).await;
        assert_no_complaint(&node).await;
    });
}

#[test]
fn an_observer_of_ours_does_not_stay_with_the_last_leader_of_real_servers_that_look() {
    let Some(mut zoo) = Zoo::new(THREE_AND_OUR_OBSERVER) else { return };
    zoo.settings.push("initLimit=10".to_owned());
    block_on(async {
        let [_one, mut two, mut three] = three_settle_on_three(&zoo);
        three.pause();
        two.until_looking();
        let mut config = zoo.config(9);
        // Until the frozen one speaks.
        config.timing.grace = PATIENCE;
        let node = Node::start(config).await.unwrap();
        let mut watch = node.watch();
        // That is 3, unless the others have settled already: they tell observers their last decision as a vote.
        let first = patiently(watch.elected()).await.unwrap();
        println!("first with {:?}", first.elected());
        follows_another_after_a_pause(&mut two, &mut three, &mut watch).await;
        assert_no_complaint(&node).await;
    });
}

const THREE_AND_OUR_OBSERVER: [(u64, Role); 4] =
    [(1, Role::Voter), (2, Role::Voter), (3, Role::Voter), (9, Role::Observer)];

fn three_settle_on_three(zoo: &Zoo) -> [Server; 3] {
    let (mut two, mut three) = (zoo.serve(2), zoo.serve(3));
    assert_eq!((two.until_in_service(), three.until_in_service()), (3, 3));
    let mut one = zoo.serve(1);
    assert_eq!(one.until_in_service(), 3);
    [one, two, three]
}

/// Freezes 3 until the others serve without it, and waits until all are with the new leader.
async fn follows_another_after_a_pause(two: &mut Server, three: &mut Server, watch: &mut Watch) {
    three.pause();
    let leader = two.until_in_service();
    three.resume();
    assert_eq!(three.outcome_with(leader).state, "FOLLOWING");
    elects(watch, leader).await;
}

#[test]
fn garbage_on_our_port_changes_nothing() {
    let Some(zoo) = Zoo::voters([1, 2, 3]) else { return };
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let done = AtomicBool::new(false);
    let address = zoo.election(1);
    thread::scope(|scope| {
        scope.spawn(|| pour_garbage(&address, seed, &done));
        block_on(async {
            let mut two = zoo.serve(2);
            two.until_looking();
            let node = zoo.node(1).await;
            all_settle_on(2, &node, [&mut two]).await;
            let mut three = zoo.serve(3);
            all_settle_on(2, &node, [&mut three]).await;
        });
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_node_without_a_member_list_does_no_harm() {
    // With this setting an empty list throws in the only thread that receives, and the server is deaf for good.
    let Some(mut zoo) = Zoo::voters([1, 2, 3]) else { return };
    zoo.settings.push("standaloneEnabled=false".to_owned());
    block_on(async {
        let mut config = zoo.config(1);
        config.config_text = "".into();
        let mut three = zoo.serve(3);
        three.until_looking();
        let node = Node::start(config).await.unwrap();
        all_settle_on(3, &node, [&mut three]).await;
        let mut two = zoo.serve(2);
        all_settle_on(3, &node, [&mut two]).await;
    });
}

/// Connects again and again, with what may be the beginning of a greeting, and goes after a while.
fn pour_garbage(address: &Endpoint, seed: u64, done: &AtomicBool) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut kept = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let Ok(mut socket) = TcpStream::connect(address.to_string()) else { continue };
        let mut bytes: Vec<u8> = (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect();
        let version = [-65536_i64, -65535, 1, 7][rng.usize(0..4)];
        if rng.bool() {
            bytes.splice(0..0, version.to_be_bytes());
        }
        // It may have been refused already.
        let _ = socket.write_all(&bytes);
        if rng.bool() {
            let _ = socket.shutdown(Shutdown::Write);
        }
        kept.push(socket);
        if kept.len() > 100 {
            kept.clear();
        }
    }
}

/// Waits until these have settled on this leader, and compares what they make of it with what ours does.
async fn all_settle_on<'a>(
    leader: u64,
    node: &Node,
    servers: impl IntoIterator<Item = &'a mut Server>,
) -> Status {
    let outcomes: Vec<_> =
        servers.into_iter().map(|server| (server.number, server.outcome_with(leader))).collect();
    let status = elects(&mut node.watch(), leader).await;
    for (number, outcome) in &outcomes {
        assert_eq!(account(&status), account_of(outcome), "ours and server {number}");
    }
    status
}

/// Waits until these have settled on this leader.
fn all_agree<'a>(leader: u64, servers: impl IntoIterator<Item = &'a mut Server>) {
    for server in servers {
        server.outcome_with(leader);
    }
}

/// Nothing that a real server sent was malformed, all meant the same ensemble, and ours did not lead.
async fn assert_no_complaint(node: &Node) {
    let mut met = 0;
    for occurrence in node.watch().news().await.unwrap().events {
        let event = occurrence.event;
        let complains = matches!(
            event,
            NodeEvent::Malformed { .. }
                | NodeEvent::MalformedPacket { .. }
                | NodeEvent::MembersDiffer { .. }
                | NodeEvent::Leading { .. }
        );
        assert!(!complains, "{event:?}");
        met += usize::from(matches!(event, NodeEvent::BesideRealServer { .. }));
    }
    assert!(met <= 1, "told {met} times that it is beside real servers");
}

/// Leader, zxid, epoch and round, as a node of ours reports them.
fn account(status: &Status) -> (u64, i64, i64, i64) {
    let vote = status.election.vote.unwrap();
    (vote.leader.number(), vote.zxid.0, vote.epoch.0, status.election.round.0)
}

/// The same, as a real server logs them.
fn account_of(outcome: &Outcome) -> (u64, i64, i64, i64) {
    (outcome.leader, outcome.zxid, outcome.epoch, outcome.round)
}
