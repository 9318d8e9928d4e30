//! Nodes that lead and follow, as processes with data directories.

use std::{fs, net::TcpListener, path::PathBuf, process::Command, time::Duration};

use ballotbox::NodeConfig;
use serde_json::{Value, json};

use super::{Node, file, patience::until, run, text};

/// A vote file of voters 1 to `count`, and an empty place for their data, both of this name.
pub(super) fn ensemble(name: &str, count: u64) -> (PathBuf, PathBuf) {
    let free: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let members: Vec<_> = (1..=count)
        .zip(&free)
        .map(|(id, port)| json!({ "id": id, "election": port.local_addr().unwrap().to_string() }))
        .collect();
    let votes = file(&format!("{name}.json"), &json!({ "members": members }).to_string());
    let data = votes.with_extension("data");
    let _ = fs::remove_dir_all(&data);
    (votes, data)
}

pub(super) fn start(id: u64, (votes, data): &(PathBuf, PathBuf)) -> Node {
    start_with(id, (votes, data), &[])
}

pub(super) fn start_with(id: u64, (votes, data): (&PathBuf, &PathBuf), more: &[&str]) -> Node {
    let data = data.join(id.to_string());
    let mut args = vec!["--data-dir", data.to_str().unwrap()];
    args.extend(more);
    Node::start_with(id, votes, &args)
}

fn epoch_of(event: &Value) -> i64 {
    event["epoch"].as_i64().unwrap()
}

pub(super) fn leading(node: &mut Node) -> i64 {
    epoch_of(&node.until(|event| event["event"] == "leading"))
}

pub(super) fn following(node: &mut Node, leader: u64) -> i64 {
    epoch_of(&node.until(|event| event["event"] == "following" && event["leader"] == leader))
}

/// Waits until all of these know who leads in a later epoch than this one: the leader, and its epoch. When a leader stops in good order, that may
/// be any of them that has answered its last pings.
pub(super) fn next_leader(nodes: &mut [Node], after: i64) -> (u64, i64) {
    let mut known = nodes.iter_mut().map(|node| {
        let is_led = |event: &Value| {
            (event["event"] == "leading" || event["event"] == "following")
                && epoch_of(event) > after
        };
        let event = node.until(is_led);
        let leader = if event["event"] == "leading" { &event["id"] } else { &event["leader"] };
        (leader.as_u64().unwrap(), epoch_of(&event))
    });
    let first = known.next().unwrap();
    for other in known {
        assert_eq!(other, first);
    }
    first
}

#[test]
fn a_new_ensemble_of_three_says_whom_it_waits_for_then_leads_and_the_next_leader_has_the_next_epoch()
 {
    let place = ensemble("leads", 3);
    let (mut first, mut second) = (start(1, &place), start(2, &place));
    let waits =
        |event: &Value| event["text"].as_str().is_some_and(|text| text.contains("--new-ensemble"));
    first.until(waits);
    let mut third = start(3, &place);
    let leader_epoch = leading(&mut second);
    assert_eq!(following(&mut first, 2), leader_epoch);
    assert_eq!(following(&mut third, 2), leader_epoch);
    assert_eq!(second.end("-TERM"), Some(0));
    let lost = first.until(|event| event["event"] == "lost");
    assert_eq!((&lost["epoch"], &lost["cause"]), (&json!(leader_epoch), &json!("leader-lost")));
    let mut others = [first, third];
    let (_, next) = next_leader(&mut others, leader_epoch);
    assert!(next > leader_epoch);
    for other in others {
        assert_eq!(other.end("-TERM"), Some(0));
    }
}

#[test]
fn epochs_go_on_after_all_were_killed() {
    let place = ensemble("killed", 3);
    let mut last = 0;
    for _ in 0..3 {
        let mut nodes: Vec<_> = (1..=3).map(|id| start(id, &place)).collect();
        let epoch = leading(&mut nodes[2]);
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
    }
}

#[test]
fn a_voter_whose_directory_was_wiped_says_that_its_leader_cannot_count_on_it() {
    let place = ensemble("wiped", 3);
    let mut nodes: Vec<_> = (1..=3).map(|id| start(id, &place)).collect();
    leading(&mut nodes[2]);
    let followed = nodes[0].until(|event| event["event"] == "following");
    assert_eq!(followed["counts"], Value::Null, "{followed}");
    drop(nodes.remove(0));
    fs::remove_dir_all(place.1.join("1")).unwrap();
    let followed = start(1, &place).until(|event| event["event"] == "following");
    assert_eq!(followed["counts"], false, "{followed}");
}

