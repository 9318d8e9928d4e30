//! Nodes that are started shortly after each other: the newest history among all of them wins.
//!
//! A voter that was never there may be one that is not there yet. So within the first settle time of a node's life a refused
//! dial says nothing, and the others wait for it that long.

use std::{net::TcpListener, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{Node, file};

/// Three voters of which the third has the newest history, on ports that were free a moment ago.
fn votes(name: &str, settle: Duration) -> PathBuf {
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let member = |(id, port): (u64, &TcpListener)| {
        let zxid = if id == 3 { 9 } else { 1 };
        let election = port.local_addr().unwrap().to_string();
        json!({ "id": id, "election": election, "vote": { "zxid": zxid } })
    };
    let members: Vec<_> = (1..).zip(&free).map(member).collect();
    let timing = json!({ "settle_ms": u64::try_from(settle.as_millis()).unwrap() });
    file(name, &json!({ "members": members, "timing": timing, "leadership": false }).to_string())
}

fn is_elected(event: &Value) -> bool {
    event["event"] == "elected"
}

/// What a node says within this time, up to what is not wanted.
fn says_within(node: &Node, time: Duration, unwanted: impl Fn(&Value) -> bool) -> Option<Value> {
    std::iter::from_fn(|| node.lines.recv_timeout(time).ok())
        .map(|line| serde_json::from_str(&line).unwrap())
        .find(unwanted)
}

#[test]
fn the_newest_history_wins_although_its_node_is_started_last() {
    // Longer than a busy machine takes to start a process, so that the third is always in time.
    let settle = Duration::from_secs(20);
    for delay in [0, 5, 20, 50, 100].map(Duration::from_millis) {
        let votes = votes(&format!("early-settle-{}.json", delay.as_millis()), settle);
        let mut first = Node::start(1, &votes);
        let mut second = Node::start(2, &votes);
        if !delay.is_zero() {
            for node in [&mut first, &mut second] {
                node.until(|event| event["event"] == "link" && event["up"] == true);
            }
            // The two are a quorum, and nothing listens at the address of the third.
            for node in [&first, &second] {
                let early = says_within(node, delay, is_elected);
                assert_eq!(early, None, "the third was not waited for");
            }
        }
        let mut third = Node::start(3, &votes);
        for (node, state) in
            [(&mut first, "following"), (&mut second, "following"), (&mut third, "leading")]
        {
            let elected = node.until(is_elected);
            assert_eq!((&elected["leader"], &elected["state"]), (&json!(3), &json!(state)));
            assert_eq!(elected["round"], 1, "after {delay:?}: {elected}");
        }
    }
}

#[test]
fn a_voter_that_never_comes_is_waited_for_once_and_no_longer_than_the_settle_time() {
    let settle = Duration::from_millis(400);
    let votes = votes("never-comes.json", settle);
    let mut first = Node::start(1, &votes);
    let mut second = Node::start(2, &votes);
    let elected = [&mut first, &mut second].map(|node| node.elected(2));
    // The one that began first has waited for the whole of it; the other may just follow.
    let waited =
        elected.iter().filter_map(|event| event["elapsed_ms"].as_f64()).fold(0.0, f64::max);
    assert!(waited >= settle.as_secs_f64() * 1e3, "{elected:?}");
}
