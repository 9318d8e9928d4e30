//! Whole nodes in one process, over real loopback sockets.

use std::{net::TcpListener, sync::Arc};

use crate::common::{Lab, elects, id, patiently};
use async_std::task::block_on;
use ballotbox::{
    Epoch, History, Member, Membership, Node, NodeConfig, NodeError, Standing, Zxid,
    node::{Ended, NodeEvent, NodeState, Occurrence},
};

#[test]
fn three_voters_elect_the_highest_id_among_equal_histories() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let nodes = [lab.start(1).await, lab.start(2).await, lab.start(3).await];
        for node in &nodes {
            let status = elects(&mut node.watch(), 3).await;
            let leads = node.id() == id(3);
            let standing = if leads { Standing::Leading } else { Standing::Following };
            assert_eq!(status.state(), NodeState::Decided(standing));
        }
        for node in nodes {
            node.stop().await.unwrap();
        }
    });
}

#[test]
fn the_newest_history_wins_over_the_highest_id() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let mut nodes = Vec::new();
        for (number, epoch, zxid) in [(1, 2, 0x2_0000_0001), (2, 1, 0x1_0000_0009), (3, 1, 0)] {
            let mut config = lab.config(number);
            config.history = History { epoch: Epoch(epoch), zxid: Zxid(zxid) };
            nodes.push(Node::start(config).await.unwrap());
        }
        for node in &nodes {
            elects(&mut node.watch(), 1).await;
        }
    });
}

#[test]
fn a_late_joiner_follows_and_disturbs_nobody() {
    block_on(async {
        let mut lab = Lab::voters(3);
        lab.absent(3);
        let (one, two) = (lab.start(1).await, lab.start(2).await);
        let round = elects(&mut one.watch(), 2).await.election.round;
        elects(&mut two.watch(), 2).await;
        let three = lab.start(3).await;
        let joined = elects(&mut three.watch(), 2).await;
        assert_eq!(joined.election.round, round);
        for node in [one, two] {
            let status = node.watch().status().await.unwrap();
            assert_eq!((status.elected(), status.election.round), (Some(id(2)), round));
        }
    });
}

/// As in an outage of 2017, and as when the ports of one file differ.
#[test]
fn members_with_different_lists_elect_though_the_removed_do_not_answer_and_say_that_they_differ() {
    const OLD: &str =
        "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2\nversion=1";
    const NEW: &str = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nversion=2";
    block_on(async {
        // The sockets of 4 and 5 listen, and nobody ever serves them.
        let mut lab = Lab::voters(5);
        let mut nodes = Vec::new();
        for number in 1..=3 {
            let mut config = lab.config(number);
            config.config_text = Arc::from(if number == 1 { OLD } else { NEW });
            if number > 1 {
                let three = config.membership.iter().filter(|member| member.id <= id(3)).cloned();
                config.membership = Arc::new(Membership::new(three).unwrap());
            }
            nodes.push(Node::start(config).await.unwrap());
        }
        for node in &nodes {
            elects(&mut node.watch(), 3).await;
        }
        let mut watch = nodes[0].watch();
        loop {
            let news = patiently(watch.news()).await.unwrap();
            let differs = |told: &Occurrence| matches!(told.event, NodeEvent::MembersDiffer { .. });
            if news.events.iter().any(differs) {
                break;
            }
        }
    });
}

#[test]
fn when_the_leader_goes_the_others_elect_again_and_it_may_come_back_as_follower() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let (one, two) = (lab.start(1).await, lab.start(2).await);
        let three = lab.start(3).await;
        elects(&mut one.watch(), 3).await;
        elects(&mut two.watch(), 3).await;
        three.stop().await.unwrap();
        elects(&mut one.watch(), 2).await;
        elects(&mut two.watch(), 2).await;
        let three = lab.start(3).await;
        elects(&mut three.watch(), 2).await;
    });
}

#[test]
fn a_leader_without_a_quorum_looks_again() {
    block_on(async {
        let mut lab = Lab::voters(3);
        let (one, two, three) = (lab.start(1).await, lab.start(2).await, lab.start(3).await);
        elects(&mut three.watch(), 3).await;
        one.stop().await.unwrap();
        two.stop().await.unwrap();
        let looking = |status: &ballotbox::node::Status| status.state() == NodeState::Looking;
        let mut watch = three.watch();
        patiently(watch.until(looking)).await.unwrap();
    });
}

#[test]
fn an_observer_learns_who_leads_and_never_does_itself() {
    block_on(async {
        let voters = (1..=3).map(|number| Member::voter(id(number)));
        let mut lab = Lab::new(voters.chain([Member::observer(id(9)), Member::observer(id(0))]));
        let mut nodes = Vec::new();
        for number in [9, 0, 1, 2, 3] {
            nodes.push(lab.start(number).await);
        }
        for observer in &nodes[..2] {
            let status = elects(&mut observer.watch(), 3).await;
            assert_eq!(status.state(), NodeState::Decided(Standing::Observing));
        }
    });
}

#[test]
fn zookeeper_1460_nodes_elect_over_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("left out: this machine has no IPv6");
        return;
    }
    block_on(async {
        let mut lab = Lab::at("::1", (1..=3).map(|number| Member::voter(id(number))));
        let nodes = [lab.start(1).await, lab.start(2).await, lab.start(3).await];
        for node in &nodes {
            elects(&mut node.watch(), 3).await;
        }
    });
}

#[test]
fn a_single_voter_elects_itself() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let one = lab.start(1).await;
        elects(&mut one.watch(), 1).await;
    });
}

#[test]
fn a_node_that_is_dropped_stops() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let one = lab.start(1).await;
        let mut watch = one.watch();
        drop(one);
        assert_eq!(patiently(watch.until(|_| false)).await, Err(Ended));
    });
}

#[test]
fn a_taken_port_is_named_when_a_node_cannot_start() {
    block_on(async {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let membership = Membership::new([Member::voter(id(1)).at(address)]).unwrap();
        let mut config = NodeConfig::new(id(1), membership);
        config.network.rebind.attempts_max = Some(1);
        let error = Node::start(config).await.unwrap_err();
        assert!(matches!(error, NodeError::Network(_)), "{error:?}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    });
}

#[test]
fn a_node_that_is_no_member_does_not_start() {
    block_on(async {
        let mut lab = Lab::voters(2);
        let mut config = lab.config(1);
        config.me = id(7);
        let error = Node::start(config).await.unwrap_err();
        assert_eq!(error.to_string(), "id 7 is not a member: the members are 1, 2");
    });
}

#[test]
fn a_member_list_that_no_notification_can_carry_is_refused() {
    block_on(async {
        let mut lab = Lab::voters(1);
        let longest = 512 * 1024 - 44;
        for (len, fits) in [(longest, true), (longest + 1, false)] {
            let mut config = lab.config(1);
            config.config_text = "x".repeat(len).into();
            match Node::start(config).await {
                Ok(node) => {
                    assert!(fits, "{len}");
                    node.stop().await.unwrap();
                }
                Err(error) => {
                    assert!(!fits, "{len}");
                    let text = "a member list of 524245 bytes: expected at most 524244";
                    assert_eq!(error.to_string(), text);
                }
            }
        }
    });
}