/// Here the work is this process, which still has the handle of a node that it has stopped.
#[test]
fn a_node_says_that_work_in_another_process_goes_on_and_leads_when_that_has_ended() {
    let (votes, data) = ensemble("work", 1);
    let members: Value = serde_json::from_str(&fs::read_to_string(&votes).unwrap()).unwrap();
    let place = members["members"][0]["election"].as_str().unwrap();
    let config = NodeConfig::parse(1, [format!("1={place}")]).unwrap().data_dir(data.join("1"));
    let before = ballotbox::Node::start_blocking(config.lease(Duration::from_secs(1))).unwrap();
    let work = before.lead_blocking().unwrap();
    let epoch = work.epoch().0;
    before.stop_blocking().unwrap();
    let mut node = start_with(1, (&votes, &data), &["--lease", "1s"]);
    let told = format!("process {} (", std::process::id());
    node.until(|event| {
        assert_ne!(event["event"], "leading", "two may work");
        event["text"].as_str().is_some_and(|text| text.contains(&told))
    });
    drop(work);
    assert!(leading(&mut node) > epoch);
}

#[test]
fn two_voters_are_warned_that_neither_can_do_without_the_other() {
    let place = ensemble("pair", 2);
    start(1, &place).until(|event| {
        event["text"].as_str().is_some_and(|text| text.contains("with two voters the failure"))
    });
}

#[test]
fn a_quorum_that_was_told_to_have_no_past_begins_above_the_floor() {
    let place = ensemble("floor", 3);
    let told = ["--new-ensemble", "--epoch-floor", "41"];
    let mut first = start_with(1, (&place.0, &place.1), &told);
    let mut second = start_with(2, (&place.0, &place.1), &told);
    assert_eq!(leading(&mut second), 42);
    assert_eq!(following(&mut first, 2), 42);
    // Left in a unit file it changes nothing, and says so.
    drop(first);
    let mut first = start_with(1, (&place.0, &place.1), &told);
    let says_so = |event: &Value| {
        event["text"].as_str().is_some_and(|text| text.contains("--new-ensemble changes nothing"))
    };
    first.until(says_so);
    // Without 1 the leader has had no quorum; it may be in its next epoch.
    assert!(following(&mut first, 2) >= 42);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let place = ensemble("nonsense", 1);
    let votes = place.0.to_str().unwrap();
    let alone =
        file("alone.json", r#"{"leadership":false,"members":[{"id":1,"election":"127.0.0.1:1"}]}"#);
    let alone = alone.to_str().unwrap();
    for (args, told) in [
        (vec!["--votes", votes, "--no-data-dir"], "1 is a voter"),
        (vec!["--votes", votes, "--data-dir", "x", "--no-data-dir"], "cannot be used with"),
        (vec!["--votes", votes, "--epoch-floor", "3"], "--new-ensemble"),
        (vec!["--votes", votes, "--new-ensemble", "--epoch-floor", "x3"], "is no epoch"),
        (vec!["--votes", alone, "--data-dir", "x"], "\"leadership\": false"),
        (vec!["--votes", alone, "--new-ensemble"], "\"leadership\": false"),
    ] {
        let output = run(&[vec!["node", "--id", "1"], args.clone()].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(told), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn beside_a_zoo_cfg_a_voter_that_is_to_keep_nothing_is_told_what_it_can_do_there() {
    let zoo_cfg = "dataDir=/nowhere\ntickTime=100\ninitLimit=20\nsyncLimit=20\n\
                   server.1=127.0.0.1:1:2\nserver.2=127.0.0.1:3:4\n";
    let zoo_cfg = file("keeps-nothing.cfg", zoo_cfg);
    let output =
        run(&["node", "--id", "1", "--no-data-dir", "--config", zoo_cfg.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("1 is a voter") && told.contains("the dataDir of the file"), "{told}");
    assert!(!told.contains("(--data-dir)") && !told.contains("vote file"), "{told}");
}

#[test]
fn an_observer_says_that_it_does_not_use_a_data_directory_and_makes_none() {
    let (votes, data) = ensemble("observer-keeps", 2);
    let mut content: Value = serde_json::from_slice(&fs::read(&votes).unwrap()).unwrap();
    content["members"][1]["role"] = json!("observer");
    fs::write(&votes, content.to_string()).unwrap();
    let mut observer = start(2, &(votes, data.clone()));
    let warning = observer.until(|event| event["event"] == "warning");
    let told = warning["text"].as_str().unwrap();
    assert!(told.contains("2 is an observer") && told.contains("--data-dir"), "{told}");
    let listening = observer.until(|event| event["event"] == "listening");
    assert_eq!(listening["data_dir"], Value::Null);
    assert!(!data.exists());
    let asked = run(&["status", "--data-dir", data.join("2").to_str().unwrap()]);
    assert_eq!(asked.status.code(), Some(3));
    assert!(text(&asked.stderr).contains("observer"), "{}", text(&asked.stderr));
    assert_eq!(observer.end("-TERM"), Some(0));
}

#[test]
fn a_directory_in_use_or_of_another_member_is_refused_and_left_as_it_is() {
    let place = ensemble("in-use", 2);
    let mut first = start(1, &place);
    first.until(|event| event["event"] == "listening");
    let data = place.1.join("1");
    let args = |id: &'static str| {
        let (votes, data) = (place.0.to_str().unwrap(), data.to_str().unwrap());
        run(&["node", "--id", id, "--votes", votes, "--data-dir", data])
    };
    let files = || {
        ["acceptedEpoch", "currentEpoch", "identity", "lock"]
            .map(|name| fs::read(data.join(name)).unwrap())
    };
    let before = files();
    let second = args("1");
    assert_eq!(files(), before);
    assert_eq!(second.status.code(), Some(3), "{}", text(&second.stderr));
    let pid = first.child.id().to_string();
    assert!(text(&second.stderr).contains(&pid), "{}", text(&second.stderr));
    assert_eq!(first.end("-TERM"), Some(0));
    let [accepted, current, identity, _] = files();
    let other = args("2");
    assert_eq!(other.status.code(), Some(2), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("belongs to member 1"), "{}", text(&other.stderr));
    assert_eq!(files()[..3], [accepted, current, identity]);
}

#[test]
fn a_frozen_leader_is_replaced_and_learns_it_first_when_it_wakes() {
    let place = ensemble("frozen-leader", 3);
    let mut nodes: Vec<_> = (1..=3).map(|id| start(id, &place)).collect();
    let epoch = leading(&mut nodes[2]);
    for node in &mut nodes[..2] {
        following(node, 3);
    }
    let pid = nodes[2].child.id().to_string();
    let signal = |signal: &str| {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let lost = nodes[0].until(|event| event["event"] == "lost");
    assert_eq!(lost["cause"], "silence");
    let next = leading(&mut nodes[1]);
    assert!(next > epoch);
    signal("-CONT");
    let lost = nodes[2].until(|event| event["event"] == "lost");
    assert_eq!((&lost["epoch"], &lost["cause"]), (&json!(epoch), &json!("quorum-lost")));
    assert_eq!(following(&mut nodes[2], 2), next);
}

#[test]
fn members_with_different_lists_do_not_follow_each_other_and_say_what_differs() {
    let place = ensemble("lists", 3);
    let (mut second, mut third) = (start(2, &place), start(3, &place));
    let mut first = start(1, &place);
    leading(&mut third);
    following(&mut second, 3);
    following(&mut first, 3);
    drop(first);
    // A list with 2 at another port: 2 dials 1, so they elect 3 all the same.
    let mut all: Value = serde_json::from_slice(&fs::read(&place.0).unwrap()).unwrap();
    all["members"][1]["election"] = "127.0.0.1:1".into();
    let other = file("lists-other.json", &all.to_string());
    let mut first = start_with(1, (&other, &place.1), &[]);
    let turned_away = |event: &Value| {
        event["text"].as_str().is_some_and(|text| text.contains("member list differs"))
    };
    let told = first.until(turned_away);
    assert!(told["text"].as_str().unwrap().contains('2'), "{told}");
    third.until(turned_away);
    second.until(|event| event["text"].as_str().is_some_and(|text| text.contains("another idea")));
}

#[cfg(target_os = "linux")]
#[test]
fn nodes_that_have_nothing_to_do_have_two_threads() {
    let place = ensemble("threads", 3);
    let mut nodes = [1, 2, 3].map(|id| start(id, &place));
    for node in &mut nodes {
        node.until(|event| event["event"] == "leading" || event["event"] == "following");
        // What has written a line or an epoch ends with it, a moment later.
        let tasks = format!("/proc/{}/task", node.child.id());
        let threads = || fs::read_dir(&tasks).unwrap().count();
        until(|| threads() == 2, || format!("{} threads", threads()));
    }
}
